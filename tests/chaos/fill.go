package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"ironkv/kv/client"
)

const (
	// fillEntries of fillBytes each are what moves have to carry.
	fillEntries = 8000
	fillBytes   = 256
	fillBatch   = 500
)

// fill is entries that are written in the beginning, and then by nobody; in a soak
// those from fillEntries on are written and deleted all the time, up to grownEntries and
// down again.
type fill struct {
	adrift bool // it is a soak

	mu      sync.Mutex // guards what follows
	shrinks bool       // which way it goes
	// Entries below low are there, those from low to high may be, and so may those in
	// loose: a write of them that nobody knows the outcome of may still be executed.
	low, high int
	loose     map[int]bool
}

func (*fill) name() string { return "fill" }

func (f *fill) workers() (int, time.Duration) {
	if f.adrift {
		return 1, 100 * time.Millisecond
	}
	return 0, 0
}

func (*fill) round(int) {}

func fillName(i int) string { return fmt.Sprintf("fill/%d", i) }

func fillValue(i int) []byte {
	return []byte(strings.Repeat(fmt.Sprintf("%08x", uint32(i)*0x9e3779b1), fillBytes/8))
}

// step writes, or deletes, the next entries, until it comes to an end and turns.
func (f *fill) step(ctx context.Context, w *worker) error {
	f.mu.Lock()
	if f.shrinks = f.shrinks && f.high > fillEntries || f.low >= grownEntries; f.shrinks {
		f.low = min(f.low, max(fillEntries, f.high-fillBatch))
	} else {
		f.high = max(f.high, min(grownEntries, f.low+fillBatch))
	}
	shrinks, from, until := f.shrinks, f.low, f.high
	f.mu.Unlock()
	b := w.db.Batch()
	for i := from; i < until; i++ {
		if shrinks {
			b.Delete(key(fillName(i)))
		} else {
			b.Put(key(fillName(i)), fillValue(i))
		}
	}
	var failed error
	results := b.Do(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, r := range results {
		if r.Err == nil || errors.Is(r.Err, client.ErrNotFound) {
			continue
		}
		failed = r.Err
		if errors.Is(r.Err, client.ErrUnknownOutcome) {
			f.loose[from+i] = true
		}
	}
	switch {
	case failed != nil:
	case shrinks:
		f.high = from
	default:
		f.low = until
	}
	return failed
}

// to writes and deletes entries, in calm, until there are n.
func (f *fill) to(ctx context.Context, db *client.Client, n int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var writes []write
	for i := range max(n, grownEntries) {
		switch open := i >= f.low && i < f.high || f.loose[i]; {
		case i < n && (open || i >= f.high):
			writes = append(writes, write{fillName(i), fillValue(i)})
		case i >= n && (open || i < f.low):
			writes = append(writes, write{fillName(i), nil})
		}
	}
	f.low, f.high, f.loose = n, n, map[int]bool{}
	return calmly(ctx, db, writes)
}

// trim leaves what there was in the beginning.
func (f *fill) trim(ctx context.Context, db *client.Client) error { return f.to(ctx, db, fillEntries) }

// check compares all entries.
func (f *fill) check(rest contents) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for i := range max(f.high, grownEntries) {
		e, found := rest.take(fillName(i))
		sure := !f.loose[i] && (i < f.low || i >= f.high)
		if sure && found != (i < f.low) || found && string(e.Value) != string(fillValue(i)) {
			errs = append(errs, fmt.Errorf("%s is %.20q (found: %v)", fillName(i), e.Value, found))
		}
	}
	if len(errs) > 0 {
		return violationf("%d entries, of %d to %d, are not as they were written: %v", len(errs), f.low, f.high, errors.Join(errs[:min(len(errs), 10)]...))
	}
	return nil
}

// remove deletes the keys of these names, in calm.
func remove(ctx context.Context, db *client.Client, names []string) error {
	var writes []write
	for _, name := range names {
		writes = append(writes, write{name, nil})
	}
	return calmly(ctx, db, writes)
}

// A write is what is to be under a name; nil deletes it.
type write struct {
	name  string
	value []byte
}

// calmly makes writes that may be made again, while there is no fault. They are, where
// a host has not seen yet that its disk has room again, or was so slow that the session
// of the client ended.
func calmly(ctx context.Context, db *client.Client, writes []write) error {
	for part := range slices.Chunk(writes, fillBatch) {
		if err := atLast(ctx, db, part); err != nil {
			return err
		}
	}
	return nil
}

// atLast tries until the writes are made. Each few of them have the time that anything
// may take: all together take as long as the machine is slow.
func atLast(ctx context.Context, db *client.Client, writes []write) error {
	ctx, cancel := context.WithTimeout(ctx, restTime)
	defer cancel()
	for err := try(ctx, db, writes); err != nil; err = try(ctx, db, writes) {
		if !wait(ctx, 100*time.Millisecond) {
			return late(ctx, "with every host up and no fault at all, a write fails: %v", err)
		}
	}
	return nil
}

// try makes writes once; it returns an error of one that failed.
func try(ctx context.Context, db *client.Client, writes []write) (err error) {
	b := db.Batch()
	for _, w := range writes {
		if w.value == nil {
			b.Delete(key(w.name))
		} else {
			b.Put(key(w.name), w.value)
		}
	}
	for _, r := range b.Do(ctx) {
		if r.Err != nil && !errors.Is(r.Err, client.ErrNotFound) {
			err = r.Err
		}
	}
	return err
}
