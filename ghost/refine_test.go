package ghost_test

import (
	"cmp"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"ironkv/delegation"
	"ironkv/ghost"
	"ironkv/ghost/judge"
	"ironkv/ghost/protocol"
	"ironkv/ghost/spec"
	"ironkv/kv"
	"ironkv/marshal"
)

// judged is a cluster whose every step is checked in full.
func judged(t testing.TB, n int, every uint64) (*cluster, *ghost.Checker) {
	c := newCluster(t, n, testLimits)
	checker, err := ghost.NewChecker(every, c.hosts...)
	if err != nil {
		t.Fatal(err)
	}
	c.observe = func(i int, _ kv.Time, in kv.Input, out *kv.Effects) {
		t.Helper()
		if err := checker.Step(c.hosts[i], in, out); err != nil {
			t.Fatal(err)
		}
	}
	return c, checker
}

func TestTrafficRefines(t *testing.T) {
	c, checker := judged(t, 3, 1)
	cl := traffic(c)
	hd := cl.header(0)
	order := &marshal.Shard{RequestHeader: hd, WriteHeader: cl.operation(hd), Range: delegation.All, Recipient: 2}
	for range 2 { // not the owner of all; then the same answer again
		cl.ask(0, order)
	}
	for _, action := range []marshal.MoveAction{marshal.MovePause, marshal.MoveResume, marshal.MoveThrottle, marshal.MoveCancel} {
		move := cl.shard(0, delegation.Range{From: delegation.At("d"), Until: delegation.PosInf}, 2).(*marshal.OrderReply).Move
		hd := cl.header(0)
		cl.ask(0, &marshal.MoveOrder{RequestHeader: hd, WriteHeader: cl.operation(hd), Move: move, Action: action})
		c.settle()
	}
	cl.ask(1, &marshal.CloseRequest{RequestHeader: marshal.RequestHeader{Session: cl.sessions[1]}})
	c.crash(2)
	if err := checker.Restart(c.hosts[2]); err != nil {
		t.Error(err)
	}
	c.settle()
	if err := checker.Check(c.hosts...); err != nil {
		t.Error(err)
	}
	t.Logf("%+v\n%v", checker.Counts(), checker.Coverage())
}

// adversary is a network and a set of clients that do all they may: deliveries in
// any order, again, or never; crashes; moves of everything everywhere.
func adversary(c *cluster, seed uint64, steps int, crashed func(i int)) {
	random := rand.New(rand.NewPCG(seed, 7))
	c.settle()
	clients := []*client{newClient(c, 1), newClient(c, 2)}
	keys := []delegation.Key{"a", "b", "c", "d", "e"}
	var old []kv.Packet // from clients and hosts, to be delivered again
	for range steps {
		cl, i, key := clients[random.IntN(2)], random.IntN(len(c.hosts)), keys[random.IntN(len(keys))]
		switch n := random.IntN(100); {
		case n < 15:
			m := cl.setRequest(i, key, string(rune('A'+random.IntN(26))))
			m.Delete = random.IntN(4) == 0
			m.Condition = marshal.Condition{Set: random.IntN(3) == 0, Version: marshal.Version(random.IntN(8))}
			m.Hint = marshal.Hint{Sender: delegation.HostID(1 + random.IntN(len(c.hosts))), Seqno: uint64(random.IntN(6))}
			if m.Hint.Sender != 0 {
				m.Hint.Incarnation = marshal.Incarnation(0xc0ffee00 + int(m.Hint.Sender) - 1)
			}
			cl.ask(i, m)
			old = append(old, kv.Packet{Src: cl.at, Dst: kv.Endpoint{Host: delegation.HostID(i + 1)}, Msg: m})
		case n < 20:
			cl.get(i, key)
		case n < 25:
			cl.scan(i, delegation.Range{From: delegation.At(key), Until: delegation.PosInf}, marshal.ScanMode(random.IntN(3)))
		case n < 29:
			until := delegation.PosInf
			if k := keys[random.IntN(len(keys))]; k > key {
				until = delegation.At(k)
			}
			cl.shard(i, delegation.Range{From: delegation.At(key), Until: until}, random.IntN(len(c.hosts)))
		case n < 33:
			hd := cl.header(i)
			cl.ask(i, &marshal.MoveOrder{
				RequestHeader: hd, WriteHeader: cl.operation(hd), Action: marshal.MoveAction(random.IntN(4)),
				Move: marshal.MoveID{Host: delegation.HostID(i + 1), Number: uint64(random.IntN(8))},
			})
		case n < 60 && len(c.network) > 0:
			j := random.IntN(len(c.network))
			p := c.network[j]
			switch random.IntN(4) {
			case 0: // it stays on its way: the next copy comes later, or never
			default:
				c.network = slices.Delete(c.network, j, j+1)
			}
			old = append(old, p)
			c.receive(int(p.Dst.Host)-1, p)
		case n < 65 && len(old) > 0:
			p := old[random.IntN(len(old))]
			c.receive(int(p.Dst.Host)-1, p)
		case n < 66:
			c.crash(i)
			crashed(i)
		case n < 68 && len(c.network) > 0:
			c.network = slices.Delete(c.network, 0, 1+random.IntN(len(c.network)))
		case n < 70:
			rooms := []uint64{0, kv.DefaultReserveBytes/2 + 1, 1 << 40, 1 << 40}
			c.step(i, kv.Input{Kind: kv.InputRoom, Room: rooms[random.IntN(len(rooms))]})
		case n < 75:
			c.now += kv.Time(random.IntN(100)) * kv.Millisecond
			if random.IntN(30) == 0 {
				c.now += 6 * kv.Second
			}
		default:
			for i, h := range c.hosts {
				if due, ok := h.Deadline(); ok && due <= c.now {
					c.step(i, kv.Input{Kind: kv.InputTimer})
				}
			}
		}
	}
	for i := range c.hosts {
		c.step(i, kv.Input{Kind: kv.InputRoom, Room: 1 << 40})
	}
}

// TestAdversaryRefines also shows that the check is not vacuous: every action of P
// is seen.
func TestAdversaryRefines(t *testing.T) {
	seen := judge.NewCoverage(protocol.ActionNames...)
	for seed := range uint64(20) {
		c, checker := judged(t, 3, 1)
		adversary(c, seed, 400, func(i int) {
			if err := checker.Restart(c.hosts[i]); err != nil {
				t.Fatal(err)
			}
		})
		c.heal()
		if err := checker.Check(c.hosts...); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if err := ghost.Liveness.Check(checker.System()); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		c.now += kv.DefaultSessionIdle
		c.settle() // every session expires
		seen.Add(checker.Coverage())
	}
	t.Logf("\n%v", seen)
	if never := seen.Never(); len(never) > 0 {
		t.Errorf("never seen: %v", never)
	}
}

// TestSRefuses: what a host tells a client and S has not replied, S itself refuses,
// before P is asked.
func TestSRefuses(t *testing.T) {
	for name, lie := range map[string]func(marshal.Message){
		"another version": func(m marshal.Message) {
			if r, ok := m.(*marshal.GetReply); ok {
				r.Version++
			}
		},
		"another number": func(m marshal.Message) {
			if r, ok := m.(*marshal.GetReply); ok {
				r.Number++
			}
		},
		"fewer entries": func(m marshal.Message) {
			if r, ok := m.(*marshal.ScanReply); ok {
				r.Entries, r.Keys = nil, 0
			}
		},
		"an answer again, to another number": func(m marshal.Message) {
			if r, ok := m.(*marshal.SetReply); ok {
				r.Number++
			}
		},
	} {
		c, checker := judged(t, 1, 1)
		c.settle()
		cl := newClient(c, 1)
		write := cl.setRequest(0, "a", "x")
		cl.ask(0, write)
		var got error
		c.observe = func(i int, _ kv.Time, in kv.Input, out *kv.Effects) {
			for _, p := range out.Packets {
				lie(p.Msg)
			}
			got = cmp.Or(got, checker.Step(c.hosts[i], in, out))
		}
		cl.get(0, "a")
		cl.scan(0, delegation.All, marshal.ScanEntries)
		cl.ask(0, write)
		if !errors.Is(got, spec.ErrSpec) {
			t.Errorf("%s: %v", name, got)
		}
	}
}
