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
	for deadline := time.Now().Add(patience); got == nil; {
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
	if _, err := c.Receive(time.Now().Add(time.Millisecond), nothing); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("at the deadline: %v", err)
	}
	if _, err := c.Receive(time.Now().Add(-time.Second), nothing); !errors.Is(err, os.ErrDeadlineExceeded) {
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
