package explorer

import (
	"fmt"
	"slices"
	"sync"

	"ironkv/delegation"
	"ironkv/ghost"
	"ironkv/ghost/protocol"
	"ironkv/kv"
	"ironkv/marshal"
)

// A machine is a state of a host, volatile and durable. It never changes: what
// it does, a copy does. There is one value for each state.
type machine struct {
	host  *kv.Host
	store Store
	now   kv.Time // its own clock
	key   hash
	id    uint32
	lost  bool // a crash would lose something
	// part is the judge of this host alone, once it has seen it in this state.
	part *ghost.Checker

	due, waits bool      // a timer is due, or will be
	accounts   []account // by place of the peer

	lock  sync.Mutex // guards steps, copying, which marks what is shared, and the store's scratch
	steps []*outcome // by the event's number; nil where it was not computed
}

// An eventKind is what can happen to a host.
type eventKind uint8

const (
	deliver eventKind = iota
	timer             // one that is due fires
	wait              // the clock jumps to the next deadline, and the timer fires
	crash             // the host crashes and restarts
	room              // the host is told how much its disk can take in
)

// numEvents is how many events without a packet there are.
const numEvents = int(room) + numRooms - 1

// An event is what happens to a host.
type event struct {
	kind   eventKind
	packet *packet // deliver
	room   int     // room: which of roomsOf
}

// number is the event's own: those without a packet come first.
func (e event) number() int {
	if e.kind == deliver {
		return numEvents + int(e.packet.number)
	}
	return int(e.kind) - 1 + e.room
}

// An outcome is what an event makes of a machine.
type outcome struct {
	event event
	next  *machine // nil where the machine panicked
	in    kv.Input
	out   *kv.Effects
	sent  []*packet
	crash error
	// spends says that numbers which the host remembers have grown (spent.go).
	spends bool

	lock   sync.Mutex
	judged map[*service]*service // what S comes to, from where it was
}

// copy returns the machine's host and store, to go on with. The caller holds m.lock.
func (m *machine) copy() (*kv.Host, Store) {
	s := m.store.Copy()
	return m.host.Clone(s), s
}

// read lets look at the host, which many states of the search share.
func (m *machine) read(look func(*kv.Host) error) error {
	m.lock.Lock()
	defer m.lock.Unlock()
	return look(m.host)
}

// step returns what the event makes of m; it is computed once.
func (g *graph) step(m *machine, e event) *outcome {
	m.lock.Lock()
	defer m.lock.Unlock()
	number := e.number()
	if missing := number + 1 - len(m.steps); missing > 0 {
		m.steps = append(m.steps, make([]*outcome, missing)...)
	}
	if m.steps[number] == nil {
		m.steps[number] = g.compute(m, e)
	}
	return m.steps[number]
}

func (g *graph) compute(m *machine, e event) *outcome {
	h, s := m.copy()
	o, now := &outcome{event: e, out: &kv.Effects{}}, m.now
	switch e.kind {
	case crash:
		h, s = reborn(h, s)
		o.next = g.machine(h, s, 0)
		return o
	case deliver:
		o.in.Packet = e.packet.Packet
		o.in.Packet.Msg = marshal.Clone(e.packet.Msg) // nobody shares memory over a network
	case timer:
		o.in.Kind = kv.InputTimer
	case room:
		o.in.Kind, o.in.Room = kv.InputRoom, roomsOf(h)[e.room]
	case wait:
		o.in.Kind = kv.InputTimer
		if t, ok := h.Deadline(); ok {
			now = max(now, t)
		}
	}
	if o.crash = take(h, now, o.in, o.out); o.crash != nil {
		return o
	}
	if o.out.Halt == nil {
		commit(h, s)
	}
	g.saw(h, o)
	o.next = g.machine(h, s, now)
	o.spends = !slices.Equal(o.next.accounts, m.accounts)
	o.sent = g.packetsOf(o.out.Packets)
	return o
}

// take lets the host take a step; a panic is an error.
func take(h *kv.Host, now kv.Time, in kv.Input, out *kv.Effects) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("host %d panics: %v", h.State().Host, r)
		}
	}()
	h.Step(now, in, out)
	return nil
}

// commit makes what the step wrote durable: a memory never fails.
func commit(h *kv.Host, s Store) {
	if _, err := s.Commit(h.Counters()); err != nil {
		panic(fmt.Sprintf("explorer: a store in memory fails to commit: %v", err))
	}
}

// reborn returns the host that starts from what is durable, as after a crash.
func reborn(h *kv.Host, s Store) (*kv.Host, Store) {
	s.Crash()
	state, err := s.Load()
	if err != nil {
		panic(fmt.Sprintf("explorer: a store in memory fails to load: %v", err))
	}
	n, err := kv.New(h.Config(), state, s)
	if err != nil {
		panic(fmt.Sprintf("explorer: a stored state is not one to start from: %v", err))
	}
	commit(n, s)
	return n, s
}

// machine returns the one value for the host's state: what it remembers, its
// table, and what a crash would leave of both.
func (g *graph) machine(h *kv.Host, s Store, now kv.Time) *machine {
	b := g.encode(nil, h, s)
	after, left := reborn(h, s.Copy())
	b = g.encode(b, after, left)
	n := &machine{host: h, store: s, now: now, key: hashOf(b), accounts: accountsOf(h)}
	t, ok := h.Deadline()
	n.due, n.waits = ok && t <= now, ok && t > now
	g.lock.Lock()
	old := g.machines[n.key]
	g.lock.Unlock()
	if old != nil {
		return old
	}
	n.lost = protocol.Differ(ghost.AbstractHost(h), ghost.AbstractHost(after)) != nil
	g.lock.Lock()
	defer g.lock.Unlock()
	if old = g.machines[n.key]; old != nil {
		return old
	}
	n.id = uint32(len(g.machines))
	g.machines[n.key] = n
	return n
}

// encode appends what decides the host's behaviour. Where the scope has no waits
// time stands still.
func (g *graph) encode(b []byte, h *kv.Host, s Store) []byte {
	if g.scope.Waits == 0 && !g.scope.Exact {
		b = h.EncodeStill(b)
	} else {
		b = h.Encode(b)
	}
	return entriesOf(b, s)
}

// entriesOf appends what the store holds.
func entriesOf(b []byte, s Store) []byte {
	b = append(b, 0)
	s.Ascend(delegation.All, func(e marshal.Entry) bool {
		b = fmt.Appendf(b, "%d %s %d %s %d;", len(e.Key), e.Key, len(e.Value), e.Value, e.Version)
		return true
	})
	return append(b, 0)
}
