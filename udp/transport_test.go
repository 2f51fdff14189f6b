package udp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

// TestReliableExactlyOnceOverABadNetwork: every reliable message, of any size, arrives unchanged
// exactly once (both ends remember each other), within bounded virtual time.
func TestReliableExactlyOnceOverABadNetwork(t *testing.T) {
	seeds := 60
	if testing.Short() {
		seeds = 10
	}
	for seed := range uint64(seeds) {
		rng := rand.New(rand.NewPCG(seed, 1))
		rates := badNetwork(rng)
		cfg := Config{Datagram: []int{508, 1400, 9000}[rng.IntN(3)], GiveUp: time.Hour}
		w := newWorld(t, seed, rates, cfg, cfg).introduce()
		want := map[string]int{}
		for i := range 1 + rng.IntN(40) {
			from, to := w.nodes[i%2], w.nodes[1-i%2]
			size := []int{0, 10, 500, 1400, 20_000, 200_000}[rng.IntN(6)]
			msg := randomMessage(rng, rng.IntN(size+1), i)
			if err := from.Send(w.now, to.addr, msg, Reliable); err != nil {
				t.Fatal(err)
			}
			want[string(msg)]++
		}
		w.run(20*time.Minute, func() bool { return len(w.nodes[0].got)+len(w.nodes[1].got) >= len(want) && w.quiet() })
		for _, n := range w.nodes {
			for _, msg := range n.got {
				want[string(msg)]--
			}
			if s := n.Stats(); s.Queued != 0 || s.Reassembling != 0 || s.Drops[DropGivenUp] != 0 {
				t.Errorf("seed %d: at rest: queued %d, reassembling %d, given up %d", seed, s.Queued, s.Reassembling, s.Drops[DropGivenUp])
			}
		}
		// A path that was taken for narrow makes messages begin again, and some arrive twice.
		narrowed := w.nodes[0].Stats().Narrowed+w.nodes[1].Stats().Narrowed > 0
		for msg, n := range want {
			if n > 0 || n < 0 && !narrowed {
				t.Errorf("seed %d, %+v: message %q of %d bytes arrived %d times", seed, rates, msg[max(0, len(msg)-4):], len(msg), 1-n)
			}
		}
	}
}

// TestSameInputsSameOutputs: two runs over one seed move the same bytes at the same moments.
func TestSameInputsSameOutputs(t *testing.T) {
	run := func() []uint64 {
		rng := rand.New(rand.NewPCG(7, 7))
		w := newWorld(t, 7, badNetwork(rng), Config{}, Config{}, Config{}).introduce()
		for i := range 30 {
			_ = w.nodes[i%3].Send(w.now, w.nodes[(i+1)%3].addr, randomMessage(rng, 10_000*i, i), Reliable)
		}
		w.run(time.Hour, w.quiet)
		trace := []uint64{uint64(w.now), uint64(w.bytes)}
		for _, n := range w.nodes {
			for _, msg := range n.got {
				trace = append(trace, uint64(checksum(msg)))
			}
		}
		return trace
	}
	a, b := run(), run()
	for i := range a {
		if a[i] != b[i] {
			t.Fatalf("runs differ at %d: %d, %d", i, a[i], b[i])
		}
	}
}

func TestMessagesOfOneMomentShareADatagram(t *testing.T) {
	w := newWorld(t, 1, FaultRates{}, Config{}, Config{}).introduce()
	for i := range 100 {
		if err := w.nodes[0].Send(w.now, w.nodes[1].addr, bytes.Repeat([]byte{byte(i)}, 40), Once); err != nil {
			t.Fatal(err)
		}
	}
	w.step()
	if got := len(w.nodes[1].got); got != 100 {
		t.Fatalf("%d of 100 messages arrived", got)
	}
	for i, msg := range w.nodes[1].got {
		if len(msg) != 40 || msg[0] != byte(i) {
			t.Fatalf("message %d is %v", i, msg)
		}
	}
	if s := w.nodes[0].Stats(); s.DatagramsOut != 4 || s.BytesOut != 100*42+4*headerSize {
		t.Errorf("100 messages of 40 bytes took %d datagrams and %d bytes", s.DatagramsOut, s.BytesOut)
	}
}

// TestOnceIsForgotten: a short message sent Once is not repeated, a long one is.
func TestOnceIsForgotten(t *testing.T) {
	w := newWorld(t, 1, FaultRates{Drop: 1}, Config{}, Config{}).introduce()
	send := func(size int) { _ = w.nodes[0].Send(w.now, w.nodes[1].addr, make([]byte, size), Once) }
	send(100)
	w.flush()
	if !w.quiet() {
		t.Error("a lost short message is still on somebody's mind")
	}
	send(3000)
	w.flush()
	if w.quiet() {
		t.Fatal("a long message is forgotten before it was acknowledged")
	}
	w.net.Set(FaultRates{})
	w.run(time.Minute, w.quiet)
	if len(w.nodes[1].got) != 1 || len(w.nodes[1].got[0]) != 3000 {
		t.Errorf("got %d messages", len(w.nodes[1].got))
	}
}

func TestSilentDestinationIsGivenUp(t *testing.T) {
	w := newWorld(t, 1, FaultRates{Drop: 1}, Config{}, Config{}).introduce()
	begin := w.now
	for range 3 {
		_ = w.nodes[0].Send(w.now, w.nodes[1].addr, make([]byte, 3<<20), Reliable)
	}
	w.run(DefaultGiveUp+time.Second, w.quiet)
	if took := w.now - begin; took < DefaultGiveUp {
		t.Errorf("given up after %v", took)
	}
	if s := w.nodes[0].Stats(); s.Drops[DropGivenUp] != 3 || s.Queued != 0 {
		t.Errorf("given up %d, still queued %d bytes", s.Drops[DropGivenUp], s.Queued)
	}
}

// TestFragmentsAreNeverJoinedAcrossARestart: half of a message from before a restart, and the other
// half of another with the same id from after it, make no message.
func TestFragmentsAreNeverJoinedAcrossARestart(t *testing.T) {
	halves := func(nonce uint64, fill byte) [][]byte {
		tr := NewTransport(Config{Nonce: nonce})
		if err := tr.Send(0, address(1), bytes.Repeat([]byte{fill}, 2000), Once); err != nil {
			t.Fatal(err)
		}
		var list [][]byte
		tr.Flush(0, func(_ netip.AddrPort, d []byte) { list = append(list, bytes.Clone(d)) })
		return list
	}
	before, after := halves(1, 'a'), halves(2, 'a')
	if len(before) != 2 || len(after) != 2 {
		t.Fatalf("%d and %d datagrams, not 2", len(before), len(after))
	}
	n := &node{Transport: NewTransport(Config{})}
	n.receive1(0, address(0), before[0])
	n.receive1(0, address(0), after[1])
	if len(n.got) != 0 {
		t.Fatal("fragments of two runs were joined")
	}
	n.receive1(0, address(0), after[0])
	n.receive1(0, address(0), before[1])
	if len(n.got) != 2 {
		t.Errorf("%d of the two messages arrived", len(n.got))
	}
}

// TestIDsAreNotReusedAfterForget: state that makes room or is forgotten does not let an id come back.
func TestIDsAreNotReusedAfterForget(t *testing.T) {
	tr := NewTransport(Config{Nonce: 1})
	seen := map[uint64]bool{}
	for range 5 {
		for range 3 {
			_ = tr.Send(0, address(1), []byte("x"), Reliable)
		}
		tr.Flush(0, func(_ netip.AddrPort, d []byte) {
			var f frame
			for rest := d[headerSize:]; len(rest) > 0; {
				rest, _ = decodeFrame(&f, rest, DefaultMaxMessage)
				if seen[f.id] {
					t.Errorf("id %d twice in one run", f.id)
				}
				seen[f.id] = true
			}
		})
		tr.Forget(address(1))
	}
	if len(seen) != 15 {
		t.Errorf("%d ids", len(seen))
	}
}

// fragmentOf makes a datagram with one fragment.
func fragmentOf(nonce, id uint64, offset, total int, sum uint32, data []byte) []byte {
	d := appendFragment(appendHeader(nil, nonce), id, offset, total, sum, data)
	sealDatagram(d)
	return d
}

func TestContradictoryFragmentsEndATransmission(t *testing.T) {
	msg := bytes.Repeat([]byte("0123456789"), 20)
	sum := checksum(msg)
	for name, odd := range map[string][]byte{
		"other total":    fragmentOf(1, 1, 100, 199, sum, msg[100:150]),
		"other checksum": fragmentOf(1, 1, 100, 200, sum+1, msg[100:150]),
		"overlap":        fragmentOf(1, 1, 50, 200, sum, msg[50:150]),
	} {
		n := &node{Transport: NewTransport(Config{})}
		n.Classify(address(0), Peer)
		n.receive1(0, address(0), fragmentOf(1, 1, 0, 200, sum, msg[:100]))
		n.receive1(0, address(0), odd)
		if s := n.Stats(); s.Drops[DropContradiction] != 1 || s.Reassembling != 0 {
			t.Errorf("%s: contradictions %d, held %d bytes", name, s.Drops[DropContradiction], s.Reassembling)
		}
		n.receive1(0, address(0), fragmentOf(1, 1, 100, 200, sum, msg[100:]))
		if len(n.got) != 0 {
			t.Errorf("%s: delivered nevertheless", name)
		}
		n.receive1(0, address(0), fragmentOf(1, 1, 0, 200, sum, msg[:100]))
		if len(n.got) != 1 || !bytes.Equal(n.got[0], msg) {
			t.Errorf("%s: an honest repetition does not arrive", name)
		}
	}
}

func TestWrongMessageChecksumIsNotDelivered(t *testing.T) {
	msg := bytes.Repeat([]byte("x"), 200)
	n := &node{Transport: NewTransport(Config{})}
	n.receive1(0, address(0), fragmentOf(1, 1, 0, 200, 99, msg[:100]))
	n.receive1(0, address(0), fragmentOf(1, 1, 100, 200, 99, msg[100:]))
	n.receive1(0, address(0), fragmentOf(1, 2, 0, 200, 99, msg))
	if s := n.Stats(); len(n.got) != 0 || s.Drops[DropMessageChecksum] != 2 || s.Reassembling != 0 {
		t.Errorf("delivered %d, counted %d, held %d bytes", len(n.got), s.Drops[DropMessageChecksum], s.Reassembling)
	}
}

func TestDuplicatesAreAcknowledgedAndNotDelivered(t *testing.T) {
	n := &node{Transport: NewTransport(Config{})}
	n.Classify(address(0), Peer)
	for range 3 {
		n.receive1(0, address(0), fragmentOf(1, 1, 0, 3, checksum([]byte("abc")), []byte("abc")))
		acks := 0
		n.Flush(0, func(netip.AddrPort, []byte) { acks++ })
		if acks != 1 {
			t.Errorf("%d datagrams in answer", acks)
		}
	}
	if len(n.got) != 1 {
		t.Errorf("delivered %d times", len(n.got))
	}
}

// TestBadDatagrams: each is dropped whole, for its reason, and nothing is allocated for it.
func TestBadDatagrams(t *testing.T) {
	seal := func(frames ...byte) []byte {
		d := append(appendHeader(nil, 1), frames...)
		sealDatagram(d)
		return d
	}
	good := seal(appendMessage(nil, []byte("hello"))...)
	flipped := bytes.Clone(good)
	flipped[len(flipped)-1] ^= 1
	other := bytes.Clone(good)
	other[0]++
	huge := binary.AppendUvarint([]byte{frameMessage}, 1<<40)
	large := appendFragment(nil, 1, 0, DefaultMaxMessage+1, 0, []byte("x"))
	acks := append([]byte{frameAck}, make([]byte, 8)...)
	for _, c := range []struct {
		name     string
		datagram []byte
		drop     Drop
	}{
		{"empty", nil, DropShort},
		{"header cut", good[:headerSize-1], DropShort},
		{"other magic", other, DropMagic},
		{"bit flipped", flipped, DropChecksum},
		{"message cut", good[:len(good)-1], DropChecksum},
		{"unknown frame", seal(77), DropFrame},
		{"trailing byte", seal(append(appendMessage(nil, []byte("hello")), 0)...), DropFrame},
		{"message longer than datagram", seal(frameMessage, 9, 'x'), DropFrame},
		{"message of 2^40 bytes", seal(huge...), DropFrame},
		{"length without end", seal(frameMessage, 0x80), DropFrame},
		{"fragment of too large a message", seal(large...), DropTooLarge},
		{"fragment beyond its message", seal(appendFragment(nil, 1, 9, 10, 0, []byte("xx"))...), DropFrame},
		{"fragment at the end of time", seal(appendFragment(nil, 1, -1, 10, 0, []byte("xx"))...), DropFrame},
		{"fragment of nothing", seal(appendFragment(nil, 1, 0, 10, 0, nil)...), DropFrame},
		{"fragment cut", seal(frameFragment, 1, 0, 0), DropFrame},
		{"ack cut", seal(acks...), DropFrame},
		{"ack with too many ranges", seal(append(acks, 1, 200)...), DropFrame},
		{"ack without its ranges", seal(append(acks, 1, 2, 0, 5)...), DropFrame},
		{"ack of an empty range", seal(append(acks, 1, 1, 0, 0)...), DropFrame},
	} {
		n := &node{Transport: NewTransport(Config{})}
		n.receive1(0, address(0), c.datagram)
		if s := n.Stats(); s.Drops[c.drop] != 1 || len(n.got) != 0 || s.Reassembling != 0 || s.Addresses != 0 {
			t.Errorf("%s: not dropped as %v: %v, delivered %d, addresses %d", c.name, c.drop, s.Drops, len(n.got), s.Addresses)
		}
	}
}

func TestSendErrors(t *testing.T) {
	tr := NewTransport(Config{MaxMessage: 10_000, Backlog: 100_000, BacklogTotal: 250_000})
	check := func(err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	check(tr.Send(0, address(1), make([]byte, 10_001), Once), ErrTooLarge)
	check(tr.Send(0, netip.AddrPort{}, nil, Once), ErrAddress)
	for _, mode := range []Mode{Once, Reliable} {
		for _, size := range []int{1000, 10_000} {
			var err error
			sent := 0
			for ; err == nil && sent < 1000; sent++ {
				err = tr.Send(0, address(1), make([]byte, size), mode)
			}
			check(err, ErrBacklog)
			if s := tr.Stats(); s.Queued > 110_000 {
				t.Errorf("%d bytes queued for one destination", s.Queued)
			}
			tr.Forget(address(1))
			if s := tr.Stats(); s.Queued != 0 {
				t.Errorf("%d bytes queued for nobody", s.Queued)
			}
		}
	}
	var err error
	for i := 0; err == nil && i < 1000; i++ {
		err = tr.Send(0, address(i), make([]byte, 10_000), Once)
	}
	check(err, ErrBacklog)
	if s := tr.Stats(); s.Queued > 250_000 {
		t.Errorf("%d bytes queued for all", s.Queued)
	}
}

// TestWhatIsUnacknowledgedFitsTheReserve: a sender never has more unacknowledged than its receiver
// keeps room for, in bytes and in messages, however much waits.
func TestWhatIsUnacknowledgedFitsTheReserve(t *testing.T) {
	cfg := Config{MaxMessage: 100_000}
	for _, size := range []int{1, 10_000, 40_000, 100_000} {
		w := newWorld(t, 1, FaultRates{Delay: time.Millisecond}, cfg, cfg).introduce()
		a, b := w.nodes[0], w.nodes[1]
		count := min(3*maxFlying, 3_000_000/size)
		for range count {
			if err := a.Send(w.now, b.addr, make([]byte, size), Reliable); err != nil {
				t.Fatal(err)
			}
		}
		p := a.find(b.addr)
		w.run(time.Minute, func() bool {
			sum := 0
			for _, tr := range p.flying {
				sum += len(tr.msg)
			}
			if sum > cfg.MaxMessage || sum != p.flyingSum || len(p.flying) > maxFlying {
				t.Fatalf("%d messages of %d bytes are unacknowledged", len(p.flying), size)
			}
			if len(p.flying) > 0 && p.nextID-p.flying[0].id > maxFlying {
				t.Fatal("ids in flight lie too far apart")
			}
			return w.quiet()
		})
		if len(b.got) != count || a.Stats().Retransmissions != 0 || b.Stats().Drops[DropPeerRoom] != 0 {
			t.Errorf("size %d: %d of %d arrived, %d repeated", size, len(b.got), count, a.Stats().Retransmissions)
		}
	}
}
