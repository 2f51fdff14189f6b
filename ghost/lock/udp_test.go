package lock

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
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

func (l *ghostLog) note(host NodeID, step uint64, kind judge.Kind, packets ...Packet) {
	l.Lock()
	defer l.Unlock()
	e := judge.Event{Host: uint64(host), Step: step, Kind: kind}
	for _, p := range packets {
		e.Packet = p.String() // in this protocol no two are equal
		l.packets[e.Packet] = p
	}
	l.events = append(l.events, e)
}

// A server is a host with its socket. It is pipelined, as kvd is: what a step sends
// leaves when the next has begun, which in the journal stands in between.
type server struct {
	id      NodeID
	host    *Host
	conn    *net.UDPConn
	ring    []netip.AddrPort
	log     *ghostLog
	step    uint64
	pending []pending
}

// A pending is a datagram that a step has yet to send.
type pending struct {
	step uint64
	Datagram
}

func (s *server) later(out []Datagram) {
	for _, d := range out {
		s.pending = append(s.pending, pending{s.step, d})
	}
}

// grant is the step that gives the lock away, or does nothing.
func (s *server) grant() {
	s.step++
	s.log.note(s.id, s.step, judge.Clock)
	s.later(s.host.Grant())
}

// receive waits for a message; what is none is dropped. A host that hears nothing for
// so long fails the test; the protocol reads no clock.
func (s *server) receive() error {
	if err := s.conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return err
	}
	buffer := make([]byte, 64)
	n, from, err := s.conn.ReadFromUDPAddrPort(buffer)
	if err != nil {
		return err
	}
	src := NodeID(slices.Index(s.ring, from)) // 255 for a stranger, who is no host
	m, ok := Decode(buffer[:n])
	if !ok {
		return nil
	}
	s.step++
	s.log.note(s.id, s.step, judge.Receive, Packet{Dst: s.id, Src: src, Msg: m})
	s.later(s.host.Receive(src, buffer[:n]))
	return nil
}

// flush lets leave what is pending.
func (s *server) flush() error {
	for _, d := range s.pending {
		m, ok := Decode(d.Bytes)
		if !ok || int(d.Dst) >= len(s.ring) {
			return fmt.Errorf("%x for host %d is no message for a host", d.Bytes, d.Dst)
		}
		s.log.note(s.id, d.step, judge.Send, Packet{Dst: d.Dst, Src: s.id, Msg: m})
		if _, err := s.conn.WriteToUDPAddrPort(d.Bytes, s.ring[d.Dst]); err != nil {
			return err
		}
	}
	s.pending = nil
	return nil
}

// serve is the loop. It ends when the host will not hold the lock again; who steps
// four times as often as the lock is granted would go on for ever.
func (s *server) serve() error {
	for {
		if err := s.flush(); err != nil {
			return err
		}
		if s.host.epoch+uint64(s.host.nodes) > s.host.last {
			return nil
		}
		if s.step > 4*s.host.last {
			return fmt.Errorf("%d steps, and no end at epoch %d", s.step, s.host.epoch)
		}
		if err := s.receive(); err != nil {
			return err
		}
		s.grant()
	}
}

// TestOverUDP runs a ring of three hosts over real sockets, a goroutine each,
// commutes the interleaved journal into atomic steps, and replays these through
// the judge: each has to be a step of the protocol and of the spec. Where the run
// went wrong, the judge's word comes first.
func TestOverUDP(t *testing.T) {
	const nodes, last = 3, 90
	log := &ghostLog{packets: map[string]Packet{}}
	var servers []*server
	var ring []netip.AddrPort
	for i := range nodes {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		ring = append(ring, c.LocalAddr().(*net.UDPAddr).AddrPort())
		servers = append(servers, &server{id: NodeID(i), host: NewHost(NodeID(i), nodes, last), conn: c, log: log})
	}
	for _, s := range servers { // all step before any sends: no schedule makes the run atomic
		s.ring = ring
		s.grant()
	}
	err := serveAll(servers)
	exchanges, verdict := replay(log, servers)
	if err := errors.Join(verdict, err); err != nil {
		t.Fatal(err)
	}
	if exchanges == 0 {
		t.Error("the run was atomic: nothing was commuted")
	}
	t.Logf("%d events, %d exchanges, %d holders", len(log.events), exchanges, last)
}

// serveAll runs the servers until they end; where one fails all end.
func serveAll(servers []*server) error {
	errs := make([]error, len(servers))
	var group sync.WaitGroup
	var once sync.Once
	for i, s := range servers {
		group.Go(func() {
			err := s.serve()
			if err == nil {
				return
			}
			once.Do(func() {
				errs[i] = fmt.Errorf("host %d: %w", s.id, err)
				for _, s := range servers {
					_ = s.conn.Close()
				}
			})
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// replay commutes the journal and takes its steps one by one; it returns how many
// exchanges that took, and what the judge objects to.
func replay(log *ghostLog, servers []*server) (exchanges int, err error) {
	atomic, exchanges, err := judge.Reduce(log.events)
	if err != nil {
		return exchanges, err
	}
	s := Init(len(servers), servers[0].host.last)
	for i := 0; i < len(atomic); {
		e := atomic[i]
		take := func() (System, error) { return s.Grant(NodeID(e.Host)) }
		if e.Kind == judge.Receive {
			take = func() (System, error) { return s.Deliver(log.packets[e.Packet]) }
		}
		next, err := take()
		if err == nil {
			err = judge.Check(Invariants, next)
		}
		for i++; err == nil && i < len(atomic) && atomic[i].Host == e.Host && atomic[i].Step == e.Step; i++ {
			if !slices.Contains(next.Network, log.packets[atomic[i].Packet]) {
				err = fmt.Errorf("it sent what its replay did not: %s", atomic[i].Packet)
			}
		}
		if err != nil {
			return exchanges, fmt.Errorf("step %d of host %d: %w", e.Step, e.Host, err)
		}
		s = next
	}
	for i, server := range servers {
		if *server.host != s.Hosts[i] {
			return exchanges, fmt.Errorf("host %d ended as %+v, its atomic replay as %+v", i, *server.host, s.Hosts[i])
		}
	}
	if len(s.History) != int(servers[0].host.last) {
		return exchanges, fmt.Errorf("the lock was granted %d times, want %d", len(s.History), servers[0].host.last)
	}
	return exchanges, nil
}
