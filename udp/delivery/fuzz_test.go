package delivery

import (
	"errors"
	"slices"
	"testing"
)

// FuzzReceive reads its input as what a network and two hosts do: send, deliver any of what
// was ever sent, acknowledge, forge, restart. What is received is what was sent, once and in
// order, and no more is kept than is unacknowledged.
func FuzzReceive(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0, 1, 1, 1, 2, 2, 3})     // three sent, received in order, acknowledged
	f.Add([]byte{0, 0, 1, 1, 1, 1, 1, 0, 2, 3})        // a gap, then both, then a duplicate
	f.Add([]byte{0, 4, 9, 3, 4, 0, 3, 5, 1, 0, 1, 1})  // acknowledgements of what was never sent
	f.Add([]byte{0, 1, 0, 2, 5, 0, 6, 1, 1, 1, 0, 3})  // both ends restart in between
	f.Add([]byte{6, 6, 5, 5, 1, 0, 4, 255, 1, 255, 3}) // nothing was sent at all
	f.Fuzz(func(t *testing.T, script []byte) {
		var s Sender[uint64]
		var r Receiver
		var got, acks []uint64
		next := func() (b byte) {
			if len(script) > 0 {
				b, script = script[0], script[1:]
			}
			return b
		}
		for len(script) > 0 {
			switch next() % 7 {
			case 0:
				if n := s.Send(s.Sent() + 1); n != s.Sent() {
					t.Fatalf("the message sent last has number %d of %d", n, s.Sent())
				}
			case 1: // any number, sent or not, arrives
				n := uint64(next())
				if n == 0 || n > s.Sent() {
					continue // the network invents none: that is what incarnations and addresses are for
				}
				if r.Receive(n) == New {
					got = append(got, n)
				}
			case 2:
				acks = append(acks, r.Tombstone())
			case 3: // one of the acknowledgements arrives, perhaps again
				if len(acks) > 0 {
					acknowledge(t, &s, acks[int(next())%len(acks)])
				}
			case 4:
				acknowledgeForged(t, &s, s.Sent()+1+uint64(next()))
			case 5:
				s = s.Clone()
			case 6:
				r = RestoreReceiver(r.Tombstone())
			}
			for i, n := range got {
				if n != uint64(i+1) {
					t.Fatalf("received %v", got)
				}
			}
			if uint64(len(got)) != r.Tombstone() || r.Tombstone() > s.Sent() || s.Acked() > r.Tombstone() {
				t.Fatalf("sent %d, received %d, tombstone %d, acknowledged %d", s.Sent(), len(got), r.Tombstone(), s.Acked())
			}
			checkUnacked(t, &s)
		}
	})
}

func checkUnacked(t *testing.T, s *Sender[uint64]) {
	t.Helper()
	want := s.Acked()
	for n, m := range s.Unacked() {
		if want++; n != want || m != want {
			t.Fatalf("number %d holds %d, want %d", n, m, want)
		}
	}
	if want != s.Sent() || s.Outstanding() != int(s.Sent()-s.Acked()) {
		t.Fatalf("%d are kept of %d sent and %d acknowledged", s.Outstanding(), s.Sent(), s.Acked())
	}
}

func acknowledge(t *testing.T, s *Sender[uint64], n uint64) {
	t.Helper()
	before := s.Acked()
	dropped, err := s.Acknowledge(n)
	if err != nil || s.Acked() != max(before, n) || len(dropped) != int(s.Acked()-before) || !slices.IsSorted(dropped) {
		t.Fatalf("acknowledging %d above %d dropped %v, %v", n, before, dropped, err)
	}
}

func acknowledgeForged(t *testing.T, s *Sender[uint64], n uint64) {
	t.Helper()
	before, sent := s.Acked(), s.Sent()
	if dropped, err := s.Acknowledge(n); !errors.Is(err, ErrAckBeyondSent) || dropped != nil || s.Acked() != before || s.Sent() != sent {
		t.Fatalf("%d, of %d sent, was taken for an acknowledgement: %v", n, sent, err)
	}
}
