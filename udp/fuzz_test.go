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
