package explorer

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"ironkv/delegation"
	"ironkv/ghost/judge"
	"ironkv/ghost/protocol"
	"ironkv/tests/explore/search"
)

// Every behaviour of P is one of the spec.
func TestProtocols(t *testing.T) {
	for _, s := range Protocols {
		t.Run(s.Name, func(t *testing.T) {
			s.Workers = 2
			r, err := ExploreProtocol(s)
			t.Logf("\n%v", r)
			if err != nil {
				t.Fatal(err)
			}
			if r.Kinds["NextDelegate"] == 0 || r.Kinds["NextShard"] == 0 || r.Ends == 0 {
				t.Error("what was to be seen was not")
			}
		})
	}
}

// What is remembered of P is what P tells itself.
func TestPIsSearchedAsItTellsItself(t *testing.T) {
	scope := Protocols[0]
	scope.Whole, scope.Workers = true, 2
	r, err := ExploreProtocol(scope)
	if err != nil {
		t.Fatal(err)
	}
	c := &Comparison{P: judge.NewCoverage(), Refused: judge.NewCoverage()}
	of, err := search.Run(c.space(scope.System, 2))
	if err != nil {
		t.Fatal(err)
	}
	if r.String() != of.String() {
		t.Errorf("\n%v\nbut by itself\n%v", r, of)
	}
}

// What is left out of a search of P hides no state of its hosts, and of all of them with S
// and what they have sent each other.
func TestWhatIsLeftOutOfPHidesNothing(t *testing.T) {
	for _, scope := range Protocols[:3] {
		scope.Workers, scope.Named = 2, true
		for _, scope.GivesUp = range []int{0, 1, AnyNumber} {
			if scope.GivesUp != 0 && scope.Name != "P-crossing" {
				continue // for the long run
			}
			part, whole := newPGraph(scope), newPGraph(scope)
			whole.scope.Whole = true
			a, err := part.explore()
			if err != nil {
				t.Fatal(err)
			}
			b, err := whole.explore()
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s, %d given up: %d states, %d without leaving anything out", scope.Name, scope.GivesUp, a.States, b.States)
			if a.States >= b.States {
				t.Error("nothing was left out")
			}
			if !slices.Equal(called(part.hosts), called(whole.hosts)) || len(part.sound) != len(whole.sound) {
				t.Errorf("%d states of hosts and %d of all of them, %d and %d without leaving anything out",
					len(part.hosts), len(part.sound), len(whole.hosts), len(whole.sound))
			}
		}
	}
}

func called[V any](of map[hash]V) []hash {
	return slices.SortedFunc(maps.Keys(of), func(a, b hash) int { return bytes.Compare(a[:], b[:]) })
}

// A many is a scope that is itself in other names, and steps which a fault makes to
// depend on names.
type many struct {
	ProtocolScope
	names int
	fault func(a protocol.Action, was protocol.Host) bool
}

func manyNamed() []many {
	received := func(a protocol.Action, was protocol.Host) bool { return was.Me == 3 && a.Name() == "NextDelegate" }
	second := written(func(p protocol.Packet) bool { return p.Src.Client.Port() == 2 })
	upper := written(func(p protocol.Packet) bool { return p.Msg.(protocol.SetRequest).Key == keyB })
	clients := wanted(2, wants{wantSet(keyA, "x"), wantShard(both, 2)}, wants{wantSet(keyA, "x"), wantShard(both, 2)})
	keys := wanted(2, wants{wantSet(keyA, "x"), wantShard(below(keyB), 2)}, wants{wantSet(keyB, "x"), wantShard(from(keyB), 2)})
	return []many{
		{ProtocolScope{Name: "three", System: wanted(3, wants{wantSet(keyA, "x")}, wants{anywhere(onlyA), anywhere(onlyA)})}, 2, received},
		{ProtocolScope{Name: "four", GivesUp: 1, System: wanted(4, wants{wantSet(keyA, "x")}, wants{anywhere(both)})}, 6, received},
		{ProtocolScope{Name: "clients", System: clients}, 2, second},
		{ProtocolScope{Name: "clients, whole", Whole: true, System: clients}, 2, second},
		{ProtocolScope{Name: "keys", System: keys}, 2, upper},
		{ProtocolScope{Name: "keys, whole", Whole: true, System: keys}, 2, upper},
		{ProtocolScope{Name: "hosts with clients", System: wanted(3, wants{wantSet(keyA, "x")}, wants{wantShard(both, 2)}, wants{wantShard(both, 3)})}, 2, received},
	}
}

// written are the steps that execute or redirect one of these writes.
func written(these func(protocol.Packet) bool) func(protocol.Action, protocol.Host) bool {
	return func(a protocol.Action, _ protocol.Host) bool {
		set, ok := a.(protocol.NextSetRequest)
		return ok && these(set.Packet)
	}
}

// visited searches with states told apart by key, and returns besides what of it differs
// in more than names: states, and those of all hosts and S.
func (g *pgraph) visited(key func([]byte, *pstate) []byte) (r search.Report, states, cores map[hash]bool, err error) {
	states, cores = map[hash]bool{}, map[hash]bool{}
	var lock sync.Mutex
	space := g.space()
	space.Key = key
	space.Check = func(s *pstate) error {
		state := hashOf(g.key(nil, s))
		core := hashOf(g.key(nil, &pstate{hosts: s.hosts, service: s.service, sums: make([][2]uint64, len(g.names))}))
		lock.Lock()
		defer lock.Unlock()
		states[state], cores[core] = true, true
		return g.check(s)
	}
	r, err = search.Run(space)
	return r, states, cores, err
}

// States that differ in names only are one. There are as many as a search in which all
// keep their names can tell apart, no more and no less; but where clients change names,
// which of them goes first is something else in other names: there it is the states of
// the hosts that are the same, and all where nothing is left out.
func TestNamesMakeNoDifference(t *testing.T) {
	for _, scope := range manyNamed() {
		scope.Workers = 2
		g := newPGraph(scope.ProtocolScope)
		r, _, cores, err := g.visited(g.key)
		if err != nil {
			t.Fatal(err)
		}
		of, orbits, all, err := g.visited(func(b []byte, s *pstate) []byte { return g.encode(b, s, 0) })
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d names, %d states, %d with names", scope.Name, len(g.names), r.States, of.States)
		if len(g.names) != scope.names || 2*scope.names*r.States > 3*of.States {
			t.Errorf("%s: %d names, want %d; %d states, %d with names", scope.Name, len(g.names), scope.names, r.States, of.States)
		}
		if !slices.Equal(called(cores), called(all)) {
			t.Errorf("%s: %d states of hosts, want %d", scope.Name, len(cores), len(all))
		}
		if exact := scope.Whole || slices.Equal(g.names[0].clients, g.names[len(g.names)-1].clients); exact && (r.States != len(orbits) || r.Depth != of.Depth) {
			t.Errorf("%s: %d states, of which %d differ in more than names; depth %d and %d", scope.Name, r.States, len(orbits), r.Depth, of.Depth)
		}
	}
}

// alike returns an error unless a host of another name does the same, with the names
// changed: whatever can be done by a host that the search met with a packet that it met.
func (g *pgraph) alike() (compared int, err error) {
	packets := []*ppacket{nil}
	for _, key := range called(g.packets) {
		packets = append(packets, g.packets[key])
	}
	for _, key := range called(g.hosts) {
		h := g.hosts[key]
		for _, p := range packets {
			if p != nil && p.Dst.Host != h.Me {
				continue
			}
			for k, n := range g.names {
				other := p
				if p != nil {
					other = g.packet(renamed(n, p.Packet))
				}
				a, b := told(g.steps(h, p), k), told(g.steps(g.host(n.host(h.Host)), other), 0)
				if compared += len(a); !slices.Equal(a, b) {
					return compared, fmt.Errorf("host %d of %v does something else under the names %v", h.Me, p, n)
				}
			}
		}
	}
	return compared, nil
}

// told is what steps do, under the k-th names.
func told(steps []*pstep, k int) (all []string) {
	for _, s := range steps {
		text := fmt.Sprintf("%s %x %t", s.action.Name(), s.next.called[k], s.tells)
		for _, p := range s.sent {
			text += fmt.Sprintf(" %x", p.called[k])
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}

// A host does the same whatever it and others are called; one that does not is found out.
func TestHostsOfOtherNamesDoTheSame(t *testing.T) {
	for _, scope := range manyNamed() {
		for _, fault := range []bool{false, true} {
			if fault {
				scope.tamper = func(a protocol.Action, was protocol.Host, o *protocol.Outcome) {
					if scope.fault(a, was) {
						o.Host.Sessions, o.Host.Clock = was.Sessions, was.Clock
					}
				}
			}
			scope.Workers = 2
			g := newPGraph(scope.ProtocolScope)
			_, err := g.explore()
			if err != nil && !fault {
				t.Fatal(err)
			}
			compared, err := g.alike()
			if (err != nil) != fault {
				t.Errorf("%s, with a fault: %t: %v", scope.Name, fault, err)
			}
			if t.Logf("%s: %d steps compared", scope.Name, compared); !fault && compared < 500 {
				t.Error("too few to tell")
			}
		}
	}
}

// Where keys have more than two sides, or an order, they keep their names.
func TestKeysThatKeepTheirNames(t *testing.T) {
	sets := wants{wantSet(keyA, "x"), wantSet(keyB, "x")}
	for what, s := range map[string]protocol.System{
		"one key":           wanted(2, wants{wantSet(keyA, "x")}, wants{wantShard(below(keyB), 2)}),
		"three keys":        wanted(2, sets, wants{wantSet("c", "x")}),
		"a range of both":   wanted(2, sets, wants{wantShard(delegation.All, 2)}),
		"a range in a side": wanted(2, sets, wants{wantShard(onlyA, 2)}),
		"a page":            wanted(2, sets, wants{protocol.ScanRequest{Range: both}}),
	} {
		if m := mirrorOf(s); m != nil {
			t.Errorf("%s: %v", what, m)
		}
	}
	for what, s := range map[string]protocol.System{
		"who wants another": wanted(2, wants{wantSet(keyA, "x")}, wants{wantSet(keyB, "y")}),
		"one moves alone":   wanted(2, wants{wantSet(keyA, "x")}, wants{wantSet(keyB, "x")}, wants{wantShard(below(keyB), 2)}),
	} {
		if n := namesOf(ProtocolScope{System: s}); mirrorOf(s) == nil || len(n) != 1 {
			t.Errorf("%s: %d ways to name all", what, len(n))
		}
	}
}

// A protocol with a mistake is found, whatever is left out.
func TestFaultyProtocolsAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		action, invariant string
		mistake           func(was protocol.Host, o *protocol.Outcome)
	}{
		"entries are kept":      {"NextShard", "HostsStoreOnlyOwnedKeys", func(was protocol.Host, o *protocol.Outcome) { o.Host.Table = was.Table }},
		"a range is kept":       {"NextShard", "EachKeyClaimedInExactlyOnePlace", func(was protocol.Host, o *protocol.Outcome) { o.Host.Map = was.Map }},
		"a clock is not raised": {"NextDelegate", "ClockCoversVersions", func(was protocol.Host, o *protocol.Outcome) { o.Host.Clock = was.Clock }},
		"what is sent is numbered one higher": {"NextShard", "UnAckedListProperties", func(_ protocol.Host, o *protocol.Outcome) {
			for i, p := range o.Sent {
				if m, ok := p.Msg.(protocol.Single); ok {
					m.Seqno++
					o.Sent[i].Msg = m
				}
			}
		}},
		"a client is told another version": {"RepeatAnswer", "Refinement", func(_ protocol.Host, o *protocol.Outcome) {
			for i, p := range o.Sent {
				if m, ok := p.Msg.(protocol.SetReply); ok {
					m.Version++
					o.Sent[i].Msg = m
				}
			}
		}},
		"no acknowledgement counts": {"ReceiveAck", "Liveness", func(was protocol.Host, o *protocol.Outcome) { o.Host = was }},
		"an answer is forgotten":    {"NextSetRequest", "OperationsExecuteAtMostOnce", func(was protocol.Host, o *protocol.Outcome) { o.Host.Sessions = was.Sessions }},
	} {
		t.Run(name, func(t *testing.T) {
			scope := ProtocolScope{Name: name, Workers: 2, System: wanted(3, wants{wantSet(keyA, "x")}, wants{anywhere(onlyA), anywhere(onlyA)})}
			scope.tamper = func(a protocol.Action, was protocol.Host, o *protocol.Outcome) {
				if a.Name() == c.action {
					c.mistake(was, o)
				}
			}
			for _, scope.Whole = range []bool{false, true} {
				for _, scope.Named = range []bool{false, true} {
					_, err := ExploreProtocol(scope)
					var story *search.Counterexample
					var v *judge.Violation
					if !errors.As(err, &story) || !errors.As(err, &v) || v.Name != c.invariant {
						t.Errorf("whole %t, named %t: want %s, got %v", scope.Whole, scope.Named, c.invariant, err)
					}
				}
			}
		})
	}
}
