package udp

import (
	"net/netip"
	"slices"
	"time"
)

// peer is what a Transport knows of one address.
type peer struct {
	addr       netip.AddrPort
	class      Class
	datagram   int // greatest datagram sent there, bytes
	ceiling    int // what datagram is while the path lets it pass
	prev, next *peer

	// spokeFirst is whether the state was made by a datagram from there, or may have been by one that
	// is forgotten, and credit the bytes that may then be sent back while it is a Stranger.
	spokeFirst bool
	credit     int
	heardAt    time.Duration // when the last valid datagram came, or zero

	receiver
	sender
	dirty bool // is in Transport.dirty
}

// limited says that the address may only be sent as many bytes as it sent.
func (p *peer) limited() bool { return p.class == Stranger && p.spokeFirst }

// peerList is a list of peers by age of their last use, youngest first.
type peerList struct {
	first, last *peer
	length      int
}

func (l *peerList) push(p *peer) {
	p.prev, p.next = nil, l.first
	if l.first != nil {
		l.first.prev = p
	} else {
		l.last = p
	}
	l.first = p
	l.length++
}

func (l *peerList) remove(p *peer) {
	if p.prev != nil {
		p.prev.next = p.next
	} else {
		l.first = p.next
	}
	if p.next != nil {
		p.next.prev = p.prev
	} else {
		l.last = p.prev
	}
	p.prev, p.next = nil, nil
	l.length--
}

// touch makes p the youngest.
func (l *peerList) touch(p *peer) {
	if l.first != p {
		l.remove(p)
		l.push(p)
	}
}

// find returns the state of an address, or nil.
func (t *Transport) find(addr netip.AddrPort) *peer {
	if p := t.latest; p != nil && p.addr == addr {
		return p
	}
	p := t.peers[addr]
	if p != nil {
		t.latest = p
	}
	return p
}

// obtain returns the state of an address, making it where there is none. The tables of strangers
// and of clients are bounded: the address that was idle for longest makes room.
func (t *Transport) obtain(addr netip.AddrPort, spokeFirst bool) *peer {
	if p := t.find(addr); p != nil {
		t.lists[p.class].touch(p)
		return p
	}
	if t.lists[Stranger].length >= t.cfg.MaxStrangers {
		t.stats.Drops[DropAddress]++
		t.forgot = t.forgot || t.lists[Stranger].last.spokeFirst
		t.drop(t.lists[Stranger].last)
	}
	p := t.newPeer()
	p.addr, p.datagram, p.ceiling, p.spokeFirst = addr, t.cfg.Datagram, t.cfg.Datagram, spokeFirst || t.forgot
	p.nextID = t.idFloor
	t.peers[addr] = p
	t.lists[Stranger].push(p)
	t.latest = p
	if t.remembered.take(addr) {
		t.classify(p, Client)
	}
	return p
}

// remembered are the Clients that made room for others. They have proven themselves once, and are
// Clients again when they come back. As many are remembered as were added last, up to a limit at
// the least and twice that at most.
type remembered struct {
	now, before map[netip.AddrPort]struct{}
}

func (r *remembered) add(addr netip.AddrPort, limit int) {
	if r.now == nil || len(r.now) >= limit {
		r.now, r.before = map[netip.AddrPort]struct{}{}, r.now
	}
	r.now[addr] = struct{}{}
}

// take forgets an address, and reports whether it was remembered.
func (r *remembered) take(addr netip.AddrPort) bool {
	_, now := r.now[addr]
	_, before := r.before[addr]
	delete(r.now, addr)
	delete(r.before, addr)
	return now || before
}

func (t *Transport) newPeer() *peer {
	if p := t.spare; p != nil {
		t.spare = nil
		return p
	}
	return new(peer)
}

// classify moves p to a class, and what it was sending us to that class's memory.
func (t *Transport) classify(p *peer, c Class) {
	if p.class == c {
		return
	}
	if c == Client && t.lists[Client].length >= t.cfg.MaxClients {
		t.stats.Drops[DropAddress]++
		last := t.lists[Client].last
		t.remembered.add(last.addr, t.cfg.MaxClients)
		t.drop(last)
	}
	// What is unfinished was admitted to another budget; it is repeated, and admitted to the new one.
	t.dropAssemblies(p)
	t.lists[p.class].remove(p)
	p.class = c
	t.lists[c].push(p)
	t.queue(p, 0) // a Peer is not ranked
}

// drop forgets p: unfinished messages, queues, timers. Its next id becomes the least that any later
// state starts from, so that no transmission id is used twice in this run.
func (t *Transport) drop(p *peer) {
	t.dropAssemblies(p)
	t.dropTransmissions(p)
	if p.open != nil {
		t.pool.put(p.open)
	}
	if p.unflushed > len(p.open) { // datagrams were sealed
		t.ready = slices.DeleteFunc(t.ready, func(o outgoing) bool {
			if o.dst != p.addr {
				return false
			}
			t.pool.put(o.buf)
			return true
		})
	}
	t.queued -= p.unflushed
	t.idFloor = max(t.idFloor, p.nextID)
	t.lists[p.class].remove(p)
	delete(t.peers, p.addr)
	if t.latest == p {
		t.latest = nil
	}
	if p.dirty {
		t.dirty = without(t.dirty, p)
	}
	if p.active {
		t.active.remove(p)
	}
	*p = peer{}
	t.spare = p
}

// without returns list less p, in the same order.
func without(list []*peer, p *peer) []*peer {
	for i, q := range list {
		if q == p {
			copy(list[i:], list[i+1:])
			list[len(list)-1] = nil
			return list[:len(list)-1]
		}
	}
	return list
}

// markDirty says that Flush may have something to send to p.
func (t *Transport) markDirty(p *peer) {
	if !p.dirty {
		p.dirty = true
		t.dirty = append(t.dirty, p)
	}
}
