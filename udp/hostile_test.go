package udp

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

// spoof returns an address that nobody has.
func spoof(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, byte(i >> 16), byte(i >> 8), byte(i)}), 9)
}

// TestStrangersMemoryIsBoundedAndPeersGetThrough: first fragments without end from strangers and from
// clients take only their own pools, and a peer's greatest message arrives between them.
func TestStrangersMemoryIsBoundedAndPeersGetThrough(t *testing.T) {
	cfg := Config{MaxMessage: 1 << 20, StrangerPool: 1 << 20, ClientPool: 4 << 20, MaxStrangers: 100, MaxClients: 50}
	w := newWorld(t, 1, FaultRates{}, cfg, cfg).introduce()
	victim, friend := w.nodes[0], w.nodes[1]
	bound := cfg.StrangerPool + cfg.ClientPool + 2*cfg.MaxMessage
	clients := 50
	for i := range clients {
		victim.Classify(spoof(i), Client)
	}
	flood := func(i int) {
		total := 1000 + i*7919%900_000
		victim.receive1(w.now, spoof(i), fragmentOf(1, uint64(i), 0, total, 0, make([]byte, 900)))
		if s := victim.Stats(); s.Reassembling > bound || s.Addresses > cfg.MaxStrangers+cfg.MaxClients+1 {
			t.Fatalf("after %d first fragments: %d bytes for unfinished messages, %d addresses", i, s.Reassembling, s.Addresses)
		}
	}
	for i := range 2000 {
		flood(i)
	}
	msg := randomMessage(rand.New(rand.NewPCG(1, 1)), cfg.MaxMessage-10, 1)
	if err := friend.Send(w.now, victim.addr, msg, Reliable); err != nil {
		t.Fatal(err)
	}
	i := 2000
	w.run(time.Minute, func() bool {
		flood(i)
		flood(i % clients)
		i++
		return len(victim.got) > 0
	})
	if !bytes.Equal(victim.got[0], msg) {
		t.Error("the peer's message was damaged")
	}
	s := victim.Stats()
	if s.Drops[DropEvicted] == 0 || s.Drops[DropAddress] == 0 || s.Drops[DropClientRoom] == 0 {
		t.Errorf("no bound was reached: %v", s.Drops)
	}
	if friend.Stats().Retransmissions != 0 {
		t.Error("the flood made a peer repeat itself")
	}
}

// TestIdleMessagesMakeRoom: a client's message waits while the pool is full of others that are still
// growing, and gets in once those have stopped.
func TestIdleMessagesMakeRoom(t *testing.T) {
	n := &node{Transport: NewTransport(Config{ClientPool: 1 << 20})}
	first := func(now time.Duration, i int) uint64 {
		n.Classify(spoof(i), Client)
		n.receive1(now, spoof(i), fragmentOf(1, 1, 0, 400_000, 0, make([]byte, 900)))
		return n.Stats().Drops[DropClientRoom]
	}
	if first(0, 1) != 0 || first(0, 2) != 0 {
		t.Fatal("two messages do not fit in a pool for two")
	}
	if first(assemblyIdle/2, 3) != 1 {
		t.Error("a third message fits in a pool for two")
	}
	if first(assemblyIdle, 3) != 1 {
		t.Error("an idle message did not make room")
	}
	n.Tick(assemblyIdle + assemblyAge)
	if s := n.Stats(); s.Reassembling != 0 {
		t.Errorf("%d bytes are held for messages that nobody finishes", s.Reassembling)
	}
}

// TestASendersRestartFreesItsReserve: what a peer left unfinished does not keep it from sending again.
func TestASendersRestartFreesItsReserve(t *testing.T) {
	cfg := Config{MaxMessage: 1 << 20}
	w := newWorld(t, 1, FaultRates{}, cfg, cfg).introduce()
	for i := range 5 {
		before := NewTransport(Config{MaxMessage: 1 << 20, Nonce: uint64(100 + i)})
		_ = before.Send(w.now, w.nodes[1].addr, make([]byte, 1<<20), Reliable)
		before.Flush(w.now, func(_ netip.AddrPort, d []byte) { w.nodes[1].receive1(w.now, w.nodes[0].addr, d) })
	}
	_ = w.nodes[0].Send(w.now, w.nodes[1].addr, make([]byte, 1<<20), Reliable)
	w.run(DefaultGiveUp, func() bool { return len(w.nodes[1].got) == 1 })
}

// TestEvictedMessageStartsAgain: acknowledged fragments that the receiver had to drop are sent again,
// since only the acknowledgement of the whole lets the sender forget.
func TestEvictedMessageStartsAgain(t *testing.T) {
	w := newWorld(t, 1, FaultRates{Delay: time.Millisecond}, Config{}, Config{}).introduce()
	a, b := w.nodes[0], w.nodes[1]
	msg := randomMessage(rand.New(rand.NewPCG(1, 1)), 300_000, 1)
	_ = a.Send(w.now, b.addr, msg, Reliable)
	p := b.find(a.addr)
	w.run(time.Second, func() bool { return len(p.assemblies) == 1 && p.held > 0 && p.assemblies[0].got > 100_000 })
	b.evict(p.assemblies[0])
	w.run(DefaultGiveUp, w.quiet)
	if len(b.got) != 1 || !bytes.Equal(b.got[0], msg) {
		t.Errorf("%d messages arrived", len(b.got))
	}
	// One for the acknowledgements that went with the message, one to ask about the rest; the answer
	// to that is enough.
	if n := a.Stats().Timeouts; n != 2 {
		t.Errorf("%d timeouts until the sender knew, not 2", n)
	}
}

// TestAStrangerGetsNoMoreThanItSent: whatever valid frames an unproven address sends, and however
// eagerly it is answered, no more bytes go back than came, at any moment.
func TestAStrangerGetsNoMoreThanItSent(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 3))
		n := NewTransport(Config{MaxMessage: 1 << 20})
		src := spoof(1)
		in, out, delivered := 0, 0, 0
		now := time.Duration(0)
		for i := range 2000 {
			now += time.Duration(rng.IntN(100)) * time.Millisecond
			d := appendHeader(nil, rng.Uint64N(3))
			for range 1 + rng.IntN(3) {
				size := rng.IntN(40)
				switch rng.IntN(4) {
				case 0:
					d = appendMessage(d, make([]byte, size))
				case 1:
					whole := make([]byte, size)
					d = appendFragment(d, uint64(i), 0, size, checksum(whole), whole)
				case 2:
					d = appendFragment(d, uint64(i%7), 3*rng.IntN(1000), 5000, 0, []byte{1})
				case 3:
					d = appendAck(d, 0, uint64(rng.IntN(9)), []span{{0, 1 + rng.IntN(9)}})
				}
			}
			sealDatagram(d)
			in += len(d)
			n.Receive(now, src, d, func(src netip.AddrPort, msg []byte) {
				delivered++
				_ = n.Send(now, src, append(msg, make([]byte, rng.IntN(3000))...), Mode(rng.IntN(2)))
			})
			n.Tick(now)
			n.Flush(now, func(_ netip.AddrPort, d []byte) { out += len(d) })
			if out > in {
				t.Fatalf("seed %d: after %d datagrams %d bytes came and %d went", seed, i+1, in, out)
			}
		}
		if delivered == 0 || out == 0 || n.Stats().Drops[DropUnproven] == 0 {
			t.Errorf("seed %d: delivered %d, %d bytes back, refused %d: the test is vacuous", seed, delivered, out, n.Stats().Drops[DropUnproven])
		}
	}
}

// TestAcknowledgementIsSmallerThanWhatItAnswers: so a stranger's honest fragment is acknowledged.
func TestAcknowledgementIsSmallerThanWhatItAnswers(t *testing.T) {
	n := &node{Transport: NewTransport(Config{})}
	n.receive1(0, spoof(1), fragmentOf(1, 1, 0, 1, checksum([]byte("x")), []byte("x")))
	sent := 0
	n.Flush(0, func(_ netip.AddrPort, d []byte) { sent += len(d) })
	if least := len(fragmentOf(1, 1, 0, 1, 0, []byte("x"))); sent == 0 || sent > least {
		t.Errorf("the least fragment, %d bytes, is acknowledged with %d", least, sent)
	}
}

// TestClientTableIsBounded: the client unused for longest makes room, and its queue with it.
func TestClientTableIsBounded(t *testing.T) {
	n := NewTransport(Config{MaxClients: 10})
	for i := range 11 {
		n.Classify(spoof(i), Client)
		_ = n.Send(0, spoof(i), make([]byte, 5000), Once)
		_ = n.Send(0, spoof(0), nil, Once) // stays young
	}
	reached := map[netip.AddrPort]bool{}
	n.Flush(0, func(dst netip.AddrPort, _ []byte) { reached[dst] = true })
	if len(reached) != 10 || reached[spoof(1)] || !reached[spoof(0)] {
		t.Errorf("reached %v", reached)
	}
}

// TestTooManyPieces: a message in crumbs holds a bounded list, and can still be finished.
func TestTooManyPieces(t *testing.T) {
	msg := randomMessage(rand.New(rand.NewPCG(1, 1)), 4094, 0)
	total := len(msg)
	n := &node{Transport: NewTransport(Config{})}
	n.Classify(address(0), Peer)
	send := func(i int) {
		n.receive1(0, address(0), fragmentOf(1, 1, i, total, checksum(msg), msg[i:i+1]))
	}
	for i := 0; i < total; i += 2 {
		send(i)
	}
	if s := n.Stats(); s.Drops[DropSpans] == 0 {
		t.Error("there is no bound on the pieces")
	}
	for range 2 {
		for i := range total {
			send(i)
		}
	}
	if len(n.got) != 1 || !bytes.Equal(n.got[0], msg) {
		t.Error("the message did not arrive")
	}
}

// TestOldAcknowledgementsAreNothing: of another run, or of what was never sent.
func TestOldAcknowledgementsAreNothing(t *testing.T) {
	tr := NewTransport(Config{Nonce: 5})
	_ = tr.Send(0, address(1), make([]byte, 3000), Reliable)
	tr.Flush(0, func(netip.AddrPort, []byte) {})
	for _, d := range [][]byte{
		appendAck(appendHeader(nil, 9), 4, 0, nil),
		appendAck(appendHeader(nil, 9), 5, 1, nil),
		appendAck(appendHeader(nil, 9), 5, 0, []span{{0, 3001}}),
	} {
		sealDatagram(d)
		tr.Receive(0, address(1), d, nil)
	}
	if s := tr.Stats(); s.Queued == 0 || s.Drops[DropStale] != 2 || s.Drops[DropFrame] != 1 {
		t.Errorf("queued %d, drops %v", s.Queued, s.Drops)
	}
}

// TestOneAddressHoldsOneGreatestMessage: whatever its class, an address has at most MaxMessage bytes
// of unfinished messages, and a bounded number of them.
func TestOneAddressHoldsOneGreatestMessage(t *testing.T) {
	for _, class := range []Class{Stranger, Client, Peer} {
		n := &node{Transport: NewTransport(Config{MaxMessage: 1 << 20, StrangerPool: 64 << 20})}
		n.Classify(spoof(1), class)
		for i := range 2 * maxAssemblies {
			n.receive1(0, spoof(1), fragmentOf(1, uint64(i), 0, 300_000, 0, []byte("x")))
		}
		if p := n.find(spoof(1)); p.held > 1<<20 || p.held < 600_000 {
			t.Errorf("a %v holds %d bytes", class, p.held)
		}
		n = &node{Transport: NewTransport(Config{StrangerPool: 64 << 20})}
		n.Classify(spoof(1), class)
		for i := range 2 * maxAssemblies {
			n.receive1(0, spoof(1), fragmentOf(1, uint64(i), 0, 2, 0, []byte("x")))
		}
		if p := n.find(spoof(1)); len(p.assemblies) != maxAssemblies {
			t.Errorf("a %v holds %d unfinished messages", class, len(p.assemblies))
		}
	}
}

// TestAcknowledgementsDueAreBounded: and what was not acknowledged is, when it is repeated.
func TestAcknowledgementsDueAreBounded(t *testing.T) {
	n := &node{Transport: NewTransport(Config{})}
	n.Classify(address(0), Peer)
	for i := range 2 * maxAcksDue {
		n.receive1(0, address(0), fragmentOf(1, uint64(i), 0, 1, checksum([]byte("x")), []byte("x")))
	}
	n.Flush(0, func(netip.AddrPort, []byte) {})
	if s := n.Stats(); s.AcksOut != maxAcksDue {
		t.Errorf("%d acknowledgements in one flush", s.AcksOut)
	}
	n.receive1(0, address(0), fragmentOf(1, 2*maxAcksDue-1, 0, 1, checksum([]byte("x")), []byte("x")))
	n.Flush(0, func(netip.AddrPort, []byte) {})
	if s := n.Stats(); s.AcksOut != maxAcksDue+1 {
		t.Error("a repetition is not acknowledged")
	}
}

// TestTrickleDoesNotHoldRoomForEver: a client that adds a byte now and then to a message it never
// finishes makes room once the message has grown too old.
func TestTrickleDoesNotHoldRoomForEver(t *testing.T) {
	n := &node{Transport: NewTransport(Config{ClientPool: 1 << 20})}
	n.Classify(spoof(1), Client)
	n.Classify(spoof(2), Client)
	refused := uint64(0)
	now := time.Duration(0)
	for i := 0; now <= assemblyAge; i++ {
		n.receive1(now, spoof(1), fragmentOf(1, 1, i, 700_000, 0, []byte("x")))
		refused = n.Stats().Drops[DropClientRoom]
		n.receive1(now, spoof(2), fragmentOf(1, 1, 0, 700_000, 0, []byte("x")))
		now += assemblyIdle / 2
	}
	if refused == 0 || n.Stats().Drops[DropClientRoom] != refused || len(n.find(spoof(2)).assemblies) != 1 {
		t.Errorf("refused %d times before, %d in all", refused, n.Stats().Drops[DropClientRoom])
	}
}

// TestAllAcknowledgedButTheWhole: the last fragment asks why, until that is answered; an answer that
// names a part makes all of the message start again.
func TestAllAcknowledgedButTheWhole(t *testing.T) {
	tr := NewTransport(Config{Nonce: 7})
	tr.Classify(address(1), Peer)
	_ = tr.Send(0, address(1), make([]byte, 5000), Reliable)
	fragments := func(at time.Duration) uint64 {
		before := tr.Stats().FragmentsOut
		tr.Flush(at, func(netip.AddrPort, []byte) {})
		return tr.Stats().FragmentsOut - before
	}
	answer := func(at time.Duration, s span) {
		d := appendAck(appendHeader(nil, 9), 7, 0, []span{s})
		sealDatagram(d)
		tr.Receive(at, address(1), d, nil)
	}
	if n := fragments(0); n != 4 {
		t.Fatalf("%d fragments, not 4", n)
	}
	answer(time.Millisecond, span{0, 5000})
	now := time.Duration(0)
	for range 3 {
		now, _ = tr.Deadline()
		tr.Tick(now)
		if n := fragments(now); n != 1 {
			t.Errorf("%d fragments to ask, not 1", n)
		}
	}
	answer(now, span{4000, 5000})
	if n := fragments(now); n != 4 {
		t.Errorf("%d fragments after the answer, not 4", n)
	}
}
