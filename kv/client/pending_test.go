package client

import (
	"math/rand/v2"
	"testing"
)

// Ops are found under their numbers, and no others, whatever goes and whatever stays
// for long: held against a map.
func TestPending(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	p, model := newPending(), map[uint64]*op{}
	var numbers []uint64 // of the model, in order
	next := uint64(1)
	check := func(n uint64) {
		t.Helper()
		if got := p.get(n); got != model[n] {
			t.Fatalf("number %d is %p, want %p", n, got, model[n])
		}
	}
	for step := range 100_000 {
		if most := 1 + 300*(step%20_000)/20_000; len(numbers) < most {
			o := &op{number: next}
			next++
			p.put(o)
			model[o.number] = o
			numbers = append(numbers, o.number)
			continue
		}
		i := random.IntN(len(numbers))
		if random.IntN(64) > 0 {
			i = max(i, min(3, len(numbers)-1)) // the first three stay for long
		}
		n := numbers[i]
		check(n)
		p.remove(model[n])
		delete(model, n)
		numbers = append(numbers[:i], numbers[i+1:]...)
		check(n)
		check(n + leastRing)
		check(random.Uint64N(next + 2))
		if p.n != len(model) {
			t.Fatalf("%d are pending, want %d", p.n, len(model))
		}
	}
	for _, n := range numbers {
		check(n)
	}
	if len(p.ring) > 4*300 {
		t.Errorf("a ring of %d for 300 at most", len(p.ring))
	}
}
