package udp

import "time"

// clock reads the time; a Conn has no other clock, and a Transport none.
func clock() time.Time {
	return time.Now()
}
