package explorer

import (
	"testing"

	"ironkv/delegation"
	"ironkv/ghost/judge"
	"ironkv/ghost/protocol"
	"ironkv/marshal"
	"ironkv/tests/world"
)

// Every behaviour of the small clusters is one of the spec.
func TestScopes(t *testing.T) {
	seen := judge.NewCoverage()
	for _, s := range Scopes {
		t.Run(s.Name, func(t *testing.T) {
			if testing.Short() && (s.Crashes != 0 || s.Waits > 0 || s.Rooms != 0) {
				t.Skip("short: seconds")
			}
			s.Workers = 2
			r, err := Explore(s)
			t.Logf("\n%v", r)
			if err != nil {
				t.Fatal(err)
			}
			if r.Quiet == 0 {
				t.Error("no behaviour came to rest: liveness was never checked")
			}
			seen.Add(r.Seen)
			seen.Add(r.Actions)
		})
	}
	names := []string{
		"does Set", "does Chunk", "does Delegate", "does Ack", "redirects", "has a request held", "drops, gap", "drops, duplicate",
	}
	if !testing.Short() {
		names = append(names, "does Retransmit", "does Expire", "does Room", "refuses, "+marshal.DiskFull.String(), "DeclineSet",
			"answers an order, "+marshal.OrderAccepted.String(), "SpontaneouslyRetransmit", "SendGreet")
	}
	for _, name := range names {
		if seen.Count(name) == 0 {
			t.Errorf("no host ever %s", name)
		}
	}
}

// The report does not depend on who computed what first.
func TestReportsRepeatThemselves(t *testing.T) {
	scope := Scope{Name: "small", Hosts: 2, Stored: []delegation.Key{keyA, keyB}, Crashes: 1,
		Clients: [][]world.Op{{put(keyA, "x")}, {shard(both, 1, 2)}}}
	var first string
	for _, workers := range []int{1, 2, 3} {
		scope.Workers = workers
		r, err := Explore(scope)
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = r.String()
		}
		if r.String() != first {
			t.Errorf("with %d workers:\n%v\nwith one:\n%s", workers, r, first)
		}
	}
}

// What is left out of a search hides no state of the hosts.
func TestWhatIsLeftOutHidesNothing(t *testing.T) {
	reads := Scope{Name: "reads", Hosts: 2, Stored: []delegation.Key{keyA},
		Clients: [][]world.Op{{put(keyA, "x"), get(keyA), put(keyA, "y")}, {shard(both, 1, 2)}}}
	crash := small()
	crash.Stored = crash.Stored[:1]
	impatient := Scope{Name: "impatient", Hosts: 2, GivesUp: 1, Clients: [][]world.Op{{put(keyA, "x"), put(keyA, "y")}, {shard(both, 1, 2)}}}
	crashes := Scope{Name: "crashes", Hosts: 2, Crashes: AnyNumber, Clients: [][]world.Op{{shard(both, 1, 2)}}}
	for _, scope := range []Scope{reads, crash, crashes, impatient} {
		part, err := Explore(scope)
		if err != nil {
			t.Fatal(err)
		}
		scope.Whole = true
		whole, err := Explore(scope)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d states, %d without leaving anything out", scope.Name, part.States, whole.States)
		if part.Cores != whole.Cores || part.Machines != whole.Machines {
			t.Errorf("%s: %d states of all hosts and %d of single ones, %d and %d without leaving anything out",
				scope.Name, part.Cores, part.Machines, whole.Cores, whole.Machines)
		}
		if part.States >= whole.States {
			t.Errorf("%s: nothing was left out", scope.Name)
		}
	}
}

// P by itself, in the least scope; the larger ones are for the long run.
func TestProtocol(t *testing.T) {
	r, err := ExploreProtocol(ProtocolScope{Name: "P-small", Workers: 2, System: protocol.NewSystem(1, hosts(2), true).
		WithClient(protocol.NewClient(1, 2, wantSet(keyA, "x"))).WithClient(protocol.NewClient(2, 2, wantShard(both, 2)))})
	if err != nil {
		t.Fatal(err)
	}
	if r.Kinds["NextDelegate"] == 0 || r.Kinds["NextShard"] == 0 || r.Ends == 0 {
		t.Errorf("what was to be seen was not:\n%v", r)
	}
}
