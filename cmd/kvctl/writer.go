package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"ironkv/kv/client"
)

const (
	// defaultParallel is how many batches a writer has in flight, maxParallel the most
	// that may be asked for.
	defaultParallel = 8
	maxParallel     = 256
	// batchItems and batchBytes are where a batch is sent.
	batchItems = 64
	batchBytes = 512 << 10
	// queuedBytes bounds the memory of items that wait to be written, in bytes: the
	// source reads no further. At least one of the largest items fits.
	queuedBytes = 64 << 20
	// itemOverhead is what an item counts for beyond its key and value, in bytes.
	itemOverhead = 64
	// writeTries is how often a write is made that was not answered.
	writeTries = 3
)

// A writer puts items through batches, several at a time. Items of one key are
// written in the order in which they came.
type writer struct {
	caller context.Context
	ctx    context.Context // ends with a failure, too
	client *client.Client
	queues []chan item
	group  *errgroup.Group
	memory *semaphore.Weighted
	seed   maphash.Seed

	mu          sync.Mutex
	keys, bytes uint64
	skipped     []skippedJSON
}

type skippedJSON struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

type loadedJSON struct {
	Keys    uint64        `json:"keys"`
	Bytes   uint64        `json:"bytes"`
	Seconds float64       `json:"seconds"`
	Skipped []skippedJSON `json:"skipped"`
}

func newWriter(caller context.Context, c *client.Client, parallel int) *writer {
	group, ctx := errgroup.WithContext(caller)
	w := &writer{caller: caller, ctx: ctx, client: c, group: group, memory: semaphore.NewWeighted(queuedBytes), seed: maphash.MakeSeed()}
	for range parallel {
		queue := make(chan item, batchItems)
		w.queues = append(w.queues, queue)
		group.Go(func() error { return w.drain(queue) })
	}
	return w
}

func cost(it item) int64 { return int64(len(it.key) + len(it.value) + itemOverhead) }

// put queues an item, which the writer keeps. It fails when a write has failed.
func (w *writer) put(it item) error {
	if err := w.memory.Acquire(w.ctx, cost(it)); err != nil {
		return err
	}
	// A key always goes the same way, which keeps its writes in order.
	queue := w.queues[maphash.Bytes(w.seed, it.key)%uint64(len(w.queues))]
	select {
	case queue <- it:
		return nil
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
}

func (w *writer) skip(name, reason string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.skipped = append(w.skipped, skippedJSON{name, reason})
}

// finish waits until everything is written. sourceErr is what ended the source: an
// error of its own, or only the echo of one here. Where the caller gave up, that is the
// error, whatever the writes that were under way say: they are made again, or never.
func (w *writer) finish(sourceErr error) error {
	for _, queue := range w.queues {
		close(queue)
	}
	err := cmp.Or(w.group.Wait(), sourceErr)
	if err != nil && w.caller.Err() != nil {
		return w.caller.Err()
	}
	return err
}

// result tells what has been written so far.
func (w *writer) result(took time.Duration) loadedJSON {
	w.mu.Lock()
	defer w.mu.Unlock()
	// Sources report in no particular order; people and tests want one.
	out := append([]skippedJSON{}, w.skipped...)
	slices.SortFunc(out, func(a, b skippedJSON) int { return cmp.Compare(a.Name, b.Name) })
	return loadedJSON{Keys: w.keys, Bytes: w.bytes, Seconds: took.Seconds(), Skipped: out}
}

// drain gathers batches from a queue and writes them.
func (w *writer) drain(queue chan item) error {
	var batch []item
	for {
		it, ok := <-queue
		if !ok {
			return nil
		}
		batch = append(batch[:0], it)
		held, next := cost(it), true
		inBatch := map[string]bool{string(it.key): true}
		for next && len(batch) < batchItems && held < batchBytes {
			select {
			case it, ok := <-queue:
				if !ok {
					return w.write(batch)
				}
				if inBatch[string(it.key)] {
					// Items of a batch run in no particular order, so a key may stand in it once.
					if err := w.write(batch); err != nil {
						return err
					}
					batch, held = batch[:0], 0
					clear(inBatch)
				}
				inBatch[string(it.key)] = true
				batch = append(batch, it)
				held += cost(it)
			default:
				next = false // nothing waits: write what there is
			}
		}
		if err := w.write(batch); err != nil {
			return err
		}
	}
}

// write puts a batch, and what was not answered of it again: the value is the same,
// so that writing it twice changes nothing that anyone relies on.
func (w *writer) write(items []item) error {
	b := w.client.Batch()
	left := items
	var last error
	for range writeTries {
		b.Reset()
		for _, it := range left {
			b.Put(it.key, it.value)
		}
		var again []item
		for i, r := range b.Do(w.ctx) {
			switch {
			case r.Err == nil:
				w.written(left[i])
			case errors.Is(r.Err, client.ErrUnknownOutcome), errors.Is(r.Err, client.ErrUnavailable):
				again, last = append(again, left[i]), r.Err
			default:
				return fmt.Errorf("%s: %w", left[i].name, r.Err)
			}
		}
		if len(again) == 0 {
			return nil
		}
		if w.ctx.Err() != nil {
			break
		}
		left = again
	}
	return fmt.Errorf("%s: %w", left[0].name, last)
}

func (w *writer) written(it item) {
	w.memory.Release(cost(it))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keys++
	w.bytes += uint64(len(it.key) + len(it.value))
}
