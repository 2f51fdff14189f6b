package udp

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

// TestSpansAgainstBits judges spans by a set with one entry per byte.
func TestSpansAgainstBits(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 5))
		var set spans
		var bits [64]bool
		for range 200 {
			s := span{from: rng.IntN(64)}
			s.to = s.from + 1 + rng.IntN(min(6, 64-s.from))
			have := 0
			for _, b := range bits[s.from:s.to] {
				if b {
					have++
				}
			}
			before := append(spans{}, set...)
			at, result := set.add(s, 12)
			want := spanAdded
			switch {
			case have == s.to-s.from:
				want = spanDuplicate
			case have > 0:
				want = spanOverlap
			case result == spanTooMany:
				want = spanTooMany
				if len(before) != 12 {
					t.Fatalf("seed %d: %d pieces are too many", seed, len(before))
				}
			}
			if result != want {
				t.Fatalf("seed %d: adding %v to %v: %v, want %v", seed, s, before, result, want)
			}
			if result == spanAdded {
				for i := s.from; i < s.to; i++ {
					bits[i] = true
				}
			}
			if result <= spanDuplicate && (set[at].from > s.from || set[at].to < s.to) {
				t.Fatalf("seed %d: %v is not in piece %d of %v", seed, s, at, set)
			}
			checkSpans(t, set, bits[:])
		}
	}
}

func checkSpans(t *testing.T, set spans, bits []bool) {
	t.Helper()
	covered := 0
	for i, s := range set {
		if s.from >= s.to || i > 0 && set[i-1].to >= s.from {
			t.Fatalf("not sorted, disjoint and apart: %v", set)
		}
		for _, b := range bits[s.from:s.to] {
			if !b {
				t.Fatalf("%v holds what never came", set)
			}
			covered++
		}
	}
	for _, b := range bits {
		if b {
			covered--
		}
	}
	if covered != 0 {
		t.Fatalf("%v lacks what came", set)
	}
}

func TestSpansAround(t *testing.T) {
	set := spans{{0, 1}, {2, 3}, {4, 5}, {6, 7}}
	for i, want := range []int{0, 0, 1, 2} {
		if got := set.around(i, 2); len(got) != 2 || got[0] != set[want] {
			t.Errorf("around %d: %v", i, got)
		}
	}
	if got := set.around(1, 9); len(got) != 4 {
		t.Errorf("around with room for all: %v", got)
	}
}

// TestEpochAgainstAMap judges the window of finished ids by a map.
func TestEpochAgainstAMap(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 6))
		var e epoch
		finished := map[uint64]bool{}
		highest := uint64(0)
		base := uint64(rng.IntN(1_000_000))
		for range 3000 {
			id := base + uint64(rng.IntN(700))
			if rng.IntN(50) == 0 {
				base += uint64(rng.IntN(3000))
			}
			switch state := e.state(id); {
			case state == idFinished && !finished[id]:
				t.Fatalf("seed %d: %d counts as finished", seed, id)
			case state == idFresh && finished[id]:
				t.Fatalf("seed %d: %d was forgotten", seed, id)
			case state == idStale && id+idWindow-64 >= highest:
				t.Fatalf("seed %d: %d is stale below %d", seed, id, highest)
			case state == idFresh && rng.IntN(2) == 0:
				e.finish(id)
				finished[id] = true
				highest = max(highest, id)
			}
		}
	}
}

// TestEpochForgets: what lies below the window is neither finished nor fresh.
func TestEpochForgets(t *testing.T) {
	var e epoch
	e.finish(5)
	e.finish(5 + idWindow)
	if e.state(5) != idStale || e.state(6+idWindow) != idFresh || e.state(5+idWindow) != idFinished {
		t.Errorf("states %v, %v, %v", e.state(5), e.state(6+idWindow), e.state(5+idWindow))
	}
}

func TestBuffers(t *testing.T) {
	var p buffers
	for n := 1; n < 9<<20; n += 1 + n/7 {
		class, size := bufferClass(n)
		again, same := bufferClass(size)
		if size < n || size > max(minBuffer, n+n/4+1) || again != class || same != size {
			t.Fatalf("%d bytes: class %d of %d; its own class is %d of %d", n, class, size, again, same)
		}
		if b := p.get(n); len(b) != 0 || cap(b) < n {
			t.Fatalf("%d bytes: got %d with room for %d", n, len(b), cap(b))
		}
	}
	for range 100 {
		p.put(make([]byte, 0, 1<<20))
	}
	if p.retained > maxRetained {
		t.Errorf("%d bytes kept", p.retained)
	}
	b := p.grow(append(p.get(10), "hello"...), 5000)
	if string(b) != "hello" || cap(b) < 5005 {
		t.Errorf("grown to %q with room for %d", b, cap(b))
	}
}

func TestFifo(t *testing.T) {
	var q fifo[int]
	next, want := 0, 0
	rng := rand.New(rand.NewPCG(1, 1))
	for range 10_000 {
		if q.len() == 0 || rng.IntN(5) < 3 {
			q.push(next)
			next++
			continue
		}
		if q.peek() != want || q.pop() != want {
			t.Fatalf("not first in, first out at %d", want)
		}
		want++
	}
	if q.len() != next-want {
		t.Errorf("%d left, not %d", q.len(), next-want)
	}
}

func TestFaults(t *testing.T) {
	const n = 2000
	count := func(rates FaultRates, cut func(*Faults)) (arrived, changed int, last time.Duration) {
		f := NewFaults(3, rates)
		cut(f)
		for range n {
			f.Push(0, address(0), address(1), []byte("0123456789"))
		}
		for {
			at, ok := f.Deadline()
			if !ok {
				return arrived, changed, last
			}
			src, dst, data, ok := f.Pop(at)
			if !ok || at < last || src != address(0) || dst != address(1) {
				t.Fatal("out of time or out of place")
			}
			last = at
			arrived++
			if string(data) != "0123456789" {
				changed++
			}
		}
	}
	nothing := func(*Faults) {}
	about := func(what string, got, want int) {
		t.Helper()
		if got < want-n/20 || got > want+n/20 {
			t.Errorf("%s: %d of %d, about %d expected", what, got, n, want)
		}
	}
	arrived, changed, last := count(FaultRates{}, nothing)
	if arrived != n || changed != 0 || last != 0 {
		t.Errorf("a good network: %d arrived, %d changed, at %v", arrived, changed, last)
	}
	arrived, _, _ = count(FaultRates{Drop: 0.25}, nothing)
	about("drop", arrived, n*3/4)
	arrived, _, _ = count(FaultRates{Duplicate: 0.25}, nothing)
	about("duplicate", arrived, n*5/4)
	_, changed, _ = count(FaultRates{Flip: 0.25}, nothing)
	about("flip", changed, n/4)
	_, changed, _ = count(FaultRates{Truncate: 0.25}, nothing)
	about("truncate", changed, n/4)
	if _, _, last = count(FaultRates{Delay: 5, Jitter: 5, Reorder: 1, ReorderBy: 10}, nothing); last < 15 || last > 20 {
		t.Errorf("delays add to %v", last)
	}
	if arrived, _, _ = count(FaultRates{MTU: 9}, nothing); arrived != 0 {
		t.Error("10 bytes pass through an MTU of 9")
	}
	var zero netip.AddrPort
	for _, l := range []link{{address(0), address(1)}, {zero, address(1)}, {address(0), zero}, {zero, zero}} {
		if arrived, _, _ = count(FaultRates{}, func(f *Faults) { f.Partition(l.src, l.dst, true) }); arrived != 0 {
			t.Errorf("%v is cut and lets %d pass", l, arrived)
		}
	}
	healed := func(f *Faults) {
		f.Partition(address(0), address(1), true)
		f.Partition(address(0), address(1), false)
		f.Partition(address(1), address(0), true)
	}
	if arrived, _, _ = count(FaultRates{}, healed); arrived != n {
		t.Error("a mended way, or the cut of the other way, loses datagrams")
	}
}
