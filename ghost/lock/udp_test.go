package lock

import (
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"ironkv/ghost/judge"
)

// A ghostLog is the journal of a real run: every event of every host, in the
// order in which the hosts noted them.
type ghostLog struct {
	sync.Mutex
	events  []judge.Event
	packets map[string]Packet
}

func (l *ghostLog) note(host NodeID, step uint64, kind judge.Kind, p Packet, name string) {
	l.Lock()
	defer l.Unlock()
	l.events = append(l.events, judge.Event{Host: uint64(host), Step: step, Kind: kind, Packet: name})
	if name != "" {
		l.packets[name] = p
	}
}

// name tells packets apart: in this protocol no two are equal.
func name(p Packet) string { return string(append([]byte{byte(p.Dst), byte(p.Src)}, Encode(p.Msg)...)) }

// TestOverUDP runs a ring of three hosts over real sockets, a goroutine each,
// commutes the interleaved journal into atomic steps, and replays these through
// the judge: each has to be a step of the protocol and of the spec.
func TestOverUDP(t *testing.T) {
	const nodes, last = 3, 90
	var conns []*net.UDPConn
	ids := map[netip.AddrPort]NodeID{}
	for i := range nodes {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		conns = append(conns, c)
		ids[c.LocalAddr().(*net.UDPAddr).AddrPort()] = NodeID(i)
	}
	log := &ghostLog{packets: map[string]Packet{}}
	hosts := make([]*Host, nodes)
	var group sync.WaitGroup
	for i := range nodes {
		hosts[i] = NewHost(NodeID(i), nodes, last)
		group.Go(func() {
			if err := serve(NodeID(i), hosts[i], conns, ids, log); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if t.Failed() {
		return
	}
	replay(t, log, hosts)
}

// serve is the loop: grant, then receive; each is one atomic step. It ends when
// the highest epoch has been seen.
func serve(id NodeID, h *Host, conns []*net.UDPConn, ids map[netip.AddrPort]NodeID, log *ghostLog) error {
	step := uint64(0)
	send := func(out []Datagram) error {
		for _, d := range out {
			m, _ := Decode(d.Bytes)
			p := Packet{Dst: d.Dst, Src: id, Msg: m}
			log.note(id, step, judge.Send, p, name(p))
			if _, err := conns[id].WriteTo(d.Bytes, conns[d.Dst].LocalAddr()); err != nil {
				return err
			}
		}
		return nil
	}
	buffer := make([]byte, 64)
	for {
		step++
		log.note(id, step, judge.Clock, Packet{}, "")
		if err := send(h.Grant()); err != nil {
			return err
		}
		if h.epoch+uint64(h.nodes) > h.last { // it will not hold the lock again, and no one will write to it
			return nil
		}
		// A host that hears nothing for so long fails the test; the protocol reads no clock.
		if err := conns[id].SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
			return err
		}
		n, from, err := conns[id].ReadFromUDPAddrPort(buffer)
		if err != nil {
			return err
		}
		step++
		m, _ := Decode(buffer[:n])
		p := Packet{Dst: id, Src: ids[from], Msg: m}
		log.note(id, step, judge.Receive, p, name(p))
		if err := send(h.Receive(ids[from], buffer[:n])); err != nil {
			return err
		}
	}
}

// replay commutes the journal and takes its steps one by one.
func replay(t *testing.T, log *ghostLog, hosts []*Host) {
	atomic, exchanges, err := judge.Reduce(log.events)
	if err != nil {
		t.Fatal(err)
	}
	s := Init(len(hosts), hosts[0].last)
	steps := 0
	for i := 0; i < len(atomic); steps++ {
		e := atomic[i]
		var next System
		if e.Kind == judge.Receive {
			next, err = s.Deliver(log.packets[e.Packet])
		} else {
			next, err = s.Grant(NodeID(e.Host))
		}
		if err != nil {
			t.Fatalf("step %d of host %d: %v", e.Step, e.Host, err)
		}
		for i++; i < len(atomic) && atomic[i].Host == e.Host && atomic[i].Step == e.Step; i++ {
			if atomic[i].Kind == judge.Send && !contains(next.Network, log.packets[atomic[i].Packet]) {
				t.Fatalf("step %d of host %d sent what its replay did not: %v", e.Step, e.Host, log.packets[atomic[i].Packet])
			}
		}
		if err := judge.Check(Invariants, next); err != nil {
			t.Fatalf("step %d of host %d: %v", e.Step, e.Host, err)
		}
		s = next
	}
	for i, h := range hosts {
		if *h != s.Hosts[i] {
			t.Errorf("host %d ended as %+v, its atomic replay as %+v", i, *h, s.Hosts[i])
		}
	}
	if len(s.History) != int(hosts[0].last) {
		t.Errorf("the lock was granted %d times, want %d", len(s.History), hosts[0].last)
	}
	t.Logf("%d events, %d steps, %d exchanges, %d holders", len(atomic), steps, exchanges, len(s.History))
}

func contains(network []Packet, p Packet) bool {
	for _, q := range network {
		if p == q {
			return true
		}
	}
	return false
}
