package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"ironkv/udp"
)

// The echo limit: a null server behind our own socket layer, which answers a message
// with one of the length that is asked for and does nothing else. What a store of
// ours could reach at most has this shape.
//
// A request is the number of the slot that waits for the reply, and the reply's
// length, 32 bits each (little endian), and padding. The reply begins with the slot.
const (
	echoHeaderBytes = 8
	// echoOverhead is what a request has beyond its key and value, and a reply beyond
	// its value, in bytes: about what ironkv's messages have.
	echoOverhead = 32
	// echoRetry is after how long a request counts as lost and is sent again.
	echoRetry = 200 * time.Millisecond
)

func (a *app) echoCommand() *cobra.Command {
	var listen string
	cmd := &cobra.Command{
		Use: "echo-server", Short: "Run the null server that compare measures against", Hidden: true, Args: cobra.NoArgs,
		RunE: a.work(func(cmd *cobra.Command) error {
			addr, err := netip.ParseAddrPort(listen)
			if err != nil {
				return fmt.Errorf("--listen: %w", err)
			}
			a.running = true
			return echoServe(cmd.Context(), addr)
		}),
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "`ADDRESS` to answer at")
	return cmd
}

// echoServe answers until ctx ends.
func echoServe(ctx context.Context, addr netip.AddrPort) error {
	conn, err := udp.Listen(addr, udp.Config{Datagram: udp.PathMTU(addr)})
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	reply := make([]byte, maxValueBytes+echoOverhead)
	seen := map[netip.AddrPort]bool{}
	for {
		_, err := conn.Receive(time.Time{}, func(src netip.AddrPort, msg []byte) {
			if len(msg) < echoHeaderBytes {
				return
			}
			if !seen[src] {
				seen[src] = true
				conn.Classify(src, udp.Client)
				conn.SetDatagram(src, udp.PathMTU(src))
			}
			n := min(int(binary.LittleEndian.Uint32(msg[4:])), len(reply))
			copy(reply, msg[:4])
			// A reply that cannot be queued is a lost datagram, which the client repeats.
			_ = conn.Send(src, reply[:n], udp.Once)
		})
		if err == nil {
			err = conn.Flush()
		}
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// An echoStore asks the null server. Of the callers that wait, one reads the socket
// for all of them; requests of the same moment share datagrams.
type echoStore struct {
	conn   *udp.Conn
	server netip.AddrPort
	// reader is held by the caller who reads.
	reader chan struct{}
	// flushing says that a caller is about to send what all have queued.
	flushing atomic.Bool
	slots    sync.Pool
	mu       sync.RWMutex
	waiting  []*echoSlot // by number
	value    int         // length of values in bytes, for the replies to gets
}

// An echoSlot is a place for one caller to wait.
type echoSlot struct {
	number  uint32
	pending atomic.Int32
	done    chan struct{}
	request []byte
}

func dialEcho(addr string, valueBytes int) (*echoStore, error) {
	server, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, err
	}
	conn, err := udp.Listen(netip.AddrPortFrom(server.Addr(), 0), udp.Config{Datagram: udp.PathMTU(server)})
	if err != nil {
		return nil, err
	}
	conn.Classify(server, udp.Peer)
	s := &echoStore{conn: conn, server: server, reader: make(chan struct{}, 1), value: valueBytes}
	s.slots.New = func() any {
		s.mu.Lock()
		defer s.mu.Unlock()
		slot := &echoSlot{number: uint32(len(s.waiting)), done: make(chan struct{}, 1)}
		s.waiting = append(s.waiting, slot)
		return slot
	}
	return s, nil
}

func (s *echoStore) get(ctx context.Context, _ []byte) error {
	return s.call(ctx, 1, echoOverhead, s.value+echoOverhead)
}

func (s *echoStore) set(ctx context.Context, _, value []byte) error {
	return s.call(ctx, 1, len(value)+2*echoOverhead, echoOverhead)
}

func (s *echoStore) scan(ctx context.Context, _ []byte, entries int) (int, error) {
	return entries, s.call(ctx, 1, 2*echoOverhead, min(entries*(s.value+echoOverhead), maxValueBytes))
}

// call sends n requests of a length and waits for n replies of a length.
func (s *echoStore) call(ctx context.Context, n, request, reply int) error {
	slot := s.slots.Get().(*echoSlot)
	defer s.slots.Put(slot)
	select {
	case <-slot.done: // left by a late copy of a reply
	default:
	}
	slot.pending.Store(int32(n))
	if cap(slot.request) < request {
		slot.request = make([]byte, request)
	}
	msg := slot.request[:request]
	binary.LittleEndian.PutUint32(msg, slot.number)
	binary.LittleEndian.PutUint32(msg[4:], uint32(reply))
	for {
		for range slot.pending.Load() {
			if err := s.conn.Send(s.server, msg, udp.Once); err != nil {
				return err
			}
		}
		if err := s.flush(); err != nil {
			return err
		}
		err := s.await(ctx, slot)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// flush sends what is queued. Whoever comes first lets all others that can run queue
// theirs before.
func (s *echoStore) flush() error {
	if s.flushing.Swap(true) {
		return nil
	}
	runtime.Gosched()
	s.flushing.Store(false)
	return s.conn.Flush()
}

// await waits for the slot's replies, and reads for all while nobody else does.
func (s *echoStore) await(ctx context.Context, slot *echoSlot) error {
	retry := time.Now().Add(echoRetry)
	select {
	case <-slot.done:
		return nil
	case s.reader <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.reader }()
	for {
		select {
		case <-slot.done:
			return nil
		default:
		}
		if _, err := s.conn.Receive(retry, s.deliver); err != nil {
			return err
		}
	}
}

func (s *echoStore) deliver(_ netip.AddrPort, msg []byte) {
	number := binary.LittleEndian.Uint32(msg)
	s.mu.RLock()
	slot := s.waiting[number]
	s.mu.RUnlock()
	if slot.pending.Add(-1) == 0 {
		select {
		case slot.done <- struct{}{}:
		default: // a late copy of a reply
		}
	}
}

func (s *echoStore) batch() batch { return &echoBatch{store: s} }

func (s *echoStore) close() error { return s.conn.Close() }

func (s *echoStore) kind(err error) string { return commonKind(err) }

// An echoBatch sends requests of one kind together: gets, or sets.
type echoBatch struct {
	store          *echoStore
	n              int
	request, reply int
}

func (b *echoBatch) get([]byte) {
	b.n++
	b.request, b.reply = echoOverhead, b.store.value+echoOverhead
}

func (b *echoBatch) set(_, value []byte) {
	b.n++
	b.request, b.reply = len(value)+2*echoOverhead, echoOverhead
}

func (b *echoBatch) do(ctx context.Context, each func(error)) {
	err := b.store.call(ctx, b.n, b.request, b.reply)
	for range b.n {
		each(err)
	}
	b.n = 0
}

// startEcho starts the null server as a process of its own.
func startEcho(ctx context.Context) (*servers, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	ports, err := freePorts("udp", 1)
	if err != nil {
		return nil, err
	}
	s, err := newServers("echo")
	if err != nil {
		return nil, err
	}
	s.note = "null server behind the same socket layer"
	s.addrs = []string{fmt.Sprintf("127.0.0.1:%d", ports[0])}
	p, err := startProcess(s.dir, self, "echo-server", "--listen", s.addrs[0])
	if err == nil {
		s.processes = append(s.processes, p)
		err = p.await(ctx, s.echoes)
	}
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func (s *servers) echoes(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	e, err := dialEcho(s.addrs[0], 1)
	if err != nil {
		return err
	}
	defer func() { _ = e.close() }()
	return e.get(ctx, nil)
}
