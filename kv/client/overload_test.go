package client

import (
	"context"
	"errors"
	"testing"

	"ironkv/marshal"
)

// A host that says that it is overloaded says so of all that waits for it: those
// calls are repeated less often, and who gives up learns it, beside whether a write
// may have been executed. It says nothing of what is asked later.
func TestOverloadIsTold(t *testing.T) {
	w := newWorld(t, 1)
	refused := w.get("k")
	w.open(1)
	m := next[*marshal.GetRequest](w, 1)
	beside, write := w.get("l"), w.put("m")
	next[*marshal.GetRequest](w, 1)
	next[*marshal.SetRequest](w, 1)
	for range 10 {
		w.hear(1, &marshal.Refusal{RequestHeader: m.RequestHeader, Reason: marshal.Overloaded})
	}
	late := w.get("n")
	next[*marshal.GetRequest](w, 1)
	w.pass(maxPause - tickInterval)
	w.pending(late)
	for _, l := range w.sent {
		if g, ok := l.m.(*marshal.GetRequest); ok && g.Key == "n" {
			t.Error("a request was repeated as if the host were not overloaded")
		}
	}
	later := w.get("o")
	w.pass(DefaultTimeout + tickInterval)
	for _, o := range []*op{refused, beside, write} {
		if !errors.Is(o.err, ErrOverloaded) || !errors.Is(o.err, context.DeadlineExceeded) {
			t.Errorf("%v: %v", o.key, o.err)
		}
		if risky := o == write; errors.Is(o.err, ErrUnknownOutcome) != risky || errors.Is(o.err, ErrUnavailable) == risky {
			t.Errorf("%v: %v", o.key, o.err)
		}
	}
	if later.err == nil || errors.Is(later.err, ErrOverloaded) {
		t.Errorf("what was asked afterwards: %v", later.err)
	}
}

// Misuse of a batch panics, in the goroutine of whoever misuses it.
func TestMisuseOfABatchPanics(t *testing.T) {
	panics := func(what string, use func()) {
		t.Helper()
		defer func() {
			if recover() == nil {
				t.Errorf("%s does not panic", what)
			}
		}()
		use()
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	b := (&Client{engine: newWorld(t, 1).e}).Batch()
	b.enter("Do")
	panics("a second call beside Do", func() { b.Get([]byte("k")) })
	panics("Do beside Do", func() { b.Do(ended) })
	panics("Go beside Do", func() { b.Go(ended) })
	panics("Reset beside Do", func() { b.Reset() })
	b.leave()
	b.Do(ended)
	panics("Do after Do", func() { b.Do(ended) })
	panics("Go after Do", func() { b.Go(ended) })
	panics("adding after Do", func() { b.Put([]byte("k"), nil) })
	b.Reset()
	b.Get([]byte("k"))
	if b.Len() != 1 {
		t.Error("a batch cannot be used after Reset")
	}
}
