package explorer

import (
	"fmt"

	"ironkv/delegation"
	"ironkv/ghost"
	"ironkv/ghost/judge"
	"ironkv/ghost/protocol"
	"ironkv/tests/explore/search"
)

// A ProtocolScope is a first state of P, which is explored by itself: it has no
// sizes, no time and no holds, so it may do more than hosts do, and has more states
// for as many requests; hosts that refine it go through a part of them only.
type ProtocolScope struct {
	Name   string
	System protocol.System
	// Workers and MaxStates are as in [Scope].
	Workers, MaxStates int
}

// String says what the scope is made of.
func (s ProtocolScope) String() string {
	requests := 0
	for _, c := range s.System.Clients {
		requests += len(c.Wants)
	}
	return fmt.Sprintf("P by itself; hosts: %d, clients: %d, their requests: %d", len(s.System.Hosts), len(s.System.Clients), requests)
}

// ExploreProtocol searches all behaviours of P from the scope's first state: each
// step is one of S or a stutter, and the invariants hold in each state.
func ExploreProtocol(scope ProtocolScope) (search.Report, error) {
	return search.Run(protocolSpace(scope))
}

func protocolSpace(scope ProtocolScope) search.Space[protocol.System] {
	return search.Space[protocol.System]{
		Init:    []protocol.System{scope.System},
		Key:     func(b []byte, s protocol.System) []byte { return s.Encode(b) },
		Check:   func(s protocol.System) error { return judge.Check(ghost.Invariants, s) },
		Workers: scope.Workers, MaxStates: scope.MaxStates,
		Next: func(s protocol.System) (out []search.Transition[protocol.System]) {
			for _, t := range s.Next() {
				tell := func() string {
					if t.Host == 0 {
						return "a client: " + t.Name
					}
					return fmt.Sprintf("host %d: %s %+v", t.Host, t.Name, t.Action)
				}
				out = append(out, search.Transition[protocol.System]{Kind: t.Name, Tell: tell, Next: t.System, Err: t.Err})
			}
			return out
		},
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

// DeepProtocols are scopes of P for the long run.
var DeepProtocols = []ProtocolScope{
	{Name: "P-crossing", System: protocol.NewSystem(1, hosts(2), true).
		WithClient(protocol.NewClient(1, 2, wantSet(keyA, "x"), wantSet(keyB, "y"))).
		WithClient(protocol.NewClient(2, 2, wantShard(both, 2)))},
	{Name: "P-return", System: protocol.NewSystem(1, hosts(2), true).
		WithClient(protocol.NewClient(1, 2, wantSet(keyA, "x"), wantSet(keyB, "y"))).
		WithClient(protocol.NewClient(2, 2, wantShard(both, 2), wantShard(both, 1)))},
	{Name: "P-chase", System: protocol.NewSystem(1, hosts(3), true).
		WithClient(protocol.NewClient(1, 3, wantSet(keyA, "x"))).
		WithClient(protocol.NewClient(2, 3, wantShard(both, 2))).
		WithClient(protocol.NewClient(3, 3, wantShard(both, 3)))},
}
