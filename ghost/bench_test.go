package ghost_test

import (
	"fmt"
	"testing"

	"ironkv/delegation"
	"ironkv/ghost"
	"ironkv/kv"
)

// BenchmarkStep is a step of one of three hosts that store 30 keys, with
// everything checked at each step, at every 1,000th, and with no judge at all.
func BenchmarkStep(b *testing.B) {
	for _, mode := range []struct {
		name  string
		every uint64
		judge bool
	}{{"unjudged", 0, false}, {"sampled", 1000, true}, {"full", 1, true}} {
		b.Run(mode.name, func(b *testing.B) {
			c := newCluster(b, 3, testLimits)
			checker, err := ghost.NewChecker(mode.every, c.hosts...)
			if err != nil {
				b.Fatal(err)
			}
			steps := 0
			c.observe = func(i int, _ kv.Time, in kv.Input, out *kv.Effects) {
				steps++
				if mode.judge {
					if err := checker.Step(c.hosts[i], in, out); err != nil {
						b.Fatal(err)
					}
				}
			}
			c.settle()
			cl := newClient(c, 1)
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; steps < b.N; n++ {
				key := delegation.Key(fmt.Sprintf("key%02d", n%30))
				cl.put(n%3, key, "value")
				cl.get(n%3, key)
				if n%50 == 0 {
					cl.shard(n/50%3, delegation.Range{From: delegation.At(key), Until: delegation.PosInf}, (n/50+1)%3)
					c.settle()
				}
				c.replies = c.replies[:0]
			}
		})
	}
}
