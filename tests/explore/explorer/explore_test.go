package explorer

import (
	"testing"

	"ironkv/delegation"
	"ironkv/tests/world"
)

// Every behaviour of the small clusters is one of the spec.
func TestScopes(t *testing.T) {
	for _, s := range Scopes {
		t.Run(s.Name, func(t *testing.T) {
			if testing.Short() && s.Crashes > 0 {
				t.Skip("short: a scope with crashes takes seconds")
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
		})
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
