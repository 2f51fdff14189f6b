package server

import (
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/kv/store"
	"ironkv/marshal"
	"ironkv/udp"
)

var (
	hostAddr   = netip.MustParseAddrPort("127.0.0.1:7001")
	peerAddr   = netip.MustParseAddrPort("127.0.0.1:7002")
	clientAddr = netip.MustParseAddrPort("127.0.0.1:9000")
)

// fakeSocket hands over what the test put in, one batch per call, and keeps what
// the loop sends.
type fakeSocket struct {
	mu      sync.Mutex
	batches [][]inDatagram
	sent    []sentMessage
	class   map[netip.AddrPort]udp.Class
	sending chan struct{} // has one item per flush
	waked   chan struct{} // has one item per Wake
	refuse  error         // what Send answers
	events  *events
	blamed  []netip.AddrPort
	blocked int // calls that would have waited
	lingers bool
}

type inDatagram struct {
	src netip.AddrPort
	msg []byte
}

type sentMessage struct {
	dst  netip.AddrPort
	msg  marshal.Message
	mode udp.Mode
}

func newFakeSocket(e *events) *fakeSocket {
	return &fakeSocket{
		class: map[netip.AddrPort]udp.Class{}, events: e,
		sending: make(chan struct{}, 1<<12), waked: make(chan struct{}, 1<<12),
	}
}

func (s *fakeSocket) put(src netip.AddrPort, messages ...marshal.Message) {
	var batch []inDatagram
	for _, m := range messages {
		batch = append(batch, inDatagram{src, marshal.Append(nil, m)})
	}
	s.putBatch(batch)
}

func (s *fakeSocket) putBatch(batch []inDatagram) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batches = append(s.batches, batch)
}

func (s *fakeSocket) next() []inDatagram {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.batches) == 0 {
		return nil
	}
	b := s.batches[0]
	s.batches = s.batches[1:]
	return b
}

func (s *fakeSocket) TryReceive(deliver func(netip.AddrPort, []byte)) (int, error) {
	b := s.next()
	for _, d := range b {
		deliver(d.src, d.msg)
	}
	return len(b), nil
}

func (s *fakeSocket) Receive(_ time.Time, deliver func(netip.AddrPort, []byte)) (int, error) {
	n, _ := s.TryReceive(deliver)
	if n == 0 {
		s.blocked++
		return 0, os.ErrDeadlineExceeded
	}
	return n, nil
}

func (s *fakeSocket) Linger(alone bool) { s.lingers = alone }

func (s *fakeSocket) Wake() { s.waked <- struct{}{} }

func (s *fakeSocket) Send(dst netip.AddrPort, msg []byte, mode udp.Mode) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		return s.refuse
	}
	m, err := marshal.Decode(msg)
	if err != nil {
		return err
	}
	s.events.add("send")
	s.sent = append(s.sent, sentMessage{dst, m, mode})
	return nil
}

func (s *fakeSocket) Flush() error {
	s.sending <- struct{}{}
	return nil
}

func (s *fakeSocket) Classify(addr netip.AddrPort, c udp.Class) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.class[addr] = c
}

func (s *fakeSocket) Blame(addr netip.AddrPort) { s.blamed = append(s.blamed, addr) }

func (s *fakeSocket) SetDatagram(netip.AddrPort, int) {}

// taken returns what was sent since the last call.
func (s *fakeSocket) taken() []sentMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	sent := s.sent
	s.sent = nil
	return sent
}

// events is what happened, in order.
type events struct {
	mu   sync.Mutex
	list []string
}

func (e *events) add(what string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, what)
}

func (e *events) taken() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	l := e.list
	e.list = nil
	return l
}

// fakeStore is a memory store whose commits answer as the test says.
type fakeStore struct {
	*store.Memory
	events  *events
	commits []commitResult // for the next commits; beyond them nil, nil
	room    uint64
	roomErr error
	// untidy is how many bites Tidy has left, and meanwhile is called by each.
	untidy    int
	meanwhile func()
}

type commitResult struct {
	pending store.Pending
	err     error
}

func (s *fakeStore) Commit(kv.Counters) (store.Pending, error) {
	s.events.add("commit")
	if len(s.commits) == 0 {
		return nil, nil
	}
	r := s.commits[0]
	s.commits = s.commits[1:]
	return r.pending, r.err
}

func (s *fakeStore) Warm([]delegation.Key) {}

// Tidy has as many bites to take as the test says, and hears of what comes meanwhile.
func (s *fakeStore) Tidy() bool {
	if s.untidy == 0 {
		return false
	}
	s.untidy--
	s.meanwhile()
	return true
}

func (s *fakeStore) Room() (uint64, error) { return s.room, s.roomErr }

// fakePending is durable when the test says so.
type fakePending struct {
	waiting chan struct{} // closed when somebody waits
	result  chan error
}

func newPending() *fakePending {
	return &fakePending{waiting: make(chan struct{}), result: make(chan error, 1)}
}

func (p *fakePending) Wait() error {
	close(p.waiting)
	return <-p.result
}

// fakeMachine answers each get with a reply, each set with a reply, and each
// delegate with an acknowledgement, and counts.
type fakeMachine struct {
	events   *events
	steps    uint64
	inputs   []kv.Input
	times    []kv.Time
	deadline kv.Time   // zero: none
	pressing kv.Time   // zero: none
	action   kv.Action // of a timer step
	serving  bool
	halt     map[uint64]error // by step
	value    func(delegation.Key) []byte
}

var errStop = errors.New("this host has lost its memory")

func (m *fakeMachine) Step(now kv.Time, in kv.Input, out *kv.Effects) {
	m.steps++
	m.events.add("step")
	if in.Kind == kv.InputPacket {
		in.Packet.Msg = marshal.Clone(in.Packet.Msg)
	}
	m.inputs, m.times = append(m.inputs, in), append(m.times, now)
	out.Halt = m.halt[m.steps]
	if in.Kind == kv.InputTimer {
		out.Action = m.action
	}
	var reply marshal.Message
	//nolint:gochecksumtype // the fake answers these only
	switch msg := in.Packet.Msg.(type) {
	case *marshal.GetRequest:
		r := &marshal.GetReply{RequestHeader: msg.RequestHeader}
		if m.value != nil {
			r.Found, r.Version, r.Value = true, 1, m.value(msg.Key)
		}
		reply = r
	case *marshal.SetRequest:
		reply = &marshal.SetReply{RequestHeader: msg.RequestHeader}
	case *marshal.Open:
		reply = &marshal.Opened{Nonce: msg.Nonce, Host: 1, Root: 1}
	case *marshal.Single:
		reply = &marshal.Ack{PeerHeader: msg.PeerHeader, Seqno: msg.Seqno}
	}
	if reply != nil {
		out.Packets = append(out.Packets, kv.Packet{Dst: in.Packet.Src, Src: in.Packet.Dst, Msg: reply})
	}
}

func (m *fakeMachine) Deadline() (kv.Time, bool)     { return m.deadline, m.deadline != 0 }
func (m *fakeMachine) Pressing() (kv.Time, bool)     { return m.pressing, m.pressing != 0 }
func (m *fakeMachine) Counters() kv.Counters         { return kv.Counters{Step: m.steps} }
func (m *fakeMachine) Serving() bool                 { return m.serving }
func (m *fakeMachine) Waiting() []delegation.HostID  { return []delegation.HostID{2} }
func (m *fakeMachine) kinds() (kinds []kv.InputKind) { return kindsOf(m.inputs) }

func kindsOf(list []kv.Input) (kinds []kv.InputKind) {
	for _, in := range list {
		kinds = append(kinds, in.Kind)
	}
	return kinds
}

// bench is a loop on fakes, with a clock that the test sets.
type bench struct {
	*loop
	t       *testing.T
	events  *events
	socket  *fakeSocket
	store   *fakeStore
	machine *fakeMachine
	clock   time.Time
}

func newBench(t *testing.T) *bench {
	t.Helper()
	e := new(events)
	b := &bench{
		t: t, events: e, socket: newFakeSocket(e),
		store:   &fakeStore{Memory: store.NewMemory(store.MemoryOptions{}), events: e, room: 1 << 30},
		machine: &fakeMachine{events: e, serving: true, halt: map[uint64]error{}},
		clock:   time.Unix(1, 0),
	}
	b.loop = newLoop(1, b.machine, b.store, b.socket, testMembers(t))
	b.watch = stopwatch{start: b.clock, clock: func() time.Time { return b.clock }}
	b.report = newReporter(discard())
	b.inbox.prove(clientAddr)
	b.pipeline.quick = 0 // how long the fakes take depends on the machine
	return b
}

func testMembers(t *testing.T) members {
	t.Helper()
	m, err := newMembers([]marshal.Member{{ID: 1, Address: hostAddr.String()}, {ID: 2, Address: peerAddr.String()}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// sender runs the pipeline's goroutine until the test ends.
func (b *bench) sender() {
	go b.pipeline.run()
	b.t.Cleanup(b.pipeline.close)
}

// must takes one turn that may not fail.
func (b *bench) must() {
	b.t.Helper()
	if err := b.turn(); err != nil {
		b.t.Fatalf("turn: %v", err)
	}
}

func get(n uint64) *marshal.GetRequest {
	return &marshal.GetRequest{RequestHeader: marshal.RequestHeader{Number: n}, Key: "k"}
}

func set(n uint64) *marshal.SetRequest {
	return &marshal.SetRequest{RequestHeader: marshal.RequestHeader{Number: n}, Key: "k", Value: []byte("v")}
}

func delegate(n uint64) *marshal.Single {
	r, err := delegation.NewRange(delegation.At("a"), delegation.At("b"))
	if err != nil {
		panic(err)
	}
	return &marshal.Single{PeerHeader: marshal.PeerHeader{From: 2}, Seqno: n, Delegate: marshal.Delegate{Range: r}}
}

// number returns what a reply answers.
func number(m marshal.Message) uint64 {
	//nolint:gochecksumtype // the tests wait for these only
	switch m := m.(type) {
	case *marshal.GetReply:
		return m.Number
	case *marshal.SetReply:
		return m.Number
	case *marshal.Refusal:
		return m.Number
	case *marshal.Ack:
		return m.Seqno
	}
	return 0
}

func numbers(list []sentMessage) (n []uint64) {
	for _, s := range list {
		n = append(n, number(s.msg))
	}
	return n
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// quietSocket sends nowhere.
type quietSocket struct{ drain }

func (*quietSocket) Send(netip.AddrPort, []byte, udp.Mode) error { return nil }

func (*quietSocket) Flush() error { return nil }

func (q *quietSocket) Receive(_ time.Time, deliver func(netip.AddrPort, []byte)) (int, error) {
	return q.TryReceive(deliver)
}
