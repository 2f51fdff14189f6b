package kv

import (
	"net/netip"
	"slices"

	"ironkv/delegation"
	"ironkv/marshal"
)

// movesPage is the greatest number of moves in one reply.
const movesPage = 64

func (h *Host) movesRequest(p Packet, m *marshal.MovesRequest) {
	h.out.Action = ActQuery
	if h.session(p, m.RequestHeader) == nil {
		return
	}
	reply := &marshal.MovesReply{RequestHeader: m.RequestHeader}
	for number, move := range sorted(h.state.Moves) {
		if number <= m.After {
			continue
		}
		if len(reply.Moves) == movesPage {
			reply.More = true
			break
		}
		reply.Moves = append(reply.Moves, h.moveStatus(move))
	}
	h.send(p.Src, reply)
}

func (h *Host) moveStatus(m *Move) marshal.MoveStatus {
	st := marshal.MoveStatus{
		ID: h.moveID(m.Number), Range: m.Range, Recipient: m.Recipient, Phase: m.Phase, Reason: m.Reason, Cursor: m.Cursor,
		Keys: m.Keys, Bytes: m.Bytes, Chunks: m.Chunks, Rate: m.Rate, ActiveMillis: uint64(m.Active / Millisecond),
	}
	if j := h.job(m.Number); j != nil {
		if m.Phase != marshal.MovePaused {
			st.ActiveMillis += uint64((h.now - j.since) / Millisecond)
		}
		for seqno, d := range h.state.Peers[m.Recipient].Out.Unacked() {
			if seqno <= m.LastSeqno && m.Range.Covers(d.Range) {
				st.Unacked++
			}
		}
	}
	return st
}

func (h *Host) statusRequest(p Packet, m *marshal.StatusRequest) {
	h.out.Action = ActQuery
	if h.session(p, m.RequestHeader) == nil {
		return
	}
	h.send(p.Src, &marshal.StatusReply{
		RequestHeader: m.RequestHeader, Host: h.cfg.Me, Incarnation: h.state.Incarnation, Software: h.cfg.Software,
		UptimeMillis: uint64(h.now / Millisecond), Steps: h.state.Step, Clock: h.state.Clock,
		Ranges: h.rangesOwned(), Boundaries: uint64(h.state.Map.Len()),
		Sessions: uint64(len(h.live.byID)), Holds: uint64(len(h.holds.ids)), Room: h.room, Durable: h.cfg.Durable,
	})
}

// rangesOwned counts the maximal ranges that this host owns.
func (h *Host) rangesOwned() (n uint64) {
	for range h.state.Map.RangesOf(h.cfg.Me) {
		n++
	}
	return n
}

// A cut is what an audit asked this host for, at one step: a clone of its map,
// what it had in flight, and its numbers. It is read page by page.
type cut struct {
	id       uint64
	client   netip.AddrPort // who took it
	until    Time
	step     uint64
	owned    *delegation.Map
	peers    []marshal.PeerNumbers
	inFlight []marshal.InFlight
	// starts[i] is where page i begins; a page is asked for after the one before it.
	starts []cutPosition
}

type cutPosition struct {
	inFlight int
	from     delegation.Bound
}

func (h *Host) auditRequest(p Packet, m *marshal.AuditRequest) {
	h.out.Action = ActQuery
	if h.session(p, m.RequestHeader) == nil {
		return
	}
	if m.QuietMillis > 0 {
		h.quiet(Time(m.QuietMillis) * Millisecond)
	}
	c := h.findCut(p.Src.Client, m.Cut)
	if c == nil || int(m.Page) >= len(c.starts) {
		h.refuse(p.Src, m.RequestHeader, marshal.UnknownCut)
		return
	}
	reply := &marshal.AuditReply{
		RequestHeader: m.RequestHeader, Cut: c.id, Host: h.cfg.Me, Incarnation: h.state.Incarnation, Step: c.step, Page: m.Page,
	}
	if m.Page == 0 {
		reply.Peers = c.peers
	}
	next, more := c.fill(&h.cfg, c.starts[m.Page], reply)
	reply.More = more
	if more && int(m.Page)+1 == len(c.starts) {
		c.starts = append(c.starts, next)
	}
	h.send(p.Src, reply)
}

// quiet has no chunk cut for so long, or less: moves rest for [marshal.MaxQuietMillis]
// at one time, however often it is asked for, and may then go on for as long.
func (h *Host) quiet(span Time) {
	const most = marshal.MaxQuietMillis * Millisecond
	if h.now >= h.quietAgain {
		h.quietAgain = h.now + 2*most
	}
	h.quietUntil = max(h.quietUntil, min(h.now+span, h.quietAgain-most))
}

// findCut returns the cut with the id, or takes a new one for id 0.
func (h *Host) findCut(client netip.AddrPort, id uint64) *cut {
	if id == 0 {
		return h.newCut(client)
	}
	for _, c := range h.cuts {
		if c.id == id {
			return c
		}
	}
	return nil
}

func (h *Host) newCut(client netip.AddrPort) *cut {
	if len(h.cuts) >= h.cfg.Limits.Cuts {
		spare := h.spareCut(client)
		h.cuts = slices.Delete(h.cuts, spare, spare+1)
	}
	h.lastCut++
	c := &cut{
		id: h.lastCut, client: client, until: h.now + h.cfg.Limits.CutTime, step: h.state.Step, owned: h.state.Map.Clone(),
		starts: []cutPosition{{from: delegation.NegInf}},
	}
	for _, id := range h.order {
		peer := h.state.Peers[id]
		c.peers = append(c.peers, marshal.PeerNumbers{
			Peer: id, PeerIncarnation: peer.Incarnation, Sent: peer.Out.Sent(), Acked: peer.Out.Acked(), Received: peer.In.Tombstone(),
		})
		for seqno, d := range peer.Out.Unacked() {
			c.inFlight = append(c.inFlight, marshal.InFlight{To: id, Seqno: seqno, Range: d.Range})
		}
	}
	h.cuts = append(h.cuts, c)
	return c
}

// spareCut is the index of the cut that makes room for one that client takes: the
// oldest of the origin that would have most, and there of the address, so that nobody
// ends others' audits by taking many.
func (h *Host) spareCut(client netip.AddrPort) (spare int) {
	mostOrigin, most := 0, 0
	for i, c := range h.cuts {
		origin, own := 0, 0
		count := func(other netip.AddrPort) {
			if Origin(other) == Origin(c.client) {
				origin++
			}
			if other == c.client {
				own++
			}
		}
		for _, d := range h.cuts {
			count(d.client)
		}
		if count(client); origin > mostOrigin || origin == mostOrigin && own > most {
			spare, mostOrigin, most = i, origin, own
		}
	}
	return spare
}

// fill adds to the page what fits from position at on, one piece at the least, and
// returns where the next page starts, if there is one.
func (c *cut) fill(cfg *Config, at cutPosition, reply *marshal.AuditReply) (cutPosition, bool) {
	size := 0
	full := func(r delegation.Range) bool {
		from, _ := r.From.Key()
		until, _ := r.Until.Key()
		size += len(from) + len(until) + marshal.EntryOverheadBytes
		pieces := len(reply.InFlight) + len(reply.Owned)
		return pieces > 0 && size > cfg.Limits.PageBytes || pieces == marshal.MaxPieces
	}
	for ; at.inFlight < len(c.inFlight); at.inFlight++ {
		if f := c.inFlight[at.inFlight]; !full(f.Range) {
			reply.InFlight = append(reply.InFlight, f)
			continue
		}
		return at, true
	}
	for r, owner := range c.owned.RangesFrom(at.from) {
		if owner != cfg.Me {
			continue
		}
		if full(r) {
			at.from = r.From
			return at, true
		}
		reply.Owned = append(reply.Owned, r)
	}
	return at, false
}

func (h *Host) cutsDeadline() Time {
	if len(h.cuts) > 0 {
		return h.cuts[0].until
	}
	return never
}
