package server

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"ironkv/kv"
	"ironkv/marshal"
	"ironkv/udp"
)

// forged returns an address that nobody has.
func forged(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, byte(i >> 16), byte(i >> 8), byte(i)}), 9)
}

// turns returns how many messages are taken until the one from src.
func (l *lanes) turns(t *testing.T, src netip.AddrPort) (n int) {
	t.Helper()
	for {
		a, _, ok := l.take()
		n++
		if a.src == src {
			return n
		}
		if !ok {
			t.Fatalf("no message from %v", src)
		}
	}
}

// However much others have sent before, from one address, from very many that prove
// nothing, or both, and however many sessions are asked for, a client's message and a
// host's wait for few of theirs.
func TestAFloodWaitsForItself(t *testing.T) {
	flooder, honest := netip.MustParseAddrPort("127.0.0.1:1"), netip.MustParseAddrPort("127.0.0.1:2")
	hello := marshal.Append(nil, &marshal.Hello{})
	for _, src := range []netip.AddrPort{honest, peerAddr} {
		l := newLanes(testMembers(t).ids)
		l.prove(honest)
		l.prove(flooder)
		var greedy [50]netip.AddrPort
		for i := range greedy {
			greedy[i] = netip.AddrPortFrom(flooder.Addr(), uint16(100+i))
			l.prove(greedy[i])
		}
		for i := range 30_000 {
			l.add(flooder, []byte("f"))
			l.add(forged(i), []byte("g"))
			l.add(greedy[i%len(greedy)], hello)
		}
		l.add(src, []byte("h"))
		if got, most := l.turns(t, src), laneShare+strangerBurst+againBurst+1; got > most {
			t.Errorf("message %d is the one from %v, want at most the %dth", got, src, most)
		}
		if l.crowded == 0 || l.behind.len() > maxBehind {
			t.Errorf("%d wait behind, %d were dropped; the bound is %d", l.behind.len(), l.crowded, maxBehind)
		}
	}
}

// However many ports of an address have something waiting, each little, messages from other
// addresses wait for few of theirs; and where there are none, that address may have all.
func TestManyPortsWaitForThemselves(t *testing.T) {
	l := newLanes(nil)
	honest := netip.MustParseAddrPort("127.0.0.1:2")
	flood := func() {
		for i := range 10 * maxBatchSteps {
			src := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 2}), uint16(1+i))
			l.prove(src)
			l.add(src, []byte("f"))
		}
	}
	l.stamp(kv.Second)
	for _, src := range []netip.AddrPort{honest, netip.MustParseAddrPort("127.0.0.3:2")} {
		l.prove(src)
		l.add(src, []byte("h"))
	}
	flood()
	l.add(honest, []byte("h"))
	l.turns(t, honest) // the one from before
	if got := l.turns(t, honest); got > originShare+2 {
		t.Errorf("%d messages of many ports come before one from another address", got)
	}
	if l.beside.len() == 0 {
		t.Error("none of them wait beside")
	}
	for !l.empty() {
		l.take()
	}
	l.tidy()
	l.stamp(3 * kv.Second)
	flood()
	flooded := l.front.len()
	l.stamp(6 * kv.Second)
	flood()
	if l.front.len()-flooded != 10*maxBatchSteps {
		t.Errorf("an address that is alone has %d messages of %d in front", l.front.len()-flooded, 10*maxBatchSteps)
	}
}

// A source's turn comes back when its messages are taken; what it sends after a
// flood does not wait.
func TestAPlaceIsGivenBack(t *testing.T) {
	l := newLanes(nil)
	l.prove(clientAddr)
	for range 3 {
		for range 2 * laneShare {
			l.add(clientAddr, []byte("x"))
		}
		if l.front.len() != laneShare || l.behind.len() != laneShare {
			t.Fatalf("%d in front and %d behind, want %d each", l.front.len(), l.behind.len(), laneShare)
		}
		for range 2 * laneShare {
			l.take()
		}
		l.tidy()
	}
}

// Hosts rely on the order of what they send: nothing of theirs goes behind.
func TestHostsKeepTheirOrder(t *testing.T) {
	l := newLanes(testMembers(t).ids)
	const n = 10 * laneShare
	for i := range n {
		l.add(peerAddr, binary.BigEndian.AppendUint32(nil, uint32(i)))
	}
	for i := range n {
		if _, msg, ok := l.take(); !ok || binary.BigEndian.Uint32(msg) != uint32(i) {
			t.Fatalf("the %dth message is %v", i, msg)
		}
	}
}

// While the transport takes no answers for an address, reads from there are dropped
// rather than read for, and it is told; others' are not, and it gets another chance.
func TestNothingIsReadForTheChoked(t *testing.T) {
	b := newBench(t)
	b.clock = b.clock.Add(time.Duration(MaxWait))
	b.must()
	b.machine.inputs = nil
	b.socket.refuse = udp.ErrBacklog
	b.socket.put(clientAddr, get(1))
	b.must()
	b.socket.refuse = nil
	other := netip.MustParseAddrPort("127.0.0.1:5")
	b.socket.put(clientAddr, get(2))
	b.socket.put(other, get(3))
	b.clock = b.clock.Add(time.Duration(MaxWait) / 2)
	b.must()
	b.must()
	for _, s := range b.socket.taken() {
		if _, refused := s.msg.(*marshal.Refusal); refused != (s.dst == clientAddr) {
			t.Errorf("%v got %T", s.dst, s.msg)
		}
	}
	b.clock = b.clock.Add(time.Duration(MaxWait))
	b.must()
	b.socket.put(clientAddr, get(4))
	b.must()
	if got := numbers(b.socket.taken()); len(got) != 1 || got[0] != 4 || len(b.machine.inputs) != 3 {
		t.Errorf("answered %v after %d steps, want 4 after 3", got, len(b.machine.inputs))
	}
}

// What had come before nobody took its sender's answers is not read for either.
func TestNothingIsReadForWhoIsChokedMeanwhile(t *testing.T) {
	b := newBench(t)
	b.must()
	b.machine.inputs = nil
	b.inbox.add(clientAddr, marshal.Append(nil, get(1)))
	b.pipeline.choked.note(clientAddr)
	b.must()
	if len(b.machine.inputs) != 0 {
		t.Errorf("%d steps for whom too much is queued", len(b.machine.inputs))
	}
}

// The socket is told of who asks for sessions all the time, and for what he does not take: no
// honest client does. It is not told of who only sends more than may wait.
func TestWhoIsBlamed(t *testing.T) {
	b := newBench(t)
	b.inbox.prove(clientAddr)
	request, hello := marshal.Append(nil, get(1)), marshal.Append(nil, &marshal.Hello{})
	for range laneShare + maxBehind + 10 {
		b.loop.arrive(clientAddr, request)
	}
	if b.inbox.crowded != 10 || len(b.socket.blamed) != 0 {
		t.Errorf("%d dropped, %d blamed", b.inbox.crowded, len(b.socket.blamed))
	}
	b.inbox.strangers = 0
	b.loop.arrive(clientAddr, hello)
	b.pipeline.choked.note(clientAddr)
	b.loop.arrive(clientAddr, request)
	if len(b.socket.blamed) != 2 {
		t.Errorf("%d blamed, want 2", len(b.socket.blamed))
	}
}

// Who is choked again and again is looked at ever less often, and in the end as often
// as maxBan allows; who was not for as long is known no longer.
func TestBansGrow(t *testing.T) {
	var c choked
	now := kv.Time(1)
	for _, span := range []kv.Time{1, 2, 4, 8, 16, 16} {
		c.note(clientAddr)
		if !c.has(now, clientAddr) || !c.has(now+span*MaxWait-1, clientAddr) {
			t.Fatalf("not banned for %d times MaxWait", span)
		}
		c.note(clientAddr) // what was under way does not count again
		if now += span * MaxWait; c.has(now, clientAddr) {
			t.Fatalf("banned for more than %d times MaxWait", span)
		}
	}
	if c.has(now+maxBan, clientAddr) || c.some.Load() {
		t.Error("not forgotten")
	}
}

// Strangers have so many messages in a millisecond, and so many at once, however much
// time went by.
func TestStrangersAreFew(t *testing.T) {
	l := newLanes(nil)
	for _, c := range []struct {
		now  kv.Time
		want int
	}{{0, strangerBurst}, {kv.Millisecond, strangerRate}, {kv.Millisecond * 3 / 2, 0}, {2 * kv.Millisecond, strangerRate}, {kv.Second, strangerBurst}} {
		l.stamp(c.now)
		got := 0
		for i := range 2 * strangerBurst {
			if l.add(forged(i), []byte("x")) {
				got++
			}
		}
		if got != c.want {
			t.Errorf("took %d of strangers at %d ns, want %d", got, c.now, c.want)
		}
	}
}

// Of clients that ask for one more session few are heard, and newcomers are none the worse for it.
func TestWhoAsksAgainWaitsForHimself(t *testing.T) {
	l := newLanes(nil)
	hello := marshal.Append(nil, &marshal.Hello{})
	for i := range strangerBurst {
		l.prove(forged(i))
	}
	for _, c := range []struct {
		now                  kv.Time
		again, first, others int
	}{{0, againBurst, strangerBurst, 10}, {kv.Millisecond, againRate, strangerRate, 10}} {
		l.stamp(c.now)
		var again, first, others int
		count := func(n *int, src netip.AddrPort, msg []byte) {
			if l.add(src, msg) {
				*n++
			}
		}
		for i := range 2 * strangerBurst {
			count(&again, forged(i%strangerBurst), hello)
		}
		for i := range 2 * strangerBurst {
			count(&first, forged(strangerBurst+i), hello)
		}
		for i := range c.others {
			count(&others, forged(i), []byte("x"))
		}
		if again != c.again || first != c.first || others != c.others {
			t.Errorf("took %d of clients for a session, %d of newcomers, %d of clients for all else; want %d, %d, %d",
				again, first, others, c.again, c.first, c.others)
		}
	}
}

// However many clients came and went, those who have sessions are no strangers, and the
// others are not remembered for ever.
func TestWhoHasASessionStaysKnown(t *testing.T) {
	l := newLanes(nil)
	l.sessions = func(yield func(netip.AddrPort) bool) { yield(clientAddr) }
	l.prove(clientAddr)
	for i := range maxProven + 10 {
		l.prove(forged(i))
		if l.stranger(clientAddr, nil) {
			t.Fatalf("a stranger after %d others", i)
		}
	}
	if len(l.proven) > maxProven || !l.stranger(forged(0), nil) || l.stranger(forged(maxProven+9), nil) {
		t.Errorf("%d are remembered", len(l.proven))
	}
}
