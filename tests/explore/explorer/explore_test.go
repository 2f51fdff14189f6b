package explorer

import (
	"testing"

	"ironkv/delegation"
	"ironkv/ghost/judge"
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

// Where no host crashes, hosts do the same whatever they are called: a scope in which two
// of them have changed names has as much of everything. After a crash it matters whom a
// host greets first, which is by name.
func TestAScopeOfOtherNamesIsAlike(t *testing.T) {
	swapped := []delegation.HostID{0, 1, 3, 2}
	scope := Scope{Name: "chase", Hosts: 3, Stored: []delegation.Key{keyA}, Workers: 2,
		Clients: [][]world.Op{{put(keyA, "x")}, {shard(both, 1, 2)}, {shard(both, 2, 3)}}}
	a, err := Explore(scope)
	if err != nil {
		t.Fatal(err)
	}
	for _, script := range scope.Clients {
		for i := range script {
			script[i].At, script[i].Recipient = swapped[script[i].At], swapped[script[i].Recipient]
		}
	}
	b, err := Explore(scope)
	if err != nil {
		t.Fatal(err)
	}
	if a.States < 300 || a.String() != b.String() {
		t.Errorf("\n%v\nin other names\n%v", a, b)
	}
}
