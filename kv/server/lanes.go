package server

import (
	"encoding/binary"
	"hash/maphash"
	"iter"
	"net/netip"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

const (
	// laneShare is how many messages of one source may wait in the front lane: what a
	// client of many callers has under way at one time.
	laneShare = 128
	// strangerRate is how many messages of strangers a host takes in a millisecond, and
	// strangerBurst how many at once; more are dropped, since to answer all that they
	// send would take the time of everybody else. Whoever asks for a session counts as a
	// stranger, whatever his address: it takes two messages, once.
	strangerRate  = 20
	strangerBurst = 1024
	// maxBehind is how many messages may wait behind; more are dropped. It is what
	// can be refused in a fraction of MaxWait.
	maxBehind = 16 * maxBatchSteps
	// lanePlaces is how many places sources are counted in, a power of two. Sources
	// that share one share their part (P. McKenney, Stochastic Fairness Queueing, 1990).
	lanePlaces = 1 << 12
	// maxProven bounds the addresses that are remembered as clients', or twice those that
	// have sessions, if that is more.
	maxProven = 2 * kv.DefaultSessions
)

// lanes is the inbox in two. Messages of sources of which little waits go in front
// and are taken first; what exceeds a source's share goes behind. So who floods the
// host waits for himself, and others hardly notice. Hosts of the cluster always go in
// front, in order.
type lanes struct {
	front, behind inbox
	waiting       [lanePlaces]uint16 // in front, by place
	seed          uint64
	hosts         map[netip.AddrPort]delegation.HostID
	proven        map[netip.AddrPort]struct{}
	sessions      iter.Seq[netip.AddrPort] // the addresses that have sessions now
	kept          int                      // how many these were when they were last looked at
	latest        source
	strangers     int     // how many messages of strangers may come in now
	now           kv.Time // of the last stamp
	crowded       uint64  // dropped since the start, as too much came
}

// A source is whom messages are from.
type source struct {
	addr   netip.AddrPort
	host   delegation.HostID // 0: a client, or a stranger
	proven bool              // a session was opened there
}

func newLanes(hosts map[netip.AddrPort]delegation.HostID) lanes {
	return lanes{
		hosts: hosts, proven: map[netip.AddrPort]struct{}{}, sessions: func(func(netip.AddrPort) bool) {},
		strangers: strangerBurst, seed: maphash.Bytes(maphash.MakeSeed(), nil),
	}
}

// prove notes that an address has opened a session. What is remembered of those whose
// sessions have ended is forgotten when it has become too much.
func (l *lanes) prove(src netip.AddrPort) {
	l.latest = source{}
	if len(l.proven) >= max(maxProven, 2*l.kept) {
		clear(l.proven)
		for client := range l.sessions {
			l.proven[client] = struct{}{}
		}
		l.kept = len(l.proven)
	}
	l.proven[src] = struct{}{}
}

// add copies a message in, or reports false where too many of its source wait.
func (l *lanes) add(src netip.AddrPort, msg []byte) bool {
	if l.stranger(src, msg) {
		if l.strangers == 0 {
			l.crowded++
			return false
		}
		l.strangers--
	}
	a := arrival{src: src, host: l.who(src).host, place: l.place(src)}
	if l.waiting[a.place] >= laneShare && a.host == 0 {
		if l.behind.len() >= maxBehind {
			l.crowded++
			return false
		}
		l.behind.add(a, msg)
		return true
	}
	l.waiting[a.place]++
	l.front.add(a, msg)
	return true
}

// stranger reports whether src has proven nothing, or asks for a session.
func (l *lanes) stranger(src netip.AddrPort, msg []byte) bool {
	s := l.who(src)
	return s.host == 0 && (!s.proven || marshal.OpensSession(msg))
}

// who returns what is known of src. Of the latest it is at hand, as messages of one
// source come one after the other.
func (l *lanes) who(src netip.AddrPort) *source {
	if src != l.latest.addr {
		_, proven := l.proven[src]
		l.latest = source{src, l.hosts[src], proven}
	}
	return &l.latest
}

// place is where a source's messages are counted while they wait.
func (l *lanes) place(src netip.AddrPort) uint16 {
	const odd = 0x9E3779B97F4A7C15
	a := src.Addr().As16()
	h := (l.seed ^ binary.LittleEndian.Uint64(a[:])) * odd
	h = (h ^ h>>32 ^ binary.LittleEndian.Uint64(a[8:])) * odd
	h = (h ^ h>>32 ^ uint64(src.Port())) * odd
	return uint16((h >> 40) % lanePlaces)
}

// take removes the oldest message in front, or else the oldest behind. Its bytes are
// valid until the next add or tidy.
func (l *lanes) take() (arrival, []byte, bool) {
	if a, msg, ok := l.front.take(); ok {
		l.waiting[a.place]--
		return a, msg, true
	}
	return l.behind.take()
}

// stamp gives what was added since the last stamp its time of arrival.
func (l *lanes) stamp(now kv.Time) {
	if ms := int((now - l.now) / kv.Millisecond); ms > 0 {
		l.strangers = min(l.strangers+ms*strangerRate, strangerBurst)
		l.now += kv.Time(ms) * kv.Millisecond
	}
	l.front.stamp(now)
	l.behind.stamp(now)
}

func (l *lanes) tidy() {
	l.front.tidy()
	l.behind.tidy()
}

func (l *lanes) empty() bool { return l.front.empty() && l.behind.empty() }

// bytes is how much memory the waiting messages take.
func (l *lanes) bytes() int { return l.front.bytes() + l.behind.bytes() }

// len is how many messages wait; at returns the i-th to be taken.
func (l *lanes) len() int { return l.front.len() + l.behind.len() }

func (l *lanes) at(i int) []byte {
	if n := l.front.len(); i >= n {
		return l.behind.at(i - n)
	}
	return l.front.at(i)
}
