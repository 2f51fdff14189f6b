package udp

import "time"

// Timers and windows. Durations are chosen for hosts in one building, where a round trip takes from
// 20 µs to a few ms.
const (
	// initialTimeout is the retransmission timeout before a round trip was measured. RFC 6298 says
	// 1 s for the whole Internet; a fifth of it lies far above any round trip between our hosts.
	initialTimeout = 200 * time.Millisecond
	// minTimeout is above what a busy receiver needs to come round to its socket.
	minTimeout = 20 * time.Millisecond
	maxTimeout = 2 * time.Second
	// granularity is the resolution of the timers that wake a Conn (RFC 6298's G).
	granularity = time.Millisecond

	// floorDatagrams, initialDatagrams are windows in datagrams of the path: the least (what fast
	// loss detection needs), and the first (RFC 6928).
	floorDatagrams   = 4
	initialDatagrams = 10
	// maxWindow is the greatest window in bytes: what a few senders can put into a receiver's
	// socket buffer of socketBuffer bytes, the kernel's own overhead included.
	maxWindow = 2 << 20
	// burstTime is how much of a path's rate may leave at once, since timers are not finer.
	burstTime = 2 * granularity
	// reorderThreshold is how many later fragments must be acknowledged before one counts as lost
	// (RFC 9002, 6.1.1).
	reorderThreshold = 3
)

// roundTrip estimates the retransmission timeout (RFC 6298). By Karn's rule it only sees samples of
// fragments that were sent once, and a timeout that was backed off stays until the next sample.
type roundTrip struct {
	smoothed, variation time.Duration // zero before the first sample
	timeout             time.Duration // zero before the first sample or back-off
}

func (r *roundTrip) current() time.Duration {
	if r.timeout == 0 {
		return initialTimeout
	}
	return r.timeout
}

func (r *roundTrip) sample(rtt time.Duration) {
	rtt = max(rtt, time.Microsecond)
	if r.smoothed == 0 {
		r.smoothed, r.variation = rtt, rtt/2
	} else {
		r.variation += ((r.smoothed - rtt).Abs() - r.variation) / 4
		r.smoothed += (rtt - r.smoothed) / 8
	}
	r.timeout = min(max(r.smoothed+max(granularity, 4*r.variation), minTimeout), maxTimeout)
}

func (r *roundTrip) backOff() { r.timeout = min(2*r.current(), maxTimeout) }

// window is a congestion window in bytes: slow start, additive increase, halving once per round trip
// in which something was lost (RFC 5681 in bytes, RFC 9002), and a pacer.
type window struct {
	size      int // bytes that may be in flight; zero before the first use
	threshold int // slow start ends here
	partial   int // acknowledged bytes that did not yet widen the window
	inFlight  int // bytes of fragments sent, and neither acknowledged nor lost
	tokens    int // bytes that may leave now
	// limiting is whether the window or the pacer, and not a lack of messages, ended the last Flush.
	limiting bool
	filledAt time.Duration
}

func (w *window) floor(datagram int) int { return min(floorDatagrams*datagram, maxWindow) }

func (w *window) open(now time.Duration, datagram int) {
	if w.size == 0 {
		w.size = min(initialDatagrams*datagram, maxWindow)
		w.threshold = maxWindow
		w.tokens = w.size
		w.filledAt = now
	}
}

// acknowledged takes note of bytes that have arrived, of those that count as in flight.
func (w *window) acknowledged(bytes, datagram int) {
	w.inFlight -= bytes
	if !w.limiting {
		return // a window that is not used says nothing about the path
	}
	if w.size < w.threshold {
		w.size = min(w.size+bytes, maxWindow)
		return
	}
	w.partial += bytes
	if w.partial >= w.size {
		w.partial -= w.size
		w.size = min(w.size+datagram, maxWindow)
	}
}

// lost halves the window.
func (w *window) lost(datagram int) {
	w.threshold = max(w.size/2, w.floor(datagram))
	w.size = w.threshold
	w.partial = 0
}

// silent closes the window to its floor: a timer had to say that something is lost.
func (w *window) silent(datagram int) {
	w.threshold = max(w.size/2, w.floor(datagram))
	w.size = w.floor(datagram)
	w.partial = 0
	w.inFlight = 0
}

// rate returns bytes per round trip that the pacer lets through: more than the window, so that
// pacing does not itself hold it back (RFC 9002, 7.7).
func (w *window) rate() int {
	if w.size < w.threshold {
		return 2 * w.size
	}
	return w.size + w.size/4
}

// burst is the most that may leave at once.
func (w *window) burst(rtt time.Duration, datagram int) int {
	least := initialDatagrams * datagram
	if rtt <= burstTime {
		return max(least, w.rate()) // the window itself is the bound
	}
	return max(least, int(int64(w.rate())*int64(burstTime)/int64(rtt)))
}

// fill adds the tokens of the time since the last call. Without a measured round trip the initial
// window is all there is until the first answer.
func (w *window) fill(now, rtt time.Duration, datagram int) {
	if rtt == 0 {
		rtt = initialTimeout
	}
	passed := min(now-w.filledAt, time.Second)
	added := int(int64(w.rate()) * int64(passed) / int64(rtt))
	if added > 0 {
		w.tokens = min(w.tokens+added, w.burst(rtt, datagram))
		w.filledAt = now
	}
}

// readyAt returns when bytes may leave, or now.
func (w *window) readyAt(now, rtt time.Duration, bytes int) time.Duration {
	if w.tokens >= bytes || w.inFlight == 0 {
		return now
	}
	if rtt == 0 {
		rtt = initialTimeout
	}
	wait := time.Duration(int64(bytes-w.tokens)*int64(rtt)/int64(w.rate())) + 1
	return now + max(wait, granularity/2)
}
