package udp

import (
	"testing"
	"time"
)

// TestWhoNeverAcknowledgesDoesNotTakeAllRoom: however many clients ask for long
// answers and acknowledge none, short answers to others leave, and so does what peers
// are sent, of any length.
func TestWhoNeverAcknowledgesDoesNotTakeAllRoom(t *testing.T) {
	cfg := Config{MaxMessage: 1 << 20, Backlog: 4 << 20, BacklogTotal: 16 << 20}
	n := NewTransport(cfg)
	for _, size := range []int{1 << 20, 64 << 10, 4 << 10, 1500} {
		msg := make([]byte, size)
		for i := range 50 {
			n.Classify(spoof(i), Client)
			for n.Send(time.Second, spoof(i), msg, Once) == nil { // until it is refused
			}
		}
	}
	if s := n.Stats(); s.Queued > cfg.BacklogTotal || s.Queued < cfg.BacklogTotal/2 {
		t.Fatalf("%d bytes queued, the bound is %d", s.Queued, cfg.BacklogTotal)
	}
	honest, host := spoof(5000), spoof(5001)
	n.Classify(honest, Client)
	n.Classify(host, Peer)
	for range 100 {
		if err := n.Send(time.Second, honest, make([]byte, 1000), Once); err != nil {
			t.Fatalf("a short answer: %v", err)
		}
		if err := n.Send(time.Second, host, make([]byte, 100), Reliable); err != nil {
			t.Fatalf("a short message to a peer: %v", err)
		}
	}
	if err := n.Send(time.Second, host, make([]byte, 1<<20), Reliable); err != nil {
		t.Errorf("a long message to a peer: %v", err)
	}
}
