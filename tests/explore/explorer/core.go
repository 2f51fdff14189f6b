package explorer

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"ironkv/ghost"
	"ironkv/ghost/judge"
	"ironkv/ghost/protocol"
	"ironkv/kv"
	"ironkv/marshal"
)

type hash [16]byte

func hashOf(b []byte) hash {
	sum := sha256.Sum256(b)
	return hash(sum[:len(hash{})])
}

// A graph shares, between all states of a search, what they have in common, and
// remembers what follows from what: a host in the same state does the same with
// the same packet, whatever the other hosts are at; and the judge says the same of
// it, whatever is on the network. Its values are kept by 128 bits of SHA-256 of
// their canonical encodings.
type graph struct {
	scope Scope

	lock     sync.Mutex
	packets  map[hash]*packet
	machines map[hash]*machine
	cores    map[hash]*core
	clients  map[hash]*client

	steps    uint64          // that hosts took
	seen     *judge.Coverage // what they did
	labels   []labels        // by place of the host
	stutters atomic.Uint64   // deliveries and timers that changed nothing
	quiets   atomic.Uint64   // states in which nothing is left to happen by itself
}

// labels are a story's lines for what happens to a host without a packet.
type labels struct {
	timer, wait, crash string
	rooms              [3]string
}

// A core is a state of all hosts with what the judge makes of it. It never
// changes, and there is one value for each.
type core struct {
	machines []*machine
	checker  *ghost.Checker
	key      hash

	lock  sync.Mutex
	moves map[move]*arrival
}

// A move is what happens to which of the hosts.
type move struct {
	place int
	event event
}

// An arrival is where a move leads to.
type arrival struct {
	core *core
	sent []*packet
	err  error // what the judge objects to
}

// core returns the one value for these machines and the history of S. Where it is
// new, the invariants are checked in it. Where it is not, they were; then what P
// makes of the host that moved has to be the same.
func (g *graph) core(machines []*machine, checker *ghost.Checker, moved int) (*core, error) {
	var b []byte
	for _, m := range machines {
		b = append(b, m.key[:]...)
	}
	b = checker.System().Service.Encode(b)
	key := hashOf(b)
	g.lock.Lock()
	old := g.cores[key]
	g.lock.Unlock()
	if old != nil {
		return old, differ(protocol.Differ(old.checker.System().Hosts[moved], checker.System().Hosts[moved]))
	}
	if err := machines[moved].read(func(h *kv.Host) error { return checker.Check(h) }); err != nil {
		return nil, err
	}
	c := &core{machines: machines, checker: checker, key: key}
	g.lock.Lock()
	defer g.lock.Unlock()
	if old = g.cores[key]; old != nil {
		return old, nil
	}
	g.cores[key] = c
	return c, nil
}

// differ makes an error a violation of Refinement.
func differ(err error) error {
	if err == nil {
		return nil
	}
	return &judge.Violation{Name: "Refinement", Source: "ghost.Checker", Witness: err}
}

// follow returns where a move leads to; it is judged once.
func (g *graph) follow(c *core, m move) *arrival {
	c.lock.Lock()
	defer c.lock.Unlock()
	if a := c.moves[m]; a != nil {
		return a
	}
	if c.moves == nil {
		c.moves = map[move]*arrival{}
	}
	a := g.judge(c, m)
	c.moves[m] = a
	return a
}

// judge takes the step and checks it: that it is steps of P and S, that the
// invariants hold behind it, and that a crash there would lose nothing.
func (g *graph) judge(c *core, m move) *arrival {
	o := g.step(c.machines[m.place], m.event)
	if o.crash != nil {
		return &arrival{core: c, err: o.crash}
	}
	a := &arrival{core: c, sent: o.sent}
	checker := c.checker.Clone()
	switch {
	case m.event.kind == crash:
		a.err = o.next.read(checker.Restart)
	case o.out.Halt != nil:
		a.err = fmt.Errorf("host %d halts: %w", o.next.host.State().Host, o.out.Halt)
	default:
		a.err = o.next.read(func(h *kv.Host) error { return checker.Step(h, o.in, o.out) })
		if a.err == nil && o.next.lost {
			a.err = g.loses(o.next, checker)
		}
	}
	if a.err != nil {
		return a
	}
	machines := slices.Clone(c.machines)
	machines[m.place] = o.next
	if next, err := g.core(machines, checker, m.place); err != nil {
		a.err = err
	} else {
		a.core = next
	}
	return a
}

// loses returns what the judge makes of a crash that is no stutter.
func (g *graph) loses(m *machine, checker *ghost.Checker) error {
	m.lock.Lock()
	after, _ := reborn(m.copy())
	m.lock.Unlock()
	return checker.Restart(after)
}

// saw counts what a host did.
func (g *graph) saw(h *kv.Host, o *outcome) {
	g.lock.Lock()
	g.steps++
	g.lock.Unlock()
	g.seen.Saw("does " + ghost.ActionName(o.out.Action))
	if o.out.Drop != kv.DropNone {
		g.seen.Saw("drops, " + o.out.Drop.String())
	}
	for _, p := range o.out.Packets {
		switch r := p.Msg.(type) {
		case *marshal.Refusal:
			g.seen.Saw("refuses, " + r.Reason.String())
		case *marshal.OrderReply:
			g.seen.Saw("answers an order, " + r.Reason.String())
		case *marshal.Redirect:
			g.seen.Saw("redirects")
		}
	}
	if len(h.Held()) > 0 {
		g.seen.Saw("has a request held")
	}
}
