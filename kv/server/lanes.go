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
	// originShare is how many messages of one origin (kv.Origin) may wait in front while
	// there are others, which have been heard of for less than severalTime: so few that a
	// batch has room for those, and the host goes on to receive.
	originShare = maxBatchSteps / 4
	severalTime = kv.Second
	// strangerRate is how many messages of strangers a host takes in a millisecond, and
	// strangerBurst how many at once; more are dropped, since to answer all that they
	// send would take the time of everybody else. Who asks for a session though his address
	// has one counts as a stranger, too: it takes two messages, once. There are againRate
	// and againBurst of those: it is they who make a host write, and newcomers do not wait for them.
	strangerRate  = 20
	strangerBurst = 1024
	againRate     = 2
	againBurst    = 128
	// maxBehind is how many messages may wait beside, and how many behind; more are
	// dropped. It is what can be refused in a fraction of MaxWait.
	maxBehind = 16 * maxBatchSteps
	// lanePlaces is how many places sources are counted in, a power of two. Sources
	// that share one share their part (P. McKenney, Stochastic Fairness Queueing, 1990).
	lanePlaces = 1 << 12
	// maxProven bounds the addresses that are remembered as clients', or twice those that
	// have sessions, if that is more.
	maxProven = 2 * kv.DefaultSessions
)

// lanes is the inbox in four. Messages of sources of which little waits go in front
// and are taken first; what exceeds a source's share goes behind. So who floods the
// host waits for himself, and others hardly notice. What exceeds the share of an origin
// goes beside, and is taken between the two: so does who has thousands of addresses, and
// honest ones who share his wait with them. Messages of long readers (debts) wait until it
// is their turn. Hosts of the cluster always go in front, in order, but for their delegates,
// each of which takes as long as a hundred requests: those are freight, which is for who
// asks for it.
type lanes struct {
	front, beside, behind inbox
	long, freight         inbox
	debts                 debts
	waiting               [lanePlaces]uint16 // in front and beside, by place
	ofOrigin              [lanePlaces]uint32 // in front, by the origin's place
	origin                uint16             // place of the one that was heard of last; lanePlaces: none was
	several               kv.Time            // until when there are others
	seed                  uint64
	hosts                 map[netip.AddrPort]delegation.HostID
	proven                map[netip.AddrPort]struct{}
	sessions              iter.Seq[netip.AddrPort] // the addresses that have sessions now
	kept                  int                      // how many these were when they were last looked at
	latest                source
	strangers             int     // how many messages of strangers may come in now
	again                 int     // the same of clients that ask for one more session
	now                   kv.Time // of the last stamp
	crowded               uint64  // dropped since the start, as too much came
}

// A source is whom messages are from.
type source struct {
	addr   netip.AddrPort
	host   delegation.HostID // 0: a client, or a stranger
	proven bool              // a session was opened there
	places
}

// places are where the messages of a source are counted while they wait.
type places struct{ source, origin uint16 }

func newLanes(hosts map[netip.AddrPort]delegation.HostID) lanes {
	return lanes{
		hosts: hosts, proven: map[netip.AddrPort]struct{}{}, sessions: func(func(netip.AddrPort) bool) {},
		strangers: strangerBurst, again: againBurst, origin: lanePlaces, seed: maphash.Bytes(maphash.MakeSeed(), nil),
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
	s := l.who(src)
	if l.stranger(src, msg) {
		left := &l.strangers
		if s.proven {
			left = &l.again
		}
		if *left == 0 {
			l.crowded++
			return false
		}
		*left--
	}
	a := arrival{src: src, host: s.host, proven: s.proven, places: s.places}
	lane := &l.front
	switch {
	case a.host != 0 && marshal.IsDelegate(msg):
		l.freight.add(a, msg)
		return true
	case a.host != 0:
	case l.debts.long(src):
		lane = &l.long
	case l.waiting[a.source] >= laneShare:
		lane = &l.behind
	case l.crowds(a.origin):
		lane = &l.beside
	}
	if lane != &l.front && lane.len() >= maxBehind {
		l.crowded++
		return false
	}
	if lane == &l.front || lane == &l.beside {
		l.waiting[a.source]++
	}
	if lane == &l.front {
		l.ofOrigin[a.origin]++
	}
	lane.add(a, msg)
	return true
}

// crowds reports whether a client's origin has its part of the front lane, of which it
// has a part only while there are others.
func (l *lanes) crowds(origin uint16) bool {
	if origin != l.origin {
		if l.origin != lanePlaces {
			l.several = l.now + severalTime
		}
		l.origin = origin
	}
	return l.now < l.several && l.ofOrigin[origin] >= originShare
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
		l.latest = source{src, l.hosts[src], proven, places{l.place(src), l.place(originOf(src))}}
	}
	return &l.latest
}

// originOf stands for all addresses of a client's origin.
func originOf(client netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(kv.Origin(client), 0)
}

// place is where the messages of an address, or of what stands for an origin, are counted.
func (l *lanes) place(src netip.AddrPort) uint16 {
	const odd = 0x9E3779B97F4A7C15
	a := src.Addr().As16()
	h := (l.seed ^ binary.LittleEndian.Uint64(a[:])) * odd
	h = (h ^ h>>32 ^ binary.LittleEndian.Uint64(a[8:])) * odd
	h = (h ^ h>>32 ^ uint64(src.Port())) * odd
	return uint16((h >> 40) % lanePlaces)
}

// take removes the oldest message in front, or else beside, or else behind, and never
// freight. Those whose sender has become a long reader since they came wait with his others,
// which are taken when it is their turn. Its bytes are valid until the next add or tidy.
func (l *lanes) take() (arrival, []byte, bool) {
	for {
		a, msg, ok := l.short()
		switch {
		case !ok && l.turnOfLong():
			l.debts.served = true
			return l.long.take()
		case !ok:
			return arrival{}, nil, false
		case a.host == 0 && l.debts.long(a.src):
			if l.long.len() < maxBehind {
				l.long.move(a, msg)
			} else {
				l.crowded++
			}
			continue
		case a.host == 0 && a.proven:
			l.debts.other = l.debts.now
		}
		return a, msg, true
	}
}

// short removes the oldest message of all but long readers.
func (l *lanes) short() (arrival, []byte, bool) {
	if a, msg, ok := l.front.take(); ok {
		l.waiting[a.source]--
		l.ofOrigin[a.origin]--
		return a, msg, true
	}
	if a, msg, ok := l.beside.take(); ok {
		l.waiting[a.source]--
		return a, msg, true
	}
	return l.behind.take()
}

// turnOfLong reports whether long readers wait, and no longer for others.
func (l *lanes) turnOfLong() bool { return !l.long.empty() && l.debts.now >= l.debts.due() }

// stamp gives what was added since the last stamp its time of arrival.
func (l *lanes) stamp(now kv.Time) {
	l.debts.now = now
	if ms := int((now - l.now) / kv.Millisecond); ms > 0 {
		l.strangers = min(l.strangers+ms*strangerRate, strangerBurst)
		l.again = min(l.again+ms*againRate, againBurst)
		l.now += kv.Time(ms) * kv.Millisecond
		l.debts.pass(ms)
	}
	l.front.stamp(now)
	l.beside.stamp(now)
	l.behind.stamp(now)
	l.long.stamp(now)
	l.freight.stamp(now)
}

func (l *lanes) tidy() {
	l.front.tidy()
	l.beside.tidy()
	l.behind.tidy()
	l.long.tidy()
	l.freight.tidy()
}

// empty reports whether nothing waits but long readers whose turn it is not.
func (l *lanes) empty() bool { return l.len() == 0 && l.freight.empty() }

// bytes is how much memory the waiting messages take.
func (l *lanes) bytes() int {
	return l.front.bytes() + l.beside.bytes() + l.behind.bytes() + l.long.bytes() + l.freight.bytes()
}

// len is how many messages there are for take; at returns the i-th of them.
func (l *lanes) len() int {
	n := l.front.len() + l.beside.len() + l.behind.len()
	if l.turnOfLong() {
		n += l.long.len()
	}
	return n
}

func (l *lanes) at(i int) []byte {
	for _, lane := range []*inbox{&l.front, &l.beside, &l.behind} {
		n := lane.len()
		if i < n {
			return lane.at(i)
		}
		i -= n
	}
	return l.long.at(i)
}
