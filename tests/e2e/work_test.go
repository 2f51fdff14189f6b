package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ironkv/delegation"
	"ironkv/kv/client"
)

// Each writer counts under its own keys, spread over the whole key space, and
// remembers what was acknowledged.
const (
	writers       = 6
	keysPerWriter = 64
)

// A tally is one key's counter, which only its writer increments: under the
// condition of the version that it saw last, so that a write that was executed
// twice, or was lost, fails the next one.
type tally struct {
	key     []byte
	count   int
	version uint64
	// versions are those of each count, from 1 on; acked is the count, for others to read.
	versions []uint64
	acked    atomic.Int64
}

func newTallies(writer int) []tally {
	list := make([]tally, keysPerWriter)
	for i := range list {
		list[i].key = fmt.Appendf(nil, "%02x/writer %d", i*256/keysPerWriter, writer)
	}
	return list
}

// increment adds one. The value is padded to a length that depends on the count,
// so that some requests take several datagrams.
func (a *tally) increment(ctx context.Context, db *client.Client) error {
	cond := client.IfVersion(a.version)
	if a.version == 0 {
		cond = client.IfAbsent()
	}
	version, err := db.Put(ctx, a.key, a.value(a.count+1), cond)
	if err != nil {
		return fmt.Errorf("increment %q from %d: %w", a.key, a.count, err)
	}
	a.count, a.version, a.versions = a.count+1, version, append(a.versions, version)
	a.acked.Store(int64(a.count))
	return nil
}

func (a *tally) value(count int) []byte {
	v := strconv.AppendInt(nil, int64(count), 10)
	if count%50 == 0 {
		v = append(v, bytes.Repeat([]byte("."), 100_000)...)
	}
	return v
}

// check reads the key and compares it with what was acknowledged.
func (a *tally) check(ctx context.Context, db *client.Client) error {
	e, err := db.Get(ctx, a.key)
	if errors.Is(err, client.ErrNotFound) && a.version == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("get %q: %w", a.key, err)
	}
	if e.Version != a.version || !bytes.Equal(e.Value, a.value(a.count)) {
		return fmt.Errorf("%q has %.10q, version %d; acknowledged was %d, version %d", a.key, e.Value, e.Version, a.count, a.version)
	}
	return nil
}

func fillerKey(i, n int) []byte { return fmt.Appendf(nil, "%02x/filler %07d", i*256/n, i) }

// fill puts entries over the whole key space that nobody writes again.
func fill(t *testing.T, db *client.Client, n, valueBytes int) {
	t.Helper()
	value := bytes.Repeat([]byte("f"), valueBytes)
	b := db.Batch()
	for i := range n {
		b.Put(fillerKey(i, n), value)
		if b.Len() < 1000 && i < n-1 {
			continue
		}
		for _, r := range b.Do(t.Context()) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
		b.Reset()
	}
}

// work is writers that count until they are told to stop.
type work struct {
	t       *testing.T
	db      *client.Client
	writers sync.WaitGroup
	tallies [writers][]tally
	// acks has one item per increment: how long its read and its write took.
	acks chan time.Duration
	// Done ends with stop, or with the first error of a writer.
	context.Context
	stop func()
}

func startWork(t *testing.T, db *client.Client) *work {
	t.Helper()
	w := &work{t: t, db: db, acks: make(chan time.Duration, 1<<20)}
	w.Context, w.stop = context.WithCancel(t.Context())
	for i := range w.tallies {
		w.tallies[i] = newTallies(i)
		random := rand.New(rand.NewPCG(1, uint64(i)))
		w.writers.Go(func() {
			defer w.stop()
			for w.Err() == nil {
				a, began := &w.tallies[i][random.IntN(keysPerWriter)], time.Now()
				if err := errors.Join(a.check(t.Context(), db), a.increment(t.Context(), db)); err != nil {
					t.Error(err)
					return
				}
				w.acks <- time.Since(began)
			}
		})
	}
	return w
}

// counts are what was acknowledged of each key until now.
func (w *work) counts() (all [writers][]int) {
	for i := range w.tallies {
		for j := range w.tallies[i] {
			all[i] = append(all[i], int(w.tallies[i][j].acked.Load()))
		}
	}
	return all
}

// finish stops the writers, compares every key with what was acknowledged, and
// returns how many increments there were and the longest that one took. others
// is how many entries there are besides.
func (w *work) finish(others uint64) (increments int, longest time.Duration) {
	w.t.Helper()
	w.stop()
	w.writers.Wait()
	keys := others
	for i := range w.tallies {
		for j := range w.tallies[i] {
			a := &w.tallies[i][j]
			if a.version > 0 {
				keys++
			}
			increments += a.count
			if err := a.check(w.t.Context(), w.db); err != nil {
				w.t.Error(err)
			}
		}
	}
	if got, _, err := w.db.Count(w.t.Context(), delegation.All); err != nil || got != keys {
		w.t.Errorf("%d keys, %v; want %d", got, err, keys)
	}
	for len(w.acks) > 0 {
		longest = max(longest, <-w.acks)
	}
	return increments, longest
}
