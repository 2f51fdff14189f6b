package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"ironkv/delegation"
	"ironkv/kv/client"
)

// callTime is how long a call of a workload may take before it is given up: less
// than many faults last, so that outcomes become unknown.
const callTime = 2 * time.Second

// A workload is what clients do all the time, and what has to hold of it.
type workload interface {
	// name is short, and the first part of its keys' names.
	name() string
	// workers is how many goroutines call step, think how long each of them waits
	// at most between two.
	workers() (n int, think time.Duration)
	// round is called before each round's workers start.
	round(n int)
	// step does one operation; one that takes several answers calls heard at each. It returns nil when there was an answer, an error
	// of the client when there was none, and a violation.
	step(ctx context.Context, w *worker) error
	// check compares what is in the store, while nobody writes, with what clients
	// were told. It takes out the keys that belong to the workload.
	check(rest contents) error
}

// contents are all entries, by their keys' names.
type contents map[string]client.Entry

// take removes and returns an entry.
func (c contents) take(name string) (client.Entry, bool) {
	e, found := c[name]
	delete(c, name)
	return e, found
}

// key spreads names evenly over the key space.
func key(name string) []byte {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	return fmt.Appendf(nil, "%02x/%s", byte(h.Sum32()^h.Sum32()>>16), name)
}

const keyPrefixBytes = 3

// read scans everything.
func read(ctx context.Context, db *client.Client) (contents, error) {
	all := contents{}
	last := ""
	for e, err := range db.Scan(ctx, delegation.All) {
		if err != nil {
			return nil, err
		}
		if k := string(e.Key); k <= last {
			return nil, violationf("a scan yields %q after %q", k, last)
		}
		last = string(e.Key)
		if len(last) <= keyPrefixBytes {
			return nil, violationf("the store holds %q, which nobody wrote", last)
		}
		name := last[keyPrefixBytes:]
		if string(key(name)) != last {
			return nil, violationf("the store holds %q, which nobody wrote", last)
		}
		all[name] = e
	}
	return all, nil
}

// A worker is one goroutine of a workload.
type worker struct {
	db    *client.Client
	rng   *rand.Rand
	id    int
	score *score

	since time.Time // it heard an answer, or else began to ask; zero where it asks for nothing
	// The longest that it waited for an answer in the steps since the last that
	// succeeded.
	from, until time.Time
}

// heard notes an answer, or that there is none to come.
func (w *worker) heard() {
	now := time.Now()
	if now.Sub(w.since) > w.until.Sub(w.from) {
		w.from, w.until = w.since, now
	}
	w.since = now
}

// work steps until stop is closed. It returns the first violation.
func (w *worker) work(ctx context.Context, stop <-chan struct{}, l workload) error {
	_, think := l.workers()
	for {
		select {
		case <-stop:
			if !w.since.IsZero() {
				w.heard()
				w.score.waited(w.from, w.until)
			}
			return nil
		case <-ctx.Done():
			return nil
		case <-time.After(time.Duration(w.rng.Int64N(int64(think)))):
		}
		if w.since.IsZero() {
			w.since = time.Now()
		}
		err := l.step(ctx, w)
		if ctx.Err() != nil {
			return nil
		}
		var v *violation
		switch {
		case err == nil:
			w.heard()
			w.score.answered(l.name())
			w.score.waited(w.from, w.until)
			w.since, w.from, w.until = time.Time{}, time.Time{}, time.Time{}
		case errors.As(err, &v):
			return err
		case errors.Is(err, client.ErrUnknownOutcome):
			w.score.unknown(l.name())
		case errors.Is(err, client.ErrUnavailable), errors.Is(err, client.ErrFull):
			w.score.unavailable(l.name())
		default:
			return violationf("%s: an error that no fault explains: %v", l.name(), err)
		}
	}
}

// pick returns one of values.
func pick[T any](rng *rand.Rand, values ...T) T { return values[rng.IntN(len(values))] }
