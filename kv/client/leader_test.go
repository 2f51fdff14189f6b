package client

import (
	"testing"

	"ironkv/marshal"
)

// Of a crowd whose answers come at once, the first are waked before the leader takes the
// others' answers.
func TestACrowdIsWakedInGroups(t *testing.T) {
	w := newWorld(t, 1)
	c := &Client{engine: w.e, clock: newClock()}
	w.e.wake = c.wake
	var crowd []*op
	for range wakeGroup + 1 {
		o := w.get("k")
		c.park(o.w)
		crowd = append(crowd, o)
	}
	w.open(1)
	for i, o := range crowd {
		m := next[*marshal.GetRequest](w, 1)
		c.receive(address(1), marshal.Append(nil, &marshal.GetReply{RequestHeader: m.RequestHeader}))
		w.done(o)
		if waked, want := len(crowd[0].w.wake) > 0, i >= wakeGroup-1; waked != want {
			t.Errorf("after %d answers the first caller was waked: %v, want %v", i+1, waked, want)
		}
	}
	last := crowd[wakeGroup].w
	if len(crowd[wakeGroup-1].w.wake) == 0 || len(last.wake) > 0 {
		t.Errorf("not the first %d were waked", wakeGroup)
	}
	c.mu.Lock()
	c.wakeAnswered() // the batch is over
	c.mu.Unlock()
	if len(last.wake) == 0 {
		t.Error("the last caller was not waked")
	}
}
