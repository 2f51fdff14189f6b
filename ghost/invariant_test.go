package ghost_test

import (
	"errors"
	"testing"

	"ironkv/delegation"
	"ironkv/ghost"
	"ironkv/ghost/judge"
	"ironkv/ghost/protocol"
	"ironkv/ghost/spec"
	"ironkv/marshal"
)

var members = []delegation.HostID{1, 2}

// sound is a system of two hosts: host 1 owns all but [b, c), which is in flight
// to host 2 as its first delegate; a is at version 2, b at 1.
func sound(t *testing.T) protocol.System {
	s := protocol.NewSystem(1, members, true)
	for i, key := range []delegation.Key{"b", "a"} {
		version := marshal.Version(i + 1)
		var err error
		s.Service, err = s.Service.Execute(spec.Execution{
			Request: spec.Set{Operation: spec.Operation{Client: 1, Counter: uint64(i)}, Key: key, Value: "x"},
			Reply:   spec.SetReply{Version: version},
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Hosts[0].Table = s.Hosts[0].Table.With(spec.Entry{Key: key, Value: "x", Version: version})
	}
	h := &s.Hosts[0]
	h.Clock = 2
	h.Moves = []protocol.Move{{Number: 1, Range: keyRange("b", "c"), Recipient: 2, Phase: marshal.MoveRunning, Cursor: delegation.At("b")}}
	s, o, err := s.Step(1, protocol.NextShard{Move: 1, Until: delegation.At("c")})
	if err != nil {
		t.Fatal(err)
	}
	s.Network = s.Network.With(o.Sent...)
	return s
}

// single returns the packet in which the delegate of sound flies.
func single(s protocol.System) (p protocol.Packet, m protocol.Single) {
	for p = range s.Network.All() {
		m = p.Msg.(protocol.Single)
	}
	return p, m
}

func flying(s *protocol.System) *protocol.Delegate { return &s.Hosts[0].Peers[0].Unacked[0] }

// TestEachInvariantCanFail: each name has states that break it, and no predicate
// before it in the list.
func TestEachInvariantCanFail(t *testing.T) {
	broken := map[string][]func(*protocol.System){
		"MapComplete": {
			func(s *protocol.System) { s.Hosts[0].Map = nil },
			func(s *protocol.System) { s.Hosts[0].Map[0].From = delegation.At("a") },
			func(s *protocol.System) { s.Hosts[0].Map[1].Host = 1 },
			func(s *protocol.System) { s.Hosts[0].Map[2].From = delegation.At("b") },
		},
		"AllDelegationsToKnownHosts": {
			func(s *protocol.System) { s.Hosts[0].Map[1].Host = 7 },
		},
		"EachKeyClaimedInExactlyOnePlace": {
			func(s *protocol.System) { s.Hosts[1].Map = s.Hosts[1].Map.Update(keyRange("b", "bb"), 2) },
			func(s *protocol.System) { s.Hosts[1].Map = s.Hosts[1].Map.Update(keyRange("x", "y"), 2) },
			func(s *protocol.System) { s.Hosts[0].Map = s.Hosts[0].Map.Update(keyRange("x", "y"), 2) },
			func(s *protocol.System) { flying(s).Range.Until = delegation.At("bb") },
			func(s *protocol.System) { flying(s).Range.Until = delegation.At("cc") },
			func(s *protocol.System) { s.Hosts[1].Peers[0].Received = 1 },
		},
		"HostsStoreOnlyOwnedKeys": {
			func(s *protocol.System) { s.Hosts[0].Table = s.Hosts[0].Table.With(spec.Entry{Key: "b"}) },
			func(s *protocol.System) { s.Hosts[1].Table = s.Hosts[1].Table.With(spec.Entry{Key: "a"}) },
		},
		"DelegationMessagesCarryOnlyClaimedKeys": {
			func(s *protocol.System) { flying(s).Entries = append(flying(s).Entries, spec.Entry{Key: "c"}) },
			func(s *protocol.System) { flying(s).Entries = append(flying(s).Entries, flying(s).Entries[0]) },
		},
		"UnAckedListProperties": {
			func(s *protocol.System) { s.Hosts[1].Peers[0].Acked = 1 },
			func(s *protocol.System) { s.Hosts[1].Peers[0].Unacked = []protocol.Delegate{{}} },
			func(s *protocol.System) { flying(s).Clock = 9 },
		},
		"PacketsHaveSenderUniqueSeqnos": {
			func(s *protocol.System) {
				p, m := single(*s)
				m.Delegate.Range = keyRange("p", "q")
				p.Msg = m
				s.Network = s.Network.With(p)
			},
		},
		"ReceiverHasCanceledNoUnsentSeqnos": {
			func(s *protocol.System) { s.Hosts[0].Peers[0].Received = 1 },
		},
		"OperationsExecuteAtMostOnce": {
			func(s *protocol.System) { s.Doubled = []spec.Operation{{Client: 1, Counter: 1}} },
		},
		"ClockCoversVersions": {
			func(s *protocol.System) { s.Hosts[0].Clock = 1 },
			func(s *protocol.System) { // the delegate's clock, sent so
				p, m := single(*s)
				m.Delegate.Clock, flying(s).Clock = 0, 0
				p.Msg = m
				s.Network = protocol.NewNetwork().With(p)
			},
		},
		"Refinement": {
			func(s *protocol.System) { s.Hosts[0].Table = s.Hosts[0].Table.Without(spec.Entry{Key: "a"}) },
			func(s *protocol.System) { s.Hosts[0].Table = s.Hosts[0].Table.With(spec.Entry{Key: "d"}) },
			func(s *protocol.System) {
				s.Hosts[0].Table = s.Hosts[0].Table.With(spec.Entry{Key: "a", Value: "y", Version: 2})
			},
			func(s *protocol.System) { // a client is told what S never replied
				s.Network = s.Network.With(protocol.Packet{Src: protocol.Endpoint{Host: 1}, Msg: protocol.GetReply{Header: protocol.Header{Number: 7}}})
			},
		},
	}
	if err := judge.Check(ghost.Invariants, sound(t)); err != nil {
		t.Fatalf("the sound system: %v", err)
	}
	for _, i := range ghost.Invariants {
		if len(broken[i.Name]) == 0 {
			t.Errorf("nothing breaks %s", i.Name)
		}
		for n, mutate := range broken[i.Name] {
			s := sound(t)
			mutate(&s)
			var v *judge.Violation
			if err := judge.Check(ghost.Invariants, s); !errors.As(err, &v) || v.Name != i.Name {
				t.Errorf("%s, mutant %d: got %v", i.Name, n, err)
			} else {
				t.Log(err)
			}
		}
	}
}

// TestALostHostClaimsNothing: keys of a host that lost its state have no owner,
// but none may have two.
func TestALostHostClaimsNothing(t *testing.T) {
	s := sound(t)
	s.Hosts[0] = protocol.NewHost(1, 1, 4711, members)
	check := func() error { return judge.Check(ghost.Invariants[2:3], s) }
	if err := check(); err != nil {
		t.Errorf("the root was born again, and host 2 knows: %v", err)
	}
	s.Hosts[1].Peers[0].Incarnation = 0
	if err := check(); err != nil {
		t.Errorf("nobody knew the root before: %v", err)
	}
	s.Hosts[1].Map = protocol.Delegations{{Host: 2}}
	if err := check(); err == nil {
		t.Error("two hosts claim all keys")
	}
}

func TestLivenessCanFail(t *testing.T) {
	s := sound(t)
	if err := ghost.Liveness.Check(s); err == nil {
		t.Error("a delegate is in flight")
	}
	s.Hosts[1].Peers[0].Received = 1
	if err := ghost.Liveness.Check(s); err == nil {
		t.Error("a move drains")
	}
	s.Hosts[0].Moves[0].Phase = marshal.MovePaused
	if err := ghost.Liveness.Check(s); err != nil {
		t.Errorf("a paused move may rest: %v", err)
	}
}
