package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// A loop asks a store for a workload with many goroutines.
//
// It runs through phases, numbered from 0, the warm-up; each phase is measured by
// itself, and may be entered again. An operation is counted in the phase in which it
// began. So is its latency, or its error, but for those of operations that touched the
// sticky phase, be it all of it: the warm-up keeps what began in it, and a stall that
// a move makes counts for the move.
type loop struct {
	store   store
	load    workload
	clients int
	// rate is the operations per second that are due of all goroutines together; 0
	// closes the loop.
	rate float64
	// phases is their number, the warm-up included.
	phases, sticky int
	timeline       *timeline // nil: none is kept
}

// phaseStop ends a loop.
const phaseStop = -1

// A stage is the phase that a loop is in, and how often the sticky phase was entered
// so far.
type stage struct{ phase, stuck int }

// A runningLoop is a loop that has been started.
type runningLoop struct {
	loop
	stage   atomic.Pointer[stage]
	since   time.Time       // when the present phase was entered
	length  []time.Duration // of each phase so far, the present one left out
	cpu     []time.Duration // the servers' in each phase, likewise
	cpuThen time.Duration   // what the servers had spent by since
	readCPU func() time.Duration
	workers []*worker
	done    sync.WaitGroup
}

// A worker is one goroutine of a loop.
type worker struct {
	*runningLoop
	chooser   *chooser
	measured  []*measurement // per phase
	key       []byte
	value     []byte
	batch     batch
	threshold uint64 // of 2^32 draws, those below it are gets
	interval  time.Duration
	due       time.Time
}

// start starts the goroutines, in phase 0. readCPU tells what the servers' processes
// have spent so far.
func (l loop) start(ctx context.Context, readCPU func() time.Duration) *runningLoop {
	r := &runningLoop{loop: l, readCPU: readCPU, length: make([]time.Duration, l.phases), cpu: make([]time.Duration, l.phases)}
	value := randomValue(l.load.ValueBytes)
	r.enter(0)
	now := r.since
	for i := range l.clients {
		w := &worker{
			runningLoop: r, chooser: newChooser(l.load.Distribution, l.load.Keys, uint64(i)+1),
			value: value, threshold: uint64(l.load.Ratio * (1 << 32)),
		}
		for range l.phases {
			w.measured = append(w.measured, newMeasurement())
		}
		if l.load.Batch > 1 {
			w.batch = l.store.batch()
		}
		if l.rate > 0 {
			w.interval = time.Duration(float64(time.Second) * float64(l.clients*max(l.load.Batch, 1)) / l.rate)
			w.due = now.Add(w.interval * time.Duration(i) / time.Duration(l.clients))
		}
		r.workers = append(r.workers, w)
		r.done.Go(func() { w.run(ctx) })
	}
	return r
}

// enter ends the present phase and begins another one, or ends the loop.
func (r *runningLoop) enter(phase int) {
	now := time.Now()
	var cpu time.Duration
	if r.readCPU != nil {
		cpu = r.readCPU()
	}
	next := stage{phase: phase}
	if last := r.stage.Load(); last != nil {
		r.length[last.phase] += now.Sub(r.since)
		r.cpu[last.phase] += cpu - r.cpuThen
		next.stuck = last.stuck
	}
	if phase == r.sticky {
		next.stuck++
	}
	r.since, r.cpuThen = now, cpu
	r.stage.Store(&next)
}

// finish ends the loop and returns each phase's result.
func (r *runningLoop) finish() []result {
	r.enter(phaseStop)
	r.done.Wait()
	out := make([]result, r.phases)
	for p := range out {
		sum := newMeasurement()
		for _, w := range r.workers {
			sum.merge(w.measured[p])
		}
		if r.length[p] > 0 {
			out[p] = sum.result(r.length[p])
			out[p].ServerCPU = micros(r.cpu[p]) / float64(max(sum.ops, 1))
		}
	}
	return out
}

// measure runs a loop of a warm-up and one phase.
func (l loop) measure(ctx context.Context, warmup, duration time.Duration, readCPU func() time.Duration) (result, error) {
	l.phases, l.sticky = 2, 0
	r := l.start(ctx, readCPU)
	err := sleep(ctx, warmup)
	r.enter(1)
	if err == nil {
		err = sleep(ctx, duration)
	}
	return r.finish()[1], err
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

func (w *worker) run(ctx context.Context) {
	start := time.Now()
	for {
		begun := w.stage.Load()
		if begun.phase == phaseStop {
			return
		}
		if w.interval > 0 {
			if ahead := w.due.Sub(start); ahead > 0 {
				if sleep(ctx, ahead) != nil {
					return
				}
				begun = w.stage.Load()
			}
			start = w.due
			w.due = w.due.Add(w.interval)
		}
		if begun.phase == phaseStop || ctx.Err() != nil {
			return
		}
		ops, failed := w.step(ctx)
		end := time.Now()
		w.note(begun, start, end, ops, failed)
		start = end
	}
}

func (w *worker) note(begun *stage, start, end time.Time, ops int, failed []string) {
	into := begun.phase
	if w.stage.Load().stuck != begun.stuck {
		into = w.sticky
	}
	m := w.measured[into]
	for _, kind := range failed {
		m.fail(kind)
	}
	if ops > 0 {
		w.measured[begun.phase].ops += uint64(ops)
		m.record(end.Sub(start))
		if w.timeline != nil {
			w.timeline.record(end, end.Sub(start), ops)
		}
	}
}

// step asks once. It returns how many operations were answered, and the kinds of
// error of those that were not.
func (w *worker) step(ctx context.Context) (ops int, failed []string) {
	if w.batch != nil {
		return w.stepBatch(ctx)
	}
	w.key = appendKey(w.key[:0], w.chooser.next())
	var err error
	ops = 1
	switch {
	case w.load.Op == opScan:
		ops, err = w.store.scan(ctx, w.key, w.load.ScanEntries)
	case w.gets():
		err = w.store.get(ctx, w.key)
	default:
		err = w.store.set(ctx, w.key, w.value)
	}
	if err != nil {
		return 0, []string{w.store.kind(err)}
	}
	return ops, nil
}

func (w *worker) stepBatch(ctx context.Context) (ops int, failed []string) {
	for range w.load.Batch {
		key := appendKey(nil, w.chooser.next())
		if w.gets() {
			w.batch.get(key)
		} else {
			w.batch.set(key, w.value)
		}
	}
	w.batch.do(ctx, func(err error) {
		if err != nil {
			failed = append(failed, w.store.kind(err))
			return
		}
		ops++
	})
	return ops, failed
}

// gets draws whether the next operation is a get.
func (w *worker) gets() bool {
	switch w.load.Op {
	case opGet:
		return true
	case opMixed:
		return uint64(w.chooser.random.Uint32()) < w.threshold
	case opSet, opScan:
	}
	return false
}

const (
	// fillBatch and fillBytes bound a batch of fill, in operations and bytes of values.
	fillBatch = 256
	fillBytes = 256 << 10
	// fillClients is how many goroutines fill a store.
	fillClients = 8
)

// fill writes every key of a workload once; done is told of keys as they are written.
func fill(ctx context.Context, s store, load workload, done func(keys int)) error {
	value := randomValue(load.ValueBytes)
	size := uint64(max(1, min(fillBatch, fillBytes/max(1, load.ValueBytes))))
	var taken atomic.Uint64
	group, ctx := errgroup.WithContext(ctx)
	for range fillClients {
		group.Go(func() error {
			b := s.batch()
			for ctx.Err() == nil {
				from := taken.Add(size) - size
				if from >= load.Keys {
					return nil
				}
				until := min(from+size, load.Keys)
				for n := from; n < until; n++ {
					b.set(appendKey(nil, n), value)
				}
				var first error
				b.do(ctx, func(err error) {
					if err != nil && first == nil {
						first = err
					}
				})
				if first != nil {
					return first
				}
				done(int(until - from))
			}
			return context.Cause(ctx)
		})
	}
	return group.Wait()
}
