package client

import "time"

// Times after which a request is sent again.
const (
	// firstRepeat is used before a host's round trip has been measured.
	firstRepeat = 100 * time.Millisecond
	// minRepeat is how much longer than usual an answer may take at least: on loopback a
	// round trip takes microseconds, but a host that syncs, holds a request for a
	// delegate, or waits for a core takes milliseconds.
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

// rtt estimates when an answer is overdue, by RFC 6298: a smoothed round trip and its
// deviation. Of the answers of one round trip only the latest counts: hundreds that come
// together are one observation, and if each were a sample the deviation would soon be
// nothing (RFC 7323, appendix G), so that all callers asked twice where answers come a
// little later than the last ones.
type rtt struct {
	smooth, deviation time.Duration
	longest           time.Duration // of this round trip
	until             time.Duration // when it ends
}

// sample is told how long an answer took.
func (r *rtt) sample(now, d time.Duration) {
	r.longest = max(r.longest, d)
	switch {
	case r.smooth == 0:
		r.smooth, r.deviation = d, d/2
	case now < r.until:
		return
	default:
		r.deviation += ((r.smooth - r.longest).Abs() - r.deviation) / 4
		r.smooth += (r.longest - r.smooth) / 8
	}
	r.longest, r.until = 0, now+r.smooth
}

// early reports whether an answer that came so long after a request was sent again is
// to one of the copies sent before.
func (r *rtt) early(d time.Duration) bool { return d < r.smooth/2 }

// repeatAfter returns how long to wait after the n-th transmission, n from 1.
func (r *rtt) repeatAfter(n int) time.Duration {
	d := firstRepeat
	if r.smooth > 0 {
		d = r.smooth + max(minRepeat, 4*r.deviation)
	}
	return min(maxRepeat, d<<min(n-1, 10))
}
