package udp

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"
)

// FuzzDatagram gives one datagram of any bytes, with its checksum put right, to a transport that has
// something under way, twice: no panic, bounded memory, and no amplification.
func FuzzDatagram(f *testing.F) {
	whole := []byte("hello, world")
	for _, frames := range [][]byte{
		nil,
		appendMessage(nil, whole),
		appendFragment(nil, 1, 0, len(whole), checksum(whole), whole),
		appendFragment(nil, 1, 3, 4000, 7, whole),
		appendAck(nil, 77, 0, nil),
		appendAck(nil, 77, 0, []span{{0, 1374}, {2748, 4122}}),
		appendMessage(appendAck(appendFragment(nil, 9, 3, 4000, 7, whole), 77, 1, nil), whole),
		{frameMessage, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F},
	} {
		f.Add(frames)
	}
	f.Fuzz(func(t *testing.T, frames []byte) {
		const maxMessage = 64 << 10
		for class := range Peer + 1 {
			tr := NewTransport(Config{Nonce: 77, MaxMessage: maxMessage, ClientPool: 2 * maxMessage, StrangerPool: 2 * maxMessage})
			src := address(1)
			if class != Stranger {
				tr.Classify(src, class)
				_ = tr.Send(0, src, make([]byte, 20_000), Reliable)
				tr.Flush(0, func(netip.AddrPort, []byte) {})
			}
			d := append(appendHeader(nil, 5), frames...)
			sealDatagram(d)
			in, out := 0, 0
			for range 2 {
				in += len(d)
				tr.Receive(time.Second, src, d, func(_ netip.AddrPort, msg []byte) {
					if len(msg) > len(frames) {
						t.Fatalf("a message of %d bytes from %d", len(msg), len(frames))
					}
				})
				tr.Flush(time.Second, func(_ netip.AddrPort, d []byte) { out += len(d) })
			}
			tr.Tick(2 * time.Second)
			if s := tr.Stats(); s.Reassembling > 4*maxMessage {
				t.Fatalf("%v: %d bytes for unfinished messages", class, s.Reassembling)
			}
			if class == Stranger && out > in {
				t.Fatalf("%d bytes came and %d went", in, out)
			}
		}
	})
}

// slowDeadline is Deadline, asked of every address.
func (t *Transport) slowDeadline() (at time.Duration, due bool) {
	for _, p := range t.peers {
		if !p.active {
			continue
		}
		if len(p.flying) > 0 {
			if timer := t.timer(p); !due || timer < at {
				at, due = timer, true
			}
		}
		if p.paceAt != 0 && (!due || p.paceAt < at) {
			at, due = p.paceAt, true
		}
	}
	return at, due
}

// FuzzDatagrams reads its input as what happens to a transport: datagrams from addresses of all
// classes, changes of class, messages to send, and time that passes. Whatever it is, memory and
// tables are bounded, a stranger gets no more bytes than it sent, and the timers are those that
// all addresses have.
func FuzzDatagrams(f *testing.F) {
	whole := []byte("hello, world")
	step := func(op, who byte, b []byte) []byte { return append([]byte{op, who, byte(len(b))}, b...) }
	script := func(steps ...[]byte) []byte { return bytes.Join(steps, nil) }
	begun := appendFragment(nil, 1, 0, 400, 7, whole)
	f.Add(script(step(0, 0, begun), step(0, 1, begun), step(2, 1, nil), step(3, 1, []byte{200}), step(4, 50, nil), step(0, 1, appendAck(nil, 77, 0, nil))))
	f.Add(script(step(3, 2, []byte{255}), step(3, 2, []byte{9}), step(4, 255, nil), step(0, 2, appendAck(nil, 77, 0, []span{{0, 12}})), step(4, 255, nil), step(1, 2, nil)))
	f.Add(script(step(0, 7, []byte{framePing}), step(0, 8, []byte{framePing}), step(0, 9, []byte{framePing}), step(3, 7, []byte{255}), step(3, 9, []byte{1})))
	f.Add(script(step(2, 4, nil), step(2, 5, nil), step(2, 6, nil), step(3, 4, []byte{90}), step(3, 5, []byte{90}), step(4, 99, nil), step(2, 7, nil), step(4, 99, nil)))
	// Two who do not answer, the second of whom is due first.
	f.Add(script(step(2, 1, nil), step(2, 2, nil), step(3, 1, []byte{0}), step(4, 0, make([]byte, 30)), step(3, 2, []byte{0})))
	f.Fuzz(func(t *testing.T, script []byte) {
		const maxMessage, clients, strangers = 2000, 3, 2
		tr := NewTransport(Config{
			Nonce: 77, MaxMessage: maxMessage, Datagram: MinDatagram, ClientPool: 3 * maxMessage, StrangerPool: 2 * maxMessage,
			MaxClients: clients, MaxStrangers: strangers, Backlog: 2 * maxMessage, BacklogTotal: 6 * maxMessage,
		})
		peer := address(3)
		tr.Classify(peer, Peer)
		var now time.Duration
		var in, out [10]int
		known := [10]bool{3: true} // who was ever asked to be more than a stranger, or sent something unasked
		for len(script) >= 3 {
			op, who, n := script[0]%5, int(script[1])%10, min(int(script[2]), len(script)-3)
			b := script[3 : 3+n]
			script = script[3+n:]
			switch op {
			case 0:
				d := append(appendHeader(nil, 5), b...)
				sealDatagram(d)
				in[who] += len(d)
				tr.Receive(now, address(who), d, func(netip.AddrPort, []byte) {})
			case 1:
				if tr.Forget(address(who)); who == 3 {
					tr.Classify(peer, Peer)
				}
			case 2:
				known[who] = true
				if who != 3 {
					tr.Classify(address(who), Client)
				}
			case 3:
				if tr.find(address(who)) == nil {
					known[who] = true // then it is we who speak first
				}
				_ = tr.Send(now, address(who), make([]byte, 10*(n+len(b))), Mode(n%2))
			case 4:
				now += time.Duration(who+10*n) * time.Millisecond
				tr.Tick(now)
			}
			checkDeadline(t, tr, "before sending")
			tr.Flush(now, func(dst netip.AddrPort, d []byte) {
				for i := range out {
					if dst == address(i) {
						out[i] += len(d)
					}
				}
			})
			checkDeadline(t, tr, "after sending")
			checkBounds(t, tr, maxMessage, clients+strangers+1)
			for i := range out {
				if !known[i] && out[i] > in[i] {
					t.Fatalf("%d bytes came from stranger %d, %d went back", in[i], i, out[i])
				}
			}
		}
	})
}

func checkDeadline(t *testing.T, tr *Transport, when string) {
	t.Helper()
	at, due := tr.Deadline()
	if wantAt, want := tr.slowDeadline(); due != want || due && at != wantAt {
		t.Fatalf("%s: the timer is due at %v, %v; by all addresses at %v, %v", when, at, due, wantAt, want)
	}
}

func checkBounds(t *testing.T, tr *Transport, maxMessage, addresses int) {
	t.Helper()
	s := tr.Stats()
	if most := 3*maxMessage + 2*maxMessage + 2*(maxMessage+minBuffer+assemblyOverhead) + maxMessage/bytesPerPiece*16; s.Reassembling > most {
		t.Fatalf("%d bytes for unfinished messages, more than %d", s.Reassembling, most)
	}
	if s.Queued > 6*maxMessage || s.Queued < 0 || s.Addresses > addresses {
		t.Fatalf("%d bytes are queued, %d addresses are known", s.Queued, s.Addresses)
	}
}

// FuzzReassembly reads its input as a list of fragments, honest ones and others, of two transmissions
// of two runs: what is delivered is one of the messages, whole.
func FuzzReassembly(f *testing.F) {
	f.Add([]byte{0, 0, 0, 100, 0, 100, 0, 100, 0, 200, 0, 100})
	f.Add([]byte{1, 0, 0, 255, 0, 255, 0, 45, 2, 0, 0, 255, 2, 255, 0, 45, 1, 255, 0, 45})
	f.Add([]byte{0, 0, 0, 100, 4, 50, 0, 100, 0, 100, 0, 200})
	f.Add([]byte{8, 0, 0, 100, 0, 0, 0, 100, 16, 0, 0, 100})
	messages := [4][]byte{}
	for i := range messages {
		messages[i] = bytes.Repeat([]byte{byte(i), 3, byte(i), 4}, 75)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		tr := NewTransport(Config{MaxMessage: 1000})
		src := address(1)
		tr.Classify(src, Peer)
		for ; len(script) >= 4; script = script[4:] {
			which := int(script[0]) % 4
			msg := messages[which]
			from := min(int(binary.LittleEndian.Uint16(script[1:]))%301, len(msg))
			to := min(from+int(script[3]), len(msg))
			total, sum := len(msg), checksum(msg)
			switch script[0] / 4 % 8 {
			case 1:
				total += 7
			case 2:
				sum++
			}
			tr.Receive(0, src, fragmentOf(uint64(which/2), uint64(which%2), from, total, sum, msg[from:to]),
				func(_ netip.AddrPort, got []byte) {
					if !bytes.Equal(got, msg) {
						t.Fatalf("delivered %d bytes that nobody sent", len(got))
					}
				})
			tr.Flush(0, func(netip.AddrPort, []byte) {})
			if s := tr.Stats(); s.Reassembling > 3*(minBuffer+assemblyOverhead+100) {
				t.Fatalf("%d bytes for three messages of 300", s.Reassembling)
			}
		}
	})
}
