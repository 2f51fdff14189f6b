package explorer

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"ironkv/delegation"
	"ironkv/ghost"
	"ironkv/ghost/judge"
	"ironkv/ghost/protocol"
	"ironkv/marshal"
	"ironkv/tests/explore/search"
	"ironkv/tests/world"
)

// Compared are small scopes that hosts and P are both searched in, to see what P
// allows and hosts never do: a refinement of a protocol that allows everything, or
// of one whose actions never happen, would say nothing.
var Compared = []Scope{
	{Name: "writes", Hosts: 2, Rooms: AnyNumber, Clients: [][]world.Op{{put(keyA, "x")}, {shard(both, 1, 2)}}},
	{Name: "conditions", Hosts: 1, Clients: [][]world.Op{{
		remove(keyA), putIf(keyA, "x", 7),
	}}},
	{Name: "reads", Hosts: 2, Clients: [][]world.Op{{get(keyA)}, {shard(both, 1, 2)}}},
	{Name: "pages", Hosts: 2, Clients: [][]world.Op{{scan(both)}, {shard(both, 1, 2)}}},
	{Name: "overlap", Hosts: 2, Clients: [][]world.Op{{shard(both, 1, 2)}, {shard(both, 1, 2)}}},
	{Name: "repeats", Hosts: 2, Crashes: 2, Stored: []delegation.Key{keyA, keyB}, Clients: [][]world.Op{{shard(both, 1, 2)}}},
	{Name: "waits", Hosts: 2, Waits: 2, Stored: []delegation.Key{keyA}, Clients: [][]world.Op{{shard(both, 1, 2)}}},
	{Name: "orders", Hosts: 2, Clients: [][]world.Op{{shard(both, 1, 2)}, {order(world.OpPause), order(world.OpResume), order(world.OpCancel)}}},
	{Name: "misuse", Hosts: 2, Clients: [][]world.Op{{shard(delegation.Range{From: both.Until, Until: both.From}, 1, 2), shard(both, 1, 1), shard(both, 1, 3)}}},
}

// whyNot says of each choice that is not seen in the searches of both, why.
var whyNot = map[string]string{
	"NextSetRequest, redirects and records no range": "only where answers are bound to fewer bytes: tests/sim",
	"NextOrder to move, too many unfinished moves":   "the bound is not met: tests/sim",
	"ReceiveOld, its predecessor is missing":         "P stores nothing here, so it has one delegate at most between two hosts: scope P-crossing",
	"SpontaneouslyRetransmit":                        "hosts wait longer for it than clocks may jump here: scope retransmits",
	"OpenSession":                                    "all sessions are open in the beginning: tests/sim",
	"CloseSession":                                   "hosts do as time passes, which P does not know: its clients close none",
	"ForgetMove":                                     "as many ended moves are not met: tests/sim",
	"Meet":                                           "hosts greet again after a crash, which is none of P's steps: acquaintance in ghost/protocol",
	"SendGreet":                                      "as Meet",

	"ChangeMove, stopping: the range is empty":                        "no such move is admitted, and none becomes so",
	"ChangeMove, stopping: the recipient is the owner itself":         "no such move is admitted, and none becomes so",
	"ChangeMove, stopping: the recipient is no host of this cluster":  "no such move is admitted, and none becomes so",
	"ChangeMove, stopping: another host owns a part of the range":     "only this move gives of its range, for others do not overlap it",
	"ChangeMove, stopping: the recipient does not know this host":     "all hosts have met",
	"ChangeMove, stopping: the recipient takes only smaller messages": "all hosts take the same",
}

// A Comparison holds how often each choice was seen in the search of P, and of hosts;
// and how often each conjunct kept P from an action that it tried. The report is of
// both searches together.
type Comparison struct {
	search.Report
	P, Hosts, Refused *judge.Coverage
}

// Compare searches scopes, of hosts and of P.
func Compare(scopes []Scope, workers int) (*Comparison, error) {
	c := &Comparison{
		P: judge.NewCoverage(protocol.Choices()...), Hosts: judge.NewCoverage(protocol.Choices()...), Refused: judge.NewCoverage(),
	}
	for _, s := range scopes {
		s.Workers = workers
		s.told = func(a protocol.Action, o protocol.Outcome) { c.Hosts.Saw(protocol.Choice(a, o)) }
		r, err := Explore(s)
		c.add(r.Report)
		if err != nil {
			return c, fmt.Errorf("%s: %w", s.Name, err)
		}
		of, err := search.Run(c.space(s.protocol(), workers))
		c.add(of)
		if err != nil {
			return c, fmt.Errorf("P of %s: %w", s.Name, err)
		}
	}
	return c, nil
}

// space is P from s on, all of it, as ghost/protocol itself tells what comes next.
func (c *Comparison) space(s protocol.System, workers int) search.Space[protocol.System] {
	return search.Space[protocol.System]{
		Init:    []protocol.System{s},
		Key:     func(b []byte, s protocol.System) []byte { return s.Encode(b) },
		Check:   func(s protocol.System) error { return judge.Check(ghost.Invariants, s) },
		Workers: workers,
		Next: func(s protocol.System) (out []search.Transition[protocol.System]) {
			s.Try(c.tried)
			for _, t := range s.Next() {
				out = append(out, search.Transition[protocol.System]{Kind: t.Name, Label: t.Name, Next: t.System, Err: t.Err})
			}
			return out
		},
	}
}

func (c *Comparison) add(r search.Report) {
	c.States += r.States
	c.Transitions += r.Transitions
	c.Depth = max(c.Depth, r.Depth)
}

func (c *Comparison) tried(a protocol.Action, o protocol.Outcome, err error) {
	var d *protocol.Disabled
	switch {
	case err == nil:
		c.P.Saw(protocol.Choice(a, o))
	case errors.As(err, &d):
		c.Refused.Saw(d.Action + ": " + d.Conjunct)
	}
}

// protocol is the scope's first state in P, but for what is stored.
func (s Scope) protocol() protocol.System {
	p := protocol.NewSystem(1, hosts(s.Hosts), true)
	if s.Rooms != 0 {
		p = p.WithFullDisks()
	}
	for i, script := range s.Clients {
		var wants []protocol.Message
		for _, op := range script {
			wants = append(wants, wantOf(op))
		}
		p = p.WithClient(protocol.NewClient(uint64(i+1), s.Hosts, wants...))
	}
	return p
}

func wantOf(op world.Op) protocol.Message {
	switch op.Kind {
	case world.OpGet:
		return protocol.GetRequest{Key: op.Key}
	case world.OpScan:
		return protocol.ScanRequest{Range: op.Range}
	case world.OpShard:
		return protocol.Shard{Range: op.Range, Recipient: op.Recipient}
	case world.OpPause, world.OpResume, world.OpCancel, world.OpThrottle:
		return protocol.MoveOrder{Move: op.Move, Action: marshal.MoveAction(op.Kind - world.OpPause)}
	case world.OpPut, world.OpDelete:
		return protocol.SetRequest{Key: op.Key, Value: string(op.Value), Delete: op.Kind == world.OpDelete, Condition: op.Condition}
	case world.OpMoves, world.OpStatus, world.OpAudit:
	}
	panic("explorer: P knows no such request")
}

// String renders the tables.
func (c *Comparison) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0) // a strings.Builder does not fail
	_, _ = fmt.Fprintf(w, "what P allows\tin P\tby hosts\twhy not\n")
	for _, choice := range protocol.Choices() {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", choice, times(c.P.Count(choice)), times(c.Hosts.Count(choice)), whyNot[choice])
	}
	_, _ = fmt.Fprintf(w, "\nwhat keeps P from an action that is tried\ttimes\n")
	_ = w.Flush()
	return b.String() + c.Refused.String()
}

func times(n int) string {
	if n == 0 {
		return "never"
	}
	return fmt.Sprint(n)
}
