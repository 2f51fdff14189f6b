package udp

import "time"

// clock reads the time; a Conn has no other clock, and a Transport none.
func clock() time.Time {
	return time.Now()
}

// since reads the monotonic clock only, which costs half as much.
func since(t time.Time) time.Duration { return time.Since(t) }
