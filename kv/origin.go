package kv

import (
	"container/heap"
	"net/netip"
)

// An origin is where clients come from as far as bounds are concerned: an IPv4
// address, or the /64 of an IPv6 one, all of which one customer has (RFC 6177).
// It is forgotten with its last session.
type origin struct {
	addr     netip.Addr // the first of its addresses
	sessions sessionRing
	count    int // of sessions
	answers  int // recorded, over all its sessions
	place    int // in the heap
}

// originShare is how many times what is left of a bound one origin may have, so at
// most originShare/(originShare+1) of all of it. What two or more greedy origins
// leave, a newcomer gets his part of (A. Choudhury, E. Hahne, Dynamic Queue Length
// Thresholds, 1998): no number of them below originShare/limit takes everything.
const originShare = 3

// crowded reports whether an origin that has own of the total that all have may
// have no more, under a limit for all.
func crowded(own, total, limit int) bool { return own >= originShare*(limit-total) }

// newcomerShare is the part of what is left of the last quarter of the sessions that one origin
// may have of it beyond its first. Sessions are kept for minutes: by originShare alone, nine
// origins that come one after the other would have all [DefaultSessions].
const newcomerShare = 256

// crowdedSessions is crowded for sessions, of which the last quarter is for newcomers.
func crowdedSessions(own, total, limit int) bool {
	left := limit - total
	return crowded(own, total, limit) || left < limit/(originShare+1) && own > left/newcomerShare
}

// Origin returns the first address of a client's origin: his IPv4 address, or the /64 of
// an IPv6 one. Bounds are shared among origins, whatever number of ports each uses.
func Origin(client netip.AddrPort) netip.Addr {
	addr, bits := client.Addr().Unmap().WithZone(""), 64
	if addr.Is4() {
		bits = 32
	}
	p, err := addr.Prefix(bits)
	if err != nil {
		return netip.Addr{} // of no address
	}
	return p.Addr()
}

// origins are those with sessions, the greediest first: in a heap by the number of
// their sessions, and by address where that is equal.
type origins struct {
	byAddr map[netip.Addr]*origin
	heap   originHeap
}

func (s *origins) of(client netip.AddrPort) *origin { return s.byAddr[Origin(client)] }

// sessionsOf returns how many sessions a client's origin has.
func (s *origins) sessionsOf(client netip.AddrPort) int {
	if o := s.of(client); o != nil {
		return o.count
	}
	return 0
}

func (s *origins) add(l *liveSession) {
	o := s.of(l.Client)
	if o == nil {
		o = &origin{addr: Origin(l.Client), sessions: newSessionRing(ofOrigin)}
		s.byAddr[o.addr] = o
		heap.Push(&s.heap, o)
	}
	l.origin = o
	o.sessions.push(l)
	o.count++
	o.answers += l.AnswerCount()
	heap.Fix(&s.heap, o.place)
}

func (s *origins) remove(l *liveSession) {
	o := l.origin
	o.sessions.remove(l)
	o.count--
	o.answers -= l.AnswerCount()
	if o.count == 0 {
		delete(s.byAddr, o.addr)
		heap.Remove(&s.heap, o.place)
		return
	}
	heap.Fix(&s.heap, o.place)
}

// makeRoom closes a session so that one from client can be opened: the greediest
// origin's, or the client's own where none is greedier. It reports false where
// none can be spared.
func (h *Host) makeRoom(client netip.AddrPort) bool {
	own := h.live.origins.of(client)
	if len(h.live.origins.heap) > 0 {
		if greediest := h.live.origins.heap[0]; own == nil || greediest.count > own.count {
			if h.spare(greediest) {
				return true
			}
		}
	}
	return own != nil && h.spare(own)
}

// spare closes the session of o that was longest without a request, among its
// first few with nothing outstanding.
func (h *Host) spare(o *origin) bool {
	const tries = 16
	s := o.sessions.first()
	for range tries {
		if s == nil {
			return false
		}
		if h.outstanding(s) {
			s = o.sessions.after(s)
			continue
		}
		h.closeSession(s)
		return true
	}
	return false
}

// outstanding reports whether a client may still rely on a session that it does not
// use: it has held requests, or answers that the client may not have seen, since it
// was idle for less than three quarters of the time after which it would expire. By
// then who is told that the session is unknown, half of that time after he sent a
// write, takes the outcome for unknown (the client library's resume).
func (h *Host) outstanding(s *liveSession) bool {
	return s.held > 0 || s.AnswerCount() > 0 && h.now-s.used < h.cfg.Limits.SessionIdle/4*3
}

// originHeap implements heap.Interface.
type originHeap []*origin

func (h originHeap) Len() int { return len(h) }

func (h originHeap) Less(i, j int) bool {
	if h[i].count != h[j].count {
		return h[i].count > h[j].count
	}
	return h[i].addr.Less(h[j].addr)
}

func (h originHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

// Push appends an origin.
func (h *originHeap) Push(o any) {
	v, _ := o.(*origin)
	v.place = len(*h)
	*h = append(*h, v)
}

// Pop removes the last origin.
func (h *originHeap) Pop() any {
	last := (*h)[len(*h)-1]
	(*h)[len(*h)-1] = nil
	*h = (*h)[:len(*h)-1]
	return last
}
