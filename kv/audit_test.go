package kv_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

// cutNow is what a cut taken now has to say, as one page of any length.
func (r *rig) cutNow(id delegation.HostID) *marshal.AuditReply {
	h := r.Node(id).Host
	s := h.State()
	c := &marshal.AuditReply{Host: id, Incarnation: s.Incarnation, Step: s.Step}
	for piece := range s.Map.RangesOf(id) {
		c.Owned = append(c.Owned, piece.Clone())
	}
	for _, m := range h.Config().Members {
		p := s.Peers[m.ID]
		if p == nil {
			continue
		}
		c.Peers = append(c.Peers, marshal.PeerNumbers{
			Peer: m.ID, PeerIncarnation: p.Incarnation, Sent: p.Out.Sent(), Acked: p.Out.Acked(), Received: p.In.Tombstone(),
		})
		for seqno, d := range p.Out.Unacked() {
			c.InFlight = append(c.InFlight, marshal.InFlight{To: m.ID, Seqno: seqno, Range: d.Range.Clone()})
		}
	}
	return c
}

func audit(s marshal.SessionID, n uint64, cut uint64, page uint32) *marshal.AuditRequest {
	return &marshal.AuditRequest{RequestHeader: head(s, n), Cut: cut, Page: page}
}

// cutOf takes a cut and reads its pages, each of them twice, with between done
// before each but the first. It returns them joined, and how many there were.
func (r *rig) cutOf(id delegation.HostID, s marshal.SessionID, between func()) (*marshal.AuditReply, int) {
	r.Helper()
	first := one[*marshal.AuditReply](r, r.ask(id, audit(s, 1<<32, 0, 0)))
	want := r.cutNow(id)
	if first.Step != want.Step || first.Host != id || first.Incarnation != want.Incarnation || !slices.Equal(first.Peers, want.Peers) {
		r.Fatalf("the cut says %+v of a host that is %+v", first, want)
	}
	joined, last := *first, first
	pages := 1
	for n := uint64(2); ; n++ {
		again := one[*marshal.AuditReply](r, r.ask(id, audit(s, 1<<32+n, first.Cut, last.Page)))
		again.RequestHeader = last.RequestHeader
		if !bytes.Equal(marshal.Append(nil, again), marshal.Append(nil, last)) {
			r.Fatalf("page %d is asked for twice, and is another", last.Page)
		}
		if !last.More {
			break
		}
		between()
		last = one[*marshal.AuditReply](r, r.ask(id, audit(s, 1<<33+n, first.Cut, last.Page+1)))
		if len(last.Owned)+len(last.InFlight) == 0 {
			r.Fatalf("page %d is empty", last.Page)
		}
		if pages > 100 {
			r.Fatalf("page %d of a cut of %d pieces, and no end", pages, len(want.Owned)+len(want.InFlight))
		}
		if last.Cut != first.Cut || last.Step != first.Step || int(last.Page) != pages || len(last.Peers) > 0 {
			r.Fatalf("page %d of cut %d is %+v", pages, first.Cut, last)
		}
		joined.Owned = append(joined.Owned, last.Owned...)
		joined.InFlight = append(joined.InFlight, last.InFlight...)
		pages++
	}
	if !slices.Equal(joined.Owned, want.Owned) {
		r.Fatalf("the cut of host %d claims %d ranges, it owned %d: %.200v, %.200v", id, len(joined.Owned), len(want.Owned), joined.Owned, want.Owned)
	}
	if !slices.Equal(joined.InFlight, want.InFlight) {
		r.Fatalf("the cut of host %d has %d delegates in flight, the host %d: %.200v, %.200v",
			id, len(joined.InFlight), len(want.InFlight), joined.InFlight, want.InFlight)
	}
	return &joined, pages
}

// takeSingle lets host 2 take the n-th of ranges of one key each from host 1.
func (r *rig) takeSingle(n int) {
	r.Helper()
	key := delegation.Key(fmt.Sprintf("k%06d", n) + strings.Repeat("x", 50))
	r.Step(2, kv.Input{Kind: kv.InputPacket, Packet: kv.Packet{Src: host(1), Msg: delegateOf(r.peer(1, 2), uint64(n), delegation.Single(key), 1)}})
}

// A cut is what its host owned at one step, however much more it owns when the
// later pages are read, and however often each is asked for.
func TestCutOfManyRanges(t *testing.T) {
	for _, bytes := range []int{1, 1000, 1 << 20} {
		r := newRig(t, 3, kv.Limits{PageBytes: bytes})
		s := r.session(2, 1)
		taken := 0
		for taken < 40 {
			taken++
			r.takeSingle(taken)
		}
		cut, pages := r.cutOf(2, s, func() { taken++; r.takeSingle(taken) })
		if want := map[int]int{1: 40, 1000: 6, 1 << 20: 1}[bytes]; pages < want || len(cut.Owned) != 40 {
			t.Errorf("%d pages of %d bytes for %d ranges, want %d pages or more", pages, bytes, len(cut.Owned), want)
		}
	}
}

// Delegates that no acknowledgement has come for are in the cut, each under its
// number, also those whose acknowledgement comes while the cut is read.
func TestCutWithDelegatesInFlight(t *testing.T) {
	for _, bytes := range []int{1, 100, 1 << 20} {
		r := newRig(t, 3, kv.Limits{ChunkBytes: 1, PageBytes: bytes})
		s := r.session(1, 1)
		for n := range uint64(12) {
			r.ask(1, put(s, n+1, n+1, delegation.Key(fmt.Sprintf("k%02d", n)), "v"))
		}
		m := shard(s, 13, delegation.All, 2)
		m.Rate = marshal.RateUnlimited
		r.ask(1, m)
		r.fly(6)
		r.acknowledgeOne()
		r.acknowledgeOne()
		cut, pages := r.cutOf(1, s, r.acknowledgeOne)
		if n := cut.Peers[0]; n.Acked < 2 || n.Sent < n.Acked+4 || (pages > 1) != (bytes < 1<<20) {
			t.Errorf("the cut's numbers are %+v, on %d pages of %d bytes: the test tests little", n, pages, bytes)
		}
	}
}

// fly lets host 1 send until n of its delegates to host 2 fly.
func (r *rig) fly(n int) {
	r.Helper()
	out := &r.Node(1).Host.State().Peers[2].Out
	for range 100 {
		for out.Outstanding() == 0 && len(r.Net) > 0 {
			r.Deliver(0)
		}
		if due, ok := r.Due(1); ok {
			r.Now = max(r.Now, due)
			r.Tick(1)
		}
		if out.Outstanding() == n {
			return
		}
	}
	r.Fatalf("%d delegates fly, want %d", out.Outstanding(), n)
}

// acknowledgeOne delivers until host 1 has heard from its peer.
func (r *rig) acknowledgeOne() {
	for len(r.Net) > 0 {
		p := r.Net[0].Packet
		r.Deliver(0)
		if p.Dst == host(1) {
			return
		}
	}
}

// A cut is kept for its time, and only the latest few are.
func TestCutsAreForgotten(t *testing.T) {
	r := newRig(t, 1, kv.Limits{Cuts: 2, CutTime: kv.Second})
	s := r.session(1, 1)
	take := func() uint64 {
		r.Helper()
		return one[*marshal.AuditReply](r, r.ask(1, audit(s, 1, 0, 0))).Cut
	}
	known := func(cut uint64) bool {
		r.Helper()
		switch m := r.ask(1, audit(s, 2, cut, 0))[0].(type) {
		case *marshal.AuditReply:
			return true
		case *marshal.Refusal:
			if m.Reason == marshal.UnknownCut {
				return false
			}
		}
		r.Fatal("an audit is answered otherwise")
		return false
	}
	a, b := take(), take()
	if !known(a) || !known(b) {
		t.Error("a cut is forgotten at once")
	}
	c := take()
	if known(a) || !known(b) || !known(c) {
		t.Error("not the oldest cut made room for a third")
	}
	if m := one[*marshal.Refusal](r, r.ask(1, audit(s, 3, c, 1))); m.Reason != marshal.UnknownCut {
		t.Errorf("a page that there is not is refused for %v", m.Reason)
	}
	r.Now += kv.Second
	for range 10 {
		r.Tick(1)
	}
	if known(b) || known(c) {
		t.Error("a cut outlives its time")
	}
}

// While an audit asks for quiet no chunk is cut: for as long as was asked, were
// it less afterwards, and never longer than the bound.
func TestAuditQuietsMoves(t *testing.T) {
	for _, c := range []struct {
		asked []uint32
		quiet kv.Time
	}{
		{nil, 0},
		{[]uint32{200}, 200 * kv.Millisecond},
		{[]uint32{200, 50, 0}, 200 * kv.Millisecond},
		{[]uint32{50, 200}, 200 * kv.Millisecond},
		{[]uint32{1 << 30}, marshal.MaxQuietMillis * kv.Millisecond},
	} {
		r := newRig(t, 2, kv.Limits{})
		s := r.session(1, 1)
		asked := r.Now
		for i, q := range c.asked {
			m := audit(s, uint64(i+1), 0, 0)
			m.QuietMillis = q
			one[*marshal.AuditReply](r, r.ask(1, m))
		}
		m := shard(s, 1, delegation.All, 2)
		m.Rate = marshal.RateUnlimited
		r.ask(1, m)
		r.delegateInFlight(1)
		if got := r.Now - asked; got != c.quiet {
			t.Errorf("after quiet of %v ms was asked for, a chunk is cut after %d ms", c.asked, got/kv.Millisecond)
		}
	}
}

// Who takes cuts without end ends no other's audit.
func TestWhoTakesCutsTakesHisOwn(t *testing.T) {
	r := newRig(t, 1, kv.Limits{})
	take := func(s marshal.SessionID) uint64 {
		r.Helper()
		return one[*marshal.AuditReply](r, r.ask(1, audit(s, 1, 0, 0))).Cut
	}
	s := r.session(1, 1)
	operators := take(s)
	others := netip.AddrPortFrom(clientAddr.Addr(), clientAddr.Port()+1)
	for range 10 * kv.DefaultCuts {
		r.addr = others
		take(r.session(1, 2))
		r.addr = clientAddr
		one[*marshal.AuditReply](r, r.ask(1, audit(s, 1, operators, 0)))
	}
}

// Nor do many ports of one address end the cuts of others.
func TestManyPortsTakeTheirOwnCuts(t *testing.T) {
	r := newRig(t, 1, kv.Limits{})
	s := r.session(1, 1)
	operators := one[*marshal.AuditReply](r, r.ask(1, audit(s, 1, 0, 0))).Cut
	for port := range 10 * kv.DefaultCuts {
		r.addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 9, 9, 9}), uint16(1+port))
		one[*marshal.AuditReply](r, r.ask(1, audit(r.session(1, 1), 1, 0, 0)))
	}
	r.addr = clientAddr
	one[*marshal.AuditReply](r, r.ask(1, audit(s, 1, operators, 0)))
}

// However often quiet is asked for, moves rest no longer than they may go on after it.
func TestQuietEnds(t *testing.T) {
	const most, tenth = marshal.MaxQuietMillis * kv.Millisecond, marshal.MaxQuietMillis / 10
	for rest, want := range map[kv.Time]kv.Time{0: 0, most / 2: 0, most: tenth * kv.Millisecond} {
		r := newRig(t, 2, kv.Limits{})
		s := r.session(1, 1)
		m := audit(s, 1, 0, 0)
		m.QuietMillis = tenth
		ask := func() { one[*marshal.AuditReply](r, r.ask(1, m)) }
		for began := r.Now; r.Now < began+most; r.Now += tenth * kv.Millisecond {
			ask()
		}
		r.Now += rest
		asked := r.Now
		ask()
		order := shard(s, 1, delegation.All, 2)
		order.Rate = marshal.RateUnlimited
		r.ask(1, order)
		r.delegateInFlight(1)
		if got := r.Now - asked; got != want {
			t.Errorf("%d ms after a second of quiet %d ms more are asked for, and a chunk is cut after %d ms, not %d",
				rest/kv.Millisecond, tenth, got/kv.Millisecond, want/kv.Millisecond)
		}
	}
}
