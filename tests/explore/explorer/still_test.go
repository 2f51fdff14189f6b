package explorer

import (
	"slices"
	"testing"

	"ironkv/delegation"
	"ironkv/tests/world"
)

// Hosts that EncodeStill does not tell apart behave alike while time stands still:
// whatever happens to both of them, they send the same, and become hosts that it does
// not tell apart, either.
func TestHostsInOneStillStateBehaveAlike(t *testing.T) {
	chase := Scope{Name: "chase", Hosts: 3, Stored: []delegation.Key{keyA},
		Clients: [][]world.Op{{put(keyA, "x")}, {shard(both, 1, 2)}, {shard(both, 2, 3)}}}
	compared := 0
	for _, scope := range []Scope{small(), chase} {
		scope.Exact, scope.Workers = true, 2
		g, r, err := explore(scope)
		if err != nil {
			t.Fatal(err)
		}
		still := func(m *machine) hash {
			h, s := m.copy()
			b := entriesOf(h.EncodeStill(nil), s)
			after, left := reborn(h, s)
			return hashOf(entriesOf(after.EncodeStill(b), left))
		}
		var machines []*machine
		for _, m := range g.machines {
			machines = append(machines, m)
		}
		first := map[hash]*machine{}
		for _, m := range machines {
			key := still(m)
			o := first[key]
			if o == nil {
				first[key] = m
				continue
			}
			for _, a := range m.steps {
				if a == nil {
					continue
				}
				b := g.step(o, a.event)
				compared++
				if !slices.Equal(a.sent, b.sent) || still(a.next) != still(b.next) {
					t.Fatalf("%s: two hosts in one still state do not do the same", scope.Name)
				}
			}
		}
		t.Logf("%s: %d states of hosts, %d of them told apart", scope.Name, r.Machines, len(first))
	}
	t.Logf("%d steps compared", compared)
	if compared < 100 {
		t.Error("too few to tell")
	}
}
