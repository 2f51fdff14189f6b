package udp

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"
)

// TestLinger: whoever lingers gets what comes, keeps his deadline, and is found by
// Wake and Close, whether he is in the kernel at that moment or parked.
func TestLinger(t *testing.T) {
	a, b := listen(t, Config{}), listen(t, Config{})
	b.Linger(true)
	msg := make([]byte, 40)
	got := 0
	count := func(_ netip.AddrPort, m []byte) { got += len(m) }
	for i := range 100 {
		if i%10 == 0 {
			time.Sleep(3 * lingerTime) // b is parked by then, or not yet
		}
		_ = a.Send(b.LocalAddr(), msg, Once)
		_ = a.Flush()
		if _, err := b.Receive(b.start.Add(b.Now()+time.Minute), count); err != nil {
			t.Fatal(err)
		}
	}
	if got != 100*len(msg) {
		t.Fatalf("%d bytes of %d", got, 100*len(msg))
	}
	at := b.Now() + 3*lingerTime
	if _, err := b.Receive(b.start.Add(at), count); !errors.Is(err, os.ErrDeadlineExceeded) || b.Now() < at {
		t.Fatalf("%v, %v before the deadline", err, at-b.Now())
	}
	if _, err := b.Receive(b.start, count); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("a deadline in the past: %v", err)
	}
	for _, pause := range []time.Duration{0, lingerTime / 2, 20 * lingerTime} {
		time.AfterFunc(pause, b.Wake)
		if n, err := b.Receive(time.Time{}, count); n != 0 || err != nil {
			t.Fatalf("waked after %v: %d, %v", pause, n, err)
		}
	}
	if n := lingerers.Load(); n != 0 {
		t.Fatalf("%d linger, and nobody receives", n)
	}
}

// TestCloseWhileLingering: Close returns when the port is free, and Receive with
// net.ErrClosed.
func TestCloseWhileLingering(t *testing.T) {
	free := false // at least once: somebody else may be given the port
	for _, pause := range []time.Duration{0, lingerTime / 2, lingerTime / 2, lingerTime / 2, 20 * lingerTime} {
		c := listen(t, Config{})
		c.Linger(true)
		failed := make(chan error)
		go func() {
			_, err := c.Receive(time.Time{}, func(netip.AddrPort, []byte) {})
			failed <- err
		}()
		time.Sleep(pause)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		again, err := Listen(c.LocalAddr(), Config{})
		if err == nil {
			free = true
			_ = again.Close()
		}
		if err := <-failed; !errors.Is(err, net.ErrClosed) {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatalf("closed again: %v", err)
		}
	}
	if !free {
		t.Error("after Close the port is taken")
	}
}

// TestOneProcessorIsLeft: not all linger at once, and nobody does where he may not.
func TestOneProcessorIsLeft(t *testing.T) {
	c := listen(t, Config{})
	if c.mayLinger(never) {
		t.Error("it lingers unasked")
	}
	c.Linger(true)
	if !c.sock.lingers {
		t.Skip("not on this system")
	}
	if c.mayLinger(0) {
		t.Error("it lingers though it is late")
	}
	n := 0
	for c.mayLinger(never) {
		n++
	}
	lingerers.Add(int32(-n))
	if n != runtime.GOMAXPROCS(0)-1 {
		t.Errorf("%d linger on %d processors", n, runtime.GOMAXPROCS(0))
	}
}
