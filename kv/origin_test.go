package kv_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

// open asks for a session from an address, under a nonce of its own, and returns
// it; or the reason for which there is none.
func (r *rig) open(addr string, port int) (marshal.SessionID, marshal.RefusalReason, bool) {
	r.Helper()
	r.addr = netip.AddrPortFrom(netip.MustParseAddr(addr), uint16(port))
	var n marshal.Nonce
	copy(n[:], addr)
	binary.LittleEndian.PutUint16(n[14:], uint16(port))
	cookie := one[*marshal.CookieReply](r, r.ask(1, &marshal.Hello{Nonce: n})).Cookie
	ms := r.ask(1, &marshal.Open{Nonce: n, Cookie: cookie})
	if len(ms) == 1 {
		if no, ok := ms[0].(*marshal.Refusal); ok {
			return marshal.SessionID{}, no.Reason, false
		}
	}
	return one[*marshal.Opened](r, ms).Session, 0, true
}

// use opens a session and writes in it, so that it cannot be spared.
func (r *rig) use(addr string, port int) bool {
	r.Helper()
	s, _, ok := r.open(addr, port)
	if ok {
		one[*marshal.SetReply](r, r.ask(1, put(s, 1, 1, "k", "v")))
	}
	return ok
}

// fill uses sessions from an address until it gets no more, and returns how many.
func (r *rig) fill(addr string) (n int) {
	r.Helper()
	for r.use(addr, 1+n) {
		if n++; n > 1000 {
			r.Fatal("there is no bound")
		}
	}
	return n
}

func originRig(t *testing.T, limit int) *rig {
	t.Helper()
	return newRig(t, 1, kv.Limits{Sessions: limit, SessionsPerClient: 1000})
}

// One origin gets three quarters of the table, and those that come one after the other, each
// for all that it can get, leave others a place in the rest.
func TestNoFewOriginsTakeAllSessions(t *testing.T) {
	r := originRig(t, 64)
	if n := r.fill("10.1.1.1"); n != 48 {
		t.Errorf("one origin has %d sessions of 64, want 48", n)
	}
	for i := range 15 {
		if n := r.fill(fmt.Sprintf("10.1.2.%d", i)); n != 1 {
			t.Errorf("origin %d has %d sessions of the 16 that are left, want 1", i+2, n)
		}
	}
	if !r.use("10.1.1.99", 1) {
		t.Error("a newcomer gets no session beside 63 of 64")
	}
}

// Origins that grow together have equally much, and leave the last quarter to newcomers.
func TestOriginsThatGrowTogether(t *testing.T) {
	r := originRig(t, 70)
	counts := [3]int{}
	for port := 1; port <= 70; port++ {
		for i := range counts {
			if r.use(fmt.Sprintf("10.1.1.%d", i), port) {
				counts[i]++
			}
		}
	}
	for i, n := range counts {
		if n < 17 || n > 19 {
			t.Errorf("origin %d of 3 has %d sessions of 70", i+1, n)
		}
	}
	for port := range 10 {
		if !r.use(fmt.Sprintf("10.1.2.%d", port), 1) {
			t.Errorf("only %d newcomers get a session", port)
			break
		}
	}
}

// An IPv6 customer has 2^64 addresses; and an IPv4 address may be written as IPv6.
func TestAnOriginIsAnIPv4AddressOrA64(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"10.0.0.1", "10.0.0.1", true}, {"10.0.0.1", "10.0.0.2", false}, {"10.0.0.1", "::ffff:10.0.0.1", true},
		{"2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true}, {"2001:db8:0:1::1", "2001:db8:0:2::1", false},
		{"fe80::1%eth0", "fe80::2%eth1", true},
	} {
		r := originRig(t, 4)
		if r.fill(c.a) != 3 {
			t.Fatalf("%s gets more or less than 3 of 4 sessions", c.a)
		}
		if got := !r.use(c.b, 99); got != c.same {
			t.Errorf("%s and %s are one origin: %v, want %v", c.a, c.b, got, c.same)
		}
	}
}

// sessionsOf is how many sessions stand that were opened from an address.
func (r *rig) sessionsOf(addr string) (n int) {
	for _, s := range r.Node(1).Host.State().Sessions {
		if s.Client.Addr() == netip.MustParseAddr(addr) {
			n++
		}
	}
	return n
}

// Where there is no room the greediest origin makes it, not the one that asks, nor
// one that has few; of its sessions the one that was longest unused goes.
func TestTheGreediestOriginMakesRoom(t *testing.T) {
	r := originRig(t, 16)
	for port := range 12 {
		if _, _, ok := r.open("10.1.1.1", 1+port); !ok {
			t.Fatal("no room for the greedy one")
		}
	}
	r.Now += kv.Second
	r.open("10.1.1.1", 1) // used again: now the second is the oldest
	for port := range 3 {
		r.use("10.1.1.2", 1+port)
	}
	for port := range 2 {
		if _, _, ok := r.open("10.1.1.3", 1+port); !ok {
			t.Fatalf("no room for session %d of a newcomer", port+1)
		}
	}
	if g, o, n := r.sessionsOf("10.1.1.1"), r.sessionsOf("10.1.1.2"), r.sessionsOf("10.1.1.3"); g != 9 || o != 3 || n != 2 {
		t.Errorf("the origins have %d, %d and %d sessions, want 9, 3 and 2", g, o, n)
	}
	clients := map[netip.AddrPort]bool{}
	for _, s := range r.Node(1).Host.State().Sessions {
		clients[s.Client] = true
	}
	if clients[netip.MustParseAddrPort("10.1.1.1:2")] || !clients[netip.MustParseAddrPort("10.1.1.1:1")] {
		t.Error("the session that was longest unused is still there, or the one used last is not")
	}
}

// A session that has answered a write makes room only when its client would not
// take an unknown session for a write that was not executed; one that holds a
// request, never.
func TestWhatIsOutstandingIsNotSpared(t *testing.T) {
	r := newRig(t, 1, kv.Limits{Sessions: 4, SessionsPerClient: 1000, SessionIdle: 100 * kv.Second})
	for port := range 3 {
		r.use("10.1.1.1", 1+port)
	}
	r.Now += 75*kv.Second - 1
	if _, why, ok := r.open("10.1.1.1", 9); ok || why != marshal.TooManySessions {
		t.Fatalf("a session that had answered a write made room after less than three quarters of its time (%v)", why)
	}
	r.Now++
	if _, _, ok := r.open("10.1.1.1", 9); !ok {
		t.Fatal("no session made room after three quarters of its time")
	}
	if n := r.sessionsOf("10.1.1.1"); n != 3 {
		t.Errorf("%d sessions, want 3", n)
	}
}

// Where an address has all that it can get, and has written in each, a new client of it gets a
// session as soon as another has closed his own.
func TestAClosedSessionMakesRoom(t *testing.T) {
	r := originRig(t, 16)
	s, _, _ := r.open("10.1.1.1", 100)
	one[*marshal.SetReply](r, r.ask(1, put(s, 1, 1, "k", "v")))
	closer := r.addr
	r.fill("10.1.1.1")
	if r.use("10.1.1.1", 101) {
		t.Fatal("there is no bound")
	}
	r.addr = closer
	r.ask(1, &marshal.CloseRequest{RequestHeader: head(s, 2)})
	if !r.use("10.1.1.1", 101) {
		t.Error("who closed his session made no room")
	}
}

func TestASessionWithAHeldRequestIsNotSpared(t *testing.T) {
	r := newRig(t, 2, kv.Limits{Sessions: 1, HoldTime: 100 * kv.Second})
	r.giveAway(2)
	s, _, _ := r.open("10.1.1.1", 1)
	m := get(s, 1, "k") // held: host 2 is to send what the hint names
	m.Hint = marshal.Hint{Sender: 2, Incarnation: r.Node(2).Host.State().Incarnation, Seqno: 1}
	if ms := r.ask(1, m); len(ms) != 0 {
		t.Fatalf("the read was not held: %+v", ms)
	}
	if _, _, ok := r.open("10.1.1.2", 1); ok {
		t.Error("a session with a held request made room for another")
	}
}

// giveAway gives every key of host 1 to another.
func (r *rig) giveAway(to delegation.HostID) {
	r.Helper()
	s := r.session(1, 200)
	r.move(1, s, 1, delegation.All, to)
	r.ask(1, &marshal.CloseRequest{RequestHeader: head(s, 2)})
}

// Who came from where is known again after a restart.
func TestOriginsSurviveARestart(t *testing.T) {
	r := originRig(t, 16)
	r.fill("10.1.1.1")
	r.Crash(1)
	r.Restart(1)
	if r.use("10.1.1.1", 99) {
		t.Error("an origin got more than its share after a restart")
	}
	if !r.use("10.1.1.2", 99) {
		t.Error("a newcomer got no session after a restart")
	}
}

// A copy of a host makes room as the original does.
func TestACloneMakesTheSameRoom(t *testing.T) {
	r := originRig(t, 16)
	for _, addr := range []string{"10.1.1.2", "10.1.1.1", "10.1.1.3"} {
		for port := range 8 {
			r.Now++
			r.open(addr, 1+port)
		}
	}
	c := &rig{T: t, World: r.Clone(), addr: r.addr}
	for _, w := range []*rig{r, c} {
		for port := range 20 {
			w.Now++
			w.open(fmt.Sprintf("10.1.1.%d", port%4), 50+port)
		}
	}
	if a, b := r.Node(1).Host.Encode(nil), c.Node(1).Host.Encode(nil); !bytes.Equal(a, b) {
		t.Error("host and copy have taken different ways")
	}
}

// Who leaves answers unconfirmed takes no others' places: an origin has three
// times as many as are left, and with few outstanding everybody goes on.
func TestAnswersAreSharedByOrigins(t *testing.T) {
	r := newRig(t, 1, kv.Limits{Answers: 200, Sessions: 100, SessionsPerClient: 100, Window: 64})
	greedy := 0
	for port := 1; port <= 4; port++ {
		s, _, _ := r.open("10.1.1.1", port)
		for n := uint64(1); n <= 60; n++ {
			switch m := r.ask(1, put(s, n, 1, "k", "v"))[0].(type) {
			case *marshal.SetReply:
				greedy++
			case *marshal.Refusal:
				if m.Reason != marshal.Overloaded {
					t.Fatalf("refused for %v", m.Reason)
				}
			}
		}
	}
	if greedy < 150 || greedy > 160 {
		t.Errorf("one origin left %d answers where 200 may be", greedy)
	}
	s, _, _ := r.open("10.1.1.2", 1)
	for n := uint64(1); n <= 30; n++ {
		if _, ok := r.ask(1, put(s, n, 1, "k", "v"))[0].(*marshal.SetReply); !ok {
			t.Errorf("a newcomer has room for %d answers only", n-1)
			break
		}
	}
}

// However long the keys are, a recorded answer is short, and says whom to ask.
func TestRecordedAnswersAreShort(t *testing.T) {
	for _, size := range []int{1, 50, 96, 97, 1000, marshal.MaxKeyBytes} {
		a, b := delegation.Key(strings.Repeat("x", size)), delegation.Key(strings.Repeat("x", size-1)+"y")
		w := newRig(t, 2, kv.Limits{})
		s := w.session(1, 1)
		w.move(1, s, 1, delegation.Range{From: delegation.At(a), Until: delegation.At(b)}, 2)
		write := put(s, 2, 1, a, "v")
		first := one[*marshal.Redirect](w, w.ask(1, write))
		if first.Range != (delegation.Range{From: delegation.At(a), Until: delegation.At(b)}) {
			t.Errorf("keys of %d bytes: redirected with %v", size, first.Range)
		}
		again := one[*marshal.Redirect](w, w.ask(1, write))
		if again.Owner != 2 || again.Hint != first.Hint || !again.Range.Empty() && again.Range != first.Range {
			t.Errorf("keys of %d bytes: redirected again with %+v", size, again)
		}
		if short := 2*size <= 192; short == again.Range.Empty() {
			t.Errorf("keys of %d bytes: the range is recorded: %v", size, !again.Range.Empty())
		}
		order := shard(s, 3, delegation.All, 2)
		order.Floor = 1
		if no := one[*marshal.OrderReply](w, w.ask(1, order)); no.Reason != marshal.NotOwner || no.Range.Empty() {
			t.Errorf("an order about keys of %d bytes: %+v", size, no)
		}
		for n, m := range w.Node(1).Host.State().Sessions[s].Answers() {
			if got := len(marshal.Append(nil, m)); got > kv.DefaultAnswerBytes {
				t.Errorf("keys of %d bytes: %d bytes are recorded of answer %d", size, got, n)
			}
		}
	}
}
