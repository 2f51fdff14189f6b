package udp

import (
	"container/heap"
	"net/netip"
)

// A ranking is who has a part of what all share: origins, the one with most at the front, and in
// each its addresses likewise. Where nothing is left, who has most makes room for whoever would
// still have less: origins for others, and addresses for those of their own. So of k origins that
// take all that they can get each has a kth part, from however many addresses they do it; who asks
// for less than that gets it, whatever they do. And so it is with the addresses of one.
type ranking struct {
	of       func(*peer) *part
	originOf func(netip.AddrPort) netip.AddrPort
	origins  map[netip.AddrPort]*part // that have something
	order    parts
	spares   []*part
}

// A part is what an address has, or an origin.
type part struct {
	bytes  int
	place  int   // in its order: index plus one; 0: it has nothing, and is in none
	peer   *peer // of an address: whose it is
	origin *part // of an address that has something
	order  parts // of an origin: its addresses
}

func partHeld(p *peer) *part   { return &p.heldPart }
func partQueued(p *peer) *part { return &p.queuedPart }

func newRanking(of func(*peer) *part, originOf func(netip.AddrPort) netip.AddrPort) ranking {
	return ranking{of: of, originOf: originOf, origins: map[netip.AddrPort]*part{}}
}

// set notes that p has so many bytes now.
func (r *ranking) set(p *peer, bytes int) {
	s := r.of(p)
	if s.origin == nil {
		if bytes == 0 {
			return
		}
		s.peer, s.origin = p, r.origin(p)
	}
	o := s.origin
	o.bytes += bytes - s.bytes
	s.bytes = bytes
	o.order.fix(s)
	r.order.fix(o)
	if bytes == 0 {
		s.origin = nil
	}
	if o.bytes == 0 {
		delete(r.origins, r.originOf(p.addr))
		if len(r.spares) < maxSpares {
			r.spares = append(r.spares, o)
		}
	}
}

// origin returns p's, which has something, or will have.
func (r *ranking) origin(p *peer) *part {
	addr := r.originOf(p.addr)
	o := r.origins[addr]
	if o == nil {
		o = takeSpare(&r.spares)
		r.origins[addr] = o
	}
	return o
}

// above returns the address that makes room where p would have so many bytes: of the origin that has
// most, if that is more than p's would have, or else of p's own, if it has more; or nil.
func (r *ranking) above(p *peer, bytes int) *peer {
	own, would := r.origins[r.originOf(p.addr)], bytes
	if own != nil {
		would += own.bytes - r.of(p).bytes
	}
	if len(r.order) > 0 && r.order[0] != own && r.order[0].bytes > would {
		return r.order[0].order[0].peer
	}
	if own != nil && own.order[0].bytes > bytes {
		return own.order[0].peer
	}
	return nil
}

// parts are ranked, who has most at the front.
type parts []*part

// fix gives s its place, after its bytes have changed.
func (l *parts) fix(s *part) {
	switch {
	case s.place == 0 && s.bytes > 0:
		heap.Push(l, s)
	case s.place > 0 && s.bytes == 0:
		heap.Remove(l, s.place-1)
	case s.place > 0:
		heap.Fix(l, s.place-1)
	}
}

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (l *parts) Len() int { return len(*l) }

// Less compares what two have.
func (l *parts) Less(i, j int) bool { return (*l)[i].bytes > (*l)[j].bytes }

// Swap exchanges two.
func (l *parts) Swap(i, j int) {
	s := *l
	s[i], s[j] = s[j], s[i]
	s[i].place, s[j].place = i+1, j+1
}

// Push appends a part.
func (l *parts) Push(v any) {
	s, _ := v.(*part)
	*l = append(*l, s)
	s.place = len(*l)
}

// Pop removes the last one.
func (l *parts) Pop() any {
	s := *l
	last := s[len(s)-1]
	s[len(s)-1] = nil
	*l = s[:len(s)-1]
	last.place = 0
	return last
}
