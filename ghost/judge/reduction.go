package judge

import (
	"errors"
	"fmt"
)

// ErrReduction says that the events of a step are not in the order that lets the
// step be read as atomic, or that a run could not be commuted.
var ErrReduction = errors.New("reduction obligation not met")

// A Kind is what one event of a step does to the world outside the host.
type Kind uint8

// The kinds of events (Common/Framework/Environment.s.dfy: LIoOp).
const (
	Receive Kind = iota // takes a packet
	Clock               // reads the clock, or finds nothing to receive in time
	Send                // sends a packet
)

// String returns the kind's name.
func (k Kind) String() string { return [...]string{"receive", "clock", "send"}[k] }

// Obligation checks the events of one step, in the order in which they happened:
// receives, then at most one reading of the clock, then sends. Else it wraps
// [ErrReduction]. Source: HostNextImpl, Common/Framework/Host.s.dfy.
func Obligation(kinds []Kind) error {
	for i, k := range kinds {
		if i == 0 {
			continue
		}
		switch last := kinds[i-1]; {
		case k < last:
			return fmt.Errorf("%w: event %d of the step is a %v after a %v", ErrReduction, i, k, last)
		case k == Clock && last == Clock:
			return fmt.Errorf("%w: event %d of the step reads the clock a second time", ErrReduction, i)
		}
	}
	return nil
}

// An Event is one thing a host did at some moment of a real run.
type Event struct {
	Host uint64
	// Step counts the host's steps; events of one host with one Step belong together.
	Step uint64
	Kind Kind
	// Packet names the packet received or sent; equal names are one packet.
	Packet string
}

// Reduce commutes a run, the events of all hosts in the order in which they
// happened, into an equivalent one in which each step's events stand together,
// and returns that run and the number of exchanges.
//
// It only ever exchanges neighbours, by the two rules of reduction (Lipton; the
// paper's section 3.6): a receive moves right past an event of another step, for
// a packet once sent can be received later as well; a send moves left past an
// event of another step, for it can no more depend on that. Neither passes its
// own packet's other half. The order of steps is that of their pivots: the
// clock reading, or else the last receive, or else the first send.
//
// It fails with [ErrReduction] where a step does not meet the [Obligation], or
// where no rule allows the exchange that is needed.
func Reduce(run []Event) (atomic []Event, exchanges int, err error) {
	type step struct{ host, number uint64 }
	kinds, pivot := map[step][]Kind{}, map[step]int{}
	for i, e := range run {
		s := step{e.Host, e.Step}
		if len(kinds[s]) == 0 || e.Kind != Send {
			pivot[s] = i
		}
		kinds[s] = append(kinds[s], e.Kind)
	}
	for i, e := range run { // in the run's order, so that the error is always the same
		s := step{e.Host, e.Step}
		if err := Obligation(kinds[s]); err != nil {
			return nil, 0, fmt.Errorf("host %d, step %d (event %d of the run): %w", e.Host, e.Step, i, err)
		}
	}
	atomic = append(atomic, run...)
	place := func(e Event) int { return pivot[step{e.Host, e.Step}] }
	for i := range atomic { // insertion: everything left of i is in order already
		for j := i; j > 0 && place(atomic[j-1]) > place(atomic[j]); j-- {
			a, b := atomic[j-1], atomic[j]
			if err := mayExchange(a, b); err != nil {
				return nil, exchanges, err
			}
			atomic[j-1], atomic[j] = b, a
			exchanges++
		}
	}
	return atomic, exchanges, nil
}

// mayExchange reports whether a rule lets b go before a, its left neighbour.
func mayExchange(a, b Event) error {
	switch {
	case a.Kind == Send && b.Kind == Receive && a.Packet == b.Packet:
		return fmt.Errorf("%w: packet %q would be received before it is sent", ErrReduction, a.Packet)
	case a.Kind == Receive || b.Kind == Send:
		return nil
	}
	return fmt.Errorf("%w: a %v of host %d, step %d, cannot pass a %v of host %d, step %d",
		ErrReduction, a.Kind, a.Host, a.Step, b.Kind, b.Host, b.Step)
}
