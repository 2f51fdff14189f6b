package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestMain lets the test binary stand in for kvbench where the program starts itself
// again, as the null server, and for a kvbench that is killed (TestNoOrphans).
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "echo-server" {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	if len(os.Args) > 1 && os.Args[1] == "orphan" {
		s, err := startEcho(context.Background(), []int{1})
		if err != nil {
			panic(err)
		}
		fmt.Println(s.processes[0].cmd.Process.Pid)
		select {} // until it is killed
	}
	os.Exit(m.Run())
}

// A fakeStore answers at once, unless a call is told to do something else.
type fakeStore struct {
	calls  atomic.Int64
	before func(call int64) error
	mu     sync.Mutex
	keys   map[string]int
	values int // total length
}

func (s *fakeStore) call(key []byte, value int) error {
	n := s.calls.Add(1)
	s.mu.Lock()
	if s.keys == nil {
		s.keys = map[string]int{}
	}
	s.keys[string(key)]++
	s.values += value
	s.mu.Unlock()
	if s.before != nil {
		return s.before(n)
	}
	return nil
}

func (s *fakeStore) get(_ context.Context, key []byte) error        { return s.call(key, 0) }
func (s *fakeStore) set(_ context.Context, key, value []byte) error { return s.call(key, len(value)) }

func (s *fakeStore) batch() batch          { return &sequentialBatch{store: s} }
func (s *fakeStore) kind(err error) string { return commonKind(err) }
func (s *fakeStore) close() error          { return nil }

func (s *fakeStore) scan(_ context.Context, from []byte, entries int) (int, error) {
	return entries, s.call(from, 0)
}

// steps runs one worker's steps by hand, so that nothing depends on time.
func steps(s store, w workload, n int) (ops int, failed []string) {
	r := &runningLoop{loop: loop{store: s, load: w}}
	worker := &worker{runningLoop: r, chooser: newChooser(w.Distribution, w.Keys, 1), value: randomValue(w.ValueBytes), threshold: uint64(w.Ratio * (1 << 32))}
	if w.Batch > 1 {
		worker.batch = s.batch()
	}
	for range n {
		o, f := worker.step(context.Background())
		ops += o
		failed = append(failed, f...)
	}
	return ops, failed
}

func TestStepCountsOperationsAndErrors(t *testing.T) {
	failing := func(n int64) error {
		if n%5 == 0 {
			return errMissing
		}
		return nil
	}
	for _, c := range []struct {
		w         workload
		n         int
		ops, errs int
	}{
		{workload{Op: opGet, Keys: 10, Distribution: uniform}, 100, 80, 20},
		{workload{Op: opSet, Keys: 10, ValueBytes: 7, Distribution: zipf}, 100, 80, 20},
		{workload{Op: opSet, Keys: 10, Batch: 10, Distribution: uniform}, 10, 80, 20},
		{workload{Op: opScan, Keys: 10, ScanEntries: 50, Distribution: uniform}, 10, 8 * 50, 2},
	} {
		s := &fakeStore{before: failing}
		ops, failed := steps(s, c.w, c.n)
		if ops != c.ops || len(failed) != c.errs || failed[0] != "missing" {
			t.Errorf("%+v: %d operations and %d errors, want %d and %d", c.w, ops, len(failed), c.ops, c.errs)
		}
		for key := range s.keys {
			if len(key) != keyBytes {
				t.Errorf("%+v asked for the key %q", c.w, key)
			}
		}
	}
}

func TestMixHasItsRatio(t *testing.T) {
	for _, ratio := range []float64{0, 0.25, 1} {
		s := &fakeStore{}
		steps(s, workload{Op: opMixed, Ratio: ratio, Keys: 100, ValueBytes: 1, Distribution: uniform}, 10_000)
		gets := 1 - float64(s.values)/10_000
		if gets < ratio-0.02 || gets > ratio+0.02 {
			t.Errorf("ratio %v: %v of the operations are gets", ratio, gets)
		}
	}
}

// An operation is counted in the phase in which it began, its latency in the sticky
// one if it touched that, be it all of it; so a stall that a move makes is found in
// the move's window, and the move's throughput holds nothing that came before.
func TestPhases(t *testing.T) {
	const during, between, before, after, stop = phaseDuring, phaseBetween, phaseBefore, phaseAfter, phaseStop
	for _, c := range []struct {
		begun int
		then  []int // the phases that were entered meanwhile
		want  int   // where the latency is
	}{
		{before, nil, before},
		{before, []int{during}, during},        // a move began meanwhile
		{before, []int{during, after}, during}, // a move began and ended meanwhile
		{during, []int{after}, during},
		{during, []int{between}, during},
		{between, nil, between},
		{between, []int{during}, during}, // another one began
		{after, []int{stop}, after},
		{phaseWarmup, []int{before}, phaseWarmup},
	} {
		r := &runningLoop{
			loop:   loop{phases: movePhases, sticky: phaseDuring},
			length: make([]time.Duration, movePhases), cpu: make([]time.Duration, movePhases),
		}
		w := &worker{runningLoop: r}
		for range movePhases {
			w.measured = append(w.measured, newMeasurement())
		}
		now := time.Now()
		r.enter(c.begun)
		begun := r.stage.Load()
		for _, phase := range c.then {
			r.enter(phase)
		}
		w.note(begun, now, now.Add(time.Second), 3, []string{"other"})
		for phase, m := range w.measured {
			ops, latencies := uint64(0), int64(0)
			if phase == c.begun {
				ops = 3
			}
			if phase == c.want {
				latencies = 1
			}
			if m.ops != ops || m.histogram.TotalCount() != latencies || m.errors["other"] != uint64(latencies) {
				t.Errorf("phase %d, then %v: phase %d has %d operations, %d latencies, errors %v", c.begun, c.then, phase, m.ops, m.histogram.TotalCount(), m.errors)
			}
		}
	}
}

// The time of a phase that is entered again is that of all its turns: a pause between
// two moves does not count as theirs.
func TestPhasesAgain(t *testing.T) {
	l := loop{store: &fakeStore{}, load: workload{Op: opGet, Keys: 1, Distribution: uniform}, clients: 1, phases: movePhases, sticky: phaseDuring}
	var cpu time.Duration
	r := l.start(t.Context(), func() time.Duration { cpu += time.Second; return cpu })
	moves, pauses := time.Duration(0), time.Duration(0)
	for _, phase := range []int{phaseDuring, phaseBetween, phaseDuring, phaseAfter} {
		entered := r.since
		r.enter(phase)
		switch phase {
		case phaseBetween, phaseAfter:
			moves += r.since.Sub(entered)
		case phaseDuring:
			pauses += r.since.Sub(entered) // the warm-up too
		}
	}
	warmup := r.length[phaseWarmup]
	out := r.finish()
	if got := out[phaseDuring].Seconds; got != moves.Seconds() || r.cpu[phaseDuring] != 2*time.Second {
		t.Errorf("two moves took %v s and %v of the servers' time, want %v s", got, r.cpu[phaseDuring], moves.Seconds())
	}
	if got := out[phaseBetween].Seconds; got != (pauses - warmup).Seconds() {
		t.Errorf("the pause took %v s, want %v", got, (pauses - warmup).Seconds())
	}
	if out[phaseBefore].Seconds != 0 || out[phaseBefore].Ops != 0 {
		t.Errorf("a phase that was never entered has %+v", out[phaseBefore])
	}
}

// In an open loop a stall makes what was due meanwhile late, and that is measured:
// after one call that takes 200 ms, those that were due behind it waited too. A closed
// loop would have seen one slow call among many.
func TestOpenLoopCountsWhatAStallDelays(t *testing.T) {
	const stall = 200 * time.Millisecond
	s := &fakeStore{before: func(n int64) error {
		if n == 2 {
			<-time.After(stall)
		}
		return nil
	}}
	l := loop{store: s, load: workload{Op: opGet, Keys: 1, Distribution: uniform}, clients: 1, rate: 1000, phases: 1}
	r := l.start(t.Context(), nil)
	for s.calls.Load() < 300 { // until what was late has been caught up
		if err := sleep(t.Context(), time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	r.finish()
	late := 0
	for _, bar := range r.workers[0].measured[0].histogram.Distribution() {
		if bar.From > int64(stall/4) {
			late += int(bar.Count)
		}
	}
	// 150 of the 200 calls that were due during the stall waited for a quarter of it.
	if late < 100 {
		t.Errorf("%d calls waited for more than %v, want 100 at least", late, stall/4)
	}
}

func TestMeasure(t *testing.T) {
	s := &fakeStore{before: func(n int64) error {
		if n%2 == 0 {
			return errors.New("refused")
		}
		return nil
	}}
	var cpu time.Duration
	readCPU := func() time.Duration { cpu += time.Second; return cpu }
	l := loop{store: s, load: workload{Op: opGet, Keys: 1, Distribution: uniform}, clients: 3}
	r, err := l.measure(t.Context(), time.Millisecond, 500*time.Millisecond, readCPU)
	if err != nil || r.Ops == 0 || r.Errors["other"] == 0 || r.Throughput == 0 || r.P50 > r.P99 || r.P99 > r.P999 || r.P999 > r.Max {
		t.Errorf("%+v, %v", r, err)
	}
	if want := 1e6 / float64(r.Ops); r.ServerCPU != want {
		t.Errorf("one second of processor time for %d operations is %v µs each, want %v", r.Ops, r.ServerCPU, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.measure(ctx, time.Hour, time.Hour, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupted measurement: %v", err)
	}
}

func TestFillWritesEveryKeyOnce(t *testing.T) {
	s := &fakeStore{}
	var done atomic.Int64
	load := workload{Keys: 1003, ValueBytes: 1000}
	if err := fill(t.Context(), s, load, func(n int) { done.Add(int64(n)) }); err != nil {
		t.Fatal(err)
	}
	if len(s.keys) != 1003 || s.calls.Load() != 1003 || done.Load() != 1003 || s.values != 1003*1000 {
		t.Errorf("%d keys, %d writes, %d told, %d bytes", len(s.keys), s.calls.Load(), done.Load(), s.values)
	}
	s.before = func(int64) error { return errMissing }
	if err := fill(t.Context(), s, load, func(int) {}); !errors.Is(err, errMissing) {
		t.Errorf("a failing store: %v", err)
	}
}

func TestDistributions(t *testing.T) {
	const keys, draws = 1000, 100_000
	for _, d := range []distribution{uniform, zipf} {
		counts := map[uint64]int{}
		c := newChooser(d, keys, 1)
		for range draws {
			n := c.next()
			if n >= keys {
				t.Fatalf("%s draws %d of %d", d, n, keys)
			}
			counts[n]++
		}
		most := 0
		for _, n := range counts {
			most = max(most, n)
		}
		// Uniform: a hundred each. Zipf: the most popular has more than a tenth of all.
		if skewed := most > draws/20; skewed != (d == zipf) {
			t.Errorf("%s: the most popular key has %d of %d", d, most, draws)
		}
	}
	one := newChooser(zipf, 1, 1)
	if one.next() != 0 {
		t.Error("the only key is key 0")
	}
	a, b := newChooser(zipf, keys, 7), newChooser(zipf, keys, 7)
	for range 100 {
		if a.next() != b.next() {
			t.Fatal("one seed, two sequences")
		}
	}
}

func TestKeysAndValues(t *testing.T) {
	if got := string(appendKey(nil, 123_456)); got != "key:000000123456" {
		t.Errorf("key %q", got)
	}
	a, b := randomValue(100), randomValue(100)
	if string(a) != string(b) || len(a) != 100 || len(randomValue(0)) != 0 {
		t.Error("values of one length differ, or have another")
	}
}

func TestTimeline(t *testing.T) {
	line := newTimeline(time.Second)
	line.start = line.start.Add(-time.Second) // all of it is over
	at := func(d time.Duration) time.Time { return line.start.Add(d) }
	line.record(at(50*time.Millisecond), time.Millisecond, 2)
	line.record(at(60*time.Millisecond), 5*time.Millisecond, 1)
	line.record(at(70*time.Millisecond), 2*time.Millisecond, 1)
	line.record(at(time.Hour), time.Millisecond, 1) // beyond the end
	m := line.moments()
	if m[0].Throughput != 40 || m[0].Max != 5000 || m[1].Throughput != 0 || m[1].Seconds != 0.1 {
		t.Errorf("%+v", m[:2])
	}
}

func TestSpread(t *testing.T) {
	id := func(v float64) float64 { return v }
	if s := spreadOf([]float64{5, 1, 9}, id); s != (spread{5, 1, 9}) {
		t.Errorf("%+v", s)
	}
	if s := spreadOf([]float64{4, 2}, id); s != (spread{2, 2, 4}) {
		t.Errorf("%+v", s)
	}
	if s := spreadOf(nil, id); s != (spread{}) {
		t.Errorf("%+v", s)
	}
}

func TestFormats(t *testing.T) {
	for got, want := range map[string]string{
		latency(12.4):        "12 µs",
		latency(1234):        "1.2 ms",
		latency(123_456):     "123 ms",
		latency(2_340_000):   "2.34 s",
		thousands(12_345):    "12.3k",
		thousands(1_234_567): "1235k",
		errorCounts(map[string]uint64{"b": 2, "a": 1}): "1 a, 2 b",
		errorCounts(nil): "0",
		fmt.Sprint(shape{Keys: 1_000_000, ValueBytes: 128}): "1,000,000 × 128 B",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
