package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"ironkv/delegation"
	"ironkv/kv/client"
)

// sets are keys that are added and stay: no acknowledged one may be missing, and
// none may be there that nobody added.
type sets struct {
	mu    sync.Mutex
	next  int
	added map[string]string // by name: the value, outcomes unknown included
	acked []string
}

func newSets() *sets { return &sets{added: map[string]string{}} }

func (*sets) name() string { return "set" }

func (*sets) workers() (int, time.Duration) { return 2, 20 * time.Millisecond }

func (*sets) round(int) {}

// large is how long every twentieth element is: several datagrams, several
// chunks.
const large = 60_000

func (s *sets) step(ctx context.Context, w *worker) error {
	value := fmt.Sprintf("%x", w.rng.Uint64())
	if w.rng.IntN(20) == 0 {
		value = strings.Repeat(value, large/len(value))
	}
	s.mu.Lock()
	name := fmt.Sprintf("set/%d", s.next)
	s.next++
	s.added[name] = value
	s.mu.Unlock()
	_, err := w.db.Put(ctx, key(name), []byte(value), client.IfAbsent())
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		s.acked = append(s.acked, name)
	case errors.Is(err, client.ErrConditionFailed):
		return violationf("%s was added for the first time, and is there already", name)
	case !errors.Is(err, client.ErrUnknownOutcome):
		delete(s.added, name) // was not added, and never will be
	}
	return err
}

func (s *sets) check(rest contents) error {
	for _, name := range s.acked {
		if e, found := rest[name]; !found || string(e.Value) != s.added[name] {
			return violationf("%s was added and acknowledged; now it is %.40q (found: %v)", name, e.Value, found)
		}
	}
	for name := range rest {
		if !strings.HasPrefix(name, "set/") {
			continue
		}
		e, _ := rest.take(name)
		if value, ok := s.added[name]; !ok || value != string(e.Value) {
			return violationf("%s is %.40q, which nobody added", name, e.Value)
		}
	}
	return nil
}

// trim removes all elements.
func (s *sets) trim(ctx context.Context, db *client.Client) error {
	names := slices.Collect(maps.Keys(s.added))
	s.added, s.acked = map[string]string{}, nil
	return remove(ctx, db, names)
}

// scans read everything while it is written and moved: what was acknowledged
// before a scan has to be in it, once, in order.
type scans struct{ sets *sets }

func (*scans) name() string { return "scan" }

func (*scans) workers() (int, time.Duration) { return 1, time.Second }

func (*scans) round(int) {}

func (*scans) check(contents) error { return nil }

func (s *scans) step(ctx context.Context, w *worker) error {
	s.sets.mu.Lock()
	acked := s.sets.acked[:len(s.sets.acked):len(s.sets.acked)]
	s.sets.mu.Unlock()
	seen, last, entries := map[string]bool{}, "", 0
	for e, err := range w.db.Scan(ctx, delegation.All, client.KeysOnly(), client.PageSize(1+w.rng.IntN(2000), 0)) {
		if err != nil {
			return err
		}
		w.heard()
		k := string(e.Key)
		if k <= last {
			return violationf("a scan yields %q after %q", k, last)
		}
		last = k
		switch name := k[min(len(k), keyPrefixBytes):]; {
		case strings.HasPrefix(name, "set/"):
			seen[name] = true
		case strings.HasPrefix(name, "fill/"):
			if i, err := strconv.Atoi(name[len("fill/"):]); err == nil && i < fillEntries {
				entries++
			}
		}
	}
	for _, name := range acked {
		if !seen[name] {
			return violationf("%s was acknowledged before a scan began, which does not show it", name)
		}
	}
	if entries != fillEntries {
		return violationf("a scan shows %d of %d entries that are there all the time", entries, fillEntries)
	}
	return nil
}
