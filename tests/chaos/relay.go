package main

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"sync"
	"time"

	"ironkv/tests/daemon"
	"ironkv/udp"
)

const (
	// relayBuffer is the size asked for each of the relay's sockets, in bytes.
	relayBuffer = 4 << 20
	// maxDatagram is the greatest datagram of UDP, in bytes.
	maxDatagram = 1 << 16
	// maxQueue is how many bytes wait before a link of limited bandwidth; more are
	// dropped, as a router's buffer drops them.
	maxQueue = 128 << 10
	// maxNATs bounds the addresses that the relay stands in for; the one that was
	// not used for longest makes room.
	maxNATs = 200
)

// clients is the end of a link that stands for all clients; hosts are 1, 2, ….
const clients = 0

// A wire is one direction between two hosts, or between a host and all clients.
type wire struct{ from, to int }

// A relay stands between all hosts and clients. Host i is known to everyone by
// the address of the relay's socket i; what arrives there goes on to the address
// on which host i really listens, from the socket of the host that sent it, or
// from one made for the client that did. So everybody sees the sources that he
// knows.
type relay struct {
	start time.Time
	real  []netip.AddrPort // of host i+1
	socks []*net.UDPConn   // of host i+1
	links map[wire]*link

	mu     sync.Mutex // guards what follows
	nats   map[nat]*standIn
	uses   uint64
	closed bool
	group  sync.WaitGroup
}

// A standIn is the socket that stands for a client at a host.
type standIn struct {
	*net.UDPConn
	used uint64 // the number of the use that was the last
}

// nat is what a client looks like to a host.
type nat struct {
	client netip.AddrPort
	host   int
}

// newRelay opens the sockets of n hosts.
func newRelay(n int, seed uint64) (*relay, error) {
	r := &relay{start: time.Now(), links: map[wire]*link{}, nats: map[nat]*standIn{}}
	for range n {
		sock, err := relaySocket(0)
		if err != nil {
			return nil, errors.Join(err, r.close())
		}
		r.socks = append(r.socks, sock)
		own, err := daemon.Address()
		if err != nil {
			return nil, errors.Join(err, r.close())
		}
		r.real = append(r.real, own)
	}
	for from := range n + 1 {
		for to := range n + 1 {
			if w := (wire{from, to}); from != to {
				r.links[w] = newLink(seed<<16|uint64(from)<<8|uint64(to), r.start, r.sender(w))
				r.group.Go(r.links[w].run)
			}
		}
	}
	for i := range n {
		r.group.Go(func() { r.receive(r.socks[i], func(src netip.AddrPort, b []byte) { r.arrived(i+1, src, b) }) })
	}
	return r, nil
}

func relaySocket(port int) (*net.UDPConn, error) {
	sock, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		return nil, fmt.Errorf("open a socket of the relay: %w", err)
	}
	_ = sock.SetReadBuffer(relayBuffer) // as much as the kernel grants
	_ = sock.SetWriteBuffer(relayBuffer)
	return sock, nil
}

func addressOf(sock *net.UDPConn) netip.AddrPort {
	a := sock.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// address returns the address by which host id is known.
func (r *relay) address(id int) netip.AddrPort { return addressOf(r.socks[id-1]) }

func (r *relay) receive(sock *net.UDPConn, arrived func(src netip.AddrPort, b []byte)) {
	buf := make([]byte, maxDatagram)
	for {
		n, src, err := sock.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			arrived(netip.AddrPortFrom(src.Addr().Unmap(), src.Port()), buf[:n])
		}
	}
}

// arrived takes what somebody sent to host id.
func (r *relay) arrived(id int, src netip.AddrPort, b []byte) {
	for i, real := range r.real {
		if src == real {
			r.links[wire{i + 1, id}].push(src, r.real[id-1], b)
			return
		}
	}
	r.links[wire{clients, id}].push(src, r.real[id-1], b)
}

// sender returns how what comes out of a link goes on.
func (r *relay) sender(w wire) func(src, dst netip.AddrPort, b []byte) {
	if w.from != clients {
		sock := r.socks[w.from-1]
		return func(_, dst netip.AddrPort, b []byte) { _, _ = sock.WriteToUDPAddrPort(b, dst) }
	}
	return func(src, dst netip.AddrPort, b []byte) {
		if sock := r.natOf(nat{src, w.to}); sock != nil {
			_, _ = sock.WriteToUDPAddrPort(b, dst)
		}
	}
}

// natOf returns the socket that stands for a client at a host; nil when there
// can be none.
func (r *relay) natOf(k nat) *net.UDPConn {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.uses++
	if s, ok := r.nats[k]; ok {
		s.used = r.uses
		return s.UDPConn
	}
	if r.closed {
		return nil
	}
	if len(r.nats) >= maxNATs {
		r.forget()
	}
	sock, err := relaySocket(0)
	if err != nil {
		return nil // a lost datagram
	}
	r.nats[k] = &standIn{sock, r.uses}
	l := r.links[wire{k.host, clients}]
	r.group.Go(func() { r.receive(sock, func(src netip.AddrPort, b []byte) { l.push(src, k.client, b) }) })
	return sock
}

// forget closes the socket that was not used for longest. The caller holds mu.
func (r *relay) forget() {
	var oldest nat
	for k, s := range r.nats {
		if o := r.nats[oldest]; o == nil || s.used < o.used {
			oldest = k
		}
	}
	_ = r.nats[oldest].Close()
	delete(r.nats, oldest)
}

// close closes all sockets and waits for the relay's goroutines.
func (r *relay) close() error {
	var errs []error
	r.mu.Lock()
	r.closed = true
	for sock := range maps.Values(r.nats) {
		errs = append(errs, sock.Close())
	}
	r.mu.Unlock()
	for _, sock := range r.socks {
		errs = append(errs, sock.Close())
	}
	for _, l := range r.links {
		l.close()
	}
	r.group.Wait()
	return errors.Join(errs...)
}

// weather is what a link does to datagrams beyond carrying them.
type weather struct {
	udp.FaultRates
	cut bool // nothing passes
	bps int  // bytes per second; 0 for no bound
}

// join is two weathers at once: of each thing the worse.
func (w weather) join(v weather) weather {
	least := func(a, b int) int {
		if a == 0 || b == 0 {
			return max(a, b)
		}
		return min(a, b)
	}
	return weather{
		FaultRates: udp.FaultRates{
			Drop: max(w.Drop, v.Drop), Duplicate: max(w.Duplicate, v.Duplicate),
			Flip: max(w.Flip, v.Flip), Truncate: max(w.Truncate, v.Truncate),
			Reorder: max(w.Reorder, v.Reorder), ReorderBy: max(w.ReorderBy, v.ReorderBy),
			Delay: max(w.Delay, v.Delay), Jitter: max(w.Jitter, v.Jitter), MTU: least(w.MTU, v.MTU),
		},
		cut: w.cut || v.cut, bps: least(w.bps, v.bps),
	}
}

// touched says whether a weather had a part in the fate of a datagram of so many bytes.
func (w weather) touched(f udp.Fate, bytes int) bool {
	return w.MTU > 0 && bytes > w.MTU || w.Drop > 0 && f.Dropped || w.Duplicate > 0 && f.Doubled ||
		(w.Flip > 0 || w.Truncate > 0) && f.Damaged || (w.Reorder > 0 || w.Delay > 0 || w.Jitter > 0) && f.Late
}

// A link carries datagrams one way, through the faults that are set.
type link struct {
	start time.Time
	send  func(src, dst netip.AddrPort, b []byte)

	mu     sync.Mutex // guards what follows
	faults *udp.Faults
	seed   uint64
	set    map[int]*fault // by their numbers
	now    weather        // all of theirs
	free   time.Duration  // since start: when what is queued will have left
	wake   chan struct{}
	seen   int // datagrams that came in
	closed bool
	// touched counts the datagrams that each kind of fault had a part in the fate of.
	touched map[string]uint64
}

func newLink(seed uint64, start time.Time, send func(src, dst netip.AddrPort, b []byte)) *link {
	return &link{
		start: start, send: send, seed: seed, faults: udp.NewFaults(seed, udp.FaultRates{}),
		set: map[int]*fault{}, wake: make(chan struct{}, 1), touched: map[string]uint64{},
	}
}

// change begins fault number n, or with nil ends it.
func (l *link) change(n int, f *fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.set, n)
	if f != nil {
		l.set[n] = f
	}
	l.now = weather{}
	for _, f := range l.set {
		l.now = l.now.join(f.weather)
	}
	l.faults.Set(l.now.FaultRates)
}

// heal ends all faults and forgets what is on its way, so that nothing of the
// past arrives from now on.
func (l *link) heal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seed++
	l.set, l.now, l.free = map[int]*fault{}, weather{}, 0
	l.faults = udp.NewFaults(l.seed, udp.FaultRates{})
}

// push lets a datagram enter the link. b is the caller's.
func (l *link) push(src, dst netip.AddrPort, b []byte) {
	l.mu.Lock()
	l.seen++
	if _, waiting := l.faults.Deadline(); !waiting && l.now == (weather{}) {
		l.mu.Unlock()
		l.send(src, dst, b)
		return
	}
	defer l.mu.Unlock()
	leaves := time.Since(l.start)
	if l.now.cut {
		l.touch(func(w weather) bool { return w.cut })
		return
	}
	if l.now.bps > 0 {
		l.touch(func(w weather) bool { return w.bps > 0 })
		second := time.Second / time.Duration(l.now.bps)
		if l.free-leaves > maxQueue*second {
			return
		}
		l.free = max(l.free, leaves) + time.Duration(len(b))*second
		leaves = l.free
	}
	fate := l.faults.Push(leaves, src, dst, b)
	l.touch(func(w weather) bool { return w.touched(fate, len(b)) })
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// touch counts a datagram for the faults whose weather had a part in its fate. The caller
// holds mu.
func (l *link) touch(by func(w weather) bool) {
	for _, f := range l.set {
		if by(f.weather) {
			l.touched[f.kind]++
		}
	}
}

// run sends what is due, until the link is closed.
func (l *link) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		l.mu.Lock()
		if l.closed {
			l.mu.Unlock()
			return
		}
		wait := time.Hour
		src, dst, b, ok := l.faults.Pop(time.Since(l.start))
		if due, more := l.faults.Deadline(); !ok && more {
			wait = due - time.Since(l.start)
		}
		l.mu.Unlock()
		if ok {
			l.send(src, dst, b)
			continue
		}
		timer.Reset(wait)
		select {
		case <-l.wake:
		case <-timer.C:
		}
	}
}

func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}
