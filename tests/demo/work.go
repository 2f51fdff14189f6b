package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"ironkv/kv/client"
)

// readers read random files and compare them; writers count, each under a key
// of its own in every part of the key space that is moved.
const (
	readers = 4
	writers = 4
)

// A phase is a part of the demo with latencies of its own.
type phase int32

const (
	beforeMoves phase = iota
	duringMoves
	duringCrash
	numPhases
)

func (p phase) String() string {
	return [...]string{"before moves", "during moves", "during the crash"}[p]
}

// stats collects the latencies of a phase, in microseconds.
type stats struct {
	mu   sync.Mutex
	hist *hdrhistogram.Histogram
}

func (s *stats) record(took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hist == nil {
		s.hist = hdrhistogram.New(1, time.Minute.Microseconds(), 3)
	}
	_ = s.hist.RecordValue(min(took.Microseconds(), time.Minute.Microseconds()))
}

func (d *run) latency(p phase) string {
	h := d.stats[p].hist
	if h == nil {
		return "no operations"
	}
	ms := func(us int64) string { return strconv.FormatFloat(float64(us)/1000, 'f', 2, 64) }
	return fmt.Sprintf("%s / %s / %s ms", ms(h.ValueAtQuantile(50)), ms(h.ValueAtQuantile(99)), ms(h.Max()))
}

func (d *run) operations() (n int64) {
	for p := range d.stats {
		if h := d.stats[p].hist; h != nil {
			n += h.TotalCount()
		}
	}
	return n
}

func (d *run) startWork() {
	ctx, cancel := context.WithCancel(d.ctx)
	d.stopping = cancel
	for i := range readers {
		d.workers.Go(func() { d.loop(ctx, rand.New(rand.NewPCG(1, uint64(i))), d.read) })
	}
	for i := range writers {
		d.workers.Go(func() {
			d.loop(ctx, rand.New(rand.NewPCG(2, uint64(i))), func(random *rand.Rand) error { return d.count(i, random) })
		})
	}
}

// loop works until it is told to stop, between two operations: none is cut short.
func (d *run) loop(ctx context.Context, random *rand.Rand, once func(*rand.Rand) error) {
	for ctx.Err() == nil {
		start := time.Now()
		if err := once(random); err != nil {
			d.errors.Add(1)
			d.firstErr.CompareAndSwap(nil, &err)
			return
		}
		d.stats[d.phase.Load()].record(time.Since(start))
	}
}

func (d *run) stopWork() error {
	d.stopping()
	d.workers.Wait()
	if err := d.firstErr.Load(); err != nil {
		return fmt.Errorf("an operation failed: %w", *err)
	}
	return nil
}

func (d *run) read(random *rand.Rand) error {
	f := d.files[random.IntN(len(d.files))]
	e, err := d.client.Get(d.ctx, f.key)
	if err != nil {
		return fmt.Errorf("get %s: %w", f.key, err)
	}
	if sha256.Sum256(e.Value) != f.sum {
		return fmt.Errorf("get %s: not what was loaded", f.key)
	}
	return nil
}

// counterKeys lie in different parts of the tree.
var counterKeys = []string{"archive/counter", "cmd/compile/counter", "cmd/go/counter", "net/counter", "runtime/counter", "zz/counter"}

func counterKey(writer, n int) []byte {
	return fmt.Appendf(nil, "%s-%d", counterKeys[n%len(counterKeys)], writer)
}

// count increments a counter under the condition that nobody else has: a write
// that was executed twice, or lost, would fail the next one.
func (d *run) count(writer int, _ *rand.Rand) error {
	key := counterKey(writer, int(d.tallies[writer]))
	e, err := d.client.Get(d.ctx, key)
	cond, n := client.IfAbsent(), 0
	switch {
	case err == nil:
		cond = client.IfVersion(e.Version)
		if n, err = strconv.Atoi(string(e.Value)); err != nil {
			return err
		}
	case !errors.Is(err, client.ErrNotFound):
		return fmt.Errorf("get %s: %w", key, err)
	}
	if _, err := d.client.Put(d.ctx, key, strconv.AppendInt(nil, int64(n+1), 10), cond); err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	d.tallies[writer]++
	return nil
}

// counters compares every counter with the writes that were acknowledged.
func (d *run) counters() error {
	for w := range writers {
		var sum uint64
		for n := range counterKeys {
			e, err := d.client.Get(d.ctx, counterKey(w, n))
			if errors.Is(err, client.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			v, err := strconv.ParseUint(string(e.Value), 10, 64)
			if err != nil {
				return err
			}
			sum += v
		}
		if sum != d.tallies[w] {
			return fmt.Errorf("writer %d counted to %d, but %d writes of it were acknowledged", w, sum, d.tallies[w])
		}
	}
	return nil
}
