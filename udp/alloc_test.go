package udp

import (
	"net/netip"
	"testing"
	"time"
)

// TestNothingIsAllocatedPerMessage: in steady state neither short messages nor long ones nor their
// acknowledgements allocate, in a Transport or through sockets.
func TestNothingIsAllocatedPerMessage(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	none := func(what string, f func()) {
		t.Helper()
		for range 100 {
			f()
		}
		if n := testing.AllocsPerRun(200, f); n != 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
	x, y := NewTransport(Config{Nonce: 1}), NewTransport(Config{Nonce: 2})
	x.Classify(address(1), Peer)
	y.Classify(address(0), Client)
	now := time.Duration(0)
	reply := make([]byte, 100)
	answer := func(src netip.AddrPort, _ []byte) { _ = y.Send(now, src, reply, Once) }
	ignore := func(netip.AddrPort, []byte) {}
	forth := func(_ netip.AddrPort, d []byte) { y.Receive(now, address(0), d, answer) }
	back := func(_ netip.AddrPort, d []byte) { x.Receive(now, address(1), d, ignore) }
	exchange := func(size, count int, mode Mode) func() {
		msg := make([]byte, size)
		return func() {
			for range count {
				_ = x.Send(now, address(1), msg, mode)
			}
			for range 10 {
				now += 20 * time.Microsecond
				x.Flush(now, forth)
				y.Flush(now, back)
				x.Tick(now)
				x.Deadline()
			}
		}
	}
	none("16 short messages and replies", exchange(40, 16, Once))
	none("a reliable short message", exchange(40, 1, Reliable))
	none("a message in fragments", exchange(10_000, 1, Once))

	a, b := listen(t, Config{}), listen(t, Config{})
	b.Classify(a.LocalAddr(), Client)
	echoBack := func(src netip.AddrPort, msg []byte) { _ = b.Send(src, msg, Once) }
	msg := make([]byte, 40)
	none("an exchange over sockets", func() {
		for range 16 {
			_ = a.Send(b.LocalAddr(), msg, Once)
		}
		_ = a.Flush()
		for _, err := b.Receive(time.Time{}, echoBack); err != nil; {
			t.Fatal(err)
		}
		for _, err := a.Receive(clock().Add(patience), ignore); err != nil; {
			t.Fatal(err)
		}
	})
}

// TestSystemCallsPerMessage: a regression guard that needs no clock.
func TestSystemCallsPerMessage(t *testing.T) {
	a, b := listen(t, Config{}), listen(t, Config{})
	b.Classify(a.LocalAddr(), Peer)
	const count = 1000
	for range count {
		_ = a.Send(b.LocalAddr(), make([]byte, 40), Once)
	}
	_ = a.Flush()
	got := 0
	for got < count {
		if _, err := b.Receive(clock().Add(patience), func(netip.AddrPort, []byte) { got++ }); err != nil {
			t.Fatal(err)
		}
	}
	sends, receives := a.Stats().Sends, b.Stats().Receives
	if most := a.Stats().DatagramsOut; most != 31 || sends > most || receives > most {
		t.Errorf("%d messages: %d datagrams, %d sends, %d receives", count, most, sends, receives)
	}
	if batches && (sends != 1 || receives > 2) {
		t.Errorf("%d sends and %d receives where one batch would do", sends, receives)
	}
}
