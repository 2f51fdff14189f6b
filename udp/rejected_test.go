package udp

import (
	"bytes"
	"net/netip"
	"testing"
)

// A message that was put together wrongly has not been received: it is not
// acknowledged, and its repetition is taken.
func TestMessageOfAWrongChecksumCountsAsLost(t *testing.T) {
	msg := bytes.Repeat([]byte("x"), 200)
	sum := checksum(msg)
	n := &node{Transport: NewTransport(Config{})}
	n.Classify(address(0), Peer)
	flush := func() { n.Flush(0, func(netip.AddrPort, []byte) {}) }
	damaged := bytes.Repeat([]byte("y"), 100)
	n.receive1(0, address(0), fragmentOf(1, 1, 0, 200, sum, msg[:100]))
	n.receive1(0, address(0), fragmentOf(1, 1, 100, 200, sum, damaged))
	flush()
	if s := n.Stats(); s.Drops[DropMessageChecksum] != 1 || s.AcksOut != 0 {
		t.Fatalf("%d messages dropped for their checksum, %d acknowledgements", s.Drops[DropMessageChecksum], s.AcksOut)
	}
	n.receive1(0, address(0), fragmentOf(1, 1, 0, 200, sum, msg[:100]))
	n.receive1(0, address(0), fragmentOf(1, 1, 100, 200, sum, msg[100:]))
	flush()
	if len(n.got) != 1 || n.Stats().AcksOut != 1 {
		t.Errorf("its repetition is delivered %d times, and acknowledged %d times", len(n.got), n.Stats().AcksOut)
	}
}

// Of a sender's last two runs it is known what has been received, whichever spoke last.
func TestMessagesOfTwoRunsAreKnown(t *testing.T) {
	n := &node{Transport: NewTransport(Config{})}
	n.Classify(address(0), Peer)
	for range 2 {
		for nonce := range uint64(2) {
			n.receive1(0, address(0), fragmentOf(nonce+1, 1, 0, 1, checksum([]byte("x")), []byte("x")))
		}
	}
	if len(n.got) != 2 {
		t.Errorf("%d messages are delivered, of two that came twice", len(n.got))
	}
}

// Acknowledgements wait for no window, be it full to the last byte.
func TestAcknowledgementsPassAFullWindow(t *testing.T) {
	n := &node{Transport: NewTransport(Config{})}
	n.Classify(address(1), Peer)
	_ = n.Send(0, address(1), make([]byte, 1<<20), Reliable)
	n.Flush(0, func(netip.AddrPort, []byte) {})
	p := n.find(address(1))
	p.win.inFlight = p.win.size
	n.receive1(0, address(1), fragmentOf(1, 1, 0, 1, checksum([]byte("x")), []byte("x")))
	n.Flush(0, func(netip.AddrPort, []byte) {})
	if p.win.size == 0 || n.Stats().AcksOut != 1 {
		t.Errorf("%d acknowledgements leave beside a window of %d bytes that is full", n.Stats().AcksOut, p.win.size)
	}
}
