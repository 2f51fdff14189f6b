package world

import (
	"testing"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

func mustRange(t *testing.T, from, until string) delegation.Range {
	t.Helper()
	r := delegation.All
	if from != "" {
		r.From = delegation.At(delegation.Key(from))
	}
	if until != "" {
		r.Until = delegation.At(delegation.Key(until))
	}
	return r
}

// A put, a move of its key, and a get that follows the redirect: the whole life
// of a key in a bottle, with a crash of both hosts at the end.
func TestAKeyMovesAndIsFound(t *testing.T) {
	w := New(Config{Hosts: 3, Clients: 2, Met: true})
	done := func(ops ...*Op) func() bool {
		return func() bool {
			for _, o := range ops {
				if !o.Done {
					return false
				}
			}
			return true
		}
	}
	put := w.Invoke(1, Op{Kind: OpPut, Key: "d", Value: []byte("apple")})
	if !w.Settle(100, done(put)) {
		t.Fatalf("the put was not answered: %+v", put)
	}
	if r := put.Answer.(*marshal.SetReply); r.Result != marshal.SetApplied || r.Version != 1 {
		t.Fatalf("put: %+v", r)
	}
	shard := w.Invoke(1, Op{Kind: OpShard, Range: mustRange(t, "a", "m"), Recipient: 2})
	if !w.Settle(100, done(shard)) {
		t.Fatal("the order was not answered")
	}
	if r := shard.Answer.(*marshal.OrderReply); r.Reason != marshal.OrderAccepted {
		t.Fatalf("shard: %v", r.Reason)
	}
	moved := func() bool {
		m := w.Node(1).Host.State().Moves[1]
		return m.Phase == marshal.MoveDone
	}
	if !w.Settle(1000, moved) {
		t.Fatalf("the move did not end: %+v", w.Node(1).Host.State().Moves[1])
	}
	for id := range delegation.HostID(3) {
		w.Crash(id + 1)
		w.Restart(id + 1)
	}
	get := w.Invoke(2, Op{Kind: OpGet, Key: "d"})
	if !w.Settle(200, done(get)) {
		t.Fatalf("the get was not answered: %+v", get)
	}
	if r := get.Answer.(*marshal.GetReply); string(r.Value) != "apple" || r.Version != 1 {
		t.Fatalf("get: %+v", r)
	}
	if get.Host() != 2 || get.Tries != 2 {
		t.Fatalf("get was answered by host %d after %d tries, want host 2 after a redirect", get.Host(), get.Tries)
	}
}

// The first of many writes arrives last, at a host that keeps as many answers as
// it may. Refusing it would be for ever: the others' answers are kept until the
// floor passes it.
func TestTheNumberAtTheFloorIsNotRefused(t *testing.T) {
	w := New(Config{Hosts: 1, Clients: 1, Met: true, Limits: kv.Limits{Answers: 1}})
	first := w.Invoke(1, Op{Kind: OpPut, Key: "first", Value: []byte("x")})
	for len(w.Net) > 0 && !first.sent {
		w.Deliver(0) // the session is opened
	}
	w.Drop(0) // the first write is lost
	var others []*Op
	for range 20 {
		others = append(others, w.Invoke(1, Op{Kind: OpPut, Key: "other", Value: []byte("x")}))
	}
	for len(w.Net) > 0 {
		w.Deliver(0)
	}
	if last := others[19]; last.Done || last.Refused == nil || last.Refused.Reason != marshal.Overloaded {
		t.Fatalf("the last write was not refused for overload: %+v", last)
	}
	w.Retransmit(1)
	for len(w.Net) > 0 {
		w.Deliver(0)
	}
	if !first.Done {
		t.Fatalf("the first write is refused: %+v", first.Refused)
	}
}
