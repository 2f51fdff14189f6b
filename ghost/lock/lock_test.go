package lock

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"ironkv/ghost/judge"
	"ironkv/tests/explore/search"
)

// space is every interleaving of grants and of deliveries, each packet any number
// of times, at any time, or never. The garbage stands for what else the network brings.
func space(nodes int, last uint64) search.Space[System] {
	garbage := []Packet{{Src: 200, Msg: Message{Transfer, last + 1}}, {Src: 1, Msg: Message{Locked, last + 1}}}
	return search.Space[System]{
		Init:  []System{Init(nodes, last)},
		Key:   func(b []byte, s System) []byte { return s.Key(b) },
		Check: func(s System) error { return judge.Check(Invariants, s) },
		Next: func(s System) (out []search.Transition[System]) {
			for i := range s.Hosts {
				next, err := s.Grant(NodeID(i))
				out = append(out, search.Transition[System]{Kind: "grant", Label: fmt.Sprintf("host %d grants", i), Next: next, Err: err})
			}
			for _, p := range append(garbage, s.Network...) {
				next, err := s.Deliver(p)
				out = append(out, search.Transition[System]{Kind: "deliver", Label: fmt.Sprintf("deliver %v", p), Next: next, Err: err})
			}
			return out
		},
	}
}

// TestEveryInterleaving explores rings of two to four hosts to the end.
func TestEveryInterleaving(t *testing.T) {
	for _, scope := range []struct {
		nodes  int
		last   uint64
		states int
	}{{2, 8, 15}, {3, 12, 23}, {4, 16, 31}} {
		report, err := search.Run(space(scope.nodes, scope.last))
		if err != nil {
			t.Fatal(err)
		}
		if report.States != scope.states || report.Ends != 1 {
			t.Errorf("%d hosts, %d epochs: want %d states and one end\n%v", scope.nodes, scope.last, scope.states, report)
		}
	}
}

// TestInvariantsCanFail: each has a state that breaks it, by name.
func TestInvariantsCanFail(t *testing.T) {
	for _, c := range []struct {
		name   string
		mutate func(*System)
	}{
		{"AtMostOneHolds", func(s *System) { s.Hosts[1].held = true }},
		{"TransferHasHighestEpoch", func(s *System) { s.Hosts[0].held = false }},
		{"TransferHasHighestEpoch", func(s *System) { // the destination has had a higher one
			s.Hosts[0].held, s.Hosts[1].epoch = false, 2
			s.Network = []Packet{{Dst: 1, Src: 0, Msg: Message{Transfer, 2}}}
		}},
		{"HistoryNamesHolders", func(s *System) { s.History = []NodeID{1} }},
		{"HistoryNamesHolders", func(s *System) { s.History = []NodeID{0, 1} }},
	} {
		s := Init(2, 4)
		c.mutate(&s)
		var v *judge.Violation
		if err := judge.Check(Invariants, s); !errors.As(err, &v) || v.Name != c.name {
			t.Errorf("want %s, got %v", c.name, err)
		}
	}
}

// TestRefinementCanFail: steps that the protocol or the spec does not know.
func TestRefinementCanFail(t *testing.T) {
	s := NodeInit(0, 2, math.MaxUint64)
	kept, gone := s, s
	gone.Held = false
	hand := []Packet{{Dst: 1, Src: 0, Msg: Message{Transfer, 2}}}
	for name, err := range map[string]error{
		"grants and keeps":       Grant(s, kept, hand),
		"grants to itself":       Grant(s, gone, []Packet{{Dst: 0, Src: 0, Msg: Message{Transfer, 2}}}),
		"grants the same epoch":  Grant(s, gone, []Packet{{Dst: 1, Src: 0, Msg: Message{Transfer, 1}}}),
		"takes what it holds":    Accept(s, Node{Held: true, Epoch: 2, Nodes: 2, LastEpoch: s.LastEpoch}, hand[0], nil),
		"does not announce":      Accept(gone, Node{Held: true, Epoch: 2, Nodes: 2, LastEpoch: s.LastEpoch}, hand[0], nil),
		"takes from a stranger":  Accept(gone, Node{Held: true, Epoch: 2, Nodes: 2, LastEpoch: s.LastEpoch}, Packet{Src: 9, Msg: hand[0].Msg}, nil),
		"takes an old epoch":     Accept(gone, Node{Held: true, Epoch: 1, Nodes: 2, LastEpoch: s.LastEpoch}, Packet{Src: 1, Msg: Message{Transfer, 1}}, nil),
		"takes an announcement":  Accept(gone, Node{Held: true, Epoch: 2, Nodes: 2, LastEpoch: s.LastEpoch}, Packet{Src: 1, Msg: Message{Locked, 2}}, nil),
		"sends without a reason": Accept(gone, gone, Packet{Src: 1}, hand),
	} {
		if !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if err := Grant(s, gone, hand); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"two at once":     ServiceNext(ServiceInit(2), Service{2, []NodeID{0, 1, 0}}),
		"rewrites":        ServiceNext(Service{2, []NodeID{0, 1}}, Service{2, []NodeID{0, 0}}),
		"forgets":         ServiceNext(Service{2, []NodeID{0, 1}}, ServiceInit(2)),
		"a stranger":      ServiceNext(ServiceInit(2), Service{2, []NodeID{0, 2}}),
		"other hosts":     ServiceNext(ServiceInit(2), ServiceInit(3)),
		"false announcer": Correspondence([]Packet{{Src: 1, Msg: Message{Locked, 1}}}, ServiceInit(2)),
	} {
		if !errors.Is(err, ErrSpec) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestGarbageIsIgnored(t *testing.T) {
	h := NewHost(1, 2, 9)
	other := Encode(Message{Transfer, 5})
	other[7] = 2 // no kind
	for _, b := range [][]byte{nil, make([]byte, 16), make([]byte, 15), append(Encode(Message{Transfer, 5}), 0), other} {
		if out := h.Receive(0, b); out != nil || h.held {
			t.Errorf("%x was taken", b)
		}
	}
}

// TestBytesAreThePapers: VCase(0, …) and VCase(1, …) of Impl/Lock/PacketParsing.i.dfy,
// the latter spelled out by MarshallLockMsg of Services/Lock/AbstractService.s.dfy.
func TestBytesAreThePapers(t *testing.T) {
	for m, want := range map[Message]string{
		{Transfer, 2}:                  "00000000000000000000000000000002",
		{Locked, 0x0102030405060708}:   "00000000000000010102030405060708",
		{Transfer, math.MaxUint64 - 1}: "0000000000000000fffffffffffffffe",
	} {
		b := Encode(m)
		if got := fmt.Sprintf("%x", b); got != want {
			t.Errorf("%+v: %s, want %s", m, got, want)
		}
		if back, ok := Decode(b); !ok || back != m {
			t.Errorf("%+v came back as %+v", m, back)
		}
	}
}
