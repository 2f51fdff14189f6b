package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ironkv/delegation"
	"ironkv/kv/client"
	"ironkv/marshal"
)

// The phases of a loop around moves.
const (
	phaseWarmup = iota
	phaseBefore
	phaseDuring
	phaseAfter
	movePhases
)

// A moveResult is what moving a shard to and fro came to.
type moveResult struct {
	System  string    `json:"system"`
	Servers string    `json:"servers"`
	Shape   shape     `json:"shape"`
	Rate    string    `json:"rate"`
	Moves   []oneMove `json:"moves"`
	// Before, During and After are nil where nobody asked meanwhile.
	Before   *result  `json:"before,omitempty"`
	During   *result  `json:"during,omitempty"`
	After    *result  `json:"after,omitempty"`
	Timeline []moment `json:"timeline,omitempty"`
}

// A oneMove is one move; its times are seconds since the timeline's start.
type oneMove struct {
	Start   float64 `json:"start"`
	Seconds float64 `json:"seconds"`
}

// entriesPerSecond is the median move's speed.
func (r *moveResult) entriesPerSecond() float64 {
	s := r.seconds().Median
	if s == 0 {
		return 0
	}
	return float64(r.Shape.Keys) / s
}

func (r *moveResult) seconds() spread {
	return spreadOf(r.Moves, func(m oneMove) float64 { return m.Seconds })
}

// A mover moves the whole shard to the other side and waits until it is there.
type mover func(ctx context.Context, times int) error

// moveUnderLoad fills a store, and has the shard moved while a mixed load runs.
func (a *app) moveUnderLoad(ctx context.Context, f *moveFlags, s shape, st store, move mover, r *moveResult) error {
	load := workload{Op: opMixed, Ratio: f.ratio, ValueBytes: s.ValueBytes, Keys: max(s.Keys, 1), Distribution: f.distribution}
	if s.Keys > 0 {
		add, end := a.newBar("load", int(s.Keys), "keys")
		err := fill(ctx, st, load, add)
		end()
		if err != nil {
			return fmt.Errorf("loading the keys: %w", err)
		}
	}
	var running *runningLoop
	line := newTimeline(moveTimelineLength)
	if f.clients > 0 && s.Keys > 0 {
		l := loop{store: st, load: load, clients: f.clients, phases: movePhases, sticky: phaseDuring, timeline: line}
		running = l.start(ctx, nil)
	}
	err := a.moveThroughPhases(ctx, f, running, line, move, r)
	if running != nil {
		phases := running.finish()
		r.Before, r.During, r.After = &phases[phaseBefore], &phases[phaseDuring], &phases[phaseAfter]
		r.Timeline = line.moments()
	}
	return err
}

func (a *app) moveThroughPhases(ctx context.Context, f *moveFlags, running *runningLoop, line *timeline, move mover, r *moveResult) error {
	phase := func(length time.Duration) error {
		if running == nil {
			return nil
		}
		running.next()
		return sleep(ctx, length)
	}
	if running != nil {
		if err := sleep(ctx, defaultWarmup); err != nil {
			return err
		}
	}
	if err := errors.Join(phase(f.around), phase(0)); err != nil {
		return err
	}
	for n := range f.moves {
		if n > 0 {
			if err := sleep(ctx, moveGap); err != nil {
				return err
			}
		}
		start := time.Now()
		if err := move(ctx, n); err != nil {
			return err
		}
		took := time.Since(start)
		r.Moves = append(r.Moves, oneMove{Start: start.Sub(line.start).Seconds(), Seconds: took.Seconds()})
		a.progressf("%s: move %d of %v took %s", r.System, n+1, r.Shape, latency(micros(took)))
	}
	return phase(f.around)
}

func (a *app) moveIronkv(ctx context.Context, f *moveFlags, s shape) (r *moveResult, err error) {
	servers, st, err := connect(ctx, f.addrs, f.plan)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, st.close(), servers.stop()) }()
	r = &moveResult{System: sysIronkv, Servers: servers.note, Shape: s, Rate: f.rate}
	move := func(ctx context.Context, times int) error {
		return moveAll(ctx, st.Client, client.HostID(2-times%2), f.bytesPerSecond)
	}
	return r, a.moveUnderLoad(ctx, f, s, st, move, r)
}

// movePoll is between two looks at a move: short, since small moves take milliseconds.
const movePoll = time.Millisecond

// moveAll moves every key to a host and waits until it is done.
func moveAll(ctx context.Context, c *client.Client, to client.HostID, rate uint64) error {
	ids, err := c.MoveShard(ctx, delegation.All, to, client.WithRate(rate))
	if err != nil {
		return err
	}
	for _, id := range ids {
		for {
			m, err := c.Move(ctx, id)
			if err != nil {
				return err
			}
			if m.Phase == marshal.MoveDone {
				break
			}
			if m.Phase.Ended() {
				return fmt.Errorf("move %v is %v: %v", id, m.Phase, m.Reason)
			}
			if err := sleep(ctx, movePoll); err != nil {
				return err
			}
		}
	}
	return nil
}
