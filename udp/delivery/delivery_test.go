package delivery_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"ironkv/udp/delivery"
)

func TestSenderNumbersFromOneAndKeepsUntilAcknowledged(t *testing.T) {
	var s delivery.Sender[string]
	for i, m := range []string{"a", "b", "c"} {
		if n := s.Send(m); n != uint64(i+1) {
			t.Fatalf("message %q got number %d, want %d", m, n, i+1)
		}
	}
	dropped, err := s.Acknowledge(2)
	if err != nil || !slices.Equal(dropped, []string{"a", "b"}) {
		t.Fatalf("acknowledge 2: %v, %v", dropped, err)
	}
	for n, m := range s.Unacked() {
		if n != 3 || m != "c" {
			t.Fatalf("unacknowledged: %d %q, want 3 c", n, m)
		}
	}
	if s.Acked() != 2 || s.Sent() != 3 || s.Outstanding() != 1 {
		t.Fatalf("acked %d, sent %d, outstanding %d", s.Acked(), s.Sent(), s.Outstanding())
	}
}

// A number that was never sent cannot have been received: the acknowledgement
// is forged, or of another life, and may not make the sender forget anything.
func TestAcknowledgementBeyondSentIsRefused(t *testing.T) {
	var s delivery.Sender[string]
	s.Send("a")
	if _, err := s.Acknowledge(2); !errors.Is(err, delivery.ErrAckBeyondSent) {
		t.Fatalf("acknowledge 2 of 1: %v", err)
	}
	if s.Outstanding() != 1 || s.Acked() != 0 {
		t.Fatal("the refused acknowledgement changed the sender")
	}
}

func TestOldAcknowledgementChangesNothing(t *testing.T) {
	var s delivery.Sender[string]
	s.Send("a")
	s.Send("b")
	_, _ = s.Acknowledge(2)
	if dropped, err := s.Acknowledge(1); err != nil || len(dropped) != 0 || s.Acked() != 2 {
		t.Fatalf("an acknowledgement that came late: %v, %v, acked %d", dropped, err, s.Acked())
	}
}

func TestReceiverTakesOnlyTheNextNumber(t *testing.T) {
	var r delivery.Receiver
	for _, step := range []struct {
		n    uint64
		want delivery.Verdict
		tomb uint64
	}{
		{2, delivery.Gap, 0}, {1, delivery.New, 1}, {1, delivery.Duplicate, 1}, {3, delivery.Gap, 1},
		{2, delivery.New, 2}, {0, delivery.Duplicate, 2}, {3, delivery.New, 3},
	} {
		if got := r.Receive(step.n); got != step.want || r.Tombstone() != step.tomb {
			t.Fatalf("receive %d: verdict %d and tombstone %d, want %d and %d", step.n, got, r.Tombstone(), step.want, step.tomb)
		}
	}
}

func TestCloneIsIndependent(t *testing.T) {
	var s delivery.Sender[string]
	s.Send("a")
	c := s.Clone()
	c.Send("b")
	_, _ = c.Acknowledge(1)
	if s.Sent() != 1 || s.Acked() != 0 {
		t.Fatalf("the clone changed its original: sent %d, acked %d", s.Sent(), s.Acked())
	}
}

// Over a network that loses, doubles and reorders, with both ends restored from
// what they persisted at any moment, every message arrives once and in order.
func TestExactlyOnceInOrder(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var s delivery.Sender[int]
		var r delivery.Receiver
		type packet struct {
			n, m int
			ack  bool
		}
		var net []packet
		var got []int
		const total = 30
		for sent := 0; len(got) < total || s.Outstanding() > 0; {
			switch k := rng.IntN(10); {
			case k < 2 && sent < total:
				sent++
				net = append(net, packet{n: int(s.Send(sent)), m: sent})
			case k < 4:
				for n, m := range s.Unacked() {
					net = append(net, packet{n: int(n), m: m})
				}
			case k == 4:
				s = s.Clone()
				r = delivery.RestoreReceiver(r.Tombstone())
			case len(net) > 0:
				i := rng.IntN(len(net))
				p := net[i]
				if rng.IntN(4) > 0 { // else it stays: a duplicate
					net = slices.Delete(net, i, i+1)
				}
				switch {
				case rng.IntN(4) == 0: // lost
				case p.ack:
					if _, err := s.Acknowledge(uint64(p.n)); err != nil {
						t.Fatalf("seed %d: %v", seed, err)
					}
				default:
					if r.Receive(uint64(p.n)) == delivery.New {
						got = append(got, p.m)
					}
					net = append(net, packet{n: int(r.Tombstone()), ack: true})
				}
			}
		}
		for i, m := range got {
			if m != i+1 {
				t.Fatalf("seed %d: message %d arrived in place %d: %v", seed, m, i+1, got)
			}
		}
	}
}

func Example() {
	var out delivery.Sender[string]
	var in delivery.Receiver
	n := out.Send("a delegate")
	fmt.Println(in.Receive(n) == delivery.New, in.Receive(n) == delivery.Duplicate)
	_, err := out.Acknowledge(in.Tombstone())
	fmt.Println(out.Outstanding(), err)
	// Output:
	// true true
	// 0 <nil>
}
