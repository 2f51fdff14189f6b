//go:build !linux || plainudp

package udp

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/bpf"
)

// socket moves datagrams one at a time, with the calls of package net.
type socket struct {
	lingers bool // never here
	conn    *net.UDPConn
	buf     []byte
	in      arrival

	mu       sync.Mutex // guards deadline
	deadline time.Time  // what setReadDeadline said last
}

func openSocket(addr netip.AddrPort, _ bool) (*socket, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, err
	}
	// The kernel may refuse buffers of this size; then it keeps its own.
	_ = conn.SetReadBuffer(socketBuffer)
	_ = conn.SetWriteBuffer(socketBuffer)
	return &socket{conn: conn, buf: make([]byte, 64<<10)}, nil
}

func (s *socket) localAddr() netip.AddrPort {
	return unmap(s.conn.LocalAddr().(*net.UDPAddr).AddrPort())
}

func (s *socket) close() error { return s.conn.Close() }

// setReadDeadline fails only on a closed socket, which the read reports.
func (s *socket) setReadDeadline(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = at
	_ = s.conn.SetReadDeadline(at)
}

// look makes the next read return soon; the function that it returns restores the deadline.
func (s *socket) look() func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.conn.SetReadDeadline(clock().Add(tryFor))
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		_ = s.conn.SetReadDeadline(s.deadline)
	}
}

// tryFor is how long a read that must not wait may take: package net has no other way to look.
const tryFor = 50 * time.Microsecond

func (s *socket) read(wait bool) (int, error) {
	if !wait {
		defer s.look()()
	}
	for {
		n, src, err := s.conn.ReadFromUDPAddrPort(s.buf)
		switch {
		case err == nil:
			s.in = arrival{src: unmap(src), data: s.buf[:n]}
			return 1, nil
		case errors.Is(err, syscall.ECONNREFUSED):
			continue // an earlier datagram found nobody: that is its loss
		case !wait && errors.Is(err, os.ErrDeadlineExceeded):
			return 0, nil
		}
		return 0, err
	}
}

func (s *socket) glance() (int, error) { return 0, nil }

func (s *socket) linger() (int, error) { return 0, nil }

// filter is what other systems do not have.
func (s *socket) filter([]bpf.Instruction) error { return errors.ErrUnsupported }

func (s *socket) datagram(int) *arrival { return &s.in }

func (s *socket) write(list []outgoing) (w written) {
	for i := range list {
		w.calls++
		w.done++
		_, err := s.conn.WriteToUDPAddrPort(list[i].buf, list[i].dst)
		if errors.Is(err, net.ErrClosed) {
			w.err = net.ErrClosed
			return w
		}
		if err != nil {
			w.refused++
		}
	}
	return w
}
