package kv_test

import (
	"fmt"
	"net/netip"
	"testing"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
	"ironkv/tests/world"
)

func TestOrdersAreRefusedWithTheirReason(t *testing.T) {
	r := newRig(t, 3, kv.Limits{Moves: 2})
	s := r.session(1, 1)
	r.move(1, s, 1, span("a", "c"), 2)
	n := uint64(1)
	order := func(rng delegation.Range, to delegation.HostID) *marshal.OrderReply {
		n++
		return one[*marshal.OrderReply](r, r.ask(1, shard(s, n, rng, to)))
	}
	if a := order(delegation.Range{From: delegation.At("x"), Until: delegation.At("x")}, 2); a.Reason != marshal.EmptyRange {
		t.Error(a.Reason)
	}
	if a := order(span("x", "y"), 1); a.Reason != marshal.RecipientIsSelf {
		t.Error(a.Reason)
	}
	if a := order(span("x", "y"), 9); a.Reason != marshal.UnknownHost {
		t.Error(a.Reason)
	}
	if a := order(span("", "d"), 3); a.Reason != marshal.NotOwner || a.Owner != 2 || a.Range != span("a", "c") {
		t.Errorf("%v: host %d owns %v", a.Reason, a.Owner, a.Range)
	}
	first := order(span("m", "p"), 2)
	if a := order(span("o", "z"), 3); a.Reason != marshal.OverlapsMove || a.Move != first.Move {
		t.Errorf("%v %v, want an overlap with %v", a.Reason, a.Move, first.Move)
	}
	order(span("q", "r"), 2)
	if a := order(span("s", "t"), 2); a.Reason != marshal.TooManyMoves {
		t.Error(a.Reason)
	}
}

// An order that is delivered again, after the range has moved and come home,
// gets its recorded answer and moves nothing.
func TestOrderDeliveredAgainAfterTheRangeCameHome(t *testing.T) {
	r := newRig(t, 2, kv.Limits{})
	s1, s2 := r.session(1, 1), r.session(2, 2)
	r.move(1, s1, 1, delegation.All, 2)
	r.move(2, s2, 1, delegation.All, 1)
	a := one[*marshal.OrderReply](r, r.ask(1, shard(s1, 1, delegation.All, 2)))
	if a.Move.Number != 1 || len(r.Node(1).Host.State().Moves) != 1 {
		t.Fatalf("the late copy made move %v", a.Move)
	}
}

func TestRedirectIsRecorded(t *testing.T) {
	r := newRig(t, 2, kv.Limits{})
	s1, s2 := r.session(1, 1), r.session(2, 2)
	r.move(1, s1, 1, delegation.All, 2)
	to2 := one[*marshal.Redirect](r, r.ask(1, put(s1, 2, 1, "k", "v")))
	if to2.Owner != 2 {
		t.Fatalf("redirected to host %d", to2.Owner)
	}
	r.move(2, s2, 1, delegation.All, 1)
	r.Crash(1)
	r.Restart(1)
	one[*marshal.Redirect](r, r.ask(1, put(s1, 2, 1, "k", "v")))
	if _, found := r.Node(1).Store.Get("k"); found {
		t.Fatal("a number that was closed by a redirect was executed when the key came home")
	}
}

func TestRedirectNamesTheDelegateInFlightAndItIsHeldFor(t *testing.T) {
	r := newRig(t, 2, kv.Limits{})
	s1, s2 := r.session(1, 1), r.session(2, 2)
	r.ask(1, put(s1, 1, 1, "k", "v"))
	r.ask(1, shard(s1, 2, delegation.All, 2))
	p := r.delegateInFlight(1)
	to2 := one[*marshal.Redirect](r, r.ask(1, put(s1, 3, 3, "k", "w")))
	if to2.Hint.Sender != 1 || to2.Hint.Seqno != 1 {
		t.Fatalf("hint %+v, want delegate 1 of host 1", to2.Hint)
	}
	held := put(s2, 1, 1, "k", "w")
	held.Hint = to2.Hint
	if ms := r.ask(2, held); len(ms) != 0 {
		t.Fatalf("the new owner did not hold the request: %v", ms)
	}
	r.dropped(kv.Endpoint{Client: r.addr}, 2, held, kv.DropAlreadyHeld)
	r.Step(2, kv.Input{Kind: kv.InputPacket, Packet: p})
	a := one[*marshal.SetReply](r, to(kv.Endpoint{Client: r.addr}, r.Tick(2)))
	if a.Version != 2 {
		t.Fatalf("the held write has version %d; its key had 1 before it moved", a.Version)
	}
}

func TestHoldTimesOutWithoutClosingItsNumber(t *testing.T) {
	r := newRig(t, 2, kv.Limits{HoldTime: 10 * kv.Millisecond})
	s2 := r.session(2, 2)
	held := put(s2, 1, 1, "k", "w")
	held.Hint = marshal.Hint{Sender: 1, Incarnation: r.peer(1, 2).FromIncarnation, Seqno: 1}
	r.ask(2, held)
	r.Now += 11 * kv.Millisecond
	if m := one[*marshal.Refusal](r, to(kv.Endpoint{Client: r.addr}, r.Tick(2))); m.Reason != marshal.HoldTimedOut || m.Number != 1 {
		t.Fatalf("%+v", m)
	}
	r.move(1, r.session(1, 1), 1, delegation.All, 2)
	one[*marshal.SetReply](r, r.ask(2, held)) // the same number, at the same host
}

func TestHoldsAreBounded(t *testing.T) {
	r := newRig(t, 2, kv.Limits{HoldsPerSession: 2, Holds: 3})
	hint := marshal.Hint{Sender: 1, Incarnation: r.peer(1, 2).FromIncarnation, Seqno: 1}
	ask := func(s marshal.SessionID, n uint64) []marshal.Message {
		m := get(s, n, "k")
		m.Hint = hint
		return r.ask(2, m)
	}
	s, u := r.session(2, 2), r.session(2, 3)
	ask(s, 1)
	ask(s, 2)
	if m := one[*marshal.Refusal](r, ask(s, 3)); m.Reason != marshal.TooManyHolds {
		t.Fatalf("a third of one session: %v", m.Reason)
	}
	ask(u, 1)
	if m := one[*marshal.Refusal](r, ask(u, 2)); m.Reason != marshal.TooManyHolds {
		t.Fatalf("a fourth in all: %v", m.Reason)
	}
}

// From however many ports one address asks, and with however many sessions, it gets three
// quarters of the holds, in number and bytes, and so of the rest the next; what is no longer
// held makes room again.
func TestManyPortsTakeTheirShareOfHolds(t *testing.T) {
	for _, limits := range []kv.Limits{{Holds: 64}, {HoldBytes: 64 * (256 + 1)}} {
		r := newRig(t, 2, limits)
		hint := marshal.Hint{Sender: 1, Incarnation: r.peer(1, 2).FromIncarnation, Seqno: 1}
		number := uint64(0)
		hold := func(addr string) (n int) {
			for ; n < 100; n++ {
				r.addr = netip.AddrPortFrom(netip.MustParseAddr(addr), uint16(1+n))
				number++
				m := get(r.session(2, 2), number, "k")
				m.Hint = hint
				if len(r.ask(2, m)) > 0 {
					break
				}
			}
			return n
		}
		for round := range 2 {
			for i, want := range []int{48, 12, 3, 1, 0} {
				if n := hold(fmt.Sprintf("10.1.1.%d", i)); n != want {
					t.Errorf("%+v, round %d: address %d has %d requests held, want %d", limits, round, i, n, want)
				}
			}
			r.Now += kv.DefaultHoldTime
			for len(r.Node(2).Host.Held()) > 0 {
				r.Tick(2)
			}
		}
	}
}

// Floor and session are looked at again when a hold ends.
func TestHeldRequestThatWasGivenUpIsNotExecuted(t *testing.T) {
	r := newRig(t, 2, kv.Limits{})
	s1, s2 := r.session(1, 1), r.session(2, 2)
	r.ask(1, shard(s1, 1, span("", "m"), 2))
	p := r.delegateInFlight(1)
	held := put(s2, 1, 1, "k", "given up")
	held.Hint = marshal.Hint{Sender: 1, Incarnation: r.peer(1, 2).FromIncarnation, Seqno: 1}
	r.ask(2, held)
	one[*marshal.Redirect](r, r.ask(2, put(s2, 2, 2, "z", "successor"))) // raises the floor
	r.Step(2, kv.Input{Kind: kv.InputPacket, Packet: p})
	r.Tick(2)
	if _, found := r.Node(2).Store.Get("k"); found {
		t.Fatal("a held write was executed after its client gave it up")
	}
}

// A hint of another life of its sender holds nothing.
func TestHintOfAnotherIncarnationIsIgnored(t *testing.T) {
	r := newRig(t, 2, kv.Limits{})
	m := get(r.session(2, 2), 1, "k")
	m.Hint = marshal.Hint{Sender: 1, Incarnation: 12345, Seqno: 1}
	one[*marshal.Redirect](r, r.ask(2, m))
}

func TestCancelKeepsWhatHasMoved(t *testing.T) {
	r := newRig(t, 2, kv.Limits{ChunkBytes: 1})
	s := r.session(1, 1)
	for i := range uint64(6) {
		r.ask(1, put(s, i+1, i+1, delegation.Key(fmt.Sprintf("k%d", i)), "v"))
	}
	r.ask(1, shard(s, 7, delegation.All, 2))
	p := r.delegateInFlight(1)
	a := one[*marshal.OrderReply](r, r.ask(1, &marshal.MoveOrder{
		RequestHeader: head(s, 8), WriteHeader: marshal.WriteHeader{Floor: 8},
		Move: marshal.MoveID{Host: 1, Number: 1}, Action: marshal.MoveCancel,
	}))
	if a.Reason != marshal.OrderAccepted {
		t.Fatal(a.Reason)
	}
	r.Send(p)
	m := r.Node(1).Host.State().Moves[1]
	if !r.Settle(500, func() bool { return m.Phase.Ended() }) || m.Phase != marshal.MoveCanceled || m.Keys == 0 || m.Keys == 6 {
		t.Fatalf("%v after %d keys", m.Phase, m.Keys)
	}
	if !r.Node(2).Host.State().Map.OwnsAll(delegation.Range{From: delegation.NegInf, Until: m.Cursor}, 2) {
		t.Fatal("what was sent before the cancel is not at the recipient")
	}
}

// What has been sent whole is delivered, and what was canceled stays so.
func TestOrdersForAMoveThatSendsNoMore(t *testing.T) {
	for _, canceled := range []bool{false, true} {
		limits := kv.Limits{}
		if canceled {
			limits.ChunkBytes = 1
		}
		r := newRig(t, 2, limits)
		s := r.session(1, 1)
		for i, key := range []delegation.Key{"a", "b"} {
			r.ask(1, put(s, uint64(i)+1, uint64(i)+1, key, "v"))
		}
		move := one[*marshal.OrderReply](r, r.ask(1, shard(s, 3, delegation.All, 2))).Move
		r.delegateInFlight(1)
		n, want := uint64(4), marshal.MoveDraining
		if canceled {
			r.ask(1, order(s, n, move, marshal.MoveCancel))
			n, want = n+1, marshal.MoveStopping
		}
		for _, action := range []marshal.MoveAction{marshal.MovePause, marshal.MoveResume, marshal.MoveCancel} {
			if a := one[*marshal.OrderReply](r, r.ask(1, order(s, n, move, action))); a.Reason != marshal.MoveEnded {
				t.Errorf("canceled %v, action %d: %v", canceled, action, a.Reason)
			}
			if phase := r.Node(1).Host.State().Moves[move.Number].Phase; phase != want {
				t.Errorf("canceled %v, action %d: the move is %v, want %v", canceled, action, phase, want)
			}
			n++
		}
	}
}

func TestMoveGoesOnAfterBothEndsCrash(t *testing.T) {
	r := newRig(t, 2, kv.Limits{ChunkBytes: 1})
	s := r.session(1, 1)
	for i := range uint64(6) {
		r.ask(1, put(s, i+1, i+1, delegation.Key(fmt.Sprintf("k%d", i)), "v"))
	}
	r.ask(1, shard(s, 7, delegation.All, 2))
	r.delegateInFlight(1) // lost
	for _, id := range []delegation.HostID{1, 2} {
		r.Crash(id)
		r.Restart(id)
	}
	r.Net = nil
	if !r.Settle(5000, func() bool { return r.Node(1).Host.State().Moves[1].Phase == marshal.MoveDone }) {
		t.Fatalf("%+v", r.Node(1).Host.State().Moves[1])
	}
	for i := range 6 {
		if _, found := r.Node(2).Store.Get(delegation.Key(fmt.Sprintf("k%d", i))); !found {
			t.Fatalf("k%d is lost", i)
		}
	}
}

// An entry that is larger than a chunk, and too large to fly beside what is under
// way, goes as soon as an acknowledgement has made room for it.
func TestALargeEntryGoesAsSoonAsThereIsRoom(t *testing.T) {
	r := newRig(t, 2, kv.Limits{ChunkBytes: 20_000, InFlightBytes: 100_000})
	s := r.session(1, 1)
	for i, key := range []delegation.Key{"a", "b", "c"} {
		r.ask(1, put(s, uint64(i+1), 1, key, string(make([]byte, 60_000))))
	}
	m := shard(s, 4, delegation.All, 2)
	m.Rate = marshal.RateUnlimited // nor does it wait for the clients who were served
	r.ask(1, m)
	first := r.delegateInFlight(1)
	due, ok := r.Due(1)
	for ok && due <= r.Now { // it looks at the second entry, which is too large
		r.Tick(1)
		due, ok = r.Due(1)
	}
	began := r.Now
	r.Net = append(r.Net[:0], world.Flight{Packet: first})
	for range 20 {
		for len(r.Net) > 0 {
			r.Deliver(0)
		}
		if due, ok := r.Due(1); ok && due <= r.Now {
			r.Tick(1)
		}
	}
	if m := r.Node(1).Host.State().Moves[1]; m.Phase != marshal.MoveDone || r.Now != began {
		t.Errorf("%d of 3 entries went without waiting", m.Keys)
	}
}
