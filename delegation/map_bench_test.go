package delegation

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// benchSizes are the numbers of boundaries at which the map is measured.
var benchSizes = []int{1, 3, 10, 100, 1_000, 10_000, 100_000, 1_000_000}

// benchKey is the i-th of a family of keys as programs make them: one long
// common prefix, which is the harder case for comparisons, then digits.
func benchKey(i int) Key { return Key(fmt.Sprintf("user/%012d/profile", i)) }

// benchMap returns a map with n boundaries, made in random order, as a balancer
// that splits over time would, so that neighbours do not lie together in memory.
func benchMap(b *testing.B, n int) *Map {
	b.Helper()
	m := NewMap(1)
	for _, i := range rand.New(rand.NewPCG(1, 2)).Perm(n - 1) {
		// Three hosts in turn, by place, so that no two neighbours ever merge.
		r := Range{From: At(benchKey(2*i + 2)), Until: At(benchKey(2*i + 4))}
		if err := m.Assign(r, HostID(2+i%3)); err != nil {
			b.Fatal(err)
		}
	}
	return m
}

// benchKeys are keys to look up, drawn evenly from the whole map; a power of two
// of them, so that choosing one costs nothing.
func benchKeys(n int) []Key {
	rng := rand.New(rand.NewPCG(3, 4))
	keys := make([]Key, 1<<14)
	for i := range keys {
		keys[i] = benchKey(rng.IntN(2*n + 2))
	}
	return keys
}

// Sinks keep the compiler from dropping what is measured.
var (
	benchSink HostID
	cloneSink *Map
)

func BenchmarkLookup(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			m, keys := benchMap(b, n), benchKeys(n)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				benchSink = m.Lookup(keys[i&(len(keys)-1)])
				i++
			}
		})
	}
}

// BenchmarkAssign carves a range out of its owner's and gives it back, in turn,
// so that the map keeps its size: a call adds two boundaries, the next removes
// them.
func BenchmarkAssign(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			m := benchMap(b, n)
			ranges, owners := make([]Range, 1<<14), make([]HostID, 1<<14)
			for i, key := range benchKeys(n) {
				ranges[i] = Single(key + "/x")
				owners[i] = m.Lookup(key + "/x")
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				at, host := i/2&(len(ranges)-1), HostID(9)
				if i%2 == 1 {
					host = owners[at]
				}
				if err := m.Assign(ranges[at], host); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}

// BenchmarkClone measures a clone and the first change to it, which copies one
// node for each level of the tree.
func BenchmarkClone(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			m := benchMap(b, n)
			r := Single(benchKey(n) + "/x")
			b.ReportAllocs()
			for b.Loop() {
				if err := m.Clone().Assign(r, 9); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
