package delivery

import (
	"errors"
	"fmt"
	"iter"
	"slices"
)

// ErrAckBeyondSent says that a peer acknowledged a number that was never sent:
// the packet is forged or stems from another life of one of the two, and is dropped.
var ErrAckBeyondSent = errors.New("acknowledgement above the highest number sent")

// A Sender is the sending half towards one destination. The zero Sender has
// sent nothing.
type Sender[M any] struct {
	acked   uint64 // every number up to this one was acknowledged
	unacked []M    // messages acked+1, acked+2, …, in order
}

// RestoreSender returns a Sender with the given state, as it was persisted:
// unacked are the messages acked+1 and on.
func RestoreSender[M any](acked uint64, unacked []M) Sender[M] {
	return Sender[M]{acked: acked, unacked: slices.Clone(unacked)}
}

// Send appends m and returns its number (the paper's SendSingleMessage).
func (s *Sender[M]) Send(m M) uint64 {
	s.unacked = append(s.unacked, m)
	return s.Sent()
}

// Acknowledge drops every message up to number n and returns those that it
// dropped, which is none for a number acknowledged before (the paper's
// ReceiveAck and TruncateUnAckList). It fails with [ErrAckBeyondSent] and
// changes nothing where n was never sent.
func (s *Sender[M]) Acknowledge(n uint64) ([]M, error) {
	if n > s.Sent() {
		return nil, fmt.Errorf("%w: %d, sent %d", ErrAckBeyondSent, n, s.Sent())
	}
	if n <= s.acked {
		return nil, nil
	}
	count := n - s.acked
	dropped := s.unacked[:count:count]
	s.unacked = slices.Clone(s.unacked[count:])
	s.acked = n
	return dropped, nil
}

// Sent is the highest number sent; Acked the highest acknowledged.
func (s *Sender[M]) Sent() uint64 { return s.acked + uint64(len(s.unacked)) }

// Acked is the highest number that was acknowledged.
func (s *Sender[M]) Acked() uint64 { return s.acked }

// Outstanding is how many messages are sent and not acknowledged.
func (s *Sender[M]) Outstanding() int { return len(s.unacked) }

// Unacked yields the unacknowledged messages with their numbers, in order.
func (s *Sender[M]) Unacked() iter.Seq2[uint64, M] {
	return func(yield func(uint64, M) bool) {
		for i, m := range s.unacked {
			if !yield(s.acked+1+uint64(i), m) {
				return
			}
		}
	}
}

// Clone returns a copy; the messages themselves are shared.
func (s *Sender[M]) Clone() Sender[M] { return RestoreSender(s.acked, s.unacked) }

// A Verdict is what a Receiver says of a number.
type Verdict uint8

// The verdicts. New and Duplicate are acknowledged, at the receiver's tombstone;
// so is Gap, for it tells the sender where to go on from.
const (
	New       Verdict = iota // the next number: process it
	Duplicate                // received before: acknowledge it again
	Gap                      // an earlier one is missing: drop it
)

// A Receiver is the receiving half from one source. The zero Receiver has
// received nothing.
type Receiver struct {
	tombstone uint64
}

// RestoreReceiver returns a Receiver that received every number up to tombstone.
func RestoreReceiver(tombstone uint64) Receiver { return Receiver{tombstone: tombstone} }

// Receive judges number n and, if it is New, advances the tombstone (the
// paper's NewSingleMessage and ReceiveRealPacket).
func (r *Receiver) Receive(n uint64) Verdict {
	switch {
	case n <= r.tombstone:
		return Duplicate
	case n > r.tombstone+1:
		return Gap
	}
	r.tombstone = n
	return New
}

// Tombstone is the highest number received.
func (r *Receiver) Tombstone() uint64 { return r.tombstone }
