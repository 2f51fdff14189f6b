package world

import (
	"fmt"
	"testing"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

// An entry that is larger than a chunk, and for the moment too large to fly beside what
// is under way, goes as soon as acknowledgements have made room for it: on a network
// without delay the whole move takes no time.
func TestLargeEntriesDoNotStallAMove(t *testing.T) {
	w := New(Config{Hosts: 2, Clients: 1, Met: true, Limits: kv.Limits{ChunkBytes: 200, InFlightBytes: 600}})
	for i := range 40 {
		put := w.Invoke(1, Op{Kind: OpPut, Key: delegation.Key(fmt.Sprintf("k%02d", i)), Value: make([]byte, 50+500*(i%4/3))})
		if !w.Settle(100, func() bool { return put.Done }) {
			t.Fatal("a put was not answered")
		}
	}
	shard := w.Invoke(1, Op{Kind: OpShard, Range: delegation.All, Recipient: 2, Rate: marshal.RateUnlimited})
	if !w.Settle(100, func() bool { return shard.Done }) {
		t.Fatal("the order was not answered")
	}
	start := w.Now
	if !w.Settle(2000, func() bool { return w.Node(1).Host.State().Moves[1].Phase == marshal.MoveDone }) {
		t.Fatalf("the move did not end: %+v", w.Node(1).Host.State().Moves[1])
	}
	if m := w.Node(1).Host.State().Moves[1]; m.Keys != 40 || w.Now-start > 10*kv.Millisecond {
		t.Errorf("a move of %d entries took %d ms where nothing takes time", m.Keys, (w.Now-start)/kv.Millisecond)
	}
}
