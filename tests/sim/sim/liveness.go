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
	// is outstanding, and then for one answer at a time.
	fairSteps = 50_000
	// fairTime bounds it in time: sessions and limits that stand in the way have
	// to expire within it.
	fairTime = 2 * 60 * 60 * kv.Second
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
	for _, n := range s.world.Nodes {
		s.apply(&Event{Op: opRestart, Host: n.ID})
		room := uint64(1 << 40)
		if s.opts.Seed/rotation%2 == 1 {
			room = s.mix.scantRoom()
		}
		s.apply(&Event{Op: opRoom, Host: n.ID, Room: room})
	}
	s.apply(&Event{Op: opMend})
	s.settle("the first while")
	s.hurry()
	s.settle("what was ordered")
	s.readAll()
	s.settle("the last reads")
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
	s.settle("an answer to " + describe(&op))
}

// settle is a fair network: everything is delivered in order, every timer fires
// when it is due, clients repeat themselves, until nothing is outstanding.
func (s *Sim) settle(what string) {
	end := s.world.Now + fairTime
	repeat, pause := s.world.Now, repeatFirst
	for n := 0; s.failure == nil && !s.settled(); n++ {
		if n > fairSteps || s.world.Now > end {
			s.fail(Liveness, fmt.Errorf("after %d events and %s of a fair network, %s did not end: %w",
				n, span(s.world.Now-end+fairTime), what, s.unsettled()))
			return
		}
		if e, ok := s.fair(); ok {
			s.apply(&e)
			continue
		}
		if s.world.Now >= repeat {
			repeat, pause = s.world.Now+pause, min(2*pause, repeatLast)
			for i, c := range s.world.Clients {
				if c.Waiting() {
					s.apply(&Event{Op: opRetransmit, Client: i + 1})
				}
			}
			continue
		}
		s.apply(&Event{Op: opWait, Span: min(s.nextDue(), repeat) - s.world.Now})
	}
}

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

// unsettled says what is still outstanding.
func (s *Sim) unsettled() error {
	for i, c := range s.world.Clients {
		for _, o := range c.Ops {
			refused := "not refused"
			if o.Refused != nil {
				refused = o.Refused.Reason.String()
			}
			return fmt.Errorf("client %d waits for host %d, %s (%s), after %d tries", i+1, o.Host(), describe(o), refused, o.Tries)
		}
	}
	for _, n := range s.world.Nodes {
		if n.Host == nil || !n.Host.Serving() {
			return fmt.Errorf("host %d does not serve", n.ID)
		}
	}
	return ghost.Liveness.Check(s.checker.System())
}
