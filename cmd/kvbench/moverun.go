package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"ironkv/delegation"
	"ironkv/kv/client"
	"ironkv/marshal"
)

// The phases of a loop around moves.
const (
	phaseWarmup = iota
	phaseBefore
	phaseDuring  // a move is under way
	phaseBetween // one move is done, and the next has not begun
	phaseAfter
	phaseApart // half of the shard lies on each of two hosts, and does not move
	movePhases
)

// A moveResult is what moving a shard to and fro came to.
type moveResult struct {
	System  string    `json:"system"`
	Servers string    `json:"servers"`
	Shape   shape     `json:"shape"`
	Rate    string    `json:"rate"`
	Moves   []oneMove `json:"moves"`
	// The windows are nil where nobody asked meanwhile, Between also after a single
	// move. During is the moves alone: the pauses between them are Between. Apart is what
	// the same callers get while half of the shard lies on each of two hosts and does not
	// move, nil where that was not measured: what During lacks of it is the move's.
	Before   *result  `json:"before,omitempty"`
	During   *result  `json:"during,omitempty"`
	Between  *result  `json:"between,omitempty"`
	After    *result  `json:"after,omitempty"`
	Apart    *result  `json:"apart,omitempty"`
	Timeline []moment `json:"timeline,omitempty"`
	// Resident is the memory of all servers before the first move, and MostResident
	// the most that was seen from then to the last, in bytes; 0 where it is not told.
	Resident     uint64 `json:"resident_bytes,omitempty"`
	MostResident uint64 `json:"most_resident_bytes,omitempty"`
	atomic       bool   // a peer's, of all slots at once
}

// grew is MostResident as a multiple of Resident, 0 where that is not told.
func (r *moveResult) grew() float64 {
	if r.Resident == 0 {
		return 0
	}
	return float64(r.MostResident) / float64(r.Resident)
}

// A oneMove is one move; its times are seconds since the timeline's start. ServerCPU is
// what all servers spent meanwhile, of the clients' load as well, in seconds of a processor.
type oneMove struct {
	Start     float64 `json:"start"`
	Seconds   float64 `json:"seconds"`
	ServerCPU float64 `json:"server_cpu_seconds"`
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

func (r *moveResult) serverCPU() spread {
	return spreadOf(r.Moves, func(m oneMove) float64 { return m.ServerCPU })
}

// A mover moves the whole shard to the other side and waits until it is there, after
// so many moves.
type mover func(ctx context.Context, times int) error

// A moveRun is one shard, moved to and fro while a mixed load runs.
type moveRun struct {
	*app
	flags   *moveFlags
	store   store
	move    mover
	halve   mover // only the upper half; nil: Apart is not measured
	servers *servers
	result  *moveResult
	running *runningLoop // nil: nobody asks
	line    *timeline
}

// underLoad fills the store, and has the shard moved while the load runs.
func (m *moveRun) underLoad(ctx context.Context) error {
	f, r := m.flags, m.result
	load := workload{Op: opMixed, Ratio: f.ratio, ValueBytes: r.Shape.ValueBytes, Keys: max(r.Shape.Keys, 1), Distribution: f.distribution}
	if r.Shape.Keys > 0 {
		add, end := m.newBar("load", int(r.Shape.Keys), "keys")
		err := fill(ctx, m.store, load, add)
		end()
		if err != nil {
			return fmt.Errorf("loading the keys: %w", err)
		}
	}
	m.line = newTimeline(moveTimelineLength)
	if f.clients > 0 && r.Shape.Keys > 0 {
		l := loop{store: m.store, load: load, clients: f.clients, rate: f.loadLimit, phases: movePhases, sticky: phaseDuring, timeline: m.line}
		m.running = l.start(ctx, m.servers.cpu)
	}
	err := m.throughPhases(ctx)
	if m.running != nil {
		phases := m.running.finish()
		r.Before, r.During, r.After = &phases[phaseBefore], &phases[phaseDuring], &phases[phaseAfter]
		if f.moves > 1 {
			r.Between = &phases[phaseBetween]
		}
		if m.apart() {
			r.Apart = &phases[phaseApart]
		}
	}
	return err
}

func (m *moveRun) apart() bool { return m.running != nil && m.halve != nil }

func (m *moveRun) throughPhases(ctx context.Context) error {
	around := func(length time.Duration) error {
		if m.running == nil {
			return nil
		}
		return sleep(ctx, length)
	}
	if err := around(defaultWarmup); err != nil {
		return err
	}
	m.enter(phaseBefore)
	if err := around(m.flags.around); err != nil {
		return err
	}
	dir := m.flags.profile
	if dir != "" {
		dir = filepath.Join(dir, fmt.Sprintf("%s-%dx%d", m.result.System, m.result.Shape.Keys, m.result.Shape.ValueBytes))
	}
	watched := m.watchMemory()
	err := profileWhile(ctx, dir, m.servers.profiles, func() error { return m.toAndFro(ctx) })
	watched()
	if err != nil {
		return err
	}
	if err := around(m.flags.around); err != nil {
		return err
	}
	if m.running != nil {
		m.result.Timeline = m.line.moments()
	}
	return m.measureApart(ctx)
}

// measureApart has half of the shard on each host for a while. What is done for that
// is not measured.
func (m *moveRun) measureApart(ctx context.Context) error {
	if !m.apart() {
		return nil
	}
	m.enter(phaseWarmup)
	if err := m.halve(ctx, m.flags.moves); err != nil {
		return err
	}
	m.enter(phaseApart)
	if err := sleep(ctx, m.flags.around); err != nil {
		return err
	}
	m.enter(phaseWarmup)
	return m.halve(ctx, m.flags.moves+1)
}

// memoryPoll is between two looks at how much memory the servers hold.
const memoryPoll = 20 * time.Millisecond

// watchMemory looks how much memory the servers hold until what it returns is called.
func (m *moveRun) watchMemory() (done func()) {
	r := m.result
	r.Resident = m.servers.resident()
	r.MostResident = r.Resident
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(memoryPoll):
				r.MostResident = max(r.MostResident, m.servers.resident())
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
	}
}

func (m *moveRun) enter(phase int) {
	if m.running != nil {
		m.running.enter(phase)
	}
}

// toAndFro moves the shard as often as it should be.
func (m *moveRun) toAndFro(ctx context.Context) error {
	r := m.result
	for n := range m.flags.moves {
		if n > 0 {
			m.enter(phaseBetween)
			if err := sleep(ctx, moveGap); err != nil {
				return err
			}
		}
		m.enter(phaseDuring)
		start, spent := time.Now(), m.servers.cpu()
		if err := m.move(ctx, n); err != nil {
			return err
		}
		took := time.Since(start)
		r.Moves = append(r.Moves, oneMove{
			Start: start.Sub(m.line.start).Seconds(), Seconds: took.Seconds(), ServerCPU: (m.servers.cpu() - spent).Seconds(),
		})
		if n+1 == m.flags.moves {
			m.enter(phaseAfter)
		}
		m.progressf("%s: move %d of %v took %s", r.System, n+1, r.Shape, latency(micros(took)))
	}
	return nil
}

func (a *app) moveIronkv(ctx context.Context, f *moveFlags, s shape) (r *moveResult, err error) {
	plan := f.plan
	plan.profiled = f.profile != ""
	servers, st, err := connect(ctx, f.addrs, plan)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, st.close(), servers.stop()) }()
	r = &moveResult{System: sysIronkv, Servers: servers.note, Shape: s, Rate: f.rate}
	to := func(times int) client.HostID { return client.HostID(2 - times%2) }
	move := func(ctx context.Context, times int) error {
		return moveAll(ctx, st.Client, delegation.All, to(times), f.bytesPerSecond)
	}
	m := moveRun{app: a, flags: f, store: st, move: move, servers: servers, result: r}
	if f.apart {
		upper := delegation.Range{From: delegation.At(delegation.Key(appendKey(nil, s.Keys/2))), Until: delegation.All.Until}
		m.halve = func(ctx context.Context, times int) error {
			return moveAll(ctx, st.Client, upper, to(times), client.RateUnlimited)
		}
	}
	return r, m.underLoad(ctx)
}

// movePoll is between two looks at a move: short, since small moves take milliseconds.
const movePoll = time.Millisecond

// moveAll moves every key of r to a host and waits until it is done.
func moveAll(ctx context.Context, c *client.Client, r delegation.Range, to client.HostID, rate uint64) error {
	ids, err := c.MoveShard(ctx, r, to, client.WithRate(rate))
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
