package explorer

import (
	"slices"
	"testing"

	"ironkv/delegation"
	"ironkv/marshal"
	"ironkv/tests/world"
)

// A greeting or an acknowledgement whose numbers are behind its receiver does what
// the same without numbers does, wherever it could arrive, and so it does from then
// on: what leads further leaves it behind.
func TestWhatIsSpentIsAsGoodAsNone(t *testing.T) {
	chase := Scope{Name: "chase", Hosts: 3, Stored: []delegation.Key{keyA}, Crashes: 1,
		Clients: [][]world.Op{{shard(both, 1, 2)}, {shard(both, 2, 3)}}}
	kinds := map[string]int{}
	for _, scope := range []Scope{small(), chase} {
		scope.Whole, scope.Workers = true, 2
		g, _, err := explore(scope)
		if err != nil {
			t.Fatal(err)
		}
		var machines []*machine
		for _, m := range g.machines {
			machines = append(machines, m)
		}
		for _, m := range machines {
			to := g.packetsTo(m)
			for _, a := range m.steps {
				if a == nil {
					continue
				}
				e := a.event
				for _, p := range to {
					if m.spent(p) != p && a.next.spent(p) == p {
						t.Fatalf("%s: %s is spent, and after %v no more", scope.Name, p.label, e)
					}
				}
				if e.kind != deliver || m.spent(e.packet) == e.packet {
					continue
				}
				kinds[e.packet.kind]++
				b := g.compute(m, event{kind: deliver, packet: m.spent(e.packet)})
				if !slices.Equal(a.sent, b.sent) || a.next != b.next {
					t.Fatalf("%s: %s is spent, and does something else than %s", scope.Name, e.packet.label, m.spent(e.packet).label)
				}
			}
		}
	}
	t.Logf("compared %v", kinds)
	if kinds["Greet"] < 50 || kinds["Ack"] < 50 {
		t.Error("too few to tell")
	}
}

// packetsTo are the packets that were ever sent to the machine's host.
func (g *graph) packetsTo(m *machine) (to []*packet) {
	for _, p := range g.packets {
		if p.Dst.Host == m.host.State().Host {
			to = append(to, p)
		}
	}
	return to
}

// What tells of a gap, or of more than is known, is not spent.
func TestWhatIsNotSpent(t *testing.T) {
	m := &machine{accounts: []account{{}, {known: true, ours: 1, theirs: 2, acked: 3, received: 4}}}
	hd := marshal.PeerHeader{From: 2, FromIncarnation: 2, ToIncarnation: 1}
	other := hd
	other.FromIncarnation++
	g := &graph{packets: map[hash]*packet{}}
	for _, c := range []struct {
		msg   marshal.Message
		spent bool
	}{
		{&marshal.Ack{PeerHeader: hd, Seqno: 3}, true},
		{&marshal.Ack{PeerHeader: hd, Seqno: 2, Gap: true}, true},
		{&marshal.Ack{PeerHeader: hd, Seqno: 3, Gap: true}, false},
		{&marshal.Ack{PeerHeader: hd, Seqno: 4}, false},
		{&marshal.Ack{PeerHeader: other, Seqno: 3}, false},
		{&marshal.Greet{PeerHeader: hd, Sent: 9, Acked: 4, Received: 3}, true},
		{&marshal.Greet{PeerHeader: hd, Acked: 5}, false},
		{&marshal.Greet{PeerHeader: hd, Received: 4}, false},
		{&marshal.Greet{PeerHeader: other, Received: 3}, false},
		{&marshal.Single{PeerHeader: hd, Seqno: 1}, false},
	} {
		p := packet{}.Packet
		p.Src.Host, p.Dst.Host, p.Msg = 2, 1, c.msg
		q := g.packet(p)
		if got := m.spent(q) != q; got != c.spent {
			t.Errorf("%T%+v: spent %v, want %v", c.msg, c.msg, got, c.spent)
		}
	}
}
