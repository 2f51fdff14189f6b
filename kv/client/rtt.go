package client

import "time"

// Times after which a request is sent again.
const (
	// firstRepeat is used before a host's round trip has been measured.
	firstRepeat = 100 * time.Millisecond
	// minRepeat keeps a busy but healthy host from being asked twice: on loopback
	// a round trip takes microseconds, but a host that syncs, holds a request for
	// a delegate, or waits for a core takes milliseconds.
	minRepeat = 20 * time.Millisecond
	// maxRepeat bounds the backoff, so that a host which comes back is found soon.
	maxRepeat = time.Second
	// bulkBytes is the size from which a request travels as fragments, which udp
	// repeats by itself; bulkRepeat is then the least time before it is sent again.
	bulkBytes  = 32 << 10
	bulkRepeat = 2 * time.Second
	// bulkAnswerRepeat is the least time before an answer of bulkAnswerBytes or more, as
	// it is likely to be, is asked for again: it would come twice, and all that is under
	// way would wait for it. With answers of 512 KiB to wait so long was slower.
	bulkAnswerBytes  = 2 << 20
	bulkAnswerRepeat = 500 * time.Millisecond
)

// rtt estimates when an answer is overdue, by RFC 6298: a smoothed round trip
// and its deviation. Only requests that were sent once are samples (Karn's rule).
type rtt struct{ smooth, deviation time.Duration }

func (r *rtt) sample(d time.Duration) {
	if r.smooth == 0 {
		r.smooth, r.deviation = d, d/2
		return
	}
	r.deviation += ((r.smooth - d).Abs() - r.deviation) / 4
	r.smooth += (d - r.smooth) / 8
}

// repeatAfter returns how long to wait after the n-th transmission, n from 1.
func (r *rtt) repeatAfter(n int) time.Duration {
	d := firstRepeat
	if r.smooth > 0 {
		d = max(minRepeat, r.smooth+4*r.deviation)
	}
	return min(maxRepeat, d<<min(n-1, 10))
}
