package client

import (
	"net/netip"
	"time"

	"ironkv/delegation"
	"ironkv/marshal"
)

const (
	// firstRead is the number of a session's first read. Reads are numbered above
	// all writes, so that an answer that says only its number (a redirect, a
	// refusal) is never taken for another's.
	firstRead = 1 << 31
	// opensPerCookie is how often a cookie is shown before another is asked for.
	opensPerCookie = 4
	// detourAfter is how many unanswered transmissions make the client ask another
	// host who owns the key: the range may have moved on before the host fell silent.
	detourAfter = 4
)

// A host is a member of the cluster as the client knows it.
type host struct {
	id   HostID // 0 while it is only an address that was dialed
	addr netip.AddrPort
	rtt  rtt
	// silent counts the requests that had to be sent again since anything was heard.
	silent int
	// overloaded is when it last said that it is, overloads how often in a row,
	// with less than maxRepeat between two.
	overloaded time.Duration
	overloads  int
	// incarnation is the one that its last session was opened with; 0 before.
	incarnation marshal.Incarnation
	// current takes new requests; nil while there is no session.
	current *session
	// sessions holds current and those before it that still have ops.
	sessions map[marshal.SessionID]*session
	opening  opening
	flight   flight
	// waiting are the ops that need a session, in the order of their coming.
	waiting []*op
}

// opening is the way to a session: Hello, its cookie, Open.
type opening struct {
	active bool
	nonce  marshal.Nonce
	cookie marshal.Cookie
	asked  bool // the cookie has come: Open is what is repeated
	since  time.Duration
	sent   int // transmissions of Hello, or of Open, in a row
	silent int // transmissions since anything was heard
	due    time.Duration
}

// A session is the client at one host.
type session struct {
	id          marshal.SessionID
	host        *host
	incarnation marshal.Incarnation
	// window is how far above the floor numbers may lie.
	window uint64
	// idle is after how long without a request the host may forget the session;
	// touched is a moment at which it certainly had not yet begun to idle.
	idle, touched time.Duration
	// next is the next write's number. Every number below floor has been answered
	// or given up; writes holds the others.
	next, floor uint64
	writes      pending
	nextRead    uint64
	reads       pending
	// waiting are the writes that the window has no room for, in order.
	waiting []*op
}

func newSession(h *host, m *marshal.Opened, asked time.Duration) *session {
	return &session{
		id: m.Session, host: h, incarnation: m.Incarnation,
		window: max(1, uint64(m.Window)), idle: time.Duration(m.IdleMillis) * time.Millisecond, touched: asked,
		next: 1, floor: 1, writes: newPending(),
		nextRead: firstRead, reads: newPending(),
	}
}

// fit reports whether new requests may use the session. Writes need one that has
// not idled half of what the host allows, so that it cannot expire under them.
func (s *session) fit(now time.Duration, write bool) bool {
	return !write || now-s.touched < s.idle/2 && s.next < firstRead
}

// room reports whether the window takes another write.
func (s *session) room() bool { return s.next < s.floor+s.window }

// closeNumber notes that a write's number was answered, or the write given up.
func (s *session) closeNumber(o *op) {
	s.writes.remove(o)
	for s.floor < s.next && s.writes.get(s.floor) == nil {
		s.floor++
	}
}

// unused reports whether nothing is left that needs the session.
func (s *session) unused() bool {
	return s.writes.n == 0 && s.reads.n == 0 && len(s.waiting) == 0
}

// A route is what the client knows of who owns what.
type route struct {
	root   HostID // whom to ask where nothing is known: it owned every key in the beginning
	owners *delegation.Map
	// hints are delegates that redirects named: whoever asks the new owner for a
	// key they cover shows them, so that the owner holds the request until they
	// have arrived. A stale hint does no harm.
	hints []rangeHint
}

const (
	// maxBoundaries bounds the map of owners; beyond it the map is learned anew.
	maxBoundaries = 1 << 20
	// maxHints and hintLife bound the hints that are remembered. A delegate that
	// is in flight for longer has lost an end.
	maxHints = 16
	hintLife = 2 * time.Second
)

type rangeHint struct {
	rng   delegation.Range
	owner HostID
	hint  marshal.Hint
	until time.Duration
}

// learn notes that, as far as somebody knows, owner owns r.
func (t *route) learn(now time.Duration, r delegation.Range, owner HostID, hint marshal.Hint) {
	if t.owners.Len() >= maxBoundaries {
		t.owners = delegation.NewMap(t.root)
	}
	if err := t.owners.Assign(r, owner); err != nil {
		return // an empty range teaches nothing
	}
	if hint == (marshal.Hint{}) {
		return
	}
	if len(t.hints) == maxHints {
		t.hints = append(t.hints[:0], t.hints[1:]...)
	}
	t.hints = append(t.hints, rangeHint{r.Clone(), owner, hint, now + hintLife})
}

// hint returns the latest hint for key at owner, or none.
func (t *route) hint(now time.Duration, key delegation.Key, owner HostID) marshal.Hint {
	for i := len(t.hints) - 1; i >= 0; i-- {
		h := t.hints[i]
		if now >= h.until {
			t.hints = append(t.hints[:0], t.hints[i+1:]...)
			break
		}
		if h.owner == owner && h.rng.Contains(key) {
			return h.hint
		}
	}
	return marshal.Hint{}
}
