package kv

import (
	"net/netip"
	"slices"

	"ironkv/delegation"
	"ironkv/marshal"
)

// A Held is a request that waits for the delegate that its hint names.
type Held struct {
	Packet  Packet // shares no memory with a datagram
	Hint    marshal.Hint
	session marshal.SessionID
	number  uint64
	write   bool
	until   Time
	bytes   int
}

type heldID struct {
	session marshal.SessionID
	number  uint64
	write   bool
}

// Until is when the request has waited long enough, if its delegate has not come.
func (r *Held) Until() Time { return r.until }

func (r *Held) id() heldID { return heldID{r.session, r.number, r.write} }

// holds are the held requests: volatile, bounded in count, bytes and time, one
// per number. waiting is in order of arrival, which is that of expiry; ready
// are those whose delegate has come.
type holds struct {
	ids      map[heldID]bool
	waiting  []*Held
	ready    []*Held
	bytes    int
	byOrigin map[netip.Addr]heldShare // of clients
}

// A heldShare is what is held of one origin; bounds are shared as those of sessions are.
type heldShare struct{ count, bytes int }

func newHolds() holds {
	return holds{ids: map[heldID]bool{}, byOrigin: map[netip.Addr]heldShare{}}
}

// add notes that count requests more of a client are held, or fewer, and so many bytes.
func (q *holds) add(client netip.AddrPort, count, bytes int) {
	q.bytes += bytes
	o := Origin(client)
	s := q.byOrigin[o]
	if s = (heldShare{s.count + count, s.bytes + bytes}); s.count == 0 {
		delete(q.byOrigin, o)
		return
	}
	q.byOrigin[o] = s
}

func (q *holds) has(hd marshal.RequestHeader, write bool) bool {
	return len(q.ids) > 0 && q.ids[heldID{hd.Session, hd.Number, write}]
}

// release makes ready what waited for delegates of sender up to number n.
func (q *holds) release(sender delegation.HostID, n uint64) {
	q.waiting = slices.DeleteFunc(q.waiting, func(r *Held) bool {
		comes := r.Hint.Sender == sender && r.Hint.Seqno <= n
		if comes {
			q.ready = append(q.ready, r)
		}
		return comes
	})
}

// Held returns the held requests in the order in which they would be answered.
func (h *Host) Held() []*Held { return append(slices.Clone(h.holds.ready), h.holds.waiting...) }

func (h *Host) hold(p Packet, hd marshal.RequestHeader, hint marshal.Hint, write bool) {
	s := h.live.byID[hd.Session]
	l := h.cfg.Limits
	r := &Held{Hint: hint, session: hd.Session, number: hd.Number, write: write, until: h.now + l.HoldTime, bytes: requestSize(p.Msg)}
	own := h.holds.byOrigin[Origin(p.Src.Client)]
	switch {
	case h.holds.ids[r.id()]:
		h.drop(DropAlreadyHeld)
		return
	case crowded(own.count, len(h.holds.ids), l.Holds) || s.held >= l.HoldsPerSession,
		crowded(own.bytes, h.holds.bytes, l.HoldBytes) || h.holds.bytes+r.bytes > l.HoldBytes:
		h.refuse(p.Src, hd, marshal.TooManyHolds)
		return
	}
	r.Packet = Packet{Dst: p.Dst, Src: p.Src, Msg: marshal.Clone(p.Msg)}
	h.holds.ids[r.id()] = true
	h.holds.add(p.Src.Client, 1, r.bytes)
	h.holds.waiting = append(h.holds.waiting, r)
	s.held++
}

// heldOverheadBytes is what a held request counts for beyond its key and value.
const heldOverheadBytes = 256

func requestSize(m marshal.Message) int {
	switch m := m.(type) {
	case *marshal.SetRequest:
		return heldOverheadBytes + len(m.Key) + len(m.Value)
	case *marshal.GetRequest:
		return heldOverheadBytes + len(m.Key)
	}
	return heldOverheadBytes + 2*marshal.MaxKeyBytes
}

func (h *Host) holdsDeadline() Time {
	switch {
	case len(h.holds.ready) > 0:
		return h.now
	case len(h.holds.waiting) > 0:
		return h.holds.waiting[0].until
	}
	return never
}

// nextHold answers the first request whose delegate has come, as if it had
// arrived now: its session and floor are checked again. Or it refuses the
// first whose time is up, which is no answer.
func (h *Host) nextHold() {
	if len(h.holds.ready) > 0 {
		r := h.holds.ready[0]
		h.holds.ready = slices.Delete(h.holds.ready, 0, 1)
		h.unhold(r)
		h.receive(r.Packet)
		return
	}
	r := h.holds.waiting[0]
	h.holds.waiting = slices.Delete(h.holds.waiting, 0, 1)
	h.unhold(r)
	h.out.Action = ActExpire
	h.refuse(r.Packet.Src, marshal.RequestHeader{Session: r.session, Number: r.number}, marshal.HoldTimedOut)
}

func (h *Host) unhold(r *Held) {
	delete(h.holds.ids, r.id())
	h.holds.add(r.Packet.Src.Client, -1, -r.bytes)
	if s := h.live.byID[r.session]; s != nil {
		s.held--
	}
}
