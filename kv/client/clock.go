package client

import "time"

// This file is the only one here that reads the real clock. Within the package
// time is a duration since the client was made, handed in from here.

// A clock counts from its zero.
type clock struct{ zero time.Time }

func newClock() clock { return clock{zero: time.Now()} }

// now returns the time since the clock's zero.
func (k clock) now() time.Duration { return time.Since(k.zero) }

// at returns the wall clock's reading at d, for deadlines of sockets.
func (k clock) at(d time.Duration) time.Time { return k.zero.Add(d) }

// since returns what the wall clock's t is on this clock.
func (k clock) since(t time.Time) time.Duration { return t.Sub(k.zero) }

// A timer fires once after d, on C.
func newTimer(d time.Duration) *time.Timer { return time.NewTimer(d) }

// untilDeadline returns how long it is until t.
func untilDeadline(t time.Time) time.Duration { return time.Until(t) }
