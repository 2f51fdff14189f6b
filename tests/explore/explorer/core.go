package explorer

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"ironkv/ghost"
	"ironkv/ghost/judge"
	"ironkv/ghost/spec"
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
// the same packet, whatever the other hosts are at; the judge says the same of the
// step in the same state of S, whatever the other hosts are at and is on the network;
// and the invariants hold of the same hosts and S, or do not. Its values are kept by
// 128 bits of SHA-256 of their canonical encodings.
type graph struct {
	scope Scope

	lock     sync.Mutex
	orders   int // to move, in all scripts
	packets  map[hash]*packet
	toHosts  uint32 // how many packets are for hosts
	machines map[hash]*machine
	services map[hash]*service
	cores    map[coreKey]*core
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
	rooms              [numRooms]string
}

// A service is a state of S. It never changes, and there is one value for each.
type service struct {
	state spec.State
	id    uint32
}

func (g *graph) service(s spec.State) *service {
	key := hashOf(s.Encode(nil))
	g.lock.Lock()
	defer g.lock.Unlock()
	if old := g.services[key]; old != nil {
		return old
	}
	n := &service{s, uint32(len(g.services))}
	g.services[key] = n
	return n
}

// maxHosts is how many hosts a scope may have.
const maxHosts = 4

// A coreKey holds the ids of a core's machines, by place, and of its service.
type coreKey [maxHosts + 1]uint32

// A core is a state of all hosts with the state of S that they have come to. It
// never changes, and there is one value for each.
type core struct {
	machines []*machine
	service  *service
	id       uint32
	// moving is what is still to come between hosts, where that has to end.
	moving error
}

// checker returns the judge of the core.
func (c *core) checker() *ghost.Checker {
	var parts []*ghost.Checker
	for _, m := range c.machines {
		parts = append(parts, m.part)
	}
	return ghost.Join(parts...).In(c.service.state)
}

// core returns the one value for these machines, but m in its place, and the state of
// S. Where it is new, the invariants are checked in it.
func (g *graph) core(machines []*machine, place int, m *machine, service *service) (*core, error) {
	key := coreKey{maxHosts: service.id}
	for i, o := range machines {
		key[i] = o.id
	}
	key[place] = m.id
	g.lock.Lock()
	old := g.cores[key]
	g.lock.Unlock()
	if old != nil {
		return old, nil
	}
	c := &core{machines: slices.Clone(machines), service: service}
	c.machines[place] = m
	checker := c.checker()
	if err := checker.Check(); err != nil {
		return nil, err
	}
	if g.ends() {
		c.moving = judge.Check([]ghost.Invariant{ghost.Liveness}, checker.System())
	}
	g.lock.Lock()
	defer g.lock.Unlock()
	if old = g.cores[key]; old != nil {
		return old, nil
	}
	c.id = uint32(len(g.cores))
	g.cores[key] = c
	return c, nil
}

// A move is what happens to which of the hosts.
type move struct {
	place int
	event event
}

// follow returns what the move makes of the host, with the state of S that it leads
// to; the error is what the judge objects to.
func (g *graph) follow(c *core, m move) (*outcome, *service, error) {
	o := g.step(c.machines[m.place], m.event)
	if o.crash != nil {
		return o, nil, o.crash
	}
	if o.out.Halt != nil {
		return o, nil, fmt.Errorf("host %d halts: %w", o.next.host.State().Host, o.out.Halt)
	}
	o.lock.Lock()
	defer o.lock.Unlock()
	if s := o.judged[c.service]; s != nil {
		return o, s, nil
	}
	part := c.machines[m.place].part.In(c.service.state)
	if err := g.judge(part, m.event, o); err != nil {
		// All hosts together know by which invariant to call it.
		return o, nil, cmp.Or(g.judge(c.checker(), m.event, o), err)
	}
	if o.judged == nil {
		o.judged = map[*service]*service{}
	}
	s := g.service(part.System().Service)
	o.judged[c.service] = s
	g.lock.Lock()
	defer g.lock.Unlock()
	if o.next.part == nil {
		o.next.part = part
	}
	return o, s, nil
}

// judge takes the step before the checker's eyes and checks it: that it is steps of P
// and S, that P's view of the host is what it is in, and that a crash there would lose
// nothing.
func (g *graph) judge(checker *ghost.Checker, e event, o *outcome) error {
	return o.next.read(func(h *kv.Host) error {
		if e.kind == crash {
			return checker.Restart(h)
		}
		if err := checker.Step(h, o.in, o.out); err != nil {
			return err
		}
		if o.next.lost {
			after, _ := reborn(o.next.copy())
			if err := checker.Restart(after); err != nil {
				return err
			}
		}
		return checker.Compare(h)
	})
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
