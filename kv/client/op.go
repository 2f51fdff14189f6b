package client

import (
	"context"
	"time"

	"ironkv/delegation"
	"ironkv/marshal"
)

// An opKind tells which request an op is.
type opKind uint8

const (
	opGet opKind = iota
	opSet
	opScan
	opShard
	opOrder
	opMoves
	opStatus
	opAudit
	opDial // waits for the first session at any of the addresses dialed
)

// numbered reports whether requests of the kind take a number of the session's
// sequence and are answered once: writes and orders.
func (k opKind) numbered() bool { return k == opSet || k == opShard || k == opOrder }

// An opState tells where an op stands, and which of its fields mean something.
type opState uint8

const (
	opNew     opState = iota
	opOpening         // in host.waiting, until there is a session
	opQueued          // in host.flight.waiting, until the flight has room
	opWaiting         // in session.waiting, until the window has room
	opSent            // in session.reads or session.writes, under number; due repeats it
	opPausing         // without a place; due places it anew
	opDone            // the result is set; the engine has forgotten the op
)

// An op is one request on its way, from the call until its answer. While it is
// not done, everything in it belongs to the engine.
type op struct {
	// What is asked; which fields mean something depends on kind.
	kind      opKind
	key       delegation.Key // get, set; shares the caller's memory
	value     []byte         // set; the caller's memory
	remove    bool           // set
	cond      marshal.Condition
	rng       delegation.Range // scan, shard
	limit     uint32           // scan
	maxBytes  uint32           // scan
	mode      marshal.ScanMode // scan
	recipient HostID           // shard
	rate      uint64           // shard, order
	move      MoveID           // order
	action    marshal.MoveAction
	after     uint64 // moves
	cut       uint64 // audit
	page      uint32 // audit
	quiet     uint32 // audit, in milliseconds

	// target fixes the host; 0 asks whoever owns the key.
	target    HostID
	operation marshal.OperationID // numbered kinds: the same wherever it is tried
	ctx       context.Context
	begun     time.Duration
	deadline  time.Duration

	// Where it is.
	state   opState
	host    *host
	session *session
	number  uint64
	// hint is shown to host hintFor only: to any other, its number says nothing.
	hint    marshal.Hint
	hintFor HostID
	// sent counts the transmissions under number; first and last are the times of
	// the first and the latest.
	sent        int
	first, last time.Duration
	due         time.Duration
	// aboard is what it counts in the flight of host, in bytes.
	aboard int
	// lost is the incarnation of the host at which the op was sent in a session
	// that the host then did not know; 0 otherwise. lostAfter is how long after
	// its first transmission that was heard.
	lost      marshal.Incarnation
	lostAfter time.Duration
	redirects int
	refusals  int
	refusal   marshal.RefusalReason // the latest, where refusals > 0

	// What came of it, once state is opDone.
	err     error
	found   bool              // get
	result  marshal.SetResult // set
	version marshal.Version   // get, set
	out     []byte            // get: the value, the caller's own
	page1   page              // scan
	reply   marshal.Message   // the other kinds: a copy of the answer

	prev, next *op // the engine's list of ops that are not done
	w          *waiter
}

// routeKey is the key by which the op finds its host, where target is 0.
func (o *op) routeKey() delegation.Key {
	if o.kind == opGet || o.kind == opSet {
		return o.key
	}
	k, _ := o.rng.From.Key() // "" is below every key, as −∞ is
	return k
}

// risky reports whether the op may have been executed, or may still be.
func (o *op) risky() bool {
	return o.kind.numbered() && (o.lost != 0 || o.state == opSent && o.sent > 0)
}

// A page is the part of a scan that one reply brought; the memory is the caller's.
type page struct {
	covered     delegation.Range
	keys, bytes uint64
	entries     []Entry
	size        int // of the entries' keys and values, in bytes
}

// A waiter is a caller who waits for some ops.
type waiter struct {
	// left is the number of its ops that are not done; it is woken at enough.
	left, enough int
	ready        bool      // left has come down to enough
	parked       bool      // in the client's list; wake will be sent to
	wake         chan role // roleDone, or roleLeader: the part is yours
	prev, next   *waiter
}

func newWaiter() *waiter { return &waiter{wake: make(chan role, 1)} }

// opList is the list of ops that are not done, the oldest first.
type opList struct {
	first, last *op
	len         int
	next        *op // whom tick looks at next; nil: the first
}

func (l *opList) push(o *op) {
	o.prev, o.next = l.last, nil
	if l.last != nil {
		l.last.next = o
	} else {
		l.first = o
	}
	l.last = o
	l.len++
}

func (l *opList) remove(o *op) {
	if l.next == o {
		l.next = o.next
	}
	if o.prev != nil {
		o.prev.next = o.next
	} else {
		l.first = o.next
	}
	if o.next != nil {
		o.next.prev = o.prev
	} else {
		l.last = o.prev
	}
	o.prev, o.next = nil, nil
	l.len--
}
