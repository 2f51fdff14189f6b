package udp

import (
	"slices"
	"time"
)

const (
	// maxFlying bounds the transmissions to one destination that are begun and unfinished. With it
	// all ids in flight lie within half of the window that the receiver remembers.
	maxFlying = idWindow / 2
	// transmissionOverhead is what a queued message is charged besides its buffer, in bytes.
	transmissionOverhead = 256
	// maxRefusals times GiveUp is how long a transmission may go without progress although its
	// destination is alive: one that has no room for it, or is set to take less.
	maxRefusals = 6
)

// sender is the half of a peer that sends.
type sender struct {
	open       []byte // the datagram being filled; nil or longer than its header
	unflushed  int    // bytes of frames sent Once since the last Flush
	queued     int    // bytes charged for transmissions, begun or not
	queuedPart part

	nextID    uint64 // id of the next transmission to begin
	waiting   fifo[*transmission]
	flying    []*transmission // begun and unfinished, ids ascending
	flyingSum int             // bytes of their messages, at most MaxMessage unless it is one alone
	lost      fifo[flight]    // fragments to repeat, before any is sent for the first time
	flights   fifo[flight]    // fragments sent, in that order; some are acknowledged or lost by now
	nextSeq   uint64          // number of the next fragment sent, repeated ones have a new one
	highest   uint64          // highest acknowledged, plus one
	recovery  uint64          // losses of fragments sent before this one belong to one event

	rtt     roundTrip
	win     window
	timerAt time.Duration // when silence counts as loss; meaningful while flying is not empty
	paceAt  time.Duration // when the pacer lets the next fragment go; zero: not waiting for it
	active  bool          // is in Transport.active, at alarm
	alarm   int
	alarmAt time.Duration // never later than it is due
	path
}

// flight is one sending of one fragment.
type flight struct {
	tr     *transmission
	serial uint64 // of tr when sent, since structures are used again
	index  int
	seq    uint64
}

// transmission is a message on its way as fragments, or waiting to be.
type transmission struct {
	serial    uint64
	id        uint64
	msg       []byte
	sum       uint32
	size      int        // bytes of message per fragment; the last one may be shorter
	fragments []fragment // empty until begun
	unsent    int        // index of the first that was never sent
	missing   int        // fragments not acknowledged
	probed    bool       // the last fragment was repeated to learn why all are acknowledged but the whole is not
	queuedAt  time.Duration
	progress  time.Duration // when something of it was last acknowledged
	charge    int
	single    [1]fragment // storage of fragments where one is enough
}

// fragment is the state of one fragment.
type fragment struct {
	state    fragmentState
	repeated bool
	seq      uint64        // of its last sending
	sentAt   time.Duration // of its last sending
}

type fragmentState uint8

const (
	fragmentUnsent fragmentState = iota
	fragmentFlying
	fragmentLost
	fragmentAcked
)

func (tr *transmission) bounds(i int) (from, to int) {
	return i * tr.size, min((i+1)*tr.size, len(tr.msg))
}

// enqueue takes a copy of a message that travels as acknowledged fragments.
func (t *Transport) enqueue(now time.Duration, p *peer, msg []byte) error {
	_, size := bufferClass(len(msg))
	charge := size + transmissionOverhead
	limit := t.cfg.BacklogTotal
	if p.class != Peer {
		limit -= limit / 4
	}
	if p.queued > 0 && p.queued+charge > t.cfg.Backlog || !t.shorten(p, charge, limit) {
		t.stats.Drops[DropBacklog]++
		return ErrBacklog
	}
	tr := takeSpare(&t.spareTransmissions)
	t.serial++
	*tr = transmission{
		serial: t.serial, msg: append(t.pool.get(len(msg)), msg...), sum: checksum(msg),
		queuedAt: now, charge: charge, fragments: tr.fragments[:0],
	}
	t.queue(p, charge)
	p.waiting.push(tr)
	if !p.active {
		t.active.add(p)
	}
	t.markDirty(p)
	return nil
}

// shorten drops what was queued last for the destination for which most is, until charge bytes more
// for p are within the limit for all; it reports false where they are not, and p would have no less.
func (t *Transport) shorten(p *peer, charge, limit int) bool {
	for t.queued+charge > limit {
		greediest := t.queuers.above(p, p.queued+charge)
		if greediest == nil || p.class == Peer {
			return false
		}
		t.stats.Drops[DropBacklog]++
		t.dropLast(greediest)
	}
	return true
}

// dropLast drops the transmission that was queued last for p, for which some is.
func (t *Transport) dropLast(p *peer) {
	if p.waiting.len() > 0 {
		t.free(p, p.waiting.popLast())
	} else {
		last := len(p.flying) - 1
		tr := p.flying[last]
		t.land(p, last)
		t.free(p, tr)
	}
	t.markDirty(p)
}

// queue notes that so many bytes more are charged for p's transmissions.
func (t *Transport) queue(p *peer, bytes int) {
	p.queued += bytes
	t.queued += bytes
	ranked := p.queued
	if p.class == Peer {
		ranked = 0
	}
	t.queuers.set(p, ranked)
}

// begin gives the next waiting transmission its id, if as much may be unacknowledged at once.
func (t *Transport) begin(now time.Duration, p *peer) *transmission {
	if p.waiting.len() == 0 {
		return nil
	}
	tr := p.waiting.peek()
	if len(p.flying) > 0 {
		if p.flyingSum+len(tr.msg) > t.cfg.MaxMessage || p.nextID-p.flying[0].id >= maxFlying {
			return nil
		}
	}
	p.waiting.pop()
	if len(p.flying) == 0 {
		p.timerAt = now + p.rtt.current()
	}
	p.widen(now)
	tr.id = p.nextID
	p.nextID++
	p.cut(tr)
	tr.progress = now
	p.flying = append(p.flying, tr)
	p.flyingSum += len(tr.msg)
	return tr
}

// cut fixes the fragments of tr for as long as it lives under this id: a receiver takes fragments
// that overlap for a contradiction.
func (p *peer) cut(tr *transmission) {
	tr.size = p.datagram - headerSize - fragmentOverhead
	n := max(1, (len(tr.msg)+tr.size-1)/tr.size)
	if n == 1 {
		tr.fragments = tr.single[:1]
	} else {
		tr.fragments = slices.Grow(tr.fragments[:0], n)[:n]
	}
	clear(tr.fragments)
	tr.unsent, tr.missing, tr.probed = 0, n, false
}

// land takes the transmission at index i of flying out of it, and its fragments out of the window.
func (t *Transport) land(p *peer, i int) {
	tr := p.flying[i]
	for j := range tr.fragments[:tr.unsent] {
		if tr.fragments[j].state == fragmentFlying {
			p.win.inFlight -= p.weight(tr, j)
		}
	}
	p.flying = slices.Delete(p.flying, i, i+1)
	p.flyingSum -= len(tr.msg)
}

// weight is what a fragment counts in the window, in bytes.
func (p *peer) weight(tr *transmission, i int) int {
	from, to := tr.bounds(i)
	return to - from + fragmentOverhead
}

// free ends a transmission that is in no list any more.
func (t *Transport) free(p *peer, tr *transmission) {
	t.queue(p, -tr.charge)
	t.pool.put(tr.msg)
	fragments := tr.fragments[:0]
	if cap(fragments) <= 1 {
		fragments = nil
	}
	*tr = transmission{fragments: fragments}
	if len(t.spareTransmissions) < maxSpares && cap(fragments) <= maxFlying {
		t.spareTransmissions = append(t.spareTransmissions, tr)
	}
}

func (t *Transport) dropTransmissions(p *peer) {
	for _, tr := range p.flying {
		t.free(p, tr)
	}
	for p.waiting.len() > 0 {
		t.free(p, p.waiting.pop())
	}
	p.flying, p.flyingSum = nil, 0
	p.lost.clear()
	p.flights.clear()
	p.win.inFlight = 0
}

// fillFragments writes the fragments that window and pacer let go.
func (t *Transport) fillFragments(now time.Duration, p *peer) {
	p.paceAt = 0
	p.win.open(now, p.datagram)
	p.win.fill(now, p.rtt.smoothed, p.datagram)
	p.win.limiting = true
	for {
		tr, i := t.nextFragment(now, p)
		if tr == nil {
			p.win.limiting = false
			return
		}
		weight := p.weight(tr, i)
		if p.win.inFlight > 0 && p.win.inFlight+weight > p.win.size {
			return // acknowledgements or the timer will go on
		}
		if at := p.win.readyAt(now, p.rtt.smoothed, weight); at > now {
			p.paceAt = at
			return
		}
		from, to := tr.bounds(i)
		if !t.reserve(p, fragmentSize(tr.id, to-from)) {
			return // a stranger's credit; the timer gives up if it does not grow
		}
		p.open = appendFragment(p.open, tr.id, from, len(tr.msg), tr.sum, tr.msg[from:to])
		t.launch(now, p, tr, i, weight)
	}
}

// nextFragment returns the fragment to send next: lost ones, then those never sent, in order.
func (t *Transport) nextFragment(now time.Duration, p *peer) (*transmission, int) {
	for p.lost.len() > 0 {
		f := p.lost.peek()
		if f.tr.serial == f.serial && f.tr.fragments[f.index].state == fragmentLost {
			return f.tr, f.index
		}
		p.lost.pop()
	}
	if n := len(p.flying); n > 0 {
		if tr := p.flying[n-1]; tr.unsent < len(tr.fragments) {
			return tr, tr.unsent
		}
	}
	if tr := t.begin(now, p); tr != nil {
		return tr, 0
	}
	return nil, 0
}

// launch notes that fragment i of tr was sent.
func (t *Transport) launch(now time.Duration, p *peer, tr *transmission, i, weight int) {
	f := &tr.fragments[i]
	if f.state == fragmentLost {
		f.repeated = true
		t.stats.Retransmissions++
		p.lost.pop()
	} else {
		tr.unsent++
	}
	if p.win.inFlight == 0 {
		p.timerAt = now + p.rtt.current()
	}
	f.state, f.seq, f.sentAt = fragmentFlying, p.nextSeq, now
	p.flights.push(flight{tr, tr.serial, i, p.nextSeq})
	p.nextSeq++
	p.win.inFlight += weight
	p.win.tokens = max(0, p.win.tokens-weight)
	t.stats.FragmentsOut++
}
