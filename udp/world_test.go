package udp

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

// world is some transports and a network between them, in virtual time.
type world struct {
	t     testing.TB
	now   time.Duration
	net   *Faults
	nodes []*node
	bytes int // that the network was given
}

type node struct {
	*Transport
	addr netip.AddrPort
	got  [][]byte
	from []netip.AddrPort
}

func address(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 7000)
}

func newWorld(t testing.TB, seed uint64, rates FaultRates, configs ...Config) *world {
	w := &world{t: t, net: NewFaults(seed, rates), now: time.Second}
	for i, cfg := range configs {
		if cfg.Nonce == 0 {
			cfg.Nonce = 1000 + uint64(i)
		}
		w.nodes = append(w.nodes, &node{Transport: NewTransport(cfg), addr: address(i)})
	}
	return w
}

// introduce makes all nodes each other's peers.
func (w *world) introduce() *world {
	for _, a := range w.nodes {
		for _, b := range w.nodes {
			if a != b {
				a.Classify(b.addr, Peer)
			}
		}
	}
	return w
}

func (w *world) flush() {
	for _, n := range w.nodes {
		n.Flush(w.now, func(dst netip.AddrPort, datagram []byte) {
			w.bytes += len(datagram)
			w.net.Push(w.now, n.addr, dst, datagram)
		})
	}
}

// step moves time to the next event and acts on it; it reports whether there was one.
func (w *world) step() bool {
	w.flush()
	at, ok := w.net.Deadline()
	for _, n := range w.nodes {
		if d, due := n.Deadline(); due && (!ok || d < at) {
			at, ok = d, true
		}
	}
	if !ok {
		return false
	}
	w.now = max(w.now, at)
	for {
		src, dst, datagram, ok := w.net.Pop(w.now)
		if !ok {
			break
		}
		for _, n := range w.nodes {
			if n.addr == dst {
				n.receive1(w.now, src, datagram)
			}
		}
	}
	for _, n := range w.nodes {
		if d, due := n.Deadline(); due && d <= w.now {
			n.Tick(w.now)
		}
	}
	return true
}

func (n *node) receive1(now time.Duration, src netip.AddrPort, datagram []byte) {
	n.Receive(now, src, datagram, func(src netip.AddrPort, msg []byte) {
		n.got = append(n.got, bytes.Clone(msg))
		n.from = append(n.from, src)
	})
}

// run steps until done or until virtual time has passed the limit.
func (w *world) run(limit time.Duration, done func() bool) {
	w.t.Helper()
	end := w.now + limit
	for !done() {
		if w.now > end {
			w.t.Fatalf("not done after %v of virtual time; stats %+v", limit, w.nodes[0].Stats())
		}
		if !w.step() && !done() {
			w.t.Fatalf("nothing left to do and not done; stats %+v, %+v", w.nodes[0].Stats(), w.nodes[1].Stats())
		}
	}
}

// quiet reports whether no node has anything to send or to repeat.
func (w *world) quiet() bool {
	for _, n := range w.nodes {
		if _, due := n.Deadline(); due || len(n.dirty) > 0 {
			return false
		}
	}
	_, flying := w.net.Deadline()
	return !flying
}

func randomMessage(rng *rand.Rand, size, tag int) []byte {
	msg := make([]byte, size)
	for i := range msg {
		msg[i] = byte(rng.Uint32())
	}
	return append(msg, fmt.Sprintf("#%d", tag)...)
}

// rates returns a bad network, different for each seed.
func badNetwork(rng *rand.Rand) FaultRates {
	ms := func(n int) time.Duration { return time.Duration(rng.IntN(n+1)) * time.Millisecond }
	return FaultRates{
		Drop: 0.3 * rng.Float64(), Duplicate: 0.2 * rng.Float64(), Truncate: 0.05 * rng.Float64(),
		Flip: 0.05 * rng.Float64(), Reorder: 0.3 * rng.Float64(), ReorderBy: ms(20), Delay: ms(10), Jitter: ms(3),
	}
}
