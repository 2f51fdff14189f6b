package client

import (
	"net/netip"
	"time"

	"ironkv/marshal"
)

// receive takes a message from an address. What no op of that host waits for is
// dropped: late copies, and strangers' inventions.
func (e *engine) receive(now time.Duration, src netip.AddrPort, m marshal.Message) {
	h := e.byAddr[src]
	if h == nil {
		return
	}
	h.silent, h.opening.silent = 0, 0
	switch m := m.(type) {
	case *marshal.GetReply:
		if o := e.answered(now, h, m.RequestHeader, opGet); o != nil {
			o.found, o.version = m.Found, m.Version
			h.flight.getReply.heard(len(m.Value))
			if m.Found {
				value := m.Value
				own := make([]byte, len(value)) // between variables the two lines are one: nothing is cleared first
				copy(own, value)
				o.out = own
			}
			e.finish(now, o)
		}
	case *marshal.SetReply:
		if o := e.answered(now, h, m.RequestHeader, opSet); o != nil {
			o.result, o.version = m.Result, m.Version
			e.finish(now, o)
		}
	case *marshal.ScanReply:
		if o := e.answered(now, h, m.RequestHeader, opScan); o != nil {
			o.page1 = copyPage(m)
			h.flight.scanReply.heard(o.page1.size)
			e.finish(now, o)
		}
	case *marshal.OrderReply:
		o := e.answered(now, h, m.RequestHeader, opShard)
		if o == nil {
			o = e.answered(now, h, m.RequestHeader, opOrder)
		}
		e.reply(now, o, m)
	case *marshal.MovesReply:
		e.reply(now, e.answered(now, h, m.RequestHeader, opMoves), m)
	case *marshal.StatusReply:
		e.reply(now, e.answered(now, h, m.RequestHeader, opStatus), m)
	case *marshal.AuditReply:
		e.reply(now, e.answered(now, h, m.RequestHeader, opAudit), m)
	case *marshal.Redirect:
		if o := h.find(m.RequestHeader); o != nil {
			e.redirected(now, o, m)
		}
	case *marshal.Refusal:
		e.refused(now, h, m)
	case *marshal.CookieReply:
		e.cookie(now, h, m)
	case *marshal.Opened:
		e.opened(now, h, m)
	case *marshal.Hello, *marshal.Open, *marshal.CloseRequest, *marshal.GetRequest, *marshal.SetRequest,
		*marshal.ScanRequest, *marshal.Shard, *marshal.MoveOrder, *marshal.MovesRequest, *marshal.StatusRequest,
		*marshal.AuditRequest, *marshal.Greet, *marshal.Mismatch, *marshal.Propose, *marshal.Consent,
		*marshal.Single, *marshal.Ack:
		// Hosts send these to hosts, or clients to hosts.
	}
}

// find returns the op that waits at h under this session and number, or nil.
func (h *host) find(rh marshal.RequestHeader) *op {
	s := h.current
	if s == nil || s.id != rh.Session {
		if s = h.sessions[rh.Session]; s == nil {
			return nil
		}
	}
	if rh.Number >= firstRead {
		return s.reads.get(rh.Number)
	}
	return s.writes.get(rh.Number)
}

// answered returns the op of this kind that an answer is for, and learns from
// the time that it took.
func (e *engine) answered(now time.Duration, h *host, rh marshal.RequestHeader, kind opKind) *op {
	o := h.find(rh)
	if o == nil || o.kind != kind {
		return nil
	}
	o.heard(now)
	return o
}

// heard notes that o's host has answered it.
func (o *op) heard(now time.Duration) {
	s := o.session
	s.touched = max(s.touched, o.first)
	if o.refusals > 0 || len(o.value) > bulkBytes {
		return
	}
	r := &o.host.rtt
	if o.sent == 1 {
		o.host.flight.answered(o)
	}
	// Which copy of a request is answered nobody says, so as a rule only those sent once
	// are samples (Karn's); but the longest would never be among them.
	if o.sent == 1 || o.sent == 2 && r.early(now-o.last) {
		r.sample(now, now-o.first)
	}
}

// reply ends o with a copy of its answer.
func (e *engine) reply(now time.Duration, o *op, m marshal.Message) {
	if o != nil {
		o.reply = marshal.Clone(m)
		e.finish(now, o)
	}
}

// redirected follows a redirect. It is a recorded answer, so it closes the
// number, and the op is tried elsewhere under another.
func (e *engine) redirected(now time.Duration, o *op, m *marshal.Redirect) {
	if o.target != 0 {
		return // no host redirects what is asked of a host by name
	}
	o.heard(now)
	if hook := e.observer.Redirected; hook != nil {
		hook(o.host.id, m.Owner)
	}
	from := o.host.id
	e.leave(now, o)
	o.redirects++
	o.hint, o.hintFor = m.Hint, m.Owner
	if e.host(m.Owner) == nil || o.redirects > maxRedirects {
		o.state, o.sent, o.refusals = opPausing, 0, 0
		cause := errManyRedirects
		if o.redirects <= maxRedirects {
			cause = ErrUnknownHost
		}
		e.giveUp(now, o, cause)
		return
	}
	o.refusals = 0
	known := m.Range.Contains(o.routeKey())
	if known {
		e.route.learn(now, m.Range, m.Owner, m.Hint)
	}
	switch {
	case o.redirects > directRedirects || m.Owner == from:
		e.pause(now, o, o.redirects-directRedirects)
	case known:
		e.place(now, o)
	default: // a repeated redirect may be without its range
		e.placeAt(now, o, e.host(m.Owner))
	}
}

// refused notes that a host could not answer. It closes no number: the same one
// is tried again at the same host, later; not for long where the host has no room
// even to record an answer. Where the host has waited in vain for the delegate that a
// hint names, it is asked without the hint: if it does not own the key it then
// redirects, which is an answer.
func (e *engine) refused(now time.Duration, h *host, m *marshal.Refusal) {
	if hook := e.observer.Refused; hook != nil {
		hook(h.id, m.Reason)
	}
	if m.Reason == marshal.Overloaded {
		if now-h.overloaded >= maxRepeat {
			h.overloads = 0
		}
		h.overloads++
		h.overloaded = now
	}
	if m.Session == (marshal.SessionID{}) {
		e.refusedOpening(now, h, m.Reason)
		return
	}
	o := h.find(m.RequestHeader)
	if o == nil {
		return
	}
	switch m.Reason {
	case marshal.UnknownSession:
		e.lose(now, o.session)
	case marshal.UnknownCut:
		o.err = errUnknownCut
		e.finish(now, o)
	case marshal.HoldTimedOut:
		o.hint = marshal.Hint{} // it may be about a delegate that never comes
		fallthrough
	case marshal.NotServing, marshal.TooManyHolds, marshal.BeyondWindow,
		marshal.DiskFull, marshal.Overloaded, marshal.TooManySessions:
		o.refusals++
		o.refusal = m.Reason
		o.due = now + e.backoff(o.refusals)
		if m.Reason == marshal.DiskFull && now-o.first >= fullPatience {
			e.giveUp(now, o, errNoRoomToAnswer)
		}
	}
}

// copyPage copies a page out of the datagram into memory of its own: one piece
// for all of its bytes, one for its entries.
func copyPage(m *marshal.ScanReply) page {
	p := page{covered: m.Covered.Clone(), keys: m.Keys, bytes: m.Bytes}
	if len(m.Entries) == 0 {
		return p
	}
	total := 0
	for i := range m.Entries {
		total += len(m.Entries[i].Key) + len(m.Entries[i].Value)
	}
	slab := make([]byte, 0, total)
	cut := func(from int) []byte { return slab[from:len(slab):len(slab)] }
	p.size, p.entries = total, make([]Entry, len(m.Entries))
	for i := range m.Entries {
		in, at := &m.Entries[i], len(slab)
		slab = append(slab, in.Key...)
		p.entries[i] = Entry{Key: cut(at), Version: uint64(in.Version)}
		at = len(slab)
		slab = append(slab, in.Value...)
		p.entries[i].Value = cut(at)
	}
	return p
}
