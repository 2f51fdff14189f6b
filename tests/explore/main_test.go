package main

import (
	"fmt"
	"testing"

	"ironkv/delegation"
	"ironkv/marshal"
	"ironkv/tests/exit"
	"ironkv/tests/explore/explorer"
	"ironkv/tests/explore/search"
	"ironkv/tests/world"
)

// fragile is a store that cannot remove entries.
type fragile struct{ explorer.Store }

func (s fragile) Copy() explorer.Store { return fragile{s.Store.Copy()} }

func (fragile) RemoveRange(delegation.Range) { panic("out of order") }

// Each kind of failure has its exit code.
func TestExitCodes(t *testing.T) {
	shard := world.Op{Kind: world.OpShard, Range: delegation.All, At: 1, Recipient: 2, Rate: marshal.RateUnlimited}
	scope := explorer.Scope{Name: "small", Hosts: 2, Stored: []delegation.Key{"a"}, Clients: [][]world.Op{{shard}}}
	singles := func(change func(*marshal.Single)) explorer.Scope {
		s := scope
		s.Tamper = func(m marshal.Message) {
			if m, ok := m.(*marshal.Single); ok {
				change(m)
			}
		}
		return s
	}
	panics := scope
	panics.Wrap = func(s explorer.Store) explorer.Store { return fragile{s} }
	for _, c := range []struct {
		what  string
		scope explorer.Scope
		bound int
		code  int
	}{
		{"nothing", scope, search.DefaultMaxStates, 0},
		{"a bound", scope, 10, exit.Failed},
		{"a panic", panics, search.DefaultMaxStates, exit.Crash},
		{"entries that get lost", singles(func(m *marshal.Single) { m.Delegate.Entries = nil }), search.DefaultMaxStates, exit.Safety},
		{"a delegate that gets lost", singles(func(m *marshal.Single) { m.FromIncarnation++ }), search.DefaultMaxStates, exit.Liveness},
	} {
		j := job{name: c.what, explore: func(workers, maxStates int) (fmt.Stringer, search.Report, error) {
			c.scope.Workers, c.scope.MaxStates = workers, maxStates
			r, err := explorer.Explore(c.scope)
			return r, r.Report, err
		}}
		if code := run(j, 2, c.bound); code != c.code {
			t.Errorf("%s: exit code %d, want %d", c.what, code, c.code)
		}
	}
}
