package udp

import (
	"slices"
	"time"
)

const (
	// holeTimeouts is how many timeouts in a row, from a destination that answers pings meanwhile,
	// say that the path swallows datagrams of this size.
	holeTimeouts = 3
	// widenAfter is when the full size is tried again, and widenMost what that grows to by doubling
	// as it fails (RFC 8899's PMTU_RAISE_TIMER).
	widenAfter = 30 * time.Second
	widenMost  = 10 * time.Minute
)

// path finds out when a path takes smaller datagrams than was said, which nobody reports: fragments
// are lost again and again, while pings, which are small, are answered (RFC 8899, 4.3). A silent
// destination is another matter: it says nothing about the size.
type path struct {
	silences   int           // timeouts since the last news
	askedAt    time.Duration // when the last timeout sent a ping
	widenAt    time.Duration // when to try the full size again, while it is narrowed
	widenAfter time.Duration // how long it was narrowed for last; zero at first
	pingDue    bool
	pongDue    bool
}

// suspect is called at each timeout. It asks for a sign of life, and makes datagrams smaller when there
// were signs enough and still no news.
func (t *Transport) suspect(now time.Duration, p *peer) {
	alive := p.silences > 0 && p.heardAt >= p.askedAt
	p.silences++
	p.askedAt = now
	p.pingDue = true
	if !alive || p.silences < holeTimeouts {
		return
	}
	smaller := DefaultDatagram
	if p.datagram <= smaller {
		smaller = MinDatagram
	}
	fits := smaller - headerSize - fragmentOverhead
	tooLong := slices.ContainsFunc(p.flying, func(tr *transmission) bool { return len(tr.msg) > fits && tr.size > fits })
	if smaller >= p.datagram || !tooLong {
		return
	}
	t.stats.Narrowed++
	p.silences = 0
	p.widenAfter = min(max(2*p.widenAfter, widenAfter), widenMost)
	p.widenAt = now + p.widenAfter
	t.resize(p, smaller)
}

// widen tries the full size again, when it is time.
func (p *peer) widen(now time.Duration) {
	if p.datagram < p.ceiling && now >= p.widenAt {
		p.datagram = p.ceiling
	}
}

// resize changes the size of datagrams. Transmissions in fragments that are too large now begin again
// under new ids; those behind them keep their place in the queue.
func (t *Transport) resize(p *peer, bytes int) {
	t.seal(p)
	p.datagram = bytes
	fits := bytes - headerSize - fragmentOverhead
	var again []*transmission
	for i := 0; i < len(p.flying); {
		if tr := p.flying[i]; tr.size > fits && len(tr.msg) > fits {
			t.land(p, i)
			again = append(again, tr)
		} else {
			i++
		}
	}
	if len(again) == 0 {
		return
	}
	for p.waiting.len() > 0 {
		again = append(again, p.waiting.pop())
	}
	for _, tr := range again {
		t.serial++
		tr.serial = t.serial // what is noted of its old fragments means nothing any more
		p.waiting.push(tr)
	}
	t.markDirty(p)
}

// fillSigns writes the ping or pong that is due, in a datagram of its own: a small one gets through.
func (t *Transport) fillSigns(p *peer) {
	if p.pingDue || p.pongDue {
		t.seal(p)
	}
	if p.pingDue && t.reserve(p, 1) {
		p.open = append(p.open, framePing)
	}
	if p.pongDue && t.reserve(p, 1) {
		p.open = append(p.open, framePong)
	}
	if p.pingDue || p.pongDue {
		t.seal(p)
	}
	p.pingDue, p.pongDue = false, false
}
