package sim

import (
	"fmt"
	"slices"

	"ironkv/delegation"
	"ironkv/ghost"
	"ironkv/kv"
	"ironkv/marshal"
	"ironkv/tests/world"
)

// audits is what a process of a host was asked for by audits.
type audits struct {
	last  uint64 // number of cuts
	taken map[uint64]*cut
	// quiet is when it may cut a chunk again, on its clock; again, when audits may keep
	// it from that anew, after as long without.
	quiet, again kv.Time
}

// A cut is what a host was, to P, when a cut of it was taken.
type cut struct {
	at     kv.Time
	step   uint64
	peers  []marshal.PeerNumbers
	pieces []marshal.InFlight // what was in flight, then what was owned (to 0)
	starts []int              // where the pages begin that were asked for, and the next
}

func cutOf(h *kv.Host, now kv.Time) *cut {
	p := ghost.AbstractHost(h)
	c := &cut{at: now, step: h.Counters().Step, starts: []int{0}}
	for _, q := range p.Peers {
		c.peers = append(c.peers, marshal.PeerNumbers{
			Peer: q.ID, PeerIncarnation: q.Incarnation, Sent: q.Sent(), Acked: q.Acked, Received: q.Received,
		})
		for i, d := range q.Unacked {
			c.pieces = append(c.pieces, marshal.InFlight{To: q.ID, Seqno: q.Acked + 1 + uint64(i), Range: d.Range})
		}
	}
	for i, piece := range p.Map {
		r := delegation.Range{From: piece.From, Until: delegation.PosInf}
		if i+1 < len(p.Map) {
			r.Until = p.Map[i+1].From
		}
		if piece.Host == p.Me {
			c.pieces = append(c.pieces, marshal.InFlight{Range: r})
		}
	}
	return c
}

// page holds a page against what the host was, and notes where the next begins.
func (c *cut) page(m *marshal.AuditReply) error {
	if int(m.Page) >= len(c.starts) {
		return fmt.Errorf("page %d comes before the pages before it", m.Page)
	}
	got := slices.Clone(m.InFlight)
	for _, r := range m.Owned {
		got = append(got, marshal.InFlight{Range: r})
	}
	from := c.starts[m.Page]
	until := from + len(got)
	switch {
	case m.Step != c.step:
		return fmt.Errorf("it is of step %d, and was taken at %d", m.Step, c.step)
	case m.Page == 0 && !slices.Equal(m.Peers, c.peers):
		return fmt.Errorf("it has the numbers %+v, the host had %+v", m.Peers, c.peers)
	case until > len(c.pieces) || !slices.Equal(got, c.pieces[from:until]):
		return fmt.Errorf("page %d has %v, where the host had %v", m.Page, got, c.pieces[from:])
	case m.More != (until < len(c.pieces)) || m.More && until == from:
		return fmt.Errorf("page %d ends at %d of %d pieces, and more: %v", m.Page, until, len(c.pieces), m.More)
	}
	if int(m.Page)+1 == len(c.starts) {
		c.starts = append(c.starts, until)
	}
	if c.starts[m.Page+1] != until {
		return fmt.Errorf("page %d ends at piece %d, and ended at %d", m.Page, until, c.starts[m.Page+1])
	}
	return nil
}

// auditsHonestly: what a host tells an audit is what it was at the cut's step, page by
// page; and it keeps the quiet that it was asked for.
func (s *Sim) auditsHonestly(st world.Step) error {
	id := st.Node.ID
	if a := s.audits[id]; a != nil && st.Out.Action == kv.ActChunk && st.Now < a.quiet {
		return fmt.Errorf("host %d cuts a chunk at %d µs, and was asked not to until %d µs", id, st.Now/kv.Microsecond, a.quiet/kv.Microsecond)
	}
	q, ok := st.In.Packet.Msg.(*marshal.AuditRequest)
	if !ok || len(st.Out.Packets) != 1 {
		return nil
	}
	refused, _ := st.Out.Packets[0].Msg.(*marshal.Refusal)
	if refused != nil && refused.Reason != marshal.UnknownCut {
		return nil // it was not taken notice of
	}
	a := s.audits[id]
	if a == nil {
		a = &audits{taken: map[uint64]*cut{}}
		s.audits[id] = a
	}
	const most = marshal.MaxQuietMillis * kv.Millisecond
	if q.QuietMillis > 0 && st.Now >= a.again {
		a.again = st.Now + 2*most
	}
	a.quiet = max(a.quiet, min(st.Now+kv.Time(q.QuietMillis)*kv.Millisecond, a.again-most))
	number, limits := q.Cut, st.Node.Host.Config().Limits
	if number == 0 {
		a.last++
		number = a.last
		a.taken[number] = cutOf(st.Node.Host, st.Now)
		delete(a.taken, number-uint64(limits.Cuts))
		if due, ok := st.Node.Host.Deadline(); !ok || due > st.Now+limits.CutTime {
			return fmt.Errorf("host %d keeps a cut, and nothing will end it", id)
		}
	}
	c := a.taken[number]
	if refused != nil {
		if c != nil && int(q.Page) < len(c.starts) && c.starts[q.Page] < len(c.pieces) && st.Now < c.at+limits.CutTime {
			return fmt.Errorf("host %d does not know page %d of its cut %d", id, q.Page, number)
		}
		return nil
	}
	m, ok := st.Out.Packets[0].Msg.(*marshal.AuditReply)
	if !ok || c == nil || m.Cut != number || m.Page != q.Page || m.Host != id || m.Incarnation != st.Node.Host.State().Incarnation {
		return fmt.Errorf("host %d is asked for page %d of its cut %d, and answers %+v", id, q.Page, number, st.Out.Packets[0].Msg)
	}
	if err := c.page(m); err != nil {
		return fmt.Errorf("cut %d of host %d: %w", number, id, err)
	}
	return nil
}

// drawAudit is for a new cut of a host, or for a page of its last.
func (s *Sim) drawAudit(op *world.Op) {
	op.QuietMillis = pick[uint32](s.rng, 0, 0, 50, 300)
	next := 1
	if a := s.audits[op.At]; a != nil && a.last > 0 && s.rng.IntN(4) > 0 {
		op.Cut = a.last - uint64(s.rng.IntN(int(min(a.last, 3))))
		if c := a.taken[op.Cut]; c != nil {
			next = len(c.starts)
		}
	}
	op.Page = uint32(pick(s.rng, next-1, next-1, s.rng.IntN(next+1)))
}
