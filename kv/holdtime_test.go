package kv_test

import (
	"testing"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

// What is held is held for its time, not longer and not less, also where more is
// held meanwhile.
func TestEachHoldEndsInItsTime(t *testing.T) {
	const later = 600 * kv.Millisecond
	r := newRig(t, 2, kv.Limits{HoldTime: kv.Second})
	s := r.session(2, 1)
	began := r.Now
	hint := marshal.Hint{Sender: 1, Incarnation: r.Node(1).Host.State().Incarnation, Seqno: 1}
	for n := range kv.Time(2) {
		r.Now = began + n*later
		m := get(s, uint64(n+1), "k")
		m.Hint = hint
		if answers := r.ask(2, m); len(answers) != 0 {
			t.Fatalf("%v is answered, not held", m)
		}
	}
	ended := func() (list []marshal.Message) {
		for range 10 {
			list = append(list, to(kv.Endpoint{Client: r.addr}, r.Tick(2))...)
		}
		return list
	}
	for n := range kv.Time(2) {
		ends := began + n*later + kv.Second
		if due, ok := r.Due(2); !ok || due > ends {
			t.Errorf("hold %d ends at %d µs, the host has nothing to do until %d µs", n+1, ends/kv.Microsecond, due/kv.Microsecond)
		}
		r.Now = ends - 1
		if m := ended(); len(m) != 0 {
			t.Fatalf("hold %d ends before its time: %+v", n+1, m[0])
		}
		r.Now = ends
		if m := one[*marshal.Refusal](r, ended()); m.Reason != marshal.HoldTimedOut || m.Number != uint64(n+1) {
			t.Fatalf("at the end of hold %d: %+v", n+1, m)
		}
	}
}

// A hint is believed as far ahead as delegates may be numbered, and no farther.
func TestHintFarAheadIsNotHeldFor(t *testing.T) {
	r := newRig(t, 2, kv.Limits{})
	s := r.session(2, 1)
	m := get(s, 1, "k")
	m.Hint = marshal.Hint{Sender: 1, Incarnation: r.Node(1).Host.State().Incarnation, Seqno: 1<<16 + 1}
	one[*marshal.Redirect](r, r.ask(2, m))
	m.Hint.Seqno--
	if answers := r.ask(2, m); len(answers) != 0 {
		t.Fatalf("a hint within the bound is not held for: %+v", answers[0])
	}
}

// A redirect names the delegate that covers the key, however many fly beside it.
func TestRedirectNamesTheDelegateOverTheKey(t *testing.T) {
	r := newRig(t, 2, kv.Limits{ChunkBytes: 1})
	s := r.session(1, 1)
	keys := []delegation.Key{"a", "b", "c", "d"}
	for n, key := range keys {
		r.ask(1, put(s, uint64(n+1), uint64(n+1), key, "v"))
	}
	m := shard(s, 5, delegation.All, 2)
	m.Rate = marshal.RateUnlimited
	r.ask(1, m)
	r.fly(len(keys))
	life := r.Node(1).Host.State().Incarnation
	for n, key := range keys {
		want := marshal.Hint{Sender: 1, Incarnation: life, Seqno: uint64(n + 1)}
		if m := one[*marshal.Redirect](r, r.ask(1, get(s, 1<<32+uint64(n), key))); m.Hint != want || m.Owner != 2 {
			t.Errorf("a redirect of %s says %+v, want the hint %+v", key, m, want)
		}
	}
}
