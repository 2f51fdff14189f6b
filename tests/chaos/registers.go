package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"ironkv/kv/client"
)

const (
	registersPerRound = 16
	// patience is how long porcupine may think about one key before the key is
	// left undecided; many unknown outcomes may take it for ever.
	patience = 5 * time.Second
	// undecidedShare is of how many registers one may be left undecided.
	undecidedShare = 20
)

// registers are keys that are read, written, deleted and written under conditions
// by several clients at once. Each round has new ones; those of earlier rounds
// may not change any more.
type registers struct {
	score *score
	start time.Time

	mu      sync.Mutex
	names   []string
	history map[string][]porcupine.Operation
	// seen is the version that a client saw last, for conditions.
	seen map[string]uint64
	// rest is what registers of earlier rounds held, late the writes to them whose
	// outcome is unknown.
	rest map[string]client.Entry
	late map[string][]regCall
}

func newRegisters(s *score) *registers {
	return &registers{score: s, start: time.Now(), rest: map[string]client.Entry{}, late: map[string][]regCall{}}
}

func (*registers) name() string { return "register" }

func (*registers) workers() (int, time.Duration) { return 8, 10 * time.Millisecond }

func (r *registers) round(n int) {
	r.names, r.history, r.seen = nil, map[string][]porcupine.Operation{}, map[string]uint64{}
	for i := range registersPerRound {
		r.names = append(r.names, fmt.Sprintf("register/%d/%d", n, i))
	}
}

type regKind uint8

const (
	regGet regKind = iota
	regPut
	regDelete
)

// regCall is an operation on a register as it was asked.
type regCall struct {
	kind    regKind
	value   string
	guarded bool   // only where the version is the one below
	version uint64 // 0 stands for no entry
}

func (r *registers) draw(rng *rand.Rand, name string) regCall {
	c := regCall{value: fmt.Sprintf("%x", rng.Uint64())}
	switch n := rng.IntN(10); {
	case n < 4:
		return regCall{}
	case n < 9:
		c.kind = regPut
	default:
		c.kind, c.value = regDelete, ""
	}
	if c.guarded = rng.IntN(3) == 0; c.guarded && rng.IntN(4) > 0 {
		r.mu.Lock()
		c.version = r.seen[name]
		r.mu.Unlock()
	}
	return c
}

// regAnswer is what came of it. Nothing of it is known where unknown is set.
type regAnswer struct {
	absent, failed, unknown bool
	value                   string
	version                 uint64 // 0 where the client is not told
}

func (r *registers) step(ctx context.Context, w *worker) error {
	name := pick(w.rng, r.names...)
	c := r.draw(w.rng, name)
	began := time.Since(r.start)
	a, err := c.do(ctx, w.db, key(name))
	ended := int64(time.Since(r.start))
	switch {
	case errors.Is(err, client.ErrUnknownOutcome) && c.kind != regGet:
		a, ended = regAnswer{unknown: true}, math.MaxInt64
	case err != nil:
		return err // was not executed, and never will be
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if a.version > 0 || a.absent {
		r.seen[name] = a.version
	}
	r.history[name] = append(r.history[name], porcupine.Operation{
		ClientId: w.id, Input: c, Call: int64(began), Output: a, Return: ended,
	})
	return err
}

// do asks, and translates the answer.
func (c regCall) do(ctx context.Context, db *client.Client, k []byte) (a regAnswer, err error) {
	var conds []client.Condition
	if c.guarded {
		conds = append(conds, client.IfVersion(c.version))
	}
	switch c.kind {
	case regGet:
		var e client.Entry
		e, err = db.Get(ctx, k)
		a.value, a.version = string(e.Value), e.Version
	case regPut:
		a.version, err = db.Put(ctx, k, []byte(c.value), conds...)
	case regDelete:
		err = db.Delete(ctx, k, conds...)
	}
	switch {
	case errors.Is(err, client.ErrNotFound):
		return regAnswer{absent: true}, nil
	case errors.Is(err, client.ErrConditionFailed):
		return regAnswer{failed: true}, nil
	}
	return a, err
}

func (r *registers) check(rest contents) error {
	for name, was := range r.rest {
		if err := r.settled(name, was, rest[name]); err != nil {
			return err
		}
	}
	now := int64(time.Since(r.start))
	for _, name := range r.names {
		e, found := rest[name]
		final := porcupine.Operation{
			Input: regCall{}, Call: now, Return: now + 1,
			Output: regAnswer{absent: !found, value: string(e.Value), version: e.Version},
		}
		ops := append(r.history[name], final)
		for _, o := range ops {
			if o.Output.(regAnswer).unknown {
				r.late[name] = append(r.late[name], o.Input.(regCall))
			}
		}
		switch porcupine.CheckOperationsTimeout(regModel, ops, patience) {
		case porcupine.Illegal:
			return violationf("what clients saw of %s has no order in which one register would have said it:\n%s", name, describe(ops))
		case porcupine.Unknown:
			r.score.undecided++
		case porcupine.Ok:
			r.score.histories++
		}
		r.rest[name] = e
	}
	for name := range r.rest {
		delete(rest, name)
	}
	return nil
}

// settled reports a register of an earlier round that has changed, other than by
// a write that nobody knew the outcome of.
func (r *registers) settled(name string, was, is client.Entry) error {
	if was.Version == is.Version && string(was.Value) == string(is.Value) {
		return nil
	}
	for _, c := range r.late[name] {
		if c.kind == regDelete && is.Version == 0 || c.kind == regPut && c.value == string(is.Value) && is.Version > was.Version {
			r.rest[name] = is
			return nil
		}
	}
	return violationf("%s held %q, version %d, and nobody has written it since; now it holds %q, version %d",
		name, was.Value, was.Version, is.Value, is.Version)
}

// trim removes the registers of all rounds so far.
func (r *registers) trim(ctx context.Context, db *client.Client) error {
	names := slices.Collect(maps.Keys(r.rest))
	clear(r.rest)
	clear(r.late)
	return remove(ctx, db, names)
}

// guests are clients that come, do a little with registers, and go.
type guests struct {
	addresses []string
	registers *registers
}

func (*guests) name() string { return "guest" }

func (*guests) workers() (int, time.Duration) { return 1, 2 * time.Second }

func (*guests) round(int) {}

func (*guests) check(contents) error { return nil }

func (g *guests) step(ctx context.Context, w *worker) (err error) {
	const steps = 10
	db, err := client.Dial(ctx, g.addresses, client.WithTimeout(callTime))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	guest := *w
	guest.db = db
	for range steps {
		if err := g.registers.step(ctx, &guest); err != nil {
			return err
		}
		w.heard()
	}
	return nil
}
