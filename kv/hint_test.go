package kv_test

import (
	"testing"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

// A hint may be about a delegate that has come, and whose range has moved on:
// nothing is held for it.
func TestNothingIsHeldForADelegateThatHasCome(t *testing.T) {
	r := newRig(t, 3, kv.Limits{})
	r.move(1, r.session(1, 1), 1, delegation.All, 2)
	s := r.session(2, 2)
	r.move(2, s, 1, delegation.All, 3)
	late := put(s, 2, 2, "k", "v")
	late.Hint = marshal.Hint{Sender: 1, Incarnation: r.peer(1, 2).FromIncarnation, Seqno: 1}
	if to := one[*marshal.Redirect](r, r.ask(2, late)); to.Owner != 3 {
		t.Errorf("redirected to host %d, want 3", to.Owner)
	}
}

// The keys of a decoded message lie in the datagram's memory, where the next
// datagram comes: a request that is held has its own.
func TestHeldRequestSharesNoMemoryWithItsDatagram(t *testing.T) {
	r := newRig(t, 2, kv.Limits{})
	r.ask(1, shard(r.session(1, 1), 1, delegation.All, 2))
	p := r.delegateInFlight(1)
	held := put(r.session(2, 2), 1, 1, "key", "value")
	held.Hint = marshal.Hint{Sender: 1, Incarnation: r.peer(1, 2).FromIncarnation, Seqno: 1}
	datagram := marshal.Append(nil, held)
	decoded, err := new(marshal.Decoder).Decode(datagram)
	if err != nil {
		t.Fatal(err)
	}
	if ms := r.ask(2, decoded); len(ms) > 0 {
		t.Fatalf("it is not held: %v", ms)
	}
	for i := range datagram {
		datagram[i] = '!'
	}
	r.Step(2, kv.Input{Kind: kv.InputPacket, Packet: p})
	one[*marshal.SetReply](r, to(kv.Endpoint{Client: r.addr}, r.Tick(2)))
	if e, found := r.Node(2).Store.Get("key"); !found || string(e.Value) != "value" {
		t.Errorf("the held write stored %q, found %t", e.Value, found)
	}
}
