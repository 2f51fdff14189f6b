package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/spf13/cobra"

	"ironkv/marshal"
	"ironkv/udp"
)

// The echo limit: a null server behind our own socket layer, asked by our own client.
// It receives and sends in the batches in which a host does, finds a request's session
// and number at their place, and answers with them and bytes that never change. It
// decodes nothing, looks nothing up, keeps nothing. No host can be faster, but where
// its own work happens to gather more requests into a datagram.

// Where things are in a request or a reply, in bytes: behind an opening stand the
// session and the number, whose first byte tells its length (package marshal).
const (
	openingBytes = 2
	sessionBytes = 2 + 16
	// mostHeader is the greatest length of session and number.
	mostHeader = sessionBytes + 9
)

// The null server receives as a host's loop does: again where so many datagrams came
// at once, and so often at most before it answers.
const (
	echoBusyDatagrams = 8
	echoMaxReceives   = 64
)

func (a *app) echoCommand() *cobra.Command {
	var listen string
	var valueBytes int
	cmd := &cobra.Command{
		Use: "echo-server", Short: "Run the null server that compare measures against", Hidden: true, Args: cobra.NoArgs,
		RunE: a.work(func(cmd *cobra.Command) error {
			addr, err := netip.ParseAddrPort(listen)
			if err != nil {
				return fmt.Errorf("--listen: %w", err)
			}
			if valueBytes < 0 || valueBytes > maxValueBytes {
				return fmt.Errorf("--value-size: 0 to %d bytes", maxValueBytes)
			}
			a.running = true
			return echoServe(cmd.Context(), addr, valueBytes)
		}),
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "`ADDRESS` to answer at")
	cmd.Flags().IntVar(&valueBytes, "value-size", defaultValueBytes, "answer gets with values of `BYTES`")
	return cmd
}

// An answer is a reply whose session and number are not filled in yet.
type answer struct {
	opening []byte
	buf     []byte // room for opening and header, then the rest
}

// newAnswer takes a reply apart.
func newAnswer(reply marshal.Message) answer {
	b := marshal.Append(nil, reply)
	rest := b[openingBytes+headerBytes(b):]
	return answer{opening: b[:openingBytes], buf: append(make([]byte, openingBytes+mostHeader), rest...)}
}

// with returns the reply with this session and number, valid until the next call.
func (a answer) with(header []byte) []byte {
	at := openingBytes + mostHeader - len(header)
	copy(a.buf[at:], header)
	at -= openingBytes
	copy(a.buf[at:], a.opening)
	return a.buf[at:]
}

// headerBytes is the length of session and number in a message, 0 where it is too
// short for them.
func headerBytes(msg []byte) int {
	const at = openingBytes + sessionBytes
	if len(msg) <= at {
		return 0
	}
	n := sessionBytes + 1
	switch msg[at] { // msgpack's uint 8 to uint 64; below, the byte is the number
	case 0xcc:
		n++
	case 0xcd:
		n += 2
	case 0xce:
		n += 4
	case 0xcf:
		n += 8
	}
	if openingBytes+n > len(msg) {
		return 0
	}
	return n
}

// A nullServer answers at once.
type nullServer struct {
	conn     *udp.Conn
	self     netip.AddrPort
	answers  [256]answer // by the code of the request
	sessions uint64
	asked    []asked
}

// An asked is a request that has not been answered yet.
type asked struct {
	src    netip.AddrPort
	code   byte
	length int
	header [mostHeader]byte
}

// echoServe answers until ctx ends.
func echoServe(ctx context.Context, addr netip.AddrPort, valueBytes int) error {
	conn, err := udp.Listen(addr, udp.Config{MaxMessage: marshal.MaxMessageBytes})
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	code := func(m marshal.Message) byte { return marshal.Append(nil, m)[1] }
	s := &nullServer{conn: conn, self: conn.LocalAddr()}
	s.answers[code(&marshal.GetRequest{})] = newAnswer(&marshal.GetReply{Found: true, Version: 1, Value: randomValue(valueBytes)})
	s.answers[code(&marshal.SetRequest{})] = newAnswer(&marshal.SetReply{Result: marshal.SetApplied, Version: 1})
	for {
		err := s.turn()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// turn receives and answers.
func (s *nullServer) turn() error {
	s.conn.Linger(true) // as a host does that has nothing else to do
	n, err := s.conn.Receive(time.Time{}, s.deliver)
	for receives := 1; err == nil && n >= echoBusyDatagrams && receives < echoMaxReceives; receives++ {
		n, err = s.conn.TryReceive(s.deliver)
	}
	if err != nil {
		return err
	}
	for i := range s.asked {
		q := &s.asked[i]
		// A reply that cannot be queued is a lost datagram: the client asks again.
		_ = s.conn.Send(q.src, s.answers[q.code].with(q.header[:q.length]), udp.Once)
	}
	s.asked = s.asked[:0]
	return s.conn.Flush()
}

func (s *nullServer) deliver(src netip.AddrPort, msg []byte) {
	n := headerBytes(msg)
	if n == 0 {
		return
	}
	code := msg[1]
	if s.answers[code].buf == nil {
		s.greet(src, msg)
		return
	}
	s.asked = append(s.asked, asked{src: src, code: code, length: n})
	copy(s.asked[len(s.asked)-1].header[:], msg[openingBytes:openingBytes+n])
}

// greet opens sessions as a host of a cluster of one does, for whoever asks.
func (s *nullServer) greet(src netip.AddrPort, msg []byte) {
	m, err := marshal.Decode(msg)
	if err != nil {
		return
	}
	var reply marshal.Message
	//nolint:gochecksumtype // a null server knows no more
	switch m := m.(type) {
	case *marshal.Hello:
		reply = &marshal.CookieReply{Nonce: m.Nonce}
	case *marshal.Open:
		s.conn.Classify(src, udp.Client)
		s.conn.SetDatagram(src, udp.PathMTU(src))
		s.sessions++
		opened := &marshal.Opened{
			Nonce: m.Nonce, Host: 1, Incarnation: 1, Window: 4096, IdleMillis: uint64(time.Hour.Milliseconds()),
			Root: 1, Members: []marshal.Member{{ID: 1, Address: s.self.String()}},
		}
		binary.LittleEndian.PutUint64(opened.Session[:], s.sessions)
		reply = opened
	default:
		return
	}
	_ = s.conn.Send(src, marshal.Append(nil, reply), udp.Once)
}

// startEcho starts null servers, one for each length of values, as processes of their
// own. Those that nobody asks do nothing.
func startEcho(ctx context.Context, valueBytes []int) (*servers, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	ports, err := freePorts("udp", len(valueBytes))
	if err != nil {
		return nil, err
	}
	s, err := newServers("echo")
	if err != nil {
		return nil, err
	}
	s.note = "null server behind the same socket layer, asked by the same client"
	for i, n := range valueBytes {
		s.addrs = append(s.addrs, fmt.Sprintf("127.0.0.1:%d", ports[i]))
		p, err := startProcess(s.dir, self, "echo-server", "--listen", s.addrs[i], "--value-size", fmt.Sprint(n))
		if err != nil {
			return nil, errors.Join(err, s.stop())
		}
		s.processes = append(s.processes, p)
	}
	for i, p := range s.processes {
		if err := p.await(ctx, s.echoes(i)); err != nil {
			return nil, errors.Join(err, s.stop())
		}
	}
	return s, nil
}

// echoes reports whether null server i answers.
func (s *servers) echoes(i int) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		e, err := dialIronkv(ctx, s.addrs[i:i+1])
		if err != nil {
			return err
		}
		return e.close()
	}
}
