package udp

import "time"

const (
	// assemblyIdle is how long an unfinished transmission may go without a fragment before it may
	// have to make room for another of its class (a Stranger's has no such grace).
	assemblyIdle = time.Second
	// assemblyAge is how old an unfinished transmission may become.
	assemblyAge = 30 * time.Second
	// maxPieces bounds the pieces of an unfinished transmission; a short one may have
	// fewer, so that the list of pieces stays small beside the message.
	maxPieces     = 1024
	freePieces    = 16  // pieces any transmission may have
	bytesPerPiece = 256 // and one more for so many bytes
	// assemblyOverhead is what an unfinished transmission costs besides its buffer, in bytes: its
	// own fields and the pieces that any may have. Others are charged with the message.
	assemblyOverhead = 512
	// maxAssemblies bounds the unfinished transmissions from one address. A sender keeps to maxFlying.
	maxAssemblies = maxFlying
	// maxAcksDue bounds the acknowledgements that one address gets in one Flush. What is not
	// acknowledged is repeated.
	maxAcksDue = 512
)

// receiver is the half of a peer that puts messages together.
type receiver struct {
	epochs     [2]epoch // of this run of the sender and of the one before, in either order
	recent     int      // index of the one last used
	assemblies []*assembly
	held       int // bytes of messages in assemblies
	heldPart   part
	acks       []ackDue
}

// ackDue is a transmission to acknowledge in the next Flush.
type ackDue struct {
	nonce, id uint64
}

// assembly is an unfinished message.
type assembly struct {
	from       *peer
	nonce, id  uint64
	sum        uint32
	total, got int // bytes of the message, and of those the ones that arrived
	charge     int // bytes that it takes from its pool
	latest     int // index of the piece to which something was last added
	ackDue     bool
	buf        []byte // of length total
	pieces     spans
	bornAt     time.Duration
	touchedAt  time.Duration
	prev, next *assembly
}

// room is the memory of one class for unfinished messages: what is used of it, and by whom, the one
// touched last first.
type room struct {
	used, limit int // bytes; limit 0: bounded per peer
	first, last *assembly
}

func (r *room) push(a *assembly) {
	a.prev, a.next = nil, r.first
	if r.first != nil {
		r.first.prev = a
	} else {
		r.last = a
	}
	r.first = a
}

func (r *room) remove(a *assembly) {
	if a.prev != nil {
		a.prev.next = a.next
	} else {
		r.first = a.next
	}
	if a.next != nil {
		a.next.prev = a.prev
	} else {
		r.last = a.prev
	}
	a.prev, a.next = nil, nil
}

// epoch returns what is remembered of the sender's run, of which the last two are known.
func (p *peer) epoch(nonce uint64) *epoch {
	if p.epochs[p.recent].nonce != nonce {
		p.recent = 1 - p.recent
		if e := &p.epochs[p.recent]; e.nonce != nonce {
			*e = epoch{nonce: nonce}
		}
	}
	return &p.epochs[p.recent]
}

func (p *peer) finished(due ackDue) bool {
	for i := range p.epochs {
		if e := &p.epochs[i]; e.nonce == due.nonce {
			return e.state(due.id) == idFinished
		}
	}
	return false
}

func (p *peer) assembly(nonce, id uint64) *assembly {
	for _, a := range p.assemblies {
		if a.id == id && a.nonce == nonce {
			return a
		}
	}
	return nil
}

// receiveFragment takes one fragment and delivers the message that it completes. It reports whether
// the address has more unfinished than a sender of this package ever has.
func (t *Transport) receiveFragment(now time.Duration, p *peer, nonce uint64, f *frame) (tooMuch bool) {
	t.stats.FragmentsIn++
	e := p.epoch(nonce)
	switch e.state(f.id) {
	case idStale:
		t.stats.Drops[DropStale]++
		return false
	case idFinished:
		t.stats.Drops[DropDuplicate]++
		t.acknowledge(p, nonce, f.id)
		return false
	case idFresh:
	}
	a := p.assembly(nonce, f.id)
	if a == nil && len(f.data) == f.total {
		t.receiveWhole(p, e, f)
		return false
	}
	if a == nil {
		if a = t.admit(now, p, nonce, f); a == nil {
			return t.exceeds(p, f.total)
		}
	}
	if a.total != f.total || a.sum != f.sum {
		t.stats.Drops[DropContradiction]++
		t.dropAssembly(a)
		return false
	}
	if !t.addPiece(now, a, f) {
		return false
	}
	if a.got < a.total {
		a.ackDue = a.ackDue || t.acknowledge(p, nonce, a.id)
		return false
	}
	t.complete(e, a)
	return false
}

// exceeds reports whether a message of total bytes more is more than one address may have unfinished.
func (t *Transport) exceeds(p *peer, total int) bool {
	return p.held+total > t.cfg.MaxMessage || len(p.assemblies) >= maxAssemblies
}

// receiveWhole takes a fragment that is all of its message: nothing to put together.
func (t *Transport) receiveWhole(p *peer, e *epoch, f *frame) {
	if checksum(f.data) != f.sum {
		t.stats.Drops[DropMessageChecksum]++
		return
	}
	e.finish(f.id)
	t.acknowledge(p, e.nonce, f.id)
	t.deliver(p.addr, f.data, nil)
}

// addPiece copies a fragment to its place.
func (t *Transport) addPiece(now time.Duration, a *assembly, f *frame) bool {
	limit := min(maxPieces, freePieces+a.total/bytesPerPiece)
	at, result := a.pieces.add(span{f.offset, f.offset + len(f.data)}, limit)
	switch result {
	case spanOverlap:
		t.stats.Drops[DropContradiction]++
		t.dropAssembly(a)
		return false
	case spanTooMany:
		t.stats.Drops[DropSpans]++
		return false
	case spanDuplicate:
		t.stats.Drops[DropDuplicate]++
	case spanAdded:
		copy(a.buf[f.offset:], f.data)
		a.got += len(f.data)
	}
	a.latest = at
	a.touchedAt = now
	r := &t.rooms[a.from.class]
	r.remove(a)
	r.push(a)
	return true
}

// complete delivers a message whose bytes are all there. Its memory stays charged until it was
// handed over.
func (t *Transport) complete(e *epoch, a *assembly) {
	p := a.from
	if checksum(a.buf) != a.sum {
		t.stats.Drops[DropMessageChecksum]++
		t.dropAssembly(a)
		return
	}
	e.finish(a.id)
	if !a.ackDue {
		t.acknowledge(p, a.nonce, a.id)
	}
	buf := a.buf
	a.buf = nil
	t.dropAssembly(a)
	t.delivering += cap(buf)
	t.deliver(p.addr, buf, buf)
}

// admit makes an assembly for the transmission of which f is the first fragment to arrive, if there
// is memory for all of it: for a Peer in its own reserve, for others in the room of their class.
func (t *Transport) admit(now time.Duration, p *peer, nonce uint64, f *frame) *assembly {
	_, size := bufferClass(f.total)
	charge := size + f.total/bytesPerPiece*16 + assemblyOverhead
	r := &t.rooms[p.class]
	if !t.makeRoom(now, p, r, f.total, charge) {
		t.stats.Drops[DropPeerRoom+Drop(Peer-p.class)]++
		return nil
	}
	a := takeSpare(&t.spareAssemblies)
	*a = assembly{
		from: p, nonce: nonce, id: f.id, sum: f.sum, total: f.total, charge: charge,
		buf: t.pool.get(f.total)[:f.total], pieces: a.pieces[:0], bornAt: now, touchedAt: now,
	}
	p.assemblies = append(p.assemblies, a)
	t.hold(p, a.total)
	r.used += charge
	r.push(a)
	return a
}

// makeRoom evicts what may be evicted until a message of total bytes fits, or says that it does not.
// Where all of the room is in use, the Client with most in it gives way to who would have less.
func (t *Transport) makeRoom(now time.Duration, p *peer, r *room, total, charge int) bool {
	for t.exceeds(p, total) {
		victim := oldest(p.assemblies)
		if !evictable(now, victim) {
			return false
		}
		t.evict(victim)
	}
	if r.limit == 0 {
		return true
	}
	if charge > r.limit {
		return false
	}
	for r.used+charge > r.limit {
		victim := r.last
		if !evictable(now, victim) {
			greediest := t.holders.above(p, p.held+total)
			if greediest == nil {
				return false
			}
			victim = oldest(greediest.assemblies)
		}
		t.evict(victim)
	}
	return true
}

// hold notes that an address has so many bytes more in unfinished messages.
func (t *Transport) hold(p *peer, bytes int) {
	p.held += bytes
	if p.class == Client {
		t.holders.set(p, p.held)
	}
}

// oldest returns the assembly that has waited longest for a fragment; list is not empty, for a
// message alone is never greater than MaxMessage.
func oldest(list []*assembly) *assembly {
	victim := list[0]
	for _, a := range list[1:] {
		if a.touchedAt < victim.touchedAt {
			victim = a
		}
	}
	return victim
}

func evictable(now time.Duration, a *assembly) bool {
	return a.from.class == Stranger || now-a.touchedAt >= assemblyIdle || now-a.bornAt >= assemblyAge
}

func (t *Transport) evict(a *assembly) {
	t.stats.Drops[DropEvicted]++
	t.dropAssembly(a)
}

// expire drops unfinished transmissions that have been idle for too long to be finished.
func (t *Transport) expire(now time.Duration) {
	for i := range t.rooms {
		r := &t.rooms[i]
		for r.last != nil && now-r.last.touchedAt >= assemblyAge {
			t.evict(r.last)
		}
	}
}

// dropAssembly frees an unfinished transmission.
func (t *Transport) dropAssembly(a *assembly) {
	p := a.from
	for i, b := range p.assemblies {
		if a == b {
			p.assemblies = append(p.assemblies[:i], p.assemblies[i+1:]...)
			break
		}
	}
	t.hold(p, -a.total)
	r := &t.rooms[p.class]
	r.used -= a.charge
	r.remove(a)
	if a.buf != nil {
		t.pool.put(a.buf)
	}
	pieces := a.pieces[:0]
	if cap(pieces) > 2*freePieces {
		pieces = nil
	}
	*a = assembly{pieces: pieces}
	if len(t.spareAssemblies) < maxSpares {
		t.spareAssemblies = append(t.spareAssemblies, a)
	}
}

func (t *Transport) dropAssemblies(p *peer) {
	for len(p.assemblies) > 0 {
		t.dropAssembly(p.assemblies[len(p.assemblies)-1])
	}
}

// acknowledge notes that a transmission is to be acknowledged in the next Flush, if there is room.
func (t *Transport) acknowledge(p *peer, nonce, id uint64) bool {
	due := ackDue{nonce, id}
	n := len(p.acks)
	if n > 0 && p.acks[n-1] == due {
		return true
	}
	if n >= maxAcksDue {
		return false
	}
	p.acks = append(p.acks, due)
	t.markDirty(p)
	return true
}

// fillAcks writes the acknowledgements that are due. They wait for no window and no pacing.
func (t *Transport) fillAcks(p *peer) {
	for _, due := range p.acks {
		var list []span
		if a := p.assembly(due.nonce, due.id); a != nil {
			a.ackDue = false
			list = a.pieces.around(a.latest, maxAckRanges)
		} else if !p.finished(due) {
			continue // dropped meanwhile
		}
		if t.reserve(p, ackSize(due.id, list)) {
			p.open = appendAck(p.open, due.nonce, due.id, list)
			t.stats.AcksOut++
		}
	}
	p.acks = p.acks[:0]
}
