package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"ironkv/delegation"
	"ironkv/kv/client"
	"ironkv/marshal"
)

// movers order ranges moved, and moves paused, resumed, throttled and cancelled.
type movers struct {
	hosts int

	mu      sync.Mutex
	ordered int
	ids     []client.MoveID // the last few
}

func (*movers) name() string { return "move" }

func (*movers) workers() (int, time.Duration) { return 2, 100 * time.Millisecond }

func (*movers) round(int) {}

func (*movers) check(contents) error { return nil }

func (m *movers) step(ctx context.Context, w *worker) error {
	id, err := m.some(w)
	switch n := w.rng.IntN(12); {
	case err != nil || n < 6:
		err = m.order(ctx, w)
	case n < 8:
		err = w.db.PauseMove(ctx, id)
	case n < 10:
		err = w.db.ResumeMove(ctx, id)
	case n < 11:
		err = w.db.CancelMove(ctx, id)
	default:
		err = w.db.ThrottleMove(ctx, id, pick[uint64](w.rng, 0, 100_000, client.RateUnlimited))
	}
	if errors.Is(err, client.ErrMoveRefused) || errors.Is(err, client.ErrNoSuchMove) {
		return nil // an answer, too
	}
	return err
}

// some returns one of the last moves.
func (m *movers) some(w *worker) (client.MoveID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.ids) == 0 {
		return client.MoveID{}, client.ErrNoSuchMove
	}
	return pick(w.rng, m.ids...), nil
}

// lastMoves is how many moves are remembered to be ordered about.
const lastMoves = 6

func (m *movers) order(ctx context.Context, w *worker) error {
	var opts []client.MoveOption
	switch w.rng.IntN(4) {
	case 0:
		opts = append(opts, client.WithRate(uint64(200_000<<w.rng.IntN(6))))
	case 1:
		opts = append(opts, client.Unlimited())
	}
	ids, err := w.db.MoveShard(ctx, m.part(w), client.HostID(1+w.rng.IntN(m.hosts)), opts...)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ordered += len(ids)
	m.ids = append(m.ids, ids...)
	m.ids = m.ids[max(0, len(m.ids)-lastMoves):]
	return err
}

// part draws a range: everything, the ends, one key, or something between.
func (m *movers) part(w *worker) delegation.Range {
	bound := func() delegation.Bound { return delegation.At(delegation.Key(fmt.Sprintf("%02x", w.rng.IntN(256)))) }
	r := delegation.All
	switch w.rng.IntN(10) {
	case 0:
	case 1:
		r.From = bound()
	case 2:
		r.Until = bound()
	default:
		a, b := w.rng.IntN(256), w.rng.IntN(256)
		r.From = delegation.At(delegation.Key(fmt.Sprintf("%02x", min(a, b))))
		r.Until = delegation.At(delegation.Key(fmt.Sprintf("%02x~", max(a, b))))
	}
	return r
}

// settle resumes what is paused and waits until every move has ended.
func settle(ctx context.Context, db *client.Client) error {
	ctx, cancel := context.WithTimeout(ctx, restTime)
	defer cancel()
	for {
		moves, err := db.Moves(ctx)
		errs := []error{err}
		var open []client.Move
		for _, m := range moves {
			if m.Phase.Ended() {
				continue
			}
			open = append(open, m)
			if m.Phase == marshal.MovePaused {
				errs = append(errs, db.ResumeMove(ctx, m.ID)) // it may have ended meanwhile
			}
			if m.Rate > 0 {
				errs = append(errs, db.ThrottleMove(ctx, m.ID, client.RateUnlimited))
			}
		}
		if err == nil && len(open) == 0 {
			return nil
		}
		if !wait(ctx, 50*time.Millisecond) {
			return late(ctx, "%v after everything was healed these moves have not ended: %+v (%v)", restTime, open, errors.Join(errs...))
		}
	}
}

// audit proves that every key has exactly one owner.
func audit(ctx context.Context, db *client.Client) error {
	ctx, cancel := context.WithTimeout(ctx, restTime)
	defer cancel()
	for {
		_, err := db.Audit(ctx)
		if err == nil {
			return nil
		}
		if errors.Is(err, client.ErrViolation) {
			return violationf("audit: %v", err)
		}
		if !wait(ctx, 50*time.Millisecond) {
			return late(ctx, "with every host up and all moves ended, the audit comes to no end: %v", err)
		}
	}
}
