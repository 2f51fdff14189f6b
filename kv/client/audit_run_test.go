package client

import (
	"math/rand/v2"
	"testing"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
	machines "ironkv/tests/world"
)

// cutFrom makes of an answer what readCut makes of it; it has all on one page.
func cutFrom(t *testing.T, m *marshal.AuditReply) *cut {
	t.Helper()
	if m.More {
		t.Fatal("the cut has more pages than one")
	}
	c := &cut{host: m.Host, incarnation: m.Incarnation, step: m.Step, owned: m.Owned, inFlight: m.InFlight, peers: map[HostID]marshal.PeerNumbers{}}
	for _, p := range m.Peers {
		c.peers[p.Peer] = p
	}
	return c
}

// TestCutsOfRunsFit: machines give ranges to and fro over a network that loses, doubles and
// reorders, and crash, while cuts of them are taken at any moments. Whenever the latest
// ones fit together they prove one owner of each key: no run in which nothing went wrong
// is called a violation, or undetermined.
func TestCutsOfRunsFit(t *testing.T) {
	fitted, old, flying := 0, 0, 0
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 1))
		w := machines.New(machines.Config{Hosts: 3, Clients: 2, Met: true, Limits: kv.Limits{ChunkBytes: 1}})
		anyHost := func() HostID { return HostID(1 + rng.IntN(3)) }
		a := &audit{cuts: map[HostID]*cut{}, failed: map[HostID]error{}}
		var asked []*machines.Op
		for _, key := range []delegation.Key{"a", "b", "c", "d"} {
			w.Invoke(1, machines.Op{Kind: machines.OpPut, Key: key})
		}
		for range 3000 {
			switch n := rng.IntN(100); {
			case n < 2:
				r := []delegation.Range{delegation.All, span("", "b"), span("b", "d"), span("c", "")}[rng.IntN(4)]
				w.Invoke(1, machines.Op{Kind: machines.OpShard, Range: r, Recipient: anyHost(), Rate: marshal.RateUnlimited})
			case n < 10:
				asked = append(asked, w.Invoke(2, machines.Op{Kind: machines.OpAudit, At: anyHost()}))
			case n < 12:
				w.Retransmit(1 + rng.IntN(2))
			case n < 13:
				id := anyHost()
				w.Crash(id)
				w.Restart(id)
			case n < 40 || len(w.Net) == 0:
				id := anyHost()
				if at, ok := w.Due(id); ok {
					w.Now = max(w.Now, min(at, w.Now+100*kv.Millisecond))
					w.Tick(id)
				}
			case n < 44:
				w.Drop(rng.IntN(len(w.Net)))
			case n < 48:
				w.DeliverCopy(rng.IntN(len(w.Net)))
			default:
				w.Deliver(rng.IntN(min(len(w.Net), 8)))
			}
			for ; len(asked) > 0 && (asked[0].Done || asked[0].Unknown); asked = asked[1:] {
				m, ok := asked[0].Answer.(*marshal.AuditReply)
				if !ok {
					continue
				}
				a.cuts[m.Host] = cutFrom(t, m)
				if len(a.cuts) < 3 {
					continue
				}
				if len(a.behind()) > 0 {
					old++
					continue
				}
				if err := a.judge(); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				fitted++
				flying += a.report().InFlight
			}
		}
	}
	t.Logf("%d times cuts fit together, with %d delegates in flight; %d times they did not", fitted, flying, old)
	if fitted < 100 || flying < 10 || old < 100 {
		t.Error("that is too little to be a test")
	}
}
