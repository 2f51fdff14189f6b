package client

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"ironkv/delegation"
	"ironkv/marshal"
)

// A world is an engine in front of hosts that a test plays by hand, in time that
// passes only when the test says so. Nothing in it sleeps or draws randomness
// but from a seed.
type world struct {
	t      *testing.T
	e      *engine
	now    time.Duration
	sent   []letter // not yet read by the test
	nonces byte
	// incarnations and serials are the hosts', by id.
	incarnations map[HostID]marshal.Incarnation
	serial       byte
	window       uint32
	idle         time.Duration
}

// A letter is a message that the engine sent, and to whom.
type letter struct {
	to HostID
	m  marshal.Message
}

// newWorld has hosts 1..n; host 1 is the root.
func newWorld(t *testing.T, n int) *world {
	w := &world{t: t, incarnations: map[HostID]marshal.Incarnation{}, window: 8, idle: time.Minute}
	w.e = &engine{
		client: 77, random: rand.New(rand.NewPCG(1, 2)), log: slog.New(slog.DiscardHandler),
		nonce: func() marshal.Nonce { w.nonces++; return marshal.Nonce{w.nonces} },
		send:  func(h *host, m marshal.Message) { w.sent = append(w.sent, letter{h.id, marshal.Clone(m)}) },
		wake:  func(*waiter) {}, mostFlying: mostFlying,
	}
	var hosts []*host
	for id := HostID(1); id <= HostID(n); id++ {
		hosts = append(hosts, &host{id: id, addr: address(id)})
		w.incarnations[id] = marshal.Incarnation(100 + id)
	}
	w.e.adopt(hosts, 1)
	return w
}

func address(id HostID) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(7000+id))
}

// begin starts an op with a deadline of five seconds from now.
func (w *world) begin(o *op) *op {
	if o.ctx == nil {
		o.ctx = context.Background()
	}
	o.w = newWaiter()
	o.w.left = 1
	if o.deadline == 0 {
		o.deadline = w.now + 5*time.Second
	}
	w.e.start(w.now, o)
	return o
}

func (w *world) get(key string) *op { return w.begin(&op{kind: opGet, key: delegation.Key(key)}) }
func (w *world) put(key string) *op {
	return w.begin(&op{kind: opSet, key: delegation.Key(key), value: []byte("v")})
}

// hear lets the engine receive m from a host.
func (w *world) hear(from HostID, m marshal.Message) { w.e.receive(w.now, address(from), m) }

// pass lets time pass, in ticks.
func (w *world) pass(d time.Duration) {
	for end := w.now + d; w.now < end; {
		w.now = min(end, w.now+tickInterval)
		w.e.tick(w.now)
	}
}

// next returns the next message that was sent, which has to be an M to the host.
func next[M marshal.Message](w *world, to HostID) M {
	w.t.Helper()
	var none M
	if len(w.sent) == 0 {
		w.t.Fatalf("nothing was sent, want a %T to host %d", none, to)
	}
	l := w.sent[0]
	w.sent = w.sent[1:]
	m, ok := l.m.(M)
	if !ok || l.to != to {
		w.t.Fatalf("sent a %T to host %d, want a %T to host %d", l.m, l.to, none, to)
	}
	return m
}

// quiet fails the test if anything was sent.
func (w *world) quiet() {
	w.t.Helper()
	if len(w.sent) > 0 {
		w.t.Fatalf("sent %d messages, the first a %T to host %d; want none", len(w.sent), w.sent[0].m, w.sent[0].to)
	}
}

// open plays a host's part in opening a session and returns the session's id.
func (w *world) open(id HostID) marshal.SessionID {
	w.t.Helper()
	hello := next[*marshal.Hello](w, id)
	w.hear(id, &marshal.CookieReply{Nonce: hello.Nonce, Cookie: marshal.Cookie{9}})
	open := next[*marshal.Open](w, id)
	if open.Nonce != hello.Nonce || open.Cookie != (marshal.Cookie{9}) {
		w.t.Fatalf("open %+v after hello %+v", open, hello)
	}
	return w.opened(id, open.Nonce)
}

func (w *world) opened(id HostID, nonce marshal.Nonce) marshal.SessionID {
	w.serial++
	s := marshal.SessionID{byte(id), w.serial}
	w.hear(id, &marshal.Opened{
		Nonce: nonce, Session: s, Host: id, Incarnation: w.incarnations[id], Window: w.window,
		IdleMillis: uint64(w.idle / time.Millisecond), Root: 1,
	})
	return s
}

// done fails the test unless o is done.
func (w *world) done(o *op) {
	w.t.Helper()
	if o.state != opDone || o.w.left != 0 {
		w.t.Fatalf("op in state %d, %d left; want it done", o.state, o.w.left)
	}
}

// pending fails the test if o is done.
func (w *world) pending(o *op) {
	w.t.Helper()
	if o.state == opDone {
		w.t.Fatalf("op is done with %v; want it pending", o.err)
	}
}

func header(m *marshal.SetRequest) marshal.RequestHeader { return m.RequestHeader }

func keys(from, until string) delegation.Range {
	return delegation.Range{From: delegation.At(delegation.Key(from)), Until: delegation.At(delegation.Key(until))}
}
