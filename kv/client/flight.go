package client

import (
	"slices"
	"time"
)

// Bounds of what is under way between a client and one host at one time: bytes of
// requests, and of the replies that they will have. What the sockets' buffers do
// not hold is lost, and missed only when a timer runs out.
const (
	// mostFlying is a quarter of what udp asks for a socket's buffer, which the kernel's
	// own overhead and other clients fill, too; more was no faster.
	mostFlying = 1 << 20
	// leastFlying is two of the greatest datagrams.
	leastFlying = 128 << 10
	// flyingStep is what a flight grows by once it was used up without a loss.
	flyingStep = 64 << 10
	// flyingShare is what one request counts at most: what is larger travels as
	// fragments, for which udp has a window of its own.
	flyingShare = mostFlying / 4
	// envelope is about what a message has beside key and value, in bytes.
	envelope = 64
)

// A flight is the window of one host, in bytes. Requests for which it has no room
// wait, in order. It halves where something is lost, once per round trip, and
// grows again by steps (RFC 5681).
type flight struct {
	// size is how much may be under way, at most most; used is how much is.
	most, size, used int
	grown            int           // bytes answered since size last changed
	cutAt            time.Duration // when size was last halved
	// getReply and scanReply are the lengths of replies.
	getReply, scanReply length
	waiting             []*op
	head                int // waiting[:head] have gone
}

// A length is how long replies of a kind are, in bytes, smoothed.
type length struct {
	bytes int
	known bool // one has come
}

// expected is how long the next reply is taken to be: as long as counts, before one has come, so
// that a few are asked for and not hundreds, of which a host queues 32 MiB and drops the rest.
func (l *length) expected() int {
	if !l.known {
		return flyingShare
	}
	return l.bytes
}

// heard learns from the length of a reply.
func (l *length) heard(bytes int) {
	if !l.known {
		l.bytes, l.known = bytes, true
	}
	l.bytes += (bytes - l.bytes) / 8
}

func newFlight(most int) flight { return flight{most: most, size: most} }

// cost is what o counts.
func (f *flight) cost(o *op) int {
	return min(envelope+len(o.key)+len(o.value)+f.answer(o), flyingShare)
}

// answer is how long o's answer is likely to be, beyond its envelope.
func (f *flight) answer(o *op) int {
	switch o.kind {
	case opGet:
		return f.getReply.expected()
	case opScan:
		return f.scanReply.expected()
	case opSet, opShard, opOrder, opMoves, opStatus, opAudit, opDial:
	}
	return 0
}

// board counts o, if there is room; where nothing is under way there always is.
func (f *flight) board(o *op) bool {
	cost := f.cost(o)
	if f.used > 0 && f.used+cost > f.size {
		return false
	}
	o.aboard = cost
	f.used += cost
	return true
}

// land counts o no longer.
func (f *flight) land(o *op) {
	f.used -= o.aboard
	o.aboard = 0
}

// answered widens a flight that keeps requests waiting, after one has been
// answered at the first try.
func (f *flight) answered(o *op) {
	if f.crowd() == 0 || f.size == f.most {
		return
	}
	if f.grown += o.aboard; f.grown >= f.size {
		f.size, f.grown = min(f.size+flyingStep, f.most), 0
	}
}

// lost halves the flight, unless o was sent before it was last halved.
func (f *flight) lost(now time.Duration, o *op) {
	if o.last > f.cutAt {
		f.size, f.grown, f.cutAt = max(f.size/2, min(f.size, leastFlying)), 0, now
	}
}

// crowd is how many requests wait.
func (f *flight) crowd() int { return len(f.waiting) - f.head }

func (f *flight) push(o *op) { f.waiting = append(f.waiting, o) }

// pop takes the first of those that wait.
func (f *flight) pop() *op {
	o := f.waiting[f.head]
	f.waiting[f.head] = nil
	f.head++
	switch {
	case f.head == len(f.waiting):
		f.waiting, f.head = f.waiting[:0], 0
	case f.head > len(f.waiting)/2:
		f.waiting, f.head = slices.Delete(f.waiting, 0, f.head), 0
	}
	return o
}

// remove takes o out of those that wait.
func (f *flight) remove(o *op) {
	if i := slices.Index(f.waiting[f.head:], o); i >= 0 {
		f.waiting = slices.Delete(f.waiting, f.head+i, f.head+i+1)
	}
}

// board sends o in h's current session once there is room for it and for all that
// came before it.
func (e *engine) board(now time.Duration, o *op) {
	f := &o.host.flight
	if f.size == 0 {
		*f = newFlight(e.mostFlying)
	}
	if f.crowd() == 0 && f.board(o) {
		e.enter(now, o)
		return
	}
	o.state = opQueued
	f.push(o)
	e.fly(now, o.host)
}

// fly sends those that the flight has come to have room for. It does nothing while
// several are being given up, lest one be sent only to be given up next.
func (e *engine) fly(now time.Duration, h *host) {
	f := &h.flight
	for f.crowd() > 0 && !e.closed && !e.ticking {
		o := f.waiting[f.head]
		s := h.current
		if s == nil || !s.fit(now, o.kind.numbered()) {
			f.pop()
			o.state = opNew
			e.placeAt(now, o, h) // to wait for a session
			continue
		}
		if !f.board(o) {
			return
		}
		f.pop()
		e.enter(now, o)
	}
}
