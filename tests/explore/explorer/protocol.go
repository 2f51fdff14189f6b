package explorer

import (
	"fmt"

	"ironkv/delegation"
	"ironkv/ghost/protocol"
	"ironkv/tests/explore/search"
)

// A ProtocolScope is a first state of P, which is explored by itself. P has no time, no
// sizes and no disks, and a crash is nothing there; so there is less to it than to hosts,
// and its scopes have more hosts, more orders, and orders of which any host may be told to
// give to any other. For the same requests it has more behaviours than hosts that do not
// crash, though, where these have no choice: clients ask whom they like, recipients agree
// without having been asked, moves end before their last delegate is acknowledged or after,
// an answer is repeated whenever a request could come again, and a chunk is of any length.
type ProtocolScope struct {
	Name   string
	System protocol.System
	// GivesUp is how many requests may be given up while their clients could still wait,
	// or AnyNumber. After many redirects a client always may.
	GivesUp int
	// Whole searches also what is left out elsewhere because it cannot be told apart, and
	// Named what differs from it in names only (rename.go).
	Whole, Named bool
	// Workers and MaxStates are as in [Scope].
	Workers, MaxStates int
	// tamper, if set, changes what actions make of hosts: to show that faults are found.
	tamper func(protocol.Action, protocol.Host, *protocol.Outcome)
}

// String says what the scope is made of.
func (s ProtocolScope) String() string {
	requests := 0
	for _, c := range s.System.Clients {
		requests += len(c.Wants)
	}
	text := fmt.Sprintf("P by itself; hosts: %d, clients: %d, their requests: %d", len(s.System.Hosts), len(s.System.Clients), requests)
	switch {
	case s.GivesUp == AnyNumber:
		text += ", requests given up: any number"
	case s.GivesUp > 0:
		text += fmt.Sprintf(", requests given up: %d", s.GivesUp)
	}
	if n := len(namesOf(s)); n > 1 {
		text += fmt.Sprintf("; %d ways to name all are one", n)
	}
	return text
}

// ExploreProtocol searches all behaviours of P from the scope's first state: each
// step is one of S or a stutter, and the invariants hold in each state.
func ExploreProtocol(scope ProtocolScope) (search.Report, error) {
	return newPGraph(scope).explore()
}

func (g *pgraph) explore() (search.Report, error) { return search.Run(g.space()) }

func (g *pgraph) space() search.Space[*pstate] {
	return search.Space[*pstate]{
		Init: []*pstate{g.begin()}, Next: g.next, Key: g.key, Check: g.check, Goal: g.outstanding,
		Workers: g.scope.Workers, MaxStates: g.scope.MaxStates,
	}
}

func hosts(n int) (ids []delegation.HostID) {
	for i := range n {
		ids = append(ids, delegation.HostID(i+1))
	}
	return ids
}

func wantSet(key delegation.Key, value string) protocol.Message {
	return protocol.SetRequest{Key: key, Value: value}
}

func wantShard(r delegation.Range, to delegation.HostID) protocol.Message {
	return protocol.Shard{Range: r, Recipient: to}
}

// anywhere orders a range to be moved to any host.
func anywhere(r delegation.Range) protocol.Message { return wantShard(r, 0) }

// wanted is a system of n hosts, of which each client wants something else.
func wanted(n int, clients ...[]protocol.Message) protocol.System {
	s := protocol.NewSystem(1, hosts(n), true)
	for i, wants := range clients {
		s = s.WithClient(protocol.NewClient(uint64(i+1), n, wants...))
	}
	return s
}

type wants = []protocol.Message

// Protocols are scopes of P that every run of the tests explores to the end.
var Protocols = []ProtocolScope{
	{Name: "P-crossing", GivesUp: AnyNumber, System: wanted(2, wants{wantSet(keyA, "x"), wantSet(keyB, "y")}, wants{wantShard(both, 2)})},
	{Name: "P-return", System: wanted(2, wants{wantSet(keyA, "x"), wantSet(keyB, "y")}, wants{wantShard(both, 2), wantShard(both, 1)})},
	{Name: "P-chase", System: wanted(3, wants{wantSet(keyA, "x")}, wants{wantShard(both, 2)}, wants{wantShard(both, 3)})},
	{Name: "P-anywhere", System: wanted(3, wants{wantSet(keyA, "x")}, wants{anywhere(both)}, wants{anywhere(both)})},
	{Name: "P-four", System: wanted(4, wants{wantSet(keyA, "x")}, wants{anywhere(both)}, wants{anywhere(both)})},
	{Name: "P-keys", System: wanted(2, wants{wantSet(keyA, "x"), wantShard(below(keyB), 2)}, wants{wantSet(keyB, "x"), wantShard(from(keyB), 2)})},
}

// DeepProtocols are larger ones, for the long run.
var DeepProtocols = []ProtocolScope{
	{Name: "P-impatient", GivesUp: AnyNumber, System: wanted(2, wants{wantSet(keyA, "x"), wantSet(keyB, "y")}, wants{wantShard(both, 2), wantShard(both, 1)})},
	{Name: "P-to-and-fro", System: wanted(2, wants{wantSet(keyA, "x"), wantSet(keyB, "y")}, wants{anywhere(both), anywhere(both), anywhere(both)})},
	{Name: "P-three-orders", System: wanted(3, wants{wantSet(keyA, "x")}, wants{anywhere(onlyA)}, wants{anywhere(onlyA)}, wants{anywhere(onlyA)})},
	{Name: "P-four-busy", System: wanted(4, wants{wantSet(keyA, "x"), wantSet(keyB, "y")}, wants{anywhere(both)}, wants{anywhere(both)})},
	{Name: "P-four-around", System: wanted(4, wants{wantSet(keyA, "x")}, wants{anywhere(both), anywhere(both)}, wants{anywhere(both)})},
	{Name: "P-around", System: wanted(2, wants{wantSet(keyA, "x")}, wants{
		wantShard(onlyA, 2), wantShard(onlyA, 1), wantShard(onlyA, 2), wantShard(onlyA, 1), wantShard(onlyA, 2),
	})},
}
