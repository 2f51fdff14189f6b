package server_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"ironkv/kv"
	"ironkv/kv/server"
	"ironkv/kv/store"
	"ironkv/marshal"
	"ironkv/udp"
)

// patience bounds what never takes long unless it is broken.
const patience = 30 * time.Second

// running is a server of a cluster of one on a free port, over one life.
type running struct {
	*server.Server
	stop  context.CancelFunc
	ended chan error
}

func serve(t *testing.T, st store.Store, addr netip.AddrPort, adjust func(*server.Config)) *running {
	t.Helper()
	var conn *udp.Conn
	if !addr.IsValid() {
		var err error
		if conn, err = udp.Listen(netip.MustParseAddrPort("127.0.0.1:0"), server.Transport(udp.Config{}, kv.Limits{})); err != nil {
			t.Fatal(err)
		}
		addr = conn.LocalAddr()
	}
	cfg := server.Config{
		Config: kv.Config{Me: 1, Root: 1, Members: []marshal.Member{{ID: 1, Address: addr.String()}}},
		Store:  st, Conn: conn,
	}
	if adjust != nil {
		adjust(&cfg)
	}
	s, err := server.Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{Server: s, stop: cancel, ended: make(chan error, 1)}
	go func() { r.ended <- s.Serve(ctx) }()
	return r
}

// halt stops the server in order.
func (r *running) halt(t *testing.T) {
	t.Helper()
	r.stop()
	if err := <-r.ended; err != nil {
		t.Fatalf("Serve after a stop in order: %v, want nil", err)
	}
}

// caller is a client by hand: one request at a time, repeated until it is answered.
type caller struct {
	t       *testing.T
	conn    *udp.Conn
	host    netip.AddrPort
	session marshal.SessionID
}

func call(t *testing.T, host netip.AddrPort) *caller {
	t.Helper()
	conn, err := udp.Listen(netip.MustParseAddrPort("127.0.0.1:0"), udp.Config{MaxMessage: marshal.MaxMessageBytes})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	conn.Classify(host, udp.Peer)
	c := &caller{t: t, conn: conn, host: host}
	cookie := c.ask(&marshal.Hello{Nonce: marshal.Nonce{1}}).(*marshal.CookieReply)
	c.session = c.ask(&marshal.Open{Nonce: cookie.Nonce, Cookie: cookie.Cookie}).(*marshal.Opened).Session
	return c
}

// ask sends m until an answer comes. Answers to earlier requests are passed over:
// each message here has an answer of another type or number than the one before.
func (c *caller) ask(m marshal.Message) (answer marshal.Message) {
	c.t.Helper()
	late := time.Now().Add(patience)
	for answer == nil {
		if time.Now().After(late) {
			c.t.Fatalf("no answer to %T", m)
		}
		if err := c.conn.Send(c.host, marshal.Append(nil, m), udp.Once); err != nil {
			c.t.Fatal(err)
		}
		if err := c.conn.Flush(); err != nil {
			c.t.Fatal(err)
		}
		again := time.Now().Add(200 * time.Millisecond)
		for answer == nil && time.Now().Before(again) {
			_, err := c.conn.Receive(again, func(_ netip.AddrPort, b []byte) {
				got, err := marshal.Decode(b)
				if err != nil {
					c.t.Errorf("the server sent what is no message: %v", err)
				} else if answers(m, got) {
					answer = got
				}
			})
			if errors.Is(err, net.ErrClosed) {
				c.t.Fatal(err)
			}
		}
	}
	return answer
}

func answers(request, reply marshal.Message) bool {
	//nolint:gochecksumtype // the test asks these questions only
	switch q := request.(type) {
	case *marshal.Hello:
		_, ok := reply.(*marshal.CookieReply)
		return ok
	case *marshal.Open:
		_, ok := reply.(*marshal.Opened)
		return ok
	case *marshal.GetRequest:
		r, ok := reply.(*marshal.GetReply)
		return ok && r.Number == q.Number
	case *marshal.SetRequest:
		r, ok := reply.(*marshal.SetReply)
		return ok && r.Number == q.Number
	}
	return false
}

func (c *caller) put(n uint64, value []byte) *marshal.SetReply {
	return c.ask(&marshal.SetRequest{
		RequestHeader: marshal.RequestHeader{Session: c.session, Number: n},
		WriteHeader:   marshal.WriteHeader{Floor: 1, Operation: marshal.OperationID{Client: 1, Counter: n}},
		Key:           "key", Value: value,
	}).(*marshal.SetReply)
}

func (c *caller) get(n uint64) *marshal.GetReply {
	return c.ask(&marshal.GetRequest{RequestHeader: marshal.RequestHeader{Session: c.session, Number: n}, Key: "key"}).(*marshal.GetReply)
}

// What was acknowledged is there after a restart, a crash included, and so are
// the sessions: a number that was answered gets its answer again, and is not
// executed twice.
func TestRestartKeepsEverything(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	open := func() store.Store {
		st, err := store.OpenDisk(dir, store.DirIdentity{Cluster: "test", Host: 1}, store.DiskOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	st := open()
	first := serve(t, st, netip.AddrPort{}, nil)
	c := call(t, first.Addr())
	value := bytes.Repeat([]byte("v"), marshal.MaxValueBytes)
	version := c.put(1, value).Version

	for life, end := range []func(*running){
		func(r *running) { r.halt(t) },
		func(r *running) {
			_ = r.Close()
			if err := <-r.ended; !errors.Is(err, server.ErrClosed) {
				t.Errorf("Serve after Close: %v, want ErrClosed", err)
			}
		},
	} {
		end(first)
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
		st = open()
		first = serve(t, st, c.host, nil)
		if r := c.get(uint64(life + 1)); r.Version != version || !bytes.Equal(r.Value, value) {
			t.Fatalf("life %d: version %d, %d bytes; want version %d", life+2, r.Version, len(r.Value), version)
		}
		if again := c.put(1, []byte("another")).Version; again != version {
			t.Fatalf("life %d: number 1 was executed again, as version %d", life+2, again)
		}
	}
	first.halt(t)
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
}

// Garbage is counted and dropped, and the host serves on.
func TestGarbage(t *testing.T) {
	r := serve(t, store.NewMemory(store.MemoryOptions{}), netip.AddrPort{}, nil)
	c := call(t, r.Addr())
	for n := range 200 {
		garbage := bytes.Repeat([]byte{byte(n)}, n)
		if err := c.conn.Send(c.host, garbage, udp.Once); err != nil {
			t.Fatal(err)
		}
	}
	c.put(1, []byte("v"))
	raw, err := net.Dial("udp", r.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = raw.Close() }()
	for n := range 200 {
		_, _ = raw.Write(bytes.Repeat([]byte{byte(n)}, n))
	}
	c.put(2, []byte("v"))
	r.halt(t)
	stats := r.Stats()
	var malformed, transport uint64
	for _, n := range stats.Malformed {
		malformed += n
	}
	for _, n := range stats.Transport.Drops {
		transport += n
	}
	if malformed == 0 || transport == 0 {
		t.Errorf("%d malformed messages and %d datagrams counted; some of both were sent", malformed, transport)
	}
}

func TestAddressInUse(t *testing.T) {
	r := serve(t, store.NewMemory(store.MemoryOptions{}), netip.AddrPort{}, nil)
	defer r.halt(t)
	_, err := server.Listen(server.Config{
		Config: kv.Config{Me: 1, Root: 1, Members: []marshal.Member{{ID: 1, Address: r.Addr().String()}}},
		Store:  store.NewMemory(store.MemoryOptions{}),
	})
	if !errors.Is(err, server.ErrAddressInUse) {
		t.Fatalf("Listen on a busy address: %v, want ErrAddressInUse", err)
	}
}

// watcher counts what it is told of, from the state on which the host goes on.
type watcher struct {
	from, last uint64
	flushes    int
	fail       error
}

func (w *watcher) Observe(_ kv.Time, step uint64, _ kv.Input, _ []byte, _ *kv.Effects, _ []byte) {
	w.last = step
}

func (w *watcher) Shed(kv.Packet, []byte) {}
func (w *watcher) Durable(uint64)         {}

func (w *watcher) Flush(int) error {
	w.flushes++
	return w.fail
}

func TestObserver(t *testing.T) {
	w := new(watcher)
	r := serve(t, store.NewMemory(store.MemoryOptions{}), netip.AddrPort{}, func(cfg *server.Config) {
		cfg.Observer = func(s *kv.State) (server.Observer, error) {
			w.from = s.Step
			return w, nil
		}
	})
	c := call(t, r.Addr())
	c.put(1, []byte("v"))
	r.halt(t)
	stats := r.Stats()
	if w.from != 0 || w.last != stats.Steps || w.flushes != int(stats.Batches) || w.flushes == 0 {
		t.Fatalf("observed steps %d to %d and %d flushes; the server counts %d and %d", w.from, w.last, w.flushes, stats.Steps, stats.Batches)
	}
}

// A host whose journal fails stops, and says why.
func TestFailingObserverStopsTheServer(t *testing.T) {
	w := &watcher{fail: errors.New("no space left on device")}
	r := serve(t, store.NewMemory(store.MemoryOptions{}), netip.AddrPort{}, func(cfg *server.Config) {
		cfg.Observer = func(*kv.State) (server.Observer, error) { return w, nil }
	})
	if err := <-r.ended; !errors.Is(err, w.fail) {
		t.Fatalf("Serve: %v, want the journal's error", err)
	}
	r.stop()
}
