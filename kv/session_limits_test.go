package kv_test

import (
	"net/netip"
	"testing"

	"ironkv/kv"
	"ironkv/marshal"
)

// The number at the floor is taken however many answers there are: only when it
// is answered can the floor pass, and can answers be forgotten.
func TestTheNumberAtTheFloorIsNeverRefusedForAnswers(t *testing.T) {
	r := newRig(t, 1, kv.Limits{Answers: 1, Window: 64})
	s := r.session(1, 1)
	var n uint64 = 2
	for ; n < 60; n++ {
		ms := r.ask(1, put(s, n, 1, "k", "v"))
		if refusal, ok := ms[0].(*marshal.Refusal); ok {
			if refusal.Reason != marshal.Overloaded {
				t.Fatal(refusal.Reason)
			}
			break
		}
	}
	if n == 60 {
		t.Fatal("the bound of answers was never reached")
	}
	one[*marshal.SetReply](r, r.ask(1, put(s, 1, 1, "k", "v")))
	one[*marshal.SetReply](r, r.ask(1, put(s, n, n, "k", "v")))
}

// Whoever opens sessions without end closes his own, not those that are in use.
func TestASessionThatWasUsedIsNotEvicted(t *testing.T) {
	r := newRig(t, 1, kv.Limits{Sessions: 2, SessionsPerClient: 100})
	used := r.session(1, 1)
	one[*marshal.SetReply](r, r.ask(1, put(used, 1, 1, "k", "v")))
	client := r.addr
	for i := range 10 {
		r.addr = netip.AddrPortFrom(client.Addr(), uint16(100+i))
		r.session(1, byte(10+i))
	}
	r.addr = client
	one[*marshal.SetReply](r, r.ask(1, put(used, 2, 2, "k", "w")))
}

func TestASessionInUseDoesNotExpire(t *testing.T) {
	r := newRig(t, 1, kv.Limits{SessionIdle: kv.Second})
	s := r.session(1, 1)
	for n := uint64(1); n <= 5; n++ {
		one[*marshal.SetReply](r, r.ask(1, put(s, n, n, "k", "v")))
		r.Now += kv.Second * 3 / 4
		if due, ok := r.Due(1); ok && due <= r.Now {
			t.Fatalf("something is due %v after a request, with an idle time of %v", 3*kv.Second/4, kv.Second)
		}
	}
}

// Where every session is in use, another is refused.
func TestNoSessionBeyondTheLimit(t *testing.T) {
	r := newRig(t, 1, kv.Limits{Sessions: 2, SessionsPerClient: 100})
	for i := range byte(2) {
		r.addr = netip.AddrPortFrom(clientAddr.Addr(), uint16(100+int(i)))
		one[*marshal.SetReply](r, r.ask(1, put(r.session(1, 1+i), 1, 1, "k", "v")))
	}
	r.addr = clientAddr
	n := marshal.Nonce{9}
	c := one[*marshal.CookieReply](r, r.ask(1, &marshal.Hello{Nonce: n})).Cookie
	if m := one[*marshal.Refusal](r, r.ask(1, &marshal.Open{Nonce: n, Cookie: c})); m.Reason != marshal.TooManySessions {
		t.Errorf("a third session where two may be: %v", m.Reason)
	}
}
