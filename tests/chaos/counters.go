package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"ironkv/kv/client"
)

const counterCount = 4

// counters are numbers that several workers increment at once, each time under
// the condition that nobody did since it was read.
type counters struct {
	mu      sync.Mutex
	certain [counterCount]int // increments that were acknowledged
	perhaps [counterCount]int // increments with an unknown outcome
}

func (*counters) name() string { return "counter" }

func (*counters) workers() (int, time.Duration) { return 3, 20 * time.Millisecond }

func (*counters) round(int) {}

func counterName(i int) string { return fmt.Sprintf("counter/%d", i) }

func (c *counters) step(ctx context.Context, w *worker) error {
	i := w.rng.IntN(counterCount)
	k := key(counterName(i))
	e, err := w.db.Get(ctx, k)
	n, cond := 0, client.IfAbsent()
	switch {
	case errors.Is(err, client.ErrNotFound):
	case err != nil:
		return err
	default:
		if n, err = strconv.Atoi(string(e.Value)); err != nil {
			return violationf("%s is %q, which nobody wrote", counterName(i), e.Value)
		}
		cond = client.IfVersion(e.Version)
	}
	_, err = w.db.Put(ctx, k, strconv.AppendInt(nil, int64(n+1), 10), cond)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil:
		c.certain[i]++
	case errors.Is(err, client.ErrConditionFailed):
		return nil
	case errors.Is(err, client.ErrUnknownOutcome):
		c.perhaps[i]++
	}
	return err
}

func (c *counters) check(rest contents) error {
	for i := range counterCount {
		e, found := rest.take(counterName(i))
		n, err := 0, error(nil)
		if found {
			n, err = strconv.Atoi(string(e.Value))
		}
		if err != nil || n < c.certain[i] || n > c.certain[i]+c.perhaps[i] {
			return violationf("%s is %q; %d increments were acknowledged, the outcome of %d is unknown", counterName(i), e.Value, c.certain[i], c.perhaps[i])
		}
	}
	return nil
}
