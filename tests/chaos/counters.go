package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"ironkv/kv/client"
)

const counterCount, counterWorkers = 4, 3

// counters are numbers that several workers increment at once, each time under
// the condition that nobody did since it was read. A counter says of each worker which
// of his increments was the last: so it becomes known of each whose outcome was unknown
// whether it was executed, and the sum is exact.
type counters struct {
	mu  sync.Mutex
	sum [counterCount]int // increments that were executed, as far as is known
	by  [counterCount][counterWorkers]increments
}

// A count is the value of one key.
type count struct {
	Sum  int
	Last [counterWorkers]int // id of the worker's last increment, from 1 on
}

// increments are one worker's, of one counter.
type increments struct {
	ids  int // how many were tried
	last int // id of the last that was executed, as far as is known
	open []increment
}

// An increment is one whose outcome is unknown, under the condition of this version. It
// may be executed as long as that is the counter's.
type increment struct {
	id      int
	version uint64
}

func (*counters) name() string { return "counter" }

func (*counters) workers() (int, time.Duration) { return counterWorkers, 20 * time.Millisecond }

func (*counters) round(int) {}

func counterName(i int) string { return fmt.Sprintf("counter/%d", i) }

func (c *counters) step(ctx context.Context, w *worker) error {
	i := w.rng.IntN(counterCount)
	e, err := w.db.Get(ctx, key(counterName(i)))
	if err != nil && !errors.Is(err, client.ErrNotFound) {
		return err
	}
	w.heard()
	value, try, err := c.next(i, w.id, e)
	if err != nil {
		return err
	}
	_, err = w.db.Put(ctx, key(counterName(i)), value, client.IfVersion(e.Version))
	c.tried(i, w.id, try, err)
	if errors.Is(err, client.ErrConditionFailed) {
		return nil
	}
	return err
}

// next settles what a worker did not know, by what he has read, and returns his next
// increment and the value that it leaves.
func (c *counters) next(i, worker int, e client.Entry) ([]byte, increment, error) {
	v, err := parseCount(i, e)
	if err != nil {
		return nil, increment{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.settle(i, worker, v, e.Version); err != nil {
		return nil, increment{}, err
	}
	b := &c.by[i][worker]
	b.ids++
	v.Sum++
	v.Last[worker] = b.ids
	value, err := json.Marshal(v)
	return value, increment{b.ids, e.Version}, err
}

// tried notes what came of an increment.
func (c *counters) tried(i, worker int, try increment, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := &c.by[i][worker]
	switch {
	case err == nil: // and those before it, under the same condition, never will be executed
		b.last, b.open = try.id, nil
		c.sum[i]++
	case errors.Is(err, client.ErrUnknownOutcome):
		b.open = append(b.open, try)
	}
}

// settle finds out by a counter's value what became of a worker's increments. The caller
// holds mu.
func (c *counters) settle(i, worker int, v count, version uint64) error {
	b := &c.by[i][worker]
	if is := v.Last[worker]; is != b.last {
		if !slices.ContainsFunc(b.open, func(n increment) bool { return n.id == is }) {
			return violationf("%s says that the last increment of worker %d was his %d.; number %d was acknowledged or seen, and unknown are %v",
				counterName(i), worker, is, b.last, b.open)
		}
		b.last = is
		c.sum[i]++
	}
	b.open = slices.DeleteFunc(b.open, func(n increment) bool { return n.version != version || n.id == b.last })
	return nil
}

func parseCount(i int, e client.Entry) (v count, err error) {
	if e.Version > 0 && json.Unmarshal(e.Value, &v) != nil {
		err = violationf("%s is %q, which nobody wrote", counterName(i), e.Value)
	}
	return v, err
}

func (c *counters) check(rest contents) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range counterCount {
		e, _ := rest.take(counterName(i))
		v, err := parseCount(i, e)
		if err != nil {
			return err
		}
		for worker := range counterWorkers {
			if err := c.settle(i, worker, v, e.Version); err != nil {
				return err
			}
		}
		if v.Sum != c.sum[i] {
			return violationf("%s is %d; %d increments were executed", counterName(i), v.Sum, c.sum[i])
		}
	}
	return nil
}
