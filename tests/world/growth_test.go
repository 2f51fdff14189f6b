package world

import (
	"fmt"
	"testing"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

// cost is how many messages something took.
type cost struct{ perGet, perPut, perMove float64 }

// costOf counts messages in a met cluster in which the keys are spread over all
// hosts: of operations by a client that knows the owners, and of a move of all
// that one host has.
func costOf(t *testing.T, hosts int) cost {
	t.Helper()
	const keys = 128
	w := New(Config{Hosts: hosts, Clients: 1, Met: true, Limits: kv.Limits{ChunkBytes: 1 << 10}})
	key := func(i int) delegation.Key { return delegation.Key(fmt.Sprintf("key %03d", i)) }
	done := func(op *Op, what string) {
		t.Helper()
		if !w.Settle(10_000, func() bool { return op.Done }) {
			t.Fatalf("%d hosts: %s was not answered", hosts, what)
		}
	}
	moved := func(host delegation.HostID, order *Op) {
		t.Helper()
		done(order, "an order")
		moves := w.Node(host).Host.State().Moves
		last := moves[w.Node(host).Host.State().LastMove]
		if !w.Settle(10_000, func() bool { return last.Phase == marshal.MoveDone }) {
			t.Fatalf("%d hosts: a move is %v", hosts, last.Phase)
		}
	}
	put := func(i int) {
		done(w.Invoke(1, Op{Kind: OpPut, Key: key(i), Value: make([]byte, 100)}), "a put")
	}
	for i := range keys {
		put(i)
	}
	for h := 2; h <= hosts; h++ {
		r := delegation.Range{From: delegation.At(key((h - 1) * keys / hosts)), Until: delegation.PosInf}
		if h < hosts {
			r.Until = delegation.At(key(h * keys / hosts))
		}
		moved(1, w.Invoke(1, Op{Kind: OpShard, Range: r, Recipient: delegation.HostID(h), Rate: marshal.RateUnlimited}))
	}
	count := func(n int, each func(i int)) float64 {
		before := w.serial
		for i := range n {
			each(i)
		}
		return float64(w.serial-before) / float64(n)
	}
	get := func(i int) { done(w.Invoke(1, Op{Kind: OpGet, Key: key(i)}), "a get") }
	count(keys, get) // the client learns who has what
	c := cost{perGet: count(keys, get), perPut: count(keys, put)}
	c.perMove = count(1, func(int) {
		r := delegation.Range{Until: delegation.At(key(keys / hosts))}
		moved(1, w.Invoke(1, Op{Kind: OpShard, Range: r, Recipient: 2, Rate: marshal.RateUnlimited}))
	})
	c.perMove /= float64(keys / hosts)
	return c
}

// What an operation costs does not grow with the number of hosts: a request and
// its answer; and a move costs a delegate and its acknowledgement for each chunk,
// and what it takes to agree on it.
func TestMessagesDoNotGrowWithHosts(t *testing.T) {
	t.Log("hosts  messages per get  per put  per entry moved")
	for _, hosts := range []int{2, 4, 8, 16, 32, 64} {
		c := costOf(t, hosts)
		t.Logf("%5d  %16.2f  %7.2f  %15.2f", hosts, c.perGet, c.perPut, c.perMove)
		if c.perGet != 2 || c.perPut != 2 {
			t.Errorf("%d hosts: %.2f messages per get, %.2f per put; want a request and an answer", hosts, c.perGet, c.perPut)
		}
		// Order and answer, proposal and consent, and for each entry at most a
		// delegate and an acknowledgement.
		if entries := 128 / hosts; c.perMove*float64(entries) > float64(4+2*entries) {
			t.Errorf("%d hosts: %.0f messages for a move of %d entries", hosts, c.perMove*float64(entries), entries)
		}
	}
}
