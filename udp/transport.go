package udp

import (
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"time"
)

// Transport is the pure half of the package: datagrams in, datagrams out, time as an argument. It has
// no socket, no clock and no goroutine; the same calls have the same results, bit for bit. It is not
// safe for concurrent use. Each now is a monotonic duration, such as the time since the process
// began, and never less than the one before.
type Transport struct {
	cfg    Config
	peers  map[netip.AddrPort]*peer
	latest *peer // the one last looked up
	lists  [classes]peerList
	rooms  [classes]room
	// holders are the Clients by what they have unfinished, queuers all but Peers by what is queued for them.
	holders, queuers ranking
	remembered       remembered
	// forgot says that a Stranger that spoke first was forgotten: whoever is unknown may be that one.
	forgot bool
	// idFloor is the least id of a new peer's first transmission: above all ids of forgotten ones.
	idFloor uint64
	serial  uint64 // of transmissions, to tell a structure from its next use

	dirty    []*peer // Flush may have something for them
	active   alarms  // those with transmissions
	ready    []outgoing
	flushing []outgoing // storage for Flush
	inbox    []incoming
	ticking  []*peer // storage for Tick
	queued   int     // bytes charged to all backlogs
	// delivering is the capacity of reassembly buffers in inbox.
	delivering int

	pool               buffers
	spare              *peer
	spareAssemblies    []*assembly
	spareTransmissions []*transmission
	stats              Stats
}

// outgoing is a sealed datagram.
type outgoing struct {
	dst netip.AddrPort
	buf []byte
}

// incoming is a message to deliver; buf is the reassembly buffer to free after that, if any.
type incoming struct {
	src netip.AddrPort
	msg []byte
	buf []byte
}

// NewTransport returns a transport without any state. See Config for limits and defaults.
func NewTransport(cfg Config) *Transport {
	t := &Transport{
		cfg: cfg.withDefaults(), peers: make(map[netip.AddrPort]*peer),
	}
	t.holders, t.queuers = newRanking(partHeld, t.cfg.Origin), newRanking(partQueued, t.cfg.Origin)
	t.rooms[Client].limit = t.cfg.ClientPool
	t.rooms[Stranger].limit = t.cfg.StrangerPool
	return t
}

// Classify says what an address is. Stranger forgets it (see Forget). Where as many addresses are
// Clients as may be, the one unused for longest makes room; it is a Client again when it is next
// heard of, unless MaxClients others have made room since. Unfinished messages from an address
// whose class changes are dropped; its sender repeats them.
func (t *Transport) Classify(addr netip.AddrPort, c Class) {
	if c == Stranger {
		t.Forget(addr)
		return
	}
	t.classify(t.obtain(unmap(addr), false), c)
}

// SetDatagram sets the greatest datagram sent to an address, in bytes, kept within MinDatagram and
// MaxDatagram. Unfinished messages in fragments too large for it begin again; such a message may
// arrive twice.
func (t *Transport) SetDatagram(addr netip.AddrPort, bytes int) {
	p := t.obtain(unmap(addr), false)
	bytes = clampDatagram(bytes)
	if bytes == p.ceiling {
		return // what was found out about the path since stays
	}
	p.ceiling = bytes
	t.resize(p, bytes)
}

// Forget drops all that is known of an address, and all that is queued for it but not yet taken by
// Flush. It is then a Stranger.
func (t *Transport) Forget(addr netip.AddrPort) {
	t.remembered.take(unmap(addr))
	if p := t.find(unmap(addr)); p != nil {
		t.drop(p)
	}
}

// Receive takes one datagram and calls deliver for each message in it or completed by it, in order.
// msg aliases datagram or memory that is used again: it is valid until deliver returns. deliver may
// call Send. Acknowledgements are ready for the next Flush. Whatever the datagram holds, Receive does
// not fail: what is wrong is counted by reason in Stats.
func (t *Transport) Receive(now time.Duration, src netip.AddrPort, datagram []byte, deliver func(src netip.AddrPort, msg []byte)) {
	t.receive(now, unmap(src), datagram)
	for i := range t.inbox {
		deliver(t.inbox[i].src, t.inbox[i].msg)
	}
	t.inbox = t.release(t.inbox)
}

// receive is Receive without delivery: the messages are left in inbox. It reports whether the
// datagram was worth nothing: a Stranger's, malformed, more than its address may have unfinished, or
// nothing but acknowledgements of what is not under way.
func (t *Transport) receive(now time.Duration, src netip.AddrPort, datagram []byte) (bad bool) {
	t.stats.DatagramsIn++
	t.stats.BytesIn += uint64(len(datagram))
	nonce, frames, drop := checkHeader(datagram)
	var f frame
	for rest := frames; drop == dropNone && len(rest) > 0; {
		rest, drop = decodeFrame(&f, rest, t.cfg.MaxMessage)
	}
	if drop != dropNone {
		t.stats.Drops[drop]++
		return true
	}
	p := t.obtain(src, true)
	idle := true
	p.heardAt = now
	if p.limited() {
		p.credit += len(datagram)
	}
	for len(frames) > 0 {
		frames, _ = decodeFrame(&f, frames, t.cfg.MaxMessage)
		switch f.kind {
		case frameMessage:
			t.deliver(src, f.data, nil)
			idle = false
		case frameFragment:
			bad = t.receiveFragment(now, p, nonce, &f) || bad
			idle = false
		case frameAck:
			idle = !t.receiveAck(now, p, &f) && idle
		case framePing:
			p.pongDue = true
			t.markDirty(p)
			idle = false
		case framePong:
			idle = false
		}
	}
	return bad || idle || p.class == Stranger
}

// class returns what an address is.
func (t *Transport) class(addr netip.AddrPort) Class {
	if p := t.find(addr); p != nil {
		return p.class
	}
	return Stranger
}

// addresses are those of a class.
func (t *Transport) addresses(c Class) iter.Seq[netip.AddrPort] {
	return func(yield func(netip.AddrPort) bool) {
		for p := t.lists[c].first; p != nil && yield(p.addr); p = p.next {
		}
	}
}

func (t *Transport) deliver(src netip.AddrPort, msg, buf []byte) {
	t.stats.MessagesIn++
	t.inbox = append(t.inbox, incoming{src, msg, buf})
}

// release frees the buffers of delivered messages and returns the list for the next ones.
func (t *Transport) release(list []incoming) []incoming {
	for i := range list {
		if buf := list[i].buf; buf != nil {
			t.delivering -= cap(buf)
			t.pool.put(buf)
		}
	}
	clear(list)
	return list[:0]
}

// Send queues a copy of msg for dst until the next Flush; messages of one moment to one destination
// share a datagram. Errors (errors.Is): ErrTooLarge, ErrBacklog, ErrUnproven, ErrAddress. No error
// does not mean that it arrives.
func (t *Transport) Send(now time.Duration, dst netip.AddrPort, msg []byte, mode Mode) error {
	if len(msg) > t.cfg.MaxMessage {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(msg), t.cfg.MaxMessage)
	}
	if !dst.IsValid() || dst.Port() == 0 {
		return ErrAddress
	}
	p := t.obtain(unmap(dst), false)
	size := messageSize(len(msg))
	if mode == Reliable || headerSize+size > p.datagram {
		if err := t.enqueue(now, p, msg); err != nil {
			return err
		}
		t.stats.MessagesOut++
		return nil
	}
	if p.unflushed > 0 && p.unflushed+size > t.cfg.Backlog || t.queued+size > t.cfg.BacklogTotal {
		t.stats.Drops[DropBacklog]++
		return ErrBacklog
	}
	if !t.reserve(p, size) {
		return ErrUnproven
	}
	p.open = appendMessage(p.open, msg)
	p.unflushed += size
	t.queued += size
	t.markDirty(p)
	t.stats.MessagesOut++
	return nil
}

// reserve makes room for a frame of size bytes in p.open, beginning a datagram where needed. It
// fails where a stranger would get more bytes than it sent.
func (t *Transport) reserve(p *peer, size int) bool {
	if p.open != nil && len(p.open)+size > p.datagram {
		t.seal(p)
	}
	if p.limited() {
		cost := size
		if p.open == nil {
			cost += headerSize
		}
		if cost > p.credit {
			t.stats.Drops[DropUnproven]++
			return false
		}
		p.credit -= cost
	}
	if p.open == nil {
		p.open = appendHeader(t.pool.get(headerSize+size), t.cfg.Nonce)
	}
	if len(p.open)+size > cap(p.open) { // room for all that follows, lest it be copied again and again
		p.open = t.pool.grow(p.open, p.datagram-len(p.open))
	}
	return true
}

// seal ends the datagram that is being filled for p.
func (t *Transport) seal(p *peer) {
	if p.open == nil {
		return
	}
	sealDatagram(p.open)
	t.ready = append(t.ready, outgoing{p.addr, p.open})
	p.open = nil
}

// Tick acts on the timers that have run out; Flush then has what they repeat. Calling it early or
// late does no harm.
func (t *Transport) Tick(now time.Duration) {
	t.expire(now)
	t.ticking = t.ticking[:0]
	for len(t.active) > 0 && t.active[0].alarmAt <= now {
		p := t.active[0]
		at := t.due(p)
		if at <= now {
			t.ticking = append(t.ticking, p)
			at = never // until all that are due have had their turn
		}
		t.active.set(p, at)
	}
	for _, p := range t.ticking {
		if len(p.flying) > 0 && now >= t.timer(p) {
			t.timeout(now, p)
		}
		if p.paceAt != 0 && now >= p.paceAt {
			t.markDirty(p)
		}
		t.active.set(p, t.due(p))
	}
	clear(t.ticking)
}

// timer returns when p's silence has to be acted upon: repeat, or give up.
func (t *Transport) timer(p *peer) time.Duration {
	return min(p.timerAt, max(p.heardAt, p.flying[0].queuedAt)+t.cfg.GiveUp)
}

// due returns when p is next due, or never.
func (t *Transport) due(p *peer) time.Duration {
	at := never
	if len(p.flying) > 0 {
		at = t.timer(p)
	}
	if p.paceAt != 0 {
		at = min(at, p.paceAt)
	}
	return at
}

// Deadline returns when Tick is next due, and whether it is at all.
func (t *Transport) Deadline() (time.Duration, bool) {
	for len(t.active) > 0 {
		p := t.active[0]
		at := t.due(p)
		if at == p.alarmAt {
			return at, at != never
		}
		t.active.set(p, at)
	}
	return 0, false
}

// Flush hands every datagram that may leave now to emit, in order per destination. The slices are
// valid until Flush returns.
func (t *Transport) Flush(now time.Duration, emit func(dst netip.AddrPort, datagram []byte)) {
	list := t.take(now, t.flushing[:0])
	t.flushing = nil // should emit call Flush, that one makes its own
	for i := range list {
		emit(list[i].dst, list[i].buf)
	}
	t.recycle(list)
	t.flushing = list
}

// take appends every datagram that may leave now to list, which owns them until recycle.
func (t *Transport) take(now time.Duration, list []outgoing) []outgoing {
	for _, p := range t.dirty {
		t.fillSigns(p)
		t.fillAcks(p)
		if p.active {
			t.fillFragments(now, p)
			if len(p.flying) == 0 && p.waiting.len() == 0 {
				t.active.remove(p)
			} else {
				t.active.advance(p, t.due(p))
			}
		}
		t.seal(p)
		t.queued -= p.unflushed
		p.unflushed = 0
		p.dirty = false
	}
	t.dirty = slices.Delete(t.dirty, 0, len(t.dirty))
	first := len(list)
	list = append(list, t.ready...)
	clear(t.ready)
	t.ready = t.ready[:0]
	for i := range list[first:] {
		t.stats.DatagramsOut++
		t.stats.BytesOut += uint64(len(list[first+i].buf))
	}
	return list
}

// recycle takes back what take handed out.
func (t *Transport) recycle(list []outgoing) {
	for i := range list {
		t.pool.put(list[i].buf)
	}
	clear(list)
}

// Stats returns the counters.
func (t *Transport) Stats() Stats {
	s := t.stats
	s.Addresses = len(t.peers)
	s.Queued = t.queued
	s.Reassembling = t.delivering
	for i := range t.rooms {
		s.Reassembling += t.rooms[i].used
	}
	return s
}

// unmap writes an IPv4 address in IPv6 form as the IPv4 address that it is.
func unmap(addr netip.AddrPort) netip.AddrPort {
	if a := addr.Addr(); a.Is4In6() {
		return netip.AddrPortFrom(a.Unmap(), addr.Port())
	}
	return addr
}
