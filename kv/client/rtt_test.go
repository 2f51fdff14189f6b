package client

import (
	"testing"
	"time"

	"ironkv/marshal"
)

// answerAll has host 1 answer all gets that were sent, and returns how many of them were
// sent for the second time or later.
func (w *world) answerAll() (again int) {
	list := w.sent
	w.sent = nil
	seen := map[uint64]bool{}
	for _, l := range list {
		m, ok := l.m.(*marshal.GetRequest)
		switch {
		case !ok:
		case seen[m.Number]:
			again++
		default:
			seen[m.Number] = true
			w.hear(1, &marshal.GetReply{RequestHeader: m.RequestHeader})
		}
	}
	return again
}

// Hundreds of requests that are answered together are one observation of the round trip:
// where it takes 30 ms and then 70, nobody asks twice.
func TestACrowdIsOneSample(t *testing.T) {
	w := newWorld(t, 1)
	w.get("first")
	w.open(1)
	w.answerAll()
	for round := range 20 {
		for range 200 {
			w.get("k")
		}
		took := 30 * time.Millisecond
		if round%2 == 1 {
			took = 70 * time.Millisecond
		}
		w.pass(took)
		if again := w.answerAll(); again > 0 {
			t.Fatalf("round %d, of %v: %d of 200 were asked twice", round, took, again)
		}
	}
}

// A host that has become slow for good is asked twice for a while, and then no more:
// answers that come right after a repetition are to what was sent before it.
func TestRepeatsTeachThatAHostIsSlow(t *testing.T) {
	w := newWorld(t, 1)
	w.get("first")
	w.open(1)
	w.answerAll()
	slow := func() (again int) {
		w.get("k")
		w.pass(110 * time.Millisecond)
		return w.answerAll()
	}
	for range 20 {
		w.get("k")
		w.pass(90 * time.Millisecond)
		w.answerAll()
	}
	if slow() == 0 {
		t.Fatal("the test is too slow: nobody asked twice")
	}
	for range 10 {
		slow()
	}
	if again := slow(); again != 0 {
		t.Errorf("asked twice after ten answers that took as long")
	}
}

// What is lost is not taken for slow: an answer to a repetition, which comes as late
// as any, is no sample.
func TestALossIsNoSample(t *testing.T) {
	w := newWorld(t, 1)
	w.get("first")
	w.open(1)
	w.answerAll()
	for range 20 {
		w.get("k")
		w.pass(10 * time.Millisecond)
		w.answerAll()
	}
	was := w.e.hosts[0].rtt
	w.get("lost")
	w.sent = nil
	w.pass(was.repeatAfter(1) + tickInterval)
	if len(w.sent) != 1 {
		t.Fatalf("%d repetitions", len(w.sent))
	}
	w.pass(10 * time.Millisecond)
	w.answerAll()
	if w.e.hosts[0].rtt != was {
		t.Errorf("%+v, was %+v", w.e.hosts[0].rtt, was)
	}
}
