package ghost

import (
	"fmt"
	"slices"
	"strings"

	"ironkv/delegation"
	"ironkv/ghost/judge"
	"ironkv/ghost/protocol"
	"ironkv/kv"
	"ironkv/marshal"
)

// A Checker watches the hosts of a cluster step by step. It keeps P's view of
// them, and with each step of H takes the actions of P that the step has to be:
// none, one, or several. Each action has to be enabled; together they have to
// send what the host sent, and lead to the state that the host is in; and what
// they execute S has to allow, so each is a step of S or a stutter.
//
// What was sent, the numbers, and the key that was written are compared at every
// step; the whole state of the host, and the invariants, at every so many
// ([NewChecker]). What the former overlooks the latter finds, for P's view goes
// on from itself, not from the host's.
//
// A step that P does not allow is called by the invariant that the state of the host
// itself breaks behind it, and a violation of Refinement only where it breaks none:
// so each invariant is about what the machine did, too, and not only about P.
//
// A Checker is not safe for concurrent use.
type Checker struct {
	system protocol.System
	every  uint64
	index  map[delegation.HostID]int
	held   [][]*kv.Held
	room   []uint64 // what each host was told last that its store can take in, in bytes
	sent   judge.Tree[sentDelegate]
	counts Counts
	// seen counts the actions of P; it is shared with clones.
	seen *judge.Coverage
	told func(protocol.Action, protocol.Outcome)
}

// Counts says how much was checked.
type Counts struct {
	// Steps of H; Actions of P that they were; Stutters, the steps that were none.
	Steps, Actions, Stutters uint64
	// Requests executed in S; Packets that hosts sent each other; Delegates sent
	// for the first time.
	Requests, Packets, Delegates uint64
	// Cuts is how often the whole state and the invariants were checked.
	Cuts uint64
}

// sentDelegate remembers what was sent under a number.
type sentDelegate struct {
	from, to delegation.HostID
	life     marshal.Incarnation
	seqno    uint64
	digest   uint32
}

func sentLess(a, b *sentDelegate) bool {
	switch {
	case a.from != b.from:
		return a.from < b.from
	case a.to != b.to:
		return a.to < b.to
	case a.life != b.life:
		return a.life < b.life
	}
	return a.seqno < b.seqno
}

// NewChecker returns a checker of a cluster in its first state. It checks
// everything at every so many steps: 1 for each, 0 for never but on [Checker.Check].
// It fails where the first state breaks an invariant.
func NewChecker(every uint64, hosts ...*kv.Host) (*Checker, error) {
	c := &Checker{
		every: every, index: map[delegation.HostID]int{}, held: make([][]*kv.Held, len(hosts)),
		sent: judge.NewTree(sentLess), seen: judge.NewCoverage(protocol.ActionNames...),
		system: protocol.System{Network: protocol.NewNetwork(), Service: protocol.NewSystem(0, nil, false).Service},
	}
	hosts = slices.SortedFunc(slices.Values(hosts), func(a, b *kv.Host) int { return int(a.State().Host) - int(b.State().Host) })
	for i, h := range hosts {
		c.index[h.State().Host] = i
		c.room = append(c.room, boundless)
		c.system.Hosts = append(c.system.Hosts, AbstractHost(h))
	}
	return c, c.invariants()
}

// Clone returns a copy that goes on by itself, but counts what it sees of P's
// actions in the same table. It takes constant time.
func (c *Checker) Clone() *Checker {
	d := *c
	d.held, d.room = slices.Clone(c.held), slices.Clone(c.room)
	return &d
}

// Tell lets the checker, and clones made of it later, tell each action of P that a
// step of H was, with what it came to.
func (c *Checker) Tell(told func(protocol.Action, protocol.Outcome)) { c.told = told }

// System is P's view of the cluster.
func (c *Checker) System() protocol.System { return c.system }

// Counts says what was checked so far; Coverage which of P's actions were seen.
func (c *Checker) Counts() Counts { return c.counts }

// Coverage counts the actions of P that steps of H were.
func (c *Checker) Coverage() *judge.Coverage { return c.seen }

// Step checks the step that h has just taken: in was received, out is what the
// step, and no other, wants done. The error is a [*judge.Violation] and names an
// invariant, "Refinement" where the step is none of P or S.
func (c *Checker) Step(h *kv.Host, in kv.Input, out *kv.Effects) error {
	c.counts.Steps++
	i, before := c.index[h.State().Host], c.system
	if in.Kind == kv.InputRoom {
		c.room[i] = in.Room
	}
	e := &explanation{checker: c, host: h, room: c.room[i], in: in, out: out, id: h.State().Host}
	if err := c.uniqueSeqnos(e.id, out); err != nil {
		return violation("PacketsHaveSenderUniqueSeqnos", err)
	}
	if err := e.run(c.held[i]); err != nil {
		if err := e.twice(before, c.held[i]); err != nil {
			return violation("OperationsExecuteAtMostOnce", err)
		}
		return unrefined(before, fmt.Errorf("step %d of host %d, %s: %w", h.Counters().Step, e.id, describe(in, out), err), h)
	}
	c.held[i] = h.Held()
	if len(c.system.Doubled) > 0 {
		return violation("OperationsExecuteAtMostOnce", operationsExecuteAtMostOnce(c.system))
	}
	if c.every > 0 && c.counts.Steps%c.every == 0 {
		return c.Check(h)
	}
	return nil
}

// Restart checks that a crash and a restart, which made h of a host's store, were
// a stutter of P: nothing was lost that P knows.
func (c *Checker) Restart(h *kv.Host) error {
	i := c.index[h.State().Host]
	c.held[i], c.room[i] = nil, boundless
	if err := protocol.Differ(c.system.Hosts[i], AbstractHost(h)); err != nil {
		return unrefined(c.system, fmt.Errorf("restart of host %d: %w", h.State().Host, err), h)
	}
	return nil
}

// Check compares the whole state of hosts with P's view of them, and checks the
// invariants.
func (c *Checker) Check(hosts ...*kv.Host) error {
	if err := c.Compare(hosts...); err != nil {
		return err
	}
	return c.invariants()
}

// Compare compares the whole state of hosts with P's view of them.
func (c *Checker) Compare(hosts ...*kv.Host) error {
	for _, h := range hosts {
		i := c.index[h.State().Host]
		if err := protocol.Differ(c.system.Hosts[i], AbstractHost(h)); err != nil {
			return unrefined(c.system, fmt.Errorf("step %d of host %d: %w", h.Counters().Step, h.State().Host, err), hosts...)
		}
	}
	return nil
}

func (c *Checker) invariants() error {
	c.counts.Cuts++
	return judge.Check(Invariants, c.system)
}

// boundless is the room that a host has which was told of none.
const boundless = ^uint64(0)

// unrefined is the violation where hosts are not as P's steps make them: of the
// first invariant that does not hold of the hosts' own states among those that s,
// the state before, has of the others; of Refinement where all of them hold.
func unrefined(s protocol.System, err error, hosts ...*kv.Host) error {
	for _, h := range hosts {
		s = s.With(AbstractHost(h))
	}
	for _, i := range Invariants {
		if i.Name == refines {
			continue
		}
		if witness := i.Check(s); witness != nil {
			return &judge.Violation{Name: i.Name, Source: i.Source, Witness: fmt.Errorf("%w (%w)", witness, err)}
		}
	}
	return violation(refines, err)
}

func violation(name string, err error) error {
	for _, i := range Invariants {
		if i.Name == name {
			return &judge.Violation{Name: name, Source: i.Source, Witness: err}
		}
	}
	panic("ghost: there is no invariant " + name)
}

func describe(in kv.Input, out *kv.Effects) string {
	what := "a timer"
	switch in.Kind {
	case kv.InputPacket:
		what = fmt.Sprintf("%s%s from %v", typeName(in.Packet.Msg), about(in.Packet.Msg), protocol.Endpoint(in.Packet.Src))
	case kv.InputRoom:
		what = "news of room"
	case kv.InputTimer:
	}
	return fmt.Sprintf("%s, %s", what, ActionName(out.Action))
}

// about says which key or range a message is about, if it is about one.
func about(m marshal.Message) string {
	switch m := m.(type) {
	case *marshal.GetRequest:
		return fmt.Sprintf(" of %q", string(m.Key))
	case *marshal.SetRequest:
		return fmt.Sprintf(" of %q", string(m.Key))
	case *marshal.ScanRequest:
		return fmt.Sprintf(" of %v", m.Range)
	case *marshal.Shard:
		return fmt.Sprintf(" of %v", m.Range)
	case *marshal.Single:
		return fmt.Sprintf(" of %v", m.Delegate.Range)
	}
	return ""
}

func typeName(m marshal.Message) string {
	return strings.TrimPrefix(fmt.Sprintf("%T", m), "*marshal.")
}

// uniqueSeqnos is the invariant of that name for what one step sent.
func (c *Checker) uniqueSeqnos(from delegation.HostID, out *kv.Effects) error {
	for _, p := range out.Packets {
		if p.Dst.Host != 0 {
			c.counts.Packets++
		}
		m, ok := p.Msg.(*marshal.Single)
		if !ok {
			continue
		}
		s := sentDelegate{from: from, to: p.Dst.Host, life: m.FromIncarnation, seqno: m.Seqno, digest: digestOf(&m.Delegate)}
		old, known := c.sent.Get(s)
		if known && old.digest != s.digest {
			return fmt.Errorf("host %d sent host %d two messages #%d, the second of %v", from, s.to, s.seqno, m.Delegate.Range)
		}
		if !known {
			c.counts.Delegates++
			c.sent = c.sent.With(s)
		}
	}
	return nil
}
