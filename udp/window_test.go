package udp

import (
	"net/netip"
	"testing"
	"time"
)

// TestRoundTrip follows RFC 6298, section 2: the first sample sets SRTT = R and RTTVAR = R/2, the
// next RTTVAR = 3/4 RTTVAR + 1/4 |SRTT - R| and SRTT = 7/8 SRTT + 1/8 R, RTO = SRTT + max(G, 4 RTTVAR).
func TestRoundTrip(t *testing.T) {
	var r roundTrip
	is := func(what string, got, want time.Duration) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	is("before a sample", r.current(), initialTimeout)
	r.sample(80 * time.Millisecond)
	is("first sample", r.current(), (80+4*40)*time.Millisecond)
	r.sample(40 * time.Millisecond)
	is("second sample", r.current(), (75+4*40)*time.Millisecond)
	r.backOff()
	is("backed off", r.current(), 470*time.Millisecond)
	r.sample(75 * time.Millisecond)
	is("a sample ends the back-off", r.current(), (75+4*30)*time.Millisecond)
	for range 100 {
		r.backOff()
	}
	is("greatest", r.current(), maxTimeout)
	for range 100 {
		r.sample(time.Microsecond)
	}
	is("least", r.current(), minTimeout)
}

// TestKarn: an acknowledgement of a fragment that was sent twice is no sample.
func TestKarn(t *testing.T) {
	w := newWorld(t, 1, FaultRates{Drop: 1}, Config{}, Config{}).introduce()
	a, b := w.nodes[0], w.nodes[1]
	_ = a.Send(w.now, b.addr, []byte("x"), Reliable)
	w.step() // the first sending is lost, the timer runs out
	w.net.Set(FaultRates{Delay: 5 * time.Millisecond})
	w.run(time.Minute, w.quiet)
	p := a.find(b.addr)
	if p.rtt.smoothed != 0 || p.rtt.current() != 2*initialTimeout {
		t.Errorf("round trip %v, timeout %v after a repeated fragment", p.rtt.smoothed, p.rtt.current())
	}
	_ = a.Send(w.now, b.addr, []byte("x"), Reliable)
	w.run(time.Minute, w.quiet)
	if p.rtt.smoothed != 10*time.Millisecond {
		t.Errorf("round trip %v, not 10ms, after a fragment that was sent once", p.rtt.smoothed)
	}
}

// TestTwoFullWindowsDoNotBlockEachOther: both ends have all in flight that they may, nothing gets
// through for a while, and then both finish.
func TestTwoFullWindowsDoNotBlockEachOther(t *testing.T) {
	w := newWorld(t, 1, FaultRates{Drop: 1}, Config{}, Config{}).introduce()
	a, b := w.nodes[0], w.nodes[1]
	for range 4 {
		for _, pair := range [][2]*node{{a, b}, {b, a}} {
			if err := pair[0].Send(w.now, pair[1].addr, make([]byte, 2<<20), Reliable); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 3 {
		w.step()
	}
	for _, n := range []*node{a, b} {
		p := n.find(map[*node]*node{a: b, b: a}[n].addr)
		p.win.inFlight = p.win.size // as full as can be
	}
	w.net.Set(FaultRates{Delay: time.Millisecond})
	w.run(10*time.Second, func() bool { return len(a.got) == 4 && len(b.got) == 4 })
}

// TestAcknowledgementsWaitForNoWindow: with a window in which nothing more fits, and the pacer
// closed, a fragment is acknowledged by the next Flush.
func TestAcknowledgementsWaitForNoWindow(t *testing.T) {
	n := &node{Transport: NewTransport(Config{})}
	n.Classify(address(1), Peer)
	_ = n.Send(0, address(1), make([]byte, 4<<20), Reliable)
	n.Flush(0, func(netip.AddrPort, []byte) {})
	n.Flush(0, func(netip.AddrPort, []byte) { t.Fatal("the window is not full") })
	n.receive1(0, address(1), fragmentOf(1, 1, 0, 1, checksum([]byte("x")), []byte("x")))
	n.Flush(0, func(netip.AddrPort, []byte) {})
	if n.Stats().AcksOut != 1 {
		t.Error("the acknowledgement waits")
	}
}

// bottleneck is a link of a fixed rate with a queue that drops what does not fit.
type bottleneck struct {
	rate, queue int // bytes per second, bytes
	free        time.Duration
	dropped     int
}

func (l *bottleneck) pass(now time.Duration, bytes int) (due time.Duration, ok bool) {
	l.free = max(l.free, now)
	if waiting := int(int64(l.free-now) * int64(l.rate) / int64(time.Second)); waiting+bytes > l.queue {
		l.dropped++
		return 0, false
	}
	l.free += time.Duration(int64(bytes) * int64(time.Second) / int64(l.rate))
	return l.free, true
}

// TestAGreatMessageDoesNotFloodANarrowPath: 4 MiB over 100 Mbit/s, 1 ms each way, and a queue of
// 128 KiB take about as long as the rate says, and few datagrams are sent in vain.
func TestAGreatMessageDoesNotFloodANarrowPath(t *testing.T) {
	const rate, size = 12_500_000, 4 << 20
	link := bottleneck{rate: rate, queue: 128 << 10}
	x, y := NewTransport(Config{Nonce: 1}), NewTransport(Config{Nonce: 2})
	x.Classify(address(1), Peer)
	y.Classify(address(0), Peer)
	path := NewFaults(1, FaultRates{Delay: time.Millisecond})
	if err := x.Send(0, address(1), make([]byte, size), Reliable); err != nil {
		t.Fatal(err)
	}
	done := false
	deliver := func(netip.AddrPort, []byte) { done = true }
	now, most := time.Duration(0), 0
	for !done && now < 10*time.Second {
		burst := 0
		x.Flush(now, func(_ netip.AddrPort, d []byte) {
			burst += len(d)
			if due, ok := link.pass(now, len(d)); ok {
				path.Push(due, address(0), address(1), d)
			}
		})
		most = max(most, burst)
		y.Flush(now, func(_ netip.AddrPort, d []byte) { path.Push(now, address(1), address(0), d) })
		now += 100 * time.Microsecond
		for {
			_, dst, d, ok := path.Pop(now)
			if !ok {
				break
			}
			if dst == address(1) {
				y.Receive(now, address(0), d, deliver)
			} else {
				x.Receive(now, address(1), d, deliver)
			}
		}
		x.Tick(now)
	}
	s := x.Stats()
	ideal := time.Duration(int64(size) * int64(time.Second) / rate)
	t.Logf("%v, ideal %v; %d of %d fragments sent in vain, %d timeouts, greatest burst %d bytes", now, ideal, link.dropped, s.FragmentsOut, s.Timeouts, most)
	if !done || now > 2*ideal {
		t.Errorf("took %v, twice %v is the bound", now, ideal)
	}
	if uint64(link.dropped) > s.FragmentsOut/5 {
		t.Errorf("%d of %d datagrams were sent in vain", link.dropped, s.FragmentsOut)
	}
	if most > 128<<10 {
		t.Errorf("a burst of %d bytes", most)
	}
}

// TestPathThatNarrows: fragments too large for the path begin again when its size is known.
func TestPathThatNarrows(t *testing.T) {
	cfg := Config{Datagram: 9000}
	w := newWorld(t, 1, FaultRates{MTU: 1000}, cfg, cfg).introduce()
	a, b := w.nodes[0], w.nodes[1]
	_ = a.Send(w.now, b.addr, make([]byte, 100_000), Reliable)
	for range 2 {
		w.step()
	}
	if len(b.got) != 0 {
		t.Fatal("9,000 bytes passed through a path of 1,000")
	}
	a.SetDatagram(b.addr, 1000)
	b.SetDatagram(a.addr, 1000)
	w.run(time.Minute, w.quiet)
	if len(b.got) != 1 || len(b.got[0]) != 100_000 {
		t.Errorf("%d messages arrived", len(b.got))
	}
}

// TestPathThatSwallowsLargeDatagrams: nobody says what size passes, and the message arrives; a
// destination that is merely silent does not make datagrams small.
func TestPathThatSwallowsLargeDatagrams(t *testing.T) {
	cfg := Config{Datagram: MaxDatagram}
	for _, mtu := range []int{1400, MinDatagram} {
		w := newWorld(t, 1, FaultRates{MTU: mtu, Delay: time.Millisecond}, cfg, cfg).introduce()
		a, b := w.nodes[0], w.nodes[1]
		_ = a.Send(w.now, b.addr, []byte("a short one passes"), Reliable)
		_ = a.Send(w.now, b.addr, make([]byte, 100_000), Once)
		w.run(30*time.Second, w.quiet)
		if len(b.got) != 2 {
			t.Errorf("MTU %d: %d messages arrived", mtu, len(b.got))
		}
		w.net.Set(FaultRates{Delay: time.Millisecond})
		w.now += widenMost
		_ = a.Send(w.now, b.addr, make([]byte, 100_000), Once)
		before := a.Stats().FragmentsOut
		w.run(time.Second, w.quiet)
		if n := a.Stats().FragmentsOut - before; n != 2 {
			t.Errorf("MTU %d: the full size was not tried again: %d fragments", mtu, n)
		}
	}
	w := newWorld(t, 1, FaultRates{Drop: 1}, cfg, cfg).introduce()
	_ = w.nodes[0].Send(w.now, w.nodes[1].addr, make([]byte, 100_000), Once)
	w.run(time.Minute, w.quiet)
	if n := w.nodes[0].Stats().Narrowed; n != 0 {
		t.Errorf("datagrams to a silent destination became smaller %d times", n)
	}
}

// TestRefusedMessageIsGivenUp: a destination that is alive and never takes a message, here since it is
// set to take less, does not keep its sender busy for ever.
func TestRefusedMessageIsGivenUp(t *testing.T) {
	w := newWorld(t, 1, FaultRates{Delay: time.Millisecond}, Config{}, Config{MaxMessage: 10_000}).introduce()
	a, b := w.nodes[0], w.nodes[1]
	_ = a.Send(w.now, b.addr, make([]byte, 20_000), Reliable)
	for until := w.now + 2*maxRefusals*DefaultGiveUp; !w.quiet() && w.now < until; {
		_ = b.Send(w.now, a.addr, []byte("alive"), Once)
		w.step()
	}
	if s := a.Stats(); s.Drops[DropGivenUp] != 1 || s.Queued != 0 || w.now < maxRefusals*DefaultGiveUp {
		t.Errorf("at %v: given up %d, queued %d bytes", w.now, s.Drops[DropGivenUp], s.Queued)
	}
}

// TestFastLossDetection: a fragment lost among others is repeated after a round trip, not after a
// timeout, and halves the window once.
func TestFastLossDetection(t *testing.T) {
	w := newWorld(t, 1, FaultRates{Delay: time.Millisecond}, Config{}, Config{}).introduce()
	a, b := w.nodes[0], w.nodes[1]
	_ = a.Send(w.now, b.addr, make([]byte, 12_000), Reliable)
	count := 0
	a.Flush(w.now, func(dst netip.AddrPort, d []byte) {
		if count++; count != 2 && count != 3 {
			w.net.Push(w.now, a.addr, dst, d)
		}
	})
	before := a.find(b.addr).win.size
	w.run(10*time.Millisecond, func() bool { return len(b.got) == 1 })
	if s := a.Stats(); s.Timeouts != 0 || s.Retransmissions != 2 {
		t.Errorf("%d timeouts, %d repeated", s.Timeouts, s.Retransmissions)
	}
	if after := a.find(b.addr).win.size; after < before/2 || after >= before {
		t.Errorf("the window was %d bytes and is %d", before, after)
	}
}

// TestSilenceClosesTheWindow: after a timeout no more than the floor leaves.
func TestSilenceClosesTheWindow(t *testing.T) {
	w := newWorld(t, 1, FaultRates{Drop: 1}, Config{}, Config{}).introduce()
	a, b := w.nodes[0], w.nodes[1]
	_ = a.Send(w.now, b.addr, make([]byte, 1<<20), Reliable)
	w.step() // all is lost, the timer runs out
	count := 0
	a.Flush(w.now, func(netip.AddrPort, []byte) { count++ })
	if count != floorDatagrams+1 { // and a ping
		t.Errorf("%d datagrams after a timeout", count)
	}
}

// TestPacing: a path with a round trip of 100 ms and a window of 1 MB gets what its rate says, in
// bursts, and Deadline says when the next one leaves.
func TestPacing(t *testing.T) {
	tr := NewTransport(Config{})
	tr.Classify(address(1), Peer)
	p := tr.find(address(1))
	p.rtt.sample(100 * time.Millisecond)
	p.win = window{size: 1_000_000, threshold: 1_000_000}
	_ = tr.Send(0, address(1), make([]byte, 4<<20), Reliable)
	sent, bursts := 0, 0
	for now := time.Duration(0); now < 40*time.Millisecond; {
		burst := 0
		tr.Flush(now, func(_ netip.AddrPort, d []byte) { burst += len(d) })
		if limit := p.win.burst(100*time.Millisecond, DefaultDatagram) + DefaultDatagram; burst > limit {
			t.Fatalf("a burst of %d bytes, at most %d", burst, limit)
		}
		sent += burst
		bursts++
		at, ok := tr.Deadline()
		if !ok || at <= now {
			t.Fatalf("at %v the next is due at %v, %v", now, at, ok)
		}
		now = at
		tr.Tick(now)
	}
	// A quarter more than the window per round trip: 12.5 kB/ms.
	if sent < 400_000 || sent > 550_000 || bursts < 20 {
		t.Errorf("%d bytes in %d bursts, not half a megabyte in 40", sent, bursts)
	}
}

// TestPingIsSmall: it shares a datagram with nothing that a narrow path would swallow.
func TestPingIsSmall(t *testing.T) {
	w := newWorld(t, 1, FaultRates{Drop: 1}, Config{}, Config{}).introduce()
	a, b := w.nodes[0], w.nodes[1]
	_ = a.Send(w.now, b.addr, []byte("x"), Reliable)
	w.step()
	_ = a.Send(w.now, b.addr, make([]byte, 1000), Once)
	alone := false
	a.Flush(w.now, func(_ netip.AddrPort, d []byte) { alone = alone || len(d) == headerSize+1 })
	if !alone {
		t.Error("no ping of its own after a timeout")
	}
}

// TestAnUnusedWindowDoesNotGrow: short messages one at a time say nothing about what the path takes.
func TestAnUnusedWindowDoesNotGrow(t *testing.T) {
	w := newWorld(t, 1, FaultRates{Delay: time.Millisecond}, Config{}, Config{}).introduce()
	a, b := w.nodes[0], w.nodes[1]
	for range 50 {
		_ = a.Send(w.now, b.addr, make([]byte, 1000), Reliable)
		w.run(time.Second, w.quiet)
	}
	if got := a.find(b.addr).win.size; got != initialDatagrams*DefaultDatagram {
		t.Errorf("the window is %d bytes", got)
	}
}
