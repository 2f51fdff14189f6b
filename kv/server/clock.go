package server

import (
	"time"

	"ironkv/kv"
)

// stopwatch turns readings of a clock into the machine's time: nanoseconds since
// start, never decreasing. It is the only place that knows the time of day.
type stopwatch struct {
	clock func() time.Time
	start time.Time
	last  kv.Time
}

// newStopwatch starts at the system's clock, whose readings are monotonic.
func newStopwatch() stopwatch {
	return stopwatch{clock: time.Now, start: time.Now()}
}

// now reads the clock.
func (w *stopwatch) now() kv.Time {
	w.last = max(w.last, kv.Time(w.clock().Sub(w.start)))
	return w.last
}

// at returns the moment t as a deadline for the socket.
func (w *stopwatch) at(t kv.Time) time.Time { return w.start.Add(time.Duration(t)) }

// never is the deadline of waiting without one.
func (w *stopwatch) never() time.Time { return time.Time{} }
