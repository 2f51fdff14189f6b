package sim

import (
	"fmt"

	"ironkv/delegation"
	"ironkv/ghost"
	"ironkv/kv"
	"ironkv/marshal"
	"ironkv/tests/world"
)

const (
	// fairSteps bounds, in events, each of the waits of a run's fair end: for all that
	// is outstanding, and then for one answer at a time. The longest of the waits
	// of the 520 runs that CI makes takes 8,941 events, of 3,000 others 11,897, and runs tell
	// how many theirs took; longer runs of the big size leave more behind.
	fairSteps = 40_000
	// fairTime bounds it in time. Sessions that stand in the way have to expire, which
	// takes 600 s at most (drawLimits), and two may, one after the other; half as much
	// again is for all else. The longest in those runs takes 683 s.
	fairTime = 30 * 60 * kv.Second
	// repeatFirst is when clients repeat themselves in the fair end, repeatLast the
	// longest time between two repetitions: each time is twice the one before.
	repeatFirst = 100 * kv.Millisecond
	repeatLast  = 2 * kv.Second
)

// finish ends the faults, lets everything come to its end, reads every key, and
// checks all there is to check.
func (s *Sim) finish() {
	if s.failure != nil {
		return
	}
	s.fairly = true
	for s.bare && s.net.size() > 0 {
		s.net.take(nil, 0)
	}
	for _, n := range s.world.Nodes {
		s.apply(&Event{Op: opRestart, Host: n.ID})
		room := uint64(1 << 40)
		if s.opts.Seed/rotation%2 == 1 {
			room = s.mix.scantRoom()
		}
		s.apply(&Event{Op: opRoom, Host: n.ID, Room: room})
	}
	s.apply(&Event{Op: opMend})
	s.settle("what was outstanding when the faults ended")
	s.hurry()
	s.settle("the moves, which were then told to go on as fast as they can,")
	s.readAll()
	s.settle("the reads of every key behind them")
	if s.failure != nil {
		return
	}
	var hosts []*kv.Host
	for _, n := range s.world.Nodes {
		hosts = append(hosts, n.Host)
	}
	if err := s.checker.Check(hosts...); err != nil {
		s.fail(Safety, err)
		return
	}
	if err := s.history.check(); err != nil {
		s.fail(Safety, err)
	}
}

// hurry orders every move that has not ended to go on, as fast as it can.
func (s *Sim) hurry() {
	for _, n := range s.world.Nodes {
		if s.failure != nil || n.Host == nil {
			return
		}
		for number := uint64(1); number <= n.Host.State().LastMove; number++ {
			m := n.Host.State().Moves[number]
			if m == nil || m.Phase.Ended() {
				continue
			}
			id := marshal.MoveID{Host: n.ID, Number: number}
			s.ask(world.Op{Kind: world.OpThrottle, Move: id, At: n.ID, Rate: marshal.RateUnlimited})
			s.ask(world.Op{Kind: world.OpResume, Move: id, At: n.ID})
		}
	}
}

func (s *Sim) readAll() {
	for _, key := range sortedKeys(s.history.calls) {
		s.ask(world.Op{Kind: world.OpGet, Key: key})
	}
	s.ask(world.Op{Kind: world.OpScan, Range: delegation.All})
}

func (s *Sim) ask(op world.Op) {
	s.tags++
	s.apply(&Event{Op: opInvoke, Client: 1, Tag: s.tags, Request: op})
	s.settle(describe(&op))
}

// patience is how long a fair end waits, in events.
type patience struct {
	// whole is for everything to come to its end.
	whole int
	// idle, if not 0, is for anything to come nearer to its end: a run that meets it
	// is stuck.
	idle int
}

// A Wait is how long a fair end took to come to rest, in events and in time.
type Wait struct {
	Events int
	Span   kv.Time
}

// longer returns the greater of both.
func (w Wait) longer(o Wait) Wait { return Wait{max(w.Events, o.Events), max(w.Span, o.Span)} }

// settle is a fair network: everything is delivered in order, every timer fires
// when it is due, clients repeat themselves, until nothing is outstanding.
func (s *Sim) settle(what string) {
	began, clients := s.world.Now, s.repetitions()
	left, last := s.left(), 0
	n := 0
	defer func() { s.waited = s.waited.longer(Wait{n, s.world.Now - began}) }()
	for ; s.failure == nil && !s.settled(); n++ {
		if now := s.left(); now.nearer(left) {
			left, last = now, n
		}
		s.stuck = s.patience.idle > 0 && n-last > s.patience.idle
		if s.stuck || n > s.patience.whole || s.world.Now-began > fairTime {
			s.fail(Liveness, s.unsettled(what, n, n-last, s.world.Now-began))
			return
		}
		s.goOn(&clients)
	}
}

// repetitions are when clients repeat themselves next, and how long after that again.
type repetitions struct{ at, pause kv.Time }

func (s *Sim) repetitions() repetitions { return repetitions{s.world.Now, repeatFirst} }

// goOn lets the next happen that happens on a fair network.
func (s *Sim) goOn(r *repetitions) {
	if e, ok := s.fair(); ok {
		s.apply(&e)
		return
	}
	if s.world.Now < r.at {
		s.apply(&Event{Op: opWait, Span: min(s.nextDue(), r.at) - s.world.Now})
		return
	}
	r.at, r.pause = s.world.Now+r.pause, min(2*r.pause, repeatLast)
	for i, c := range s.world.Clients {
		if c.Waiting() {
			s.apply(&Event{Op: opRetransmit, Client: i + 1})
		}
	}
}

// restIdle is for how many events of a fair network nothing comes nearer to its end
// before it is at rest, whatever is still outstanding.
const restIdle = 100

// rest is a fair network in the midst of a run.
func (s *Sim) rest() {
	s.fairly, s.resting = true, true
	clients, left, last := s.repetitions(), s.left(), 0
	for n := 0; s.failure == nil && !s.settled() && n-last <= restIdle; n++ {
		if now := s.left(); now.nearer(left) {
			left, last = now, n
		}
		s.goOn(&clients)
	}
	s.fairly, s.resting = false, false
}

// toDo is how far everything is from its end: how many operations have no answer and
// moves no end, and how many messages between hosts were acknowledged.
type toDo struct {
	open  int
	acked uint64
}

func (s *Sim) left() (t toDo) {
	for _, c := range s.world.Clients {
		t.open += len(c.Ops)
	}
	for _, n := range s.world.Nodes {
		if n.Host == nil {
			continue
		}
		for _, m := range n.Host.State().Moves {
			if !m.Phase.Ended() {
				t.open++
			}
		}
		for _, p := range n.Host.State().Peers {
			t.acked += p.Out.Acked()
		}
	}
	return t
}

// nearer reports whether t is nearer to the end than o.
func (t toDo) nearer(o toDo) bool { return t.open < o.open || t.acked > o.acked }

// fair is the event that a fair network has due now, if there is one.
func (s *Sim) fair() (Event, bool) {
	if s.net.size() > 0 {
		_, dst := s.net.ends(0)
		e := Event{Op: opDeliver, Flights: []int{0}, Host: dst.Host}
		if dst.Host == 0 {
			e.Client = s.clientAt(dst)
		}
		return e, true
	}
	for _, n := range s.world.Nodes {
		if at, ok := s.world.Due(n.ID); ok && at <= s.world.Now {
			return Event{Op: opTimer, Host: n.ID, Timers: 1}, true
		}
	}
	if at, ok := s.net.due(); ok && at <= s.world.Now {
		return Event{Op: opTimer, Host: 1}, true
	}
	return Event{}, false
}

func (s *Sim) nextDue() kv.Time {
	due := never
	if at, ok := s.net.due(); ok {
		due = at
	}
	for _, n := range s.world.Nodes {
		if at, ok := s.world.Due(n.ID); ok {
			due = min(due, at)
		}
	}
	return due
}

func (s *Sim) settled() bool {
	for _, c := range s.world.Clients {
		if c.Waiting() {
			return false
		}
	}
	for _, n := range s.world.Nodes {
		if n.Host == nil || !n.Host.Serving() {
			return false
		}
		for _, m := range n.Host.State().Moves {
			if !m.Phase.Ended() && m.Phase != marshal.MovePaused {
				return false
			}
		}
		for _, p := range n.Host.State().Peers {
			if p.Out.Outstanding() > 0 {
				return false
			}
		}
	}
	return true
}

// unsettled says what is still outstanding after n events of a fair network.
func (s *Sim) unsettled(what string, n, idle int, after kv.Time) error {
	why := ""
	if after == 0 {
		why = " Messages go round and round: no time passes."
	}
	return fmt.Errorf("%s did not come to its end on a fair network (all hosts up, nothing lost, everything delivered in order and at once, "+
		"each timer on time) in %d events and %s of its time; in the last %d of these events nothing came nearer to it.%s %w",
		what, n, span(after), idle, why, s.outstanding())
}

func (s *Sim) outstanding() error {
	for i, c := range s.world.Clients {
		for _, o := range c.Ops {
			refused := "was never refused"
			if o.Refused != nil {
				refused = fmt.Sprintf("was last refused as %v", o.Refused.Reason)
			}
			return fmt.Errorf("client %d has no answer to: %s; it asked host %d last, sent it %d times there, and %s",
				i+1, describe(o), o.Host(), o.Tries, refused)
		}
	}
	for _, n := range s.world.Nodes {
		if n.Host == nil || !n.Host.Serving() {
			return fmt.Errorf("host %d does not serve", n.ID)
		}
	}
	return ghost.Liveness.Check(s.checker.System())
}
