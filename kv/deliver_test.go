package kv_test

import (
	"errors"
	"testing"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

func delegateOf(hd marshal.PeerHeader, seqno uint64, r delegation.Range, clock marshal.Version, entries ...marshal.Entry) *marshal.Single {
	return &marshal.Single{PeerHeader: hd, Seqno: seqno, Delegate: marshal.Delegate{Range: r, Clock: clock, Entries: entries}}
}

func TestDelegateFromAStrangerIsDropped(t *testing.T) {
	r := newRig(t, 3, kv.Limits{})
	m := delegateOf(r.peer(1, 2), 1, delegation.All, 9, marshal.Entry{Key: "k", Version: 9})
	r.dropped(kv.Endpoint{Client: r.addr}, 2, m, kv.DropNotPeer)
	r.dropped(host(3), 2, m, kv.DropNotPeer) // host 3 poses as host 1
	if r.Node(2).Host.State().Map.Lookup("k") != 1 {
		t.Fatal("a stranger's delegate was taken")
	}
}

func TestWrongIncarnationIsDroppedAndAnswered(t *testing.T) {
	r := newRig(t, 2, kv.Limits{})
	for _, change := range []func(*marshal.PeerHeader){
		func(hd *marshal.PeerHeader) { hd.FromIncarnation++ },
		func(hd *marshal.PeerHeader) { hd.ToIncarnation++ },
	} {
		hd := r.peer(1, 2)
		change(&hd)
		out := r.dropped(host(1), 2, delegateOf(hd, 1, delegation.All, 1), kv.DropIncarnation)
		one[*marshal.Mismatch](r, to(host(1), out))
		r.dropped(host(1), 2, &marshal.Ack{PeerHeader: hd, Seqno: 1}, kv.DropIncarnation)
	}
	if r.Node(2).Host.State().Map.Lookup("k") != 1 {
		t.Fatal("a delegate of another life was taken")
	}
}

func TestGapIsToldAndNothingTaken(t *testing.T) {
	r := newRig(t, 2, kv.Limits{})
	out := r.dropped(host(1), 2, delegateOf(r.peer(1, 2), 2, delegation.All, 1), kv.DropGap)
	if a := one[*marshal.Ack](r, to(host(1), out)); a.Seqno != 0 || !a.Gap {
		t.Fatalf("%+v", a)
	}
}

// A duplicate is acknowledged, again and again, and does nothing: not even after
// its range has moved on.
func TestDelegateDuplicatedAfterItsRangeMovedOn(t *testing.T) {
	r := newRig(t, 3, kv.Limits{})
	s1, s2 := r.session(1, 1), r.session(2, 2)
	r.ask(1, put(s1, 1, 1, "k", "v"))
	r.ask(1, shard(s1, 2, delegation.All, 2))
	p := r.delegateInFlight(1)
	r.Send(p)
	r.Settle(500, func() bool { return r.Node(1).Host.State().Moves[1].Phase == marshal.MoveDone })
	r.move(2, s2, 1, delegation.All, 3)
	out := r.dropped(host(1), 2, p.Msg, kv.DropDuplicate)
	if a := one[*marshal.Ack](r, to(host(1), out)); a.Seqno != 1 {
		t.Fatalf("%+v", a)
	}
	if _, found := r.Node(2).Store.Get("k"); found || r.Node(2).Host.State().Map.Lookup("k") != 3 {
		t.Fatal("the duplicate took the range back")
	}
}

func TestAcknowledgementBeyondSentIsDropped(t *testing.T) {
	r := newRig(t, 2, kv.Limits{})
	s := r.session(1, 1)
	r.ask(1, shard(s, 1, delegation.All, 2))
	r.delegateInFlight(1)
	r.dropped(host(2), 1, &marshal.Ack{PeerHeader: r.peer(2, 1), Seqno: 7}, kv.DropAckBeyondSent)
	if r.Node(1).Host.State().Peers[2].Out.Outstanding() != 1 {
		t.Fatal("a delegate that nobody received was forgotten")
	}
}

// The trap of the original's bulk update (BulkUpdateHashtable,
// Protocol/SHT/Delegations.i.dfy), which writes all carried keys.
func TestCarriedKeysOutsideTheRangeAreNotTaken(t *testing.T) {
	r := newRig(t, 2, kv.Limits{})
	r.Step(2, kv.Input{Kind: kv.InputPacket, Packet: kv.Packet{Src: host(1), Msg: delegateOf(r.peer(1, 2), 1, span("a", "m"), 9,
		marshal.Entry{Key: "b", Version: 1}, marshal.Entry{Key: "x", Version: 1})}})
	if _, found := r.Node(2).Store.Get("b"); !found {
		t.Fatal("the range's own entry was not taken")
	}
	if _, found := r.Node(2).Store.Get("x"); found {
		t.Fatal("an entry outside the range was taken")
	}
}

func TestEmptyDelegateRaisesTheClock(t *testing.T) {
	r := newRig(t, 2, kv.Limits{})
	s1, s2 := r.session(1, 1), r.session(2, 2)
	r.ask(1, put(s1, 1, 1, "k", "v"))
	del := put(s1, 2, 2, "k", "")
	del.Delete = true
	r.ask(1, del)
	r.move(1, s1, 3, delegation.All, 2)
	if a := one[*marshal.SetReply](r, r.ask(2, put(s2, 1, 1, "k", "again"))); a.Version <= 2 {
		t.Fatalf("version %d after a deletion and a move; it went backward", a.Version)
	}
}

// The other trap of the original: a host at its bound of delegations processes
// the delegate that it holds never, and so receives nothing again. Here no limit
// for clients stands in the way of a delegate.
func TestDelegateIsNotJudgedByLimitsForClients(t *testing.T) {
	r := newRig(t, 2, kv.Limits{Moves: 1, Sessions: 1, ReserveBytes: 1000, ChunkBytes: 1})
	r.Step(2, kv.Input{Kind: kv.InputRoom, Room: 1})
	for seqno := range uint64(200) {
		key := delegation.Key([]byte{'a', byte(seqno)})
		r.Step(2, kv.Input{Kind: kv.InputPacket, Packet: kv.Packet{Src: host(1), Msg: delegateOf(r.peer(1, 2), seqno+1,
			delegation.Single(key), marshal.Version(seqno+1), marshal.Entry{Key: key, Version: marshal.Version(seqno + 1)})}})
	}
	if n := r.Node(2).Host.State().Peers[1].In.Tombstone(); n != 200 {
		t.Fatalf("received up to %d of 200", n)
	}
}

func TestWipedHostStops(t *testing.T) {
	r := newRig(t, 3, kv.Limits{})
	r.Crash(2)
	r.Wipe(2)
	if r.Settle(300, func() bool { return r.Halted[2] != nil }); !errors.Is(r.Halted[2], kv.ErrLostState) {
		t.Fatalf("a host without its disk: %v", r.Halted[2])
	}
}

func TestWipedHostServesNothingMeanwhile(t *testing.T) {
	r := newRig(t, 3, kv.Limits{})
	r.Crash(1)
	r.Wipe(1) // the root, which would own everything
	n := marshal.Nonce{1}
	c := one[*marshal.CookieReply](r, r.ask(1, &marshal.Hello{Nonce: n})).Cookie
	if m := one[*marshal.Refusal](r, r.ask(1, &marshal.Open{Nonce: n, Cookie: c})); m.Reason != marshal.NotServing {
		t.Fatal(m.Reason)
	}
}

func TestOlderCopyIsFoundOutByNumbers(t *testing.T) {
	r := newRig(t, 2, kv.Limits{})
	hd := r.peer(2, 1)
	for _, m := range []*marshal.Greet{{PeerHeader: hd, Received: 1}, {PeerHeader: hd, Acked: 1}} {
		w := r.World.Clone()
		w.Step(1, kv.Input{Kind: kv.InputPacket, Packet: kv.Packet{Src: host(2), Msg: m}})
		if !errors.Is(w.Halted[1], kv.ErrLostState) {
			t.Fatalf("peer says %+v, host 1 goes on", m)
		}
	}
}

// Word that a peer knows this host by another incarnation ends the host; so each part
// of it has to be so, or an old packet would do that.
func TestAMismatchIsBelievedOnlyWhole(t *testing.T) {
	r := newRig(t, 2, kv.Limits{})
	life := r.Node(1).Host.State().Incarnation
	for _, change := range []func(*marshal.Mismatch){
		nil,
		func(m *marshal.Mismatch) { m.ToIncarnation++ },   // to another life of this host
		func(m *marshal.Mismatch) { m.FromIncarnation++ }, // of another life of the peer
		func(m *marshal.Mismatch) { m.Known = 0 },         // it knows none
		func(m *marshal.Mismatch) { m.Known = life },      // it knows this one
	} {
		w := r.World.Clone()
		m := &marshal.Mismatch{PeerHeader: r.peer(2, 1), Known: life + 1}
		if change != nil {
			change(m)
		}
		out := w.Step(1, kv.Input{Kind: kv.InputPacket, Packet: kv.Packet{Src: host(2), Msg: m}})
		if halts := w.Halted[1] != nil; halts != (change == nil) || (!halts && out.Drop != kv.DropIncarnation) {
			t.Errorf("%+v: halted with %v, dropped for %v", m, w.Halted[1], out.Drop)
		}
	}
}

// A greeting to another life of this host confirms nothing, and nothing of its numbers
// is about this one.
func TestAGreetingToAnotherLifeIsRefused(t *testing.T) {
	r := newRig(t, 2, kv.Limits{})
	hd := r.peer(2, 1)
	hd.ToIncarnation++
	out := r.dropped(host(2), 1, &marshal.Greet{PeerHeader: hd, Received: 7}, kv.DropIncarnation)
	one[*marshal.Mismatch](r, to(host(2), out))
}
