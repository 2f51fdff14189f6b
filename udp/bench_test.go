package udp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"
)

// BenchmarkCoalesce is the pure cost of a message of 40 bytes each way: Send, Flush, Receive. What
// limits it: the checksum, the copy into the datagram, the call to deliver.
func BenchmarkCoalesce(b *testing.B) {
	for _, batch := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			a, z := NewTransport(Config{Datagram: MaxDatagram}), NewTransport(Config{Datagram: MaxDatagram})
			a.Classify(address(1), Peer)
			z.Classify(address(0), Peer)
			msg := make([]byte, 40)
			got := 0
			deliver := func(netip.AddrPort, []byte) { got++ }
			emit := func(_ netip.AddrPort, d []byte) { z.Receive(0, address(0), d, deliver) }
			b.ReportAllocs()
			for i := 0; i < b.N; i += batch {
				for range batch {
					_ = a.Send(0, address(1), msg, Once)
				}
				a.Flush(0, emit)
			}
			if got < b.N {
				b.Fatalf("%d of %d messages", got, b.N)
			}
		})
	}
}

// BenchmarkFragments is the pure cost of a long message: cutting, checksums, copies, acknowledgements.
// What limits it: four passes over the bytes for checksums (datagram and message, at both ends) and
// three for copies.
func BenchmarkFragments(b *testing.B) {
	for _, datagram := range []int{1400, 8900, MaxDatagram} {
		for _, size := range []int{64 << 10, 4 << 20} {
			b.Run(fmt.Sprintf("datagram=%d/size=%d", datagram, size), func(b *testing.B) {
				cfg := Config{Datagram: datagram}
				w := newWorld(b, 1, FaultRates{}, cfg, cfg).introduce()
				x, y := w.nodes[0], w.nodes[1]
				msg := make([]byte, size)
				got := 0
				deliver := func(netip.AddrPort, []byte) { got++ }
				forth := func(_ netip.AddrPort, d []byte) { y.Receive(w.now, x.addr, d, deliver) }
				back := func(_ netip.AddrPort, d []byte) { x.Receive(w.now, y.addr, d, deliver) }
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for i := range b.N {
					if err := x.Send(w.now, y.addr, msg, Reliable); err != nil {
						b.Fatal(err)
					}
					for got <= i {
						w.now += 50 * time.Microsecond
						x.Flush(w.now, forth)
						y.Flush(w.now, back)
						x.Tick(w.now)
					}
				}
			})
		}
	}
}

// echo answers every message with itself until the Conn is closed.
func echo(c *Conn) {
	for {
		_, err := c.Receive(time.Time{}, func(src netip.AddrPort, msg []byte) { _ = c.Send(src, msg, Once) })
		if errors.Is(err, net.ErrClosed) {
			return
		}
	}
}

// BenchmarkEcho is a request and its reply over two sockets on loopback: flight requests are kept in
// flight, in bursts of burst that share datagrams. What limits it: with one in flight two wake-ups of
// a goroutine by the poller; with many, the two system calls of each datagram.
func BenchmarkEcho(b *testing.B) {
	for _, c := range []struct{ size, flight, burst, datagram int }{
		{40, 1, 1, MaxDatagram},
		{40, 256, 1, MaxDatagram},
		{40, 256, 16, MaxDatagram},
		{40, 1024, 64, MaxDatagram},
		{40, 1024, 64, 1400},
		{8300, 64, 1, MaxDatagram},
		{8300, 64, 8, MaxDatagram},
		{8300, 64, 8, 9000},
	} {
		for _, plain := range []bool{false, true} {
			name := fmt.Sprintf("size=%d/flight=%d/burst=%d/datagram=%d/offload=%v", c.size, c.flight, c.burst, c.datagram, !plain)
			b.Run(name, func(b *testing.B) {
				benchmarkEcho(b, Config{Datagram: c.datagram, NoOffload: plain}, c.size, c.flight, c.burst)
			})
		}
	}
}

func benchmarkEcho(b *testing.B, cfg Config, size, flight, burst int) {
	server, client := listen(b, cfg), listen(b, cfg)
	server.Classify(client.LocalAddr(), Peer)
	client.Classify(server.LocalAddr(), Peer)
	done := make(chan struct{})
	go func() { defer close(done); echo(server) }()
	defer func() { _ = server.Close(); <-done }()
	msg := make([]byte, size)
	sent, got := 0, 0
	deliver := func(netip.AddrPort, []byte) { got++ }
	b.ReportAllocs()
	b.ResetTimer()
	for got < b.N {
		for sent < b.N && sent-got+burst <= flight {
			for range burst {
				_ = client.Send(server.LocalAddr(), msg, Once)
			}
			sent += burst
			if burst > 1 {
				_ = client.Flush()
			}
		}
		_ = client.Flush()
		if _, err := client.Receive(clock().Add(100*time.Millisecond), deliver); err != nil {
			sent = got // what was lost is lost
		}
	}
	b.StopTimer()
	s, c := server.Stats(), client.Stats()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
	b.ReportMetric(float64(s.Receives+s.Sends+c.Receives+c.Sends)/float64(b.N), "syscalls/op")
}

// BenchmarkTransfer is a long message and a short answer over loopback. What limits it: copies and
// checksums of both ends, and the system calls, which offload divides by up to 64.
func BenchmarkTransfer(b *testing.B) {
	for _, datagram := range []int{1400, 9000, 32_000, MaxDatagram} {
		for _, plain := range []bool{false, true} {
			b.Run(fmt.Sprintf("size=4MiB/datagram=%d/offload=%v", datagram, !plain), func(b *testing.B) {
				cfg := Config{Datagram: datagram, NoOffload: plain}
				server, client := listen(b, cfg), listen(b, cfg)
				server.Classify(client.LocalAddr(), Peer)
				client.Classify(server.LocalAddr(), Peer)
				done := make(chan struct{})
				go func() {
					defer close(done)
					for {
						_, err := server.Receive(time.Time{}, func(src netip.AddrPort, msg []byte) { _ = server.Send(src, msg[:8], Reliable) })
						if errors.Is(err, net.ErrClosed) {
							return
						}
					}
				}()
				defer func() { _ = server.Close(); <-done }()
				msg := make([]byte, 4<<20)
				b.SetBytes(int64(len(msg)))
				b.ResetTimer()
				for range b.N {
					if err := client.Send(server.LocalAddr(), msg, Once); err != nil {
						b.Fatal(err)
					}
					_ = client.Flush()
					receiveOne(b, client)
				}
				b.StopTimer()
				s := client.Stats()
				b.ReportMetric(float64(s.Retransmissions)/float64(b.N), "repeats/op")
				b.ReportMetric(float64(s.Timeouts)/float64(b.N), "timeouts/op")
			})
		}
	}
}

// BenchmarkDeadline is asked with each datagram: its cost must not grow with how many addresses
// do not acknowledge.
func BenchmarkDeadline(b *testing.B) {
	for _, silent := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprint(silent), func(b *testing.B) {
			tr := NewTransport(Config{})
			for i := range silent {
				tr.Classify(address(i), Peer)
				if err := tr.Send(time.Duration(i), address(i), make([]byte, 3000), Once); err != nil {
					b.Fatal(err)
				}
			}
			tr.Flush(time.Millisecond, func(netip.AddrPort, []byte) {})
			for b.Loop() {
				if _, due := tr.Deadline(); !due {
					b.Fatal("no timer runs")
				}
			}
		})
	}
}
