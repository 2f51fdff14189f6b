//go:build linux && !plainudp

package udp

import (
	"errors"
	"net/netip"
	"os"
	"runtime"
	"testing"
)

// TestSegments: one message of the kernel's holds datagrams of one size to one address, of which only
// the last may be shorter, up to the kernel's limits.
func TestSegments(t *testing.T) {
	list := func(dst int, sizes ...int) (out []outgoing) {
		for _, n := range sizes {
			out = append(out, outgoing{address(dst), make([]byte, n)})
		}
		return out
	}
	many := make([]int, 100)
	for i := range many {
		many[i] = 900
	}
	for _, c := range []struct {
		name string
		list []outgoing
		want int
	}{
		{"alone", list(1, 500), 1},
		{"equal", list(1, 500, 500, 500), 3},
		{"the last one shorter", list(1, 500, 500, 100), 3},
		{"nothing behind a shorter one", list(1, 500, 100, 100), 2},
		{"none longer", list(1, 500, 600), 1},
		{"another address", append(list(1, 500, 500), list(2, 500)...), 2},
		{"segments", list(1, many...), maxSegments},
		{"bytes", list(1, 30_000, 30_000, 30_000), 2},
	} {
		if got := segments(c.list, sendVectors); got != c.want {
			t.Errorf("%s: %d, not %d", c.name, got, c.want)
		}
	}
}

// Who waits for an acknowledgement lingers, too: the timer of what he has sent is far away.
func TestLingersWhileSomethingFlies(t *testing.T) {
	a, b := listen(t, Config{}), listen(t, Config{})
	a.Classify(b.LocalAddr(), Peer)
	if !a.sock.lingers || runtime.GOMAXPROCS(0) == 1 {
		t.Skip("nobody lingers here")
	}
	a.Linger(true)
	if err := errors.Join(a.Send(b.LocalAddr(), make([]byte, 100), Reliable), a.Flush()); err != nil {
		t.Fatal(err)
	}
	_, err := a.Receive(a.start.Add(a.Now()+lingerTime/2), func(netip.AddrPort, []byte) {})
	if !errors.Is(err, os.ErrDeadlineExceeded) || a.sock.armed {
		t.Errorf("%v; parked: %v", err, a.sock.armed)
	}
}
