package kv_test

import (
	"testing"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
	"ironkv/tests/world"
)

func order(s marshal.SessionID, n uint64, move marshal.MoveID, action marshal.MoveAction) *marshal.MoveOrder {
	return &marshal.MoveOrder{RequestHeader: head(s, n), WriteHeader: marshal.WriteHeader{Floor: n}, Move: move, Action: action}
}

// movesNothingWithoutConsent lets host 1 run for a while in which the network loses
// the answers to its proposals, and fails if it hands anything over.
func (r *rig) movesNothingWithoutConsent() {
	r.Helper()
	for range 200 {
		if len(r.Net) == 0 {
			t, ok := r.Due(1)
			if !ok {
				return
			}
			r.Now = max(r.Now, t)
			r.Tick(1)
			continue
		}
		switch r.Net[0].Packet.Msg.(type) {
		case *marshal.Single:
			r.Fatal("a range is handed over to a host that has not agreed")
		case *marshal.Consent:
			r.Drop(0)
		default:
			r.Deliver(0)
		}
	}
}

func TestResumedMoveStillWaitsForItsRecipient(t *testing.T) {
	r := newRig(t, 2, kv.Limits{})
	s := r.session(1, 1)
	move := one[*marshal.OrderReply](r, r.ask(1, shard(s, 1, delegation.All, 2))).Move
	for n, action := range []marshal.MoveAction{marshal.MovePause, marshal.MoveResume} {
		if a := one[*marshal.OrderReply](r, r.ask(1, order(s, uint64(n)+2, move, action))); a.Reason != marshal.OrderAccepted {
			t.Fatal(a.Reason)
		}
	}
	r.movesNothingWithoutConsent()
	if phase := r.Node(1).Host.State().Moves[move.Number].Phase; phase != marshal.MoveProposed {
		t.Errorf("the move is %v, want %v", phase, marshal.MoveProposed)
	}
}

func TestOnlyTheRecipientConsents(t *testing.T) {
	r := newRig(t, 3, kv.Limits{})
	move := one[*marshal.OrderReply](r, r.ask(1, shard(r.session(1, 1), 1, delegation.All, 2))).Move
	r.Step(1, kv.Input{Kind: kv.InputPacket, Packet: kv.Packet{Src: host(3), Msg: &marshal.Consent{
		PeerHeader: r.peer(3, 1), Move: move, Reason: marshal.OrderAccepted, Room: 1 << 30,
	}}})
	r.movesNothingWithoutConsent()
}

// While host 3 is silent, hosts 1 and 2 know each other and have not joined.
func TestHostThatHasNotJoinedTakesNothing(t *testing.T) {
	r := &rig{T: t, World: world.New(world.Config{Hosts: 3}), addr: clientAddr}
	for range 20 {
		r.Tick(1)
		r.Tick(2)
		for len(r.Net) > 0 {
			if p := r.Net[0].Packet; p.Dst.Host == 3 {
				r.Drop(0)
				continue
			}
			r.Deliver(0)
		}
		r.Now += kv.Second
	}
	propose := &marshal.Propose{
		PeerHeader: r.peer(1, 2), Move: marshal.MoveID{Host: 1, Number: 1}, Range: delegation.All, MaxMessage: marshal.MaxMessageBytes,
	}
	single := &marshal.Single{PeerHeader: r.peer(1, 2), Seqno: 1, Delegate: marshal.Delegate{Range: delegation.All}}
	for _, m := range []marshal.Message{propose, single} {
		if out := r.dropped(host(1), 2, m, kv.DropNotServing); len(out.Packets) > 0 {
			t.Errorf("it answers %T with %v", m, out.Packets)
		}
	}
}

// A host promises its room once: what it tells all of its peers adds up to no more
// than it has above its reserve.
func TestRoomIsPromisedOnce(t *testing.T) {
	const reserve, free = 1000, 5000
	r := newRig(t, 3, kv.Limits{ReserveBytes: reserve})
	r.Step(2, kv.Input{Kind: kv.InputRoom, Room: reserve + free})
	var promised uint64
	for _, from := range []delegation.HostID{1, 3} {
		promised += one[*marshal.Consent](r, r.from(host(from), 2, &marshal.Propose{
			PeerHeader: r.peer(from, 2), Move: marshal.MoveID{Host: from, Number: 1}, Range: delegation.All, MaxMessage: marshal.MaxMessageBytes,
		})).Room
	}
	if promised == 0 || promised > free {
		t.Errorf("%d bytes are promised to two peers, of %d", promised, free)
	}
}
