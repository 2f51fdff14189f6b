package client

import (
	"testing"

	"ironkv/marshal"
)

// A write that a silent host may have executed is repeated there, under its own
// number, also where another host could be asked at once.
func TestAnUnansweredWriteTakesNoDetour(t *testing.T) {
	w := newWorld(t, 2)
	other := w.begin(&op{kind: opStatus, target: 2})
	w.open(2)
	asked := next[*marshal.StatusRequest](w, 2)
	w.hear(2, &marshal.StatusReply{RequestHeader: asked.RequestHeader, Host: 2})
	w.done(other)
	write := w.put("a")
	w.open(1)
	first := next[*marshal.SetRequest](w, 1)
	repeats := 0
	for range 400 {
		w.pass(tickInterval)
		for _, l := range w.sent {
			m, ok := l.m.(*marshal.SetRequest)
			if !ok {
				continue
			}
			if repeats++; l.to != 1 || m.RequestHeader != first.RequestHeader {
				t.Fatalf("it went to host %d as %+v", l.to, m.RequestHeader)
			}
		}
		w.sent = nil
	}
	if repeats < detourAfter {
		t.Errorf("it was repeated %d times", repeats)
	}
	w.pending(write)
}
