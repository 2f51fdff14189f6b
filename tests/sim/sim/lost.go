package sim

import (
	"errors"
	"fmt"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/kv/store"
)

// Loss is how a host loses its state.
type Loss uint8

// The losses.
const (
	Wiped Loss = iota // its disk is empty
	Older             // its disk is a copy made earlier in the run
)

// lostEvents bounds how long a host that has lost its state may go on while the
// network is fair.
const lostEvents = 20_000

// tickEvents is after how many events of a fair network a millisecond has passed.
const tickEvents = 20

// RunLost runs o, takes a host's state away, and goes on: the host has to stop
// with [kv.ErrLostState], and nobody else may. A wiped host may serve nobody until
// then. It reports whether the host had to stop: an older copy is as good as the
// newest where no peer has dealt with the host since.
//
// When the host comes back, no packet of its earlier life is on its way any more:
// an older copy that meets an old greeting is not found out by it.
func RunLost(o Options, loss Loss) (*Result, bool) {
	s := setting{Options: o}.start()
	s.mix.met = true
	had := false
	s.guard(func() {
		s.build()
		for s.failure == nil && s.steps < uint64(o.Steps) {
			e := s.draw()
			s.apply(&e)
		}
		if s.failure == nil {
			had = s.lose(loss)
		}
	})
	return s.result(), had
}

func (s *Sim) lose(loss Loss) bool {
	id := s.anyHost()
	n := s.world.Node(id)
	copied := n.Store.(*store.Memory).Clone()
	for end := s.steps + uint64(s.opts.Steps); s.failure == nil && s.steps < end; {
		e := s.draw()
		s.apply(&e)
	}
	if s.failure != nil {
		return false
	}
	s.world.Crash(id)
	s.world.Net, s.attic = nil, nil
	s.lost, s.wiped = id, loss == Wiped
	if loss == Wiped {
		n.Store = store.NewMemory(store.MemoryOptions{Records: true, Window: s.mix.limits.Window})
	} else {
		n.Store = copied
	}
	for _, o := range s.world.Nodes {
		s.apply(&Event{Op: opRestart, Host: o.ID})
	}
	must := loss == Wiped || s.behind(id)
	for range s.opts.Steps { // of the adversary
		if s.failure != nil || s.world.Halted[id] != nil {
			break
		}
		if e := s.draw(); e.Op != opRestart || e.Host != id {
			s.apply(&e)
		}
	}
	if must {
		s.awaitHalt(id)
	}
	return must
}

// behind reports whether a peer has received more from the host than it remembers
// sending, or had more acknowledged than it remembers receiving.
func (s *Sim) behind(id delegation.HostID) bool {
	mine := s.world.Node(id).Host.State()
	for _, n := range s.world.Nodes {
		if n.ID == id {
			continue
		}
		theirs := n.Host.State().Peers[id]
		if theirs.In.Tombstone() > mine.Peers[n.ID].Out.Sent() || theirs.Out.Acked() > mine.Peers[n.ID].In.Tombstone() {
			return true
		}
	}
	return false
}

// awaitHalt makes the network fair until the host stops.
func (s *Sim) awaitHalt(id delegation.HostID) {
	s.gaps = nil
	for i := range lostEvents {
		if err := s.world.Halted[id]; s.failure != nil || err != nil {
			if err != nil && !errors.Is(err, kv.ErrLostState) {
				s.fail(Safety, fmt.Errorf("host %d, which lost its state, stopped for another reason: %w", id, err))
			}
			return
		}
		for _, n := range s.world.Nodes {
			s.apply(&Event{Op: opRestart, Host: n.ID})
		}
		s.apply(s.fairInTime(i))
	}
	s.fail(Safety, fmt.Errorf("host %d lost its state, met its peers, and goes on", id))
}

// fairInTime is the i-th event of a fair network in which time passes though
// packets fly: two hosts that each take the other for the owner redirect a client
// to and fro in no time.
func (s *Sim) fairInTime(i int) *Event {
	id := delegation.HostID(1 + i%s.mix.hosts)
	at, due := s.world.Due(id)
	switch e, ok := s.fair(); {
	case i%tickEvents == 0:
		return &Event{Op: opWait, Span: kv.Millisecond}
	case i%tickEvents <= s.mix.hosts && due && at <= s.world.Now:
		return &Event{Op: opTimer, Host: id, Timers: 1}
	case ok:
		return &e
	}
	return &Event{Op: opWait, Span: max(0, s.nextDue()-s.world.Now)}
}
