package server

import (
	"net/netip"
	"testing"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/kv/store"
	"ironkv/marshal"
)

// live is a loop around the real machine, of a cluster of one host, on a fake
// socket, with a session open.
type live struct {
	*loop
	socket  *fakeSocket
	session marshal.SessionID
}

func newLive(t testing.TB) *live {
	t.Helper()
	return newLiveOf(t, marshal.Member{ID: 1, Address: hostAddr.String()})
}

// Incarnations of a live host, and of every other member of its cluster.
const (
	liveIncarnation marshal.Incarnation = 7
	peerIncarnation marshal.Incarnation = 8
)

// toLive is how another host of the cluster begins what it says to the live one.
func toLive(from delegation.HostID) marshal.PeerHeader {
	return marshal.PeerHeader{From: from, FromIncarnation: peerIncarnation, ToIncarnation: liveIncarnation}
}

// newLiveOf is newLive in a cluster of more members, of whom the first is the live one.
func newLiveOf(t testing.TB, members ...marshal.Member) *live {
	t.Helper()
	cfg := kv.Config{Me: 1, Root: 1, Members: members}
	st := store.NewMemory(store.MemoryOptions{})
	host, err := kv.New(cfg, kv.NewState(cfg, kv.Birth{Incarnation: liveIncarnation}), st)
	if err != nil {
		t.Fatal(err)
	}
	m, err := newMembers(cfg.Members)
	if err != nil {
		t.Fatal(err)
	}
	socket := newFakeSocket(new(events))
	l := &live{loop: newLoop(1, host, st, socket, m), socket: socket}
	l.report = newReporter(discard())
	for _, other := range members[1:] {
		socket.put(m.addressOf(other.ID), &marshal.Greet{PeerHeader: toLive(other.ID)})
		l.must(t)
	}
	l.session = l.open(t, clientAddr)
	return l
}

// open opens a session from an address.
func (l *live) open(t testing.TB, src netip.AddrPort) marshal.SessionID {
	t.Helper()
	cookie := l.ask(t, src, &marshal.Hello{Nonce: marshal.Nonce{1}}).(*marshal.CookieReply)
	return l.ask(t, src, &marshal.Open{Nonce: cookie.Nonce, Cookie: cookie.Cookie}).(*marshal.Opened).Session
}

// ask returns the answer that a turn brings.
func (l *live) ask(t testing.TB, src netip.AddrPort, m marshal.Message) marshal.Message {
	t.Helper()
	l.socket.put(src, m)
	l.must(t)
	for _, s := range l.socket.taken() {
		if s.dst == src {
			return s.msg
		}
	}
	t.Fatalf("no answer to %T", m)
	return nil
}

func (l *live) must(t testing.TB) {
	t.Helper()
	if err := l.turn(); err != nil {
		t.Fatal(err)
	}
}

func (l *live) header(n uint64) marshal.RequestHeader {
	return marshal.RequestHeader{Session: l.session, Number: n}
}

func (l *live) put(t testing.TB, n uint64, key delegation.Key, value []byte) {
	t.Helper()
	r := l.ask(t, clientAddr, &marshal.SetRequest{
		RequestHeader: l.header(n), WriteHeader: marshal.WriteHeader{Floor: n, Operation: marshal.OperationID{Client: 1, Counter: n}},
		Key: key, Value: value,
	}).(*marshal.SetReply)
	if r.Result != marshal.SetApplied {
		t.Fatalf("put %s: %v", key, r.Result)
	}
}

// drain is a socket that hands over the same requests each time, and drops what
// is sent without looking.
type drain struct {
	*fakeSocket
	requests []inDatagram
}

func (d *drain) TryReceive(deliver func(netip.AddrPort, []byte)) (int, error) {
	for i := range d.requests {
		deliver(d.requests[i].src, d.requests[i].msg)
	}
	return 1, nil
}

// No memory is taken per request on the way of a get in steady state, from the
// datagram to the reply.
func TestGetsTakeNoMemory(t *testing.T) {
	l := newLive(t)
	l.put(t, 1, "key", make([]byte, 128))
	var requests []inDatagram
	for i := range 64 {
		requests = append(requests, inDatagram{clientAddr, marshal.Append(nil, &marshal.GetRequest{
			RequestHeader: l.header(uint64(i)), Key: "key",
		})})
	}
	quiet := &quietSocket{drain{l.socket, requests}}
	l.loop.socket, l.pipeline.socket = quiet, quiet
	for range 100 { // to the steady state
		l.must(t)
	}
	allocs := testing.AllocsPerRun(200, func() { l.must(t) })
	if allocs > 0 {
		t.Errorf("a turn with 64 gets takes memory %.1f times, want 0", allocs)
	}
}

func BenchmarkTurn(b *testing.B) {
	for _, n := range []int{1, 64} {
		b.Run(map[int]string{1: "1Get", 64: "64Gets"}[n], func(b *testing.B) {
			l := newLive(b)
			l.put(b, 1, "key", make([]byte, 128))
			request := marshal.Append(nil, &marshal.GetRequest{RequestHeader: l.header(1), Key: "key"})
			requests := make([]inDatagram, n)
			for i := range requests {
				requests[i] = inDatagram{clientAddr, request}
			}
			quiet := &quietSocket{drain{l.socket, requests}}
			l.loop.socket, l.pipeline.socket = quiet, quiet
			b.ReportAllocs()
			for b.Loop() {
				l.must(b)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/get")
		})
	}
}

// kinds are messages that hosts receive.
func kinds() []marshal.Message {
	return []marshal.Message{
		get(1), set(2), delegate(1), &marshal.Hello{}, &marshal.Open{}, &marshal.AuditRequest{}, &marshal.Greet{},
		&marshal.Mismatch{}, &marshal.Propose{}, &marshal.Consent{}, &marshal.Ack{}, &marshal.Shard{}, &marshal.MoveOrder{},
		&marshal.ScanRequest{}, &marshal.Opened{}, &marshal.CloseRequest{},
	}
}

// FuzzMessages gives a live host whatever bytes, from a client and from a peer's
// address: it neither crashes nor halts, and serves on.
func FuzzMessages(f *testing.F) {
	for _, m := range kinds() {
		f.Add(marshal.Append(nil, m), false)
		f.Add(marshal.Append(nil, m), true)
	}
	f.Fuzz(func(t *testing.T, msg []byte, peer bool) {
		l := newLive(t)
		src := clientAddr
		if peer {
			l.members = testMembers(t)
			src = peerAddr
		}
		l.socket.putBatch([]inDatagram{{src, msg}})
		if err := l.turn(); err != nil {
			t.Fatalf("%x stopped the host: %v", msg, err)
		}
		l.socket.taken()
		l.put(t, 1, "k", []byte("v"))
	})
}
