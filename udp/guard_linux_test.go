//go:build linux && !plainudp

package udp

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// A guarded Conn, and two who send to it.
type guarded struct {
	*testing.T
	conn        *Conn
	friend, foe *net.UDPConn
}

// guardedAt opens a socket on an address, and two that send to it by a network.
func guardedAt(t *testing.T, addr, network string) *guarded {
	t.Helper()
	c, err := Listen(netip.MustParseAddrPort(addr), Config{Guard: true})
	if err != nil {
		t.Skipf("no such address here: %v", err)
	}
	t.Cleanup(func() { _ = c.Close() })
	g := &guarded{T: t, conn: c}
	loopback := net.IPv6loopback
	if network == "udp4" {
		loopback = net.IPv4(127, 0, 0, 1)
	}
	for _, s := range []**net.UDPConn{&g.friend, &g.foe} {
		if *s, err = net.DialUDP(network, nil, &net.UDPAddr{IP: loopback, Port: int(c.LocalAddr().Port())}); err != nil {
			t.Skipf("no such address here: %v", err)
		}
		t.Cleanup(func() { _ = (*s).Close() })
	}
	return g
}

func source(conn *net.UDPConn) netip.AddrPort { return conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// heard receives until a message of somebody has come, who sends it again and again.
func (g *guarded) heard(from *net.UDPConn) {
	g.Helper()
	datagram := appendMessage(appendHeader(nil, 1), []byte("hello"))
	sealDatagram(datagram)
	for late := time.Now().Add(time.Minute); time.Now().Before(late); {
		if _, err := from.Write(datagram); err != nil {
			g.Fatal(err)
		}
		came := false
		// An error is that of the deadline.
		_, _ = g.conn.Receive(time.Now().Add(10*time.Millisecond), func(src netip.AddrPort, _ []byte) {
			came = came || src == source(from)
		})
		if came {
			return
		}
	}
	g.Fatalf("nothing comes from %v", source(from))
}

// The kernel drops what the filter says, of IPv4 and IPv6, also at a socket that serves both.
func TestKernelFilters(t *testing.T) {
	for _, c := range []struct{ addr, network string }{
		{"127.0.0.1:0", "udp4"}, {"[::1]:0", "udp6"}, {"[::]:0", "udp4"}, {"[::]:0", "udp6"},
	} {
		t.Run(c.addr+" "+c.network, func(t *testing.T) {
			g := guardedAt(t, c.addr, c.network)
			f := filter{key: hashKey{1, 0x9E3779B1}, oneOf: mostOf, open: make([]uint32, words)}
			for f.key.cell(source(g.friend)) == f.key.cell(source(g.foe)) {
				f.key.factor += 2
			}
			for i := range f.open {
				f.open[i] = allOpen
			}
			cell := f.key.cell(source(g.foe))
			f.open[cell/32] &^= 1 << (cell % 32)
			if err := g.conn.sock.filter(f.program()); err != nil {
				t.Skipf("this kernel takes no filters: %v", err)
			}
			const sent = 200
			for range sent {
				if _, err := g.foe.Write([]byte("junk")); err != nil {
					t.Fatal(err)
				}
			}
			g.heard(g.friend)
			if got := g.conn.Stats().Drops[DropShort]; got > sent/4 {
				t.Errorf("%d of %d datagrams passed", got, sent)
			}
			if err := g.conn.sock.filter(nil); err != nil {
				t.Fatal(err)
			}
			g.heard(g.foe)
		})
	}
}

// A Conn that is flooded has the kernel drop the flood, hears others meanwhile, and everybody
// afterwards.
func TestConnIsGuarded(t *testing.T) {
	g := guardedAt(t, "127.0.0.1:0", "udp4")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var flooding sync.WaitGroup
	flooding.Go(func() {
		for ctx.Err() == nil {
			_, _ = g.foe.Write([]byte("junk"))
		}
	})
	until := func(closed bool) {
		t.Helper()
		for late := time.Now().Add(time.Minute); ; {
			if g.conn.Stats().Closed > 0 == closed {
				return
			}
			g.conn.mu.Lock()
			none := g.conn.guard == nil
			g.conn.mu.Unlock()
			if none {
				t.Skip("this kernel takes no filters")
			}
			if time.Now().After(late) {
				t.Fatalf("closed: %v, for a minute", !closed)
			}
			_, _ = g.conn.Receive(time.Now().Add(10*time.Millisecond), func(netip.AddrPort, []byte) {})
		}
	}
	until(true)
	g.heard(g.friend)
	stop()
	flooding.Wait()
	until(false)
	g.heard(g.foe)
	if g.conn.Stats().Guards == 0 {
		t.Error("it never began")
	}
}

// BenchmarkFilter is what the kernel takes to be told of the longest program, and of that of a
// flood from a few addresses.
func BenchmarkFilter(b *testing.B) {
	few := make([]uint32, words)
	for i := range few {
		few[i] = allOpen
	}
	for i := range 24 {
		few[i*41] = allOpen - 1
	}
	many := make([]uint32, words)
	for i := range many {
		many[i] = 1 << (i % 32)
	}
	for name, open := range map[string][]uint32{"few": few, "many": many} {
		b.Run(name, func(b *testing.B) {
			c, err := Listen(netip.MustParseAddrPort("127.0.0.1:0"), Config{})
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			f := filter{key: hashKey{1, 0x9E3779B1}, open: open, oneOf: 64}
			b.ReportMetric(float64(len(f.program())), "instructions")
			for b.Loop() {
				if err := c.sock.filter(f.program()); err != nil {
					b.Skip(err)
				}
			}
		})
	}
}
