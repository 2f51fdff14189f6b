package udp

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"
)

var loopback = netip.MustParseAddrPort("127.0.0.1:0")

// patience bounds how long a test waits for what should take milliseconds.
const patience = 20 * time.Second

func listen(t testing.TB, cfg Config) *Conn {
	t.Helper()
	c, err := Listen(loopback, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// receiveOne receives until a message comes.
func receiveOne(t testing.TB, c *Conn) []byte {
	t.Helper()
	var got []byte
	for deadline := clock().Add(patience); got == nil; {
		if _, err := c.Receive(deadline, func(_ netip.AddrPort, msg []byte) {
			got = append([]byte{}, msg...)
		}); err != nil {
			t.Fatal(err)
		}
	}
	return got
}

// pump receives on c, and answers nothing, until the test ends.
func pump(t testing.TB, c *Conn) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			if _, err := c.Receive(time.Time{}, func(netip.AddrPort, []byte) {}); errors.Is(err, net.ErrClosed) {
				return
			}
		}
	}()
	t.Cleanup(func() { _ = c.Close(); <-done })
}

func TestConnCarriesMessagesOfAllSizes(t *testing.T) {
	for _, cfg := range []Config{{}, {NoOffload: true}, {Datagram: MaxDatagram}} {
		a, b := listen(t, cfg), listen(t, cfg)
		pump(t, a)
		for _, size := range []int{0, 1, 40, 1300, 1400, 1500, 9000, 70_000, 1 << 20, 4<<20 + 123, DefaultMaxMessage} {
			msg := bytes.Repeat([]byte{byte(size), 1, 2, 3, 5, 7, 11}, size/7+1)[:size]
			a.Classify(b.LocalAddr(), Peer)
			b.Classify(a.LocalAddr(), Peer)
			if err := a.Send(b.LocalAddr(), msg, Reliable); err != nil {
				t.Fatal(err)
			}
			if err := a.Flush(); err != nil {
				t.Fatal(err)
			}
			if got := receiveOne(t, b); !bytes.Equal(got, msg) {
				t.Fatalf("size %d: got %d bytes, not what was sent", size, len(got))
			}
		}
	}
}

func TestConnDeadlineWakeAndClose(t *testing.T) {
	c := listen(t, Config{})
	nothing := func(netip.AddrPort, []byte) { t.Error("a message from nowhere") }
	if _, err := c.Receive(clock().Add(time.Millisecond), nothing); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("at the deadline: %v", err)
	}
	if _, err := c.Receive(clock().Add(-time.Second), nothing); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("with a deadline in the past: %v", err)
	}
	if n, err := c.TryReceive(nothing); n != 0 || err != nil {
		t.Errorf("TryReceive on an idle socket: %d, %v", n, err)
	}
	c.Wake()
	if n, err := c.Receive(time.Time{}, nothing); n != 0 || err != nil {
		t.Errorf("after an early Wake: %d, %v", n, err)
	}
	result := make(chan error)
	for _, stop := range []func(){c.Wake, func() { _ = c.Close() }} {
		go func() {
			_, err := c.Receive(time.Time{}, nothing)
			result <- err
		}()
		stop()
		err := <-result
		if c.closed.Load() != errors.Is(err, net.ErrClosed) {
			t.Errorf("woken or closed: %v", err)
		}
	}
	if err := c.Flush(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Flush after Close: %v", err)
	}
}

// TestManyGoroutinesShareASocket: what many send at once arrives, whoever does the sending.
func TestManyGoroutinesShareASocket(t *testing.T) {
	a, b := listen(t, Config{}), listen(t, Config{})
	pump(t, a)
	b.Classify(a.LocalAddr(), Peer)
	const senders, each = 16, 50
	for s := range senders {
		go func() {
			for i := range each {
				msg := bytes.Repeat([]byte{byte(s), byte(i)}, 1+100*(i%20))
				if err := a.Send(b.LocalAddr(), msg, Reliable); err != nil {
					t.Error(err)
				}
				_ = a.Flush()
			}
		}()
	}
	seen := map[[2]byte]int{}
	for deadline := clock().Add(patience); len(seen) < senders*each; {
		if _, err := b.Receive(deadline, func(_ netip.AddrPort, msg []byte) { seen[[2]byte(msg)]++ }); err != nil {
			t.Fatalf("%d of %d messages: %v", len(seen), senders*each, err)
		}
	}
	for k, n := range seen {
		if n != 1 {
			t.Errorf("message %v came %d times", k, n)
		}
	}
}

// TestConnOverABadNetwork: both ways lose, double, reorder, delay, truncate and flip, and then one way
// is cut for a while.
func TestConnOverABadNetwork(t *testing.T) {
	rates := FaultRates{Drop: 0.1, Duplicate: 0.1, Truncate: 0.02, Flip: 0.02, Reorder: 0.2, ReorderBy: 2 * time.Millisecond, Delay: 100 * time.Microsecond}
	faults := NewFaults(1, rates)
	a := listen(t, Config{Faults: faults})
	b := listen(t, Config{Faults: NewFaults(2, rates)})
	pump(t, a)
	a.Classify(b.LocalAddr(), Peer)
	b.Classify(a.LocalAddr(), Peer)
	faults.Partition(a.LocalAddr(), b.LocalAddr(), true)
	const count = 20
	for i := range count {
		if err := a.Send(b.LocalAddr(), bytes.Repeat([]byte{byte(i)}, 1+i*5000), Reliable); err != nil {
			t.Fatal(err)
		}
	}
	_ = a.Flush()
	faults.Partition(a.LocalAddr(), b.LocalAddr(), false)
	seen := map[byte]int{}
	for deadline := clock().Add(patience); len(seen) < count; {
		if _, err := b.Receive(deadline, func(_ netip.AddrPort, msg []byte) {
			if len(msg) != 1+int(msg[0])*5000 {
				t.Errorf("message %d has %d bytes", msg[0], len(msg))
			}
			seen[msg[0]]++
		}); err != nil {
			t.Fatalf("%d of %d messages: %v", len(seen), count, err)
		}
	}
}

// TestUnreachableDestinationsStopNothing: neither a port where nobody listens, nor a family that the
// socket does not speak, nor an address without a route keeps the rest of a batch from arriving.
func TestUnreachableDestinationsStopNothing(t *testing.T) {
	a, b := listen(t, Config{}), listen(t, Config{})
	gone := listen(t, Config{})
	_ = gone.Close()
	for i := range 20 {
		for _, dst := range []netip.AddrPort{
			gone.LocalAddr(), netip.MustParseAddrPort("[::1]:9"), netip.MustParseAddrPort("240.0.0.1:9"), b.LocalAddr(),
		} {
			if err := a.Send(dst, []byte{byte(i)}, Once); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.Flush(); err != nil {
			t.Fatal(err)
		}
		if n, err := a.TryReceive(func(netip.AddrPort, []byte) {}); n != 0 || err != nil {
			t.Fatalf("received %d, %v", n, err)
		}
		if got := receiveOne(t, b); got[0] != byte(i) {
			t.Fatalf("message %d came instead of %d", got[0], i)
		}
	}
	refused := a.Stats().Drops[DropSend]
	if refused == 0 {
		t.Error("what could not be sent was not counted")
	}
	// Several datagrams of one size to a destination that the kernel refuses: it is asked to cut them
	// from one buffer, refuses, is asked for each, and refuses each.
	_ = a.Send(netip.MustParseAddrPort("[::1]:9"), make([]byte, 10_000), Once)
	_ = a.Send(b.LocalAddr(), make([]byte, 10_000), Once)
	_ = a.Flush()
	if got := receiveOne(t, b); len(got) != 10_000 {
		t.Errorf("%d bytes came", len(got))
	}
	if n := a.Stats().Drops[DropSend] - refused; n != 8 {
		t.Errorf("%d of 8 refused datagrams were counted", n)
	}
}

func TestIPv6AndMappedAddresses(t *testing.T) {
	any6, err := Listen(netip.MustParseAddrPort("[::]:0"), Config{})
	if err != nil {
		t.Skip("no IPv6 here: ", err)
	}
	defer func() { _ = any6.Close() }()
	port := any6.LocalAddr().Port()
	for _, from := range []string{"127.0.0.1", "::1"} {
		ip := netip.MustParseAddr(from)
		c, err := Listen(netip.AddrPortFrom(ip, 0), Config{})
		if err != nil {
			t.Skip("no address ", from, ": ", err)
		}
		defer func() { _ = c.Close() }()
		_ = c.Send(netip.AddrPortFrom(ip, port), []byte(from), Once)
		_ = c.Flush()
		for got := false; !got; {
			if _, err := any6.Receive(clock().Add(patience), func(src netip.AddrPort, msg []byte) {
				got = true
				if src != c.LocalAddr() {
					t.Errorf("%v came from %v", c.LocalAddr(), src)
				}
				// A mapped address is the same address.
				_ = any6.Send(netip.AddrPortFrom(netip.AddrFrom16(src.Addr().As16()), src.Port()), msg, Once)
			}); err != nil {
				t.Fatal(err)
			}
		}
		if got := receiveOne(t, c); string(got) != from {
			t.Errorf("got %q", got)
		}
	}
}

func TestPathMTU(t *testing.T) {
	if got := PathMTU(netip.MustParseAddrPort("127.0.0.1:7001")); got < 16_000 || got > MaxDatagram {
		t.Errorf("loopback: %d bytes", got)
	}
	if got := PathMTU(netip.AddrPort{}); got != DefaultDatagram {
		t.Errorf("no address: %d bytes", got)
	}
	if got := PathMTU(netip.MustParseAddrPort("[fe80::1%nosuchinterface]:1")); got != DefaultDatagram {
		t.Errorf("no route: %d bytes", got)
	}
}

// TestStrayDatagramsAreCounted: what no Transport made reaches the socket and goes no further.
func TestStrayDatagramsAreCounted(t *testing.T) {
	c := listen(t, Config{})
	stray, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(c.LocalAddr()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stray.Close() }()
	for _, d := range [][]byte{{}, []byte("GET / HTTP/1.1\r\n\r\n"), bytes.Repeat([]byte{magic}, 60_000)} {
		if _, err := stray.Write(d); err != nil {
			t.Fatal(err)
		}
		n, err := c.Receive(clock().Add(patience), func(netip.AddrPort, []byte) { t.Error("delivered") })
		if n != 1 || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
	}
	if s := c.Stats(); s.Drops[DropShort] != 1 || s.Drops[DropMagic] != 1 || s.Drops[DropChecksum] != 1 {
		t.Errorf("counted %v", s.Drops)
	}
}

// TestReceivingDoesNotDependOnSending: while a sender is stuck in the socket, messages are received and
// what should be sent waits; whatever a full socket left is sent by the next Receive.
func TestReceivingDoesNotDependOnSending(t *testing.T) {
	a, b := listen(t, Config{}), listen(t, Config{})
	b.Classify(a.LocalAddr(), Peer)
	a.sending.Lock()
	for i := range 3 {
		_ = b.Send(a.LocalAddr(), []byte{byte(i)}, Reliable)
		_ = b.Flush()
		if got := receiveOne(t, a); got[0] != byte(i) {
			t.Fatalf("got %v", got)
		}
		_ = a.Send(b.LocalAddr(), []byte("answer"), Once)
		if err := a.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if n := a.Stats().Sends; n != 0 {
		t.Fatalf("%d sends past a stuck sender", n)
	}
	// The stuck sender leaves: the socket had no room for what it had.
	a.mu.Lock()
	a.unsent = a.transport.take(a.Now(), a.unsent)
	a.mu.Unlock()
	a.blocked.Store(true)
	a.sending.Unlock()
	if _, err := a.Receive(clock().Add(time.Millisecond), func(netip.AddrPort, []byte) {}); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	for got := 0; got < 3; {
		if _, err := b.Receive(clock().Add(patience), func(_ netip.AddrPort, msg []byte) { got++ }); err != nil {
			t.Fatalf("%d of 3 answers: %v", got, err)
		}
	}
	if a.blocked.Load() || len(a.unsent) != 0 {
		t.Error("something is still unsent")
	}
}
