package protocol_test

import (
	"errors"
	"fmt"
	"testing"

	"ironkv/delegation"
	"ironkv/ghost"
	"ironkv/ghost/judge"
	"ironkv/ghost/protocol"
	"ironkv/tests/explore/search"
)

func space(s protocol.System) search.Space[protocol.System] {
	return search.Space[protocol.System]{
		Init:    []protocol.System{s},
		Key:     func(b []byte, s protocol.System) []byte { return s.Encode(b) },
		Check:   func(s protocol.System) error { return judge.Check(ghost.Invariants, s) },
		Workers: 2, MaxStates: 1 << 16,
		Next: func(s protocol.System) (out []search.Transition[protocol.System]) {
			for _, t := range s.Next() {
				out = append(out, search.Transition[protocol.System]{
					Kind: t.Name, Label: fmt.Sprintf("host %d: %s %+v", t.Host, t.Name, t.Action), Next: t.System, Err: t.Err,
				})
			}
			return out
		},
	}
}

func set(key delegation.Key, value string) protocol.Message {
	return protocol.SetRequest{Key: key, Value: value}
}

func shard(r delegation.Range, to delegation.HostID) protocol.Message {
	return protocol.Shard{Range: r, Recipient: to}
}

var low = delegation.Range{Until: delegation.At("b")}

// TestEveryBehaviour explores P to the end in small scopes: every order of
// deliveries, losses, duplicates and retransmissions, and clients that give up.
// What they are a part of grows with tests/explore.
func TestEveryBehaviour(t *testing.T) {
	hosts := func(n int) (ids []delegation.HostID) {
		for i := range n {
			ids = append(ids, delegation.HostID(i+1))
		}
		return ids
	}
	for _, scope := range []struct {
		name   string
		system protocol.System
	}{
		{"acquaintance", protocol.NewSystem(1, hosts(2), false)},
		{"a write and its repetitions", protocol.NewSystem(1, hosts(2), true).WithFullDisks().
			WithClient(protocol.NewClient(1, 2, set("a", "x"), set("a", "y")))},
		{"a write while its key moves", protocol.NewSystem(1, hosts(2), true).WithFullDisks().
			WithClient(protocol.NewClient(1, 2, set("a", "x"))).
			WithClient(protocol.NewClient(2, 2, shard(low, 2)))},
		{"a write and a page while their key moves", protocol.NewSystem(1, hosts(2), true).
			WithClient(protocol.NewClient(1, 2, set("a", "x"), protocol.ScanRequest{Range: delegation.All})).
			WithClient(protocol.NewClient(2, 2, shard(low, 2)))},
		{"orders that chase each other", protocol.NewSystem(1, hosts(3), true).
			WithClient(protocol.NewClient(1, 3, set("a", "x"))).
			WithClient(protocol.NewClient(2, 3, shard(low, 2))).
			WithClient(protocol.NewClient(3, 3, shard(low, 3)))},
	} {
		t.Run(scope.name, func(t *testing.T) {
			if testing.Short() && len(scope.system.Clients) > 1 {
				t.Skip("short: seconds, alone on two cores")
			}
			report, err := search.Run(space(scope.system))
			t.Logf("\n%v", report)
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestExplorationFindsWrongProtocols: protocols with one mistake each, which the
// search finds, and names by the invariant that breaks.
func TestExplorationFindsWrongProtocols(t *testing.T) {
	start := protocol.NewSystem(1, []delegation.HostID{1, 2}, true).
		WithClient(protocol.NewClient(1, 2, set("a", "x"))).
		WithClient(protocol.NewClient(2, 2, shard(low, 2)))
	for name, c := range map[string]struct {
		after  string // the action that does too little
		undo   func(was, is protocol.Host) protocol.Host
		broken string
	}{
		"a write is not recorded": {"NextSetRequest", func(was, is protocol.Host) protocol.Host {
			is.Sessions = was.Sessions
			return is
		}, "OperationsExecuteAtMostOnce"},
		"a range is kept": {"NextShard", func(was, is protocol.Host) protocol.Host {
			is.Map = was.Map
			return is
		}, "EachKeyClaimedInExactlyOnePlace"},
		"entries are kept": {"NextShard", func(was, is protocol.Host) protocol.Host {
			is.Table = was.Table
			return is
		}, "HostsStoreOnlyOwnedKeys"},
		"a delegate is not remembered": {"NextShard", func(was, is protocol.Host) protocol.Host {
			is.Peers = was.Peers
			return is
		}, "EachKeyClaimedInExactlyOnePlace"},
		"a tombstone is not advanced": {"NextDelegate", func(was, is protocol.Host) protocol.Host {
			is.Peers = was.Peers
			return is
		}, "EachKeyClaimedInExactlyOnePlace"},
		"a clock is not raised": {"NextDelegate", func(was, is protocol.Host) protocol.Host {
			is.Clock = was.Clock
			return is
		}, "ClockCoversVersions"},
	} {
		s := space(start)
		next := s.Next
		s.Next = func(s protocol.System) []search.Transition[protocol.System] {
			out := next(s)
			for i, step := range s.Next() {
				if step.Name == c.after {
					was, _ := s.Host(step.Host)
					is, _ := step.System.Host(step.Host)
					out[i].Next = step.System.With(c.undo(was, is))
				}
			}
			return out
		}
		_, err := search.Run(s)
		var v *judge.Violation
		if !errors.As(err, &v) || v.Name != c.broken {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
