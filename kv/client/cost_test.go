package client_test

import (
	"testing"

	"ironkv/kv/client"
	"ironkv/kv/cluster"
)

// What a request costs, apart from time: a batch shares datagrams and system
// calls, and a get allocates its value and nothing else, client and host together.
func TestCostOfABatch(t *testing.T) {
	const size, rounds = 64, 100
	cl := cluster.Start(t, 1)
	db, err := client.Dial(t.Context(), cl.Addrs())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	puts, gets := db.Batch(), db.Batch()
	fill := func() {
		puts.Reset()
		gets.Reset()
		for i := range size {
			puts.Put(key(i), make([]byte, 128))
			gets.Get(key(i))
		}
	}
	do := func(b *client.Batch) {
		for _, r := range b.Do(t.Context()) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
	}
	fill()
	do(puts)
	do(gets)
	for name, b := range map[string]*client.Batch{"gets": gets, "puts": puts} {
		before := db.NetworkStats()
		for range rounds {
			fill()
			do(b)
		}
		after := db.NetworkStats()
		const ops = size * rounds
		for what, n := range map[string]uint64{
			"datagrams sent": after.DatagramsOut - before.DatagramsOut, "datagrams received": after.DatagramsIn - before.DatagramsIn,
			"system calls to send": after.Sends - before.Sends, "system calls to receive": after.Receives - before.Receives,
		} {
			if n > ops/8 {
				t.Errorf("%s: %d %s for %d operations, at most %d", name, n, what, ops, ops/8)
			}
		}
	}
	reused := db.Batch()
	perBatch := testing.AllocsPerRun(rounds, func() {
		reused.Reset()
		for i := range size {
			reused.Get(keys[i])
		}
		do(reused)
	})
	if perBatch > 1.1*size {
		t.Errorf("%.0f allocations for %d gets, at most their values", perBatch, size)
	}
}

// keys are made before anything is counted.
var keys = func() (list [64][]byte) {
	for i := range list {
		list[i] = key(i)
	}
	return list
}()
