package client

import (
	"slices"
	"time"

	"ironkv/marshal"
)

// open begins to ask h for a session, unless that is under way.
func (e *engine) open(now time.Duration, h *host) {
	if h.opening.active {
		return
	}
	h.opening = opening{active: true, nonce: e.nonce(), since: now}
	e.knock(now, h)
}

// knock sends Hello, or Open once the cookie has come, and says when to repeat
// it. A cookie that is not honoured is too old, or from an earlier life of the
// host: then another is asked for.
func (e *engine) knock(now time.Duration, h *host) {
	g := &h.opening
	if len(h.waiting) == 0 && h.id != 0 {
		g.active = false // nobody needs it any more
		return
	}
	if g.asked && g.sent >= opensPerCookie {
		g.asked, g.sent = false, 0
	}
	g.sent++
	g.silent++
	g.due = now + h.rtt.repeatAfter(g.silent)
	if g.asked {
		e.send(h, &marshal.Open{Nonce: g.nonce, Cookie: g.cookie})
	} else {
		e.send(h, &marshal.Hello{Nonce: g.nonce})
	}
	if g.silent > detourAfter && len(e.hosts) > 1 {
		e.reroute(now, h)
	}
}

// reroute lets the ops that wait for a silent host, and were never sent to it,
// ask another who owns their key.
func (e *engine) reroute(now time.Duration, h *host) {
	for _, o := range slices.Concat(h.waiting, h.flight.waiting[h.flight.head:]) {
		if o.target == 0 && o.lost == 0 && o.redirects < maxRedirects {
			o.redirects++ // lest two silent hosts pass it on for ever
			e.detour(now, o)
		}
	}
}

// cookie shows the cookie that proves our address.
func (e *engine) cookie(now time.Duration, h *host, m *marshal.CookieReply) {
	g := &h.opening
	if !g.active || g.asked || m.Nonce != g.nonce {
		return
	}
	if h.id == 0 {
		if e.opener != nil && e.opener != h && e.opener.opening.silent < detourAfter {
			return // another address answered first
		}
		e.opener = h
	}
	g.cookie, g.asked, g.sent = m.Cookie, true, 0
	e.knock(now, h)
}

// refusedOpening notes that a host gives no session now. It is asked again.
func (e *engine) refusedOpening(now time.Duration, h *host, reason marshal.RefusalReason) {
	g := &h.opening
	if !g.active {
		return
	}
	g.due = now + e.backoff(g.sent)
	for o := e.live.first; o != nil; o = o.next {
		if o.state == opOpening && (o.host == h || o.kind == opDial) {
			o.refusals++
			o.refusal = reason
		}
	}
}

// opened begins a session and lets the ops that waited for it go.
func (e *engine) opened(now time.Duration, h *host, m *marshal.Opened) {
	g := &h.opening
	if g.nonce == (marshal.Nonce{}) || m.Nonce != g.nonce || m.Session == (marshal.SessionID{}) {
		return // a copy, or not asked for
	}
	if h.id != 0 && m.Host != h.id {
		e.log.Warn("another host answers at a host's address; check the cluster's addresses",
			"address", h.addr, "expected", h.id, "answered", m.Host)
		return
	}
	for _, old := range h.sessions {
		if old.incarnation != m.Incarnation {
			e.lose(now, old) // of another life: nothing will ever answer in it
		}
	}
	if h.incarnation != 0 && h.incarnation != m.Incarnation {
		e.log.Warn("a host has come back without its state", "host", m.Host,
			"was", uint64(h.incarnation), "is", uint64(m.Incarnation))
	}
	g.active, g.nonce = false, marshal.Nonce{}
	h.incarnation = m.Incarnation
	s := newSession(h, m, g.since)
	if old := h.current; old != nil && old.unused() {
		e.send(h, &marshal.CloseRequest{RequestHeader: marshal.RequestHeader{Session: old.id, Number: old.next}})
		delete(h.sessions, old.id)
	}
	h.current = s
	if h.sessions == nil {
		h.sessions = map[marshal.SessionID]*session{}
	}
	h.sessions[s.id] = s
	if hook := e.observer.Opened; hook != nil {
		hook(m.Host)
	}
	e.dialed(now, h, m)
	waiting := h.waiting
	h.waiting = nil
	for _, o := range waiting {
		e.resume(now, o)
	}
}

// dialed ends the dials, if there are any.
func (e *engine) dialed(now time.Duration, h *host, m *marshal.Opened) {
	for o := e.live.first; o != nil; {
		next := o.next
		if o.kind == opDial {
			o.host, o.reply = h, marshal.Clone(m)
			e.finish(now, o)
		}
		o = next
	}
}

// lose ends a session that its host does not know (any more). Its ops move to
// the next one, or end with their outcome unknown; see resume.
func (e *engine) lose(now time.Duration, s *session) {
	h := s.host
	e.log.Debug("a host does not know a session any more", "host", h.id, "session", s.id)
	if h.current == s {
		h.current = nil
	}
	delete(h.sessions, s.id)
	waiting := s.waiting
	s.waiting = nil
	for o := e.live.first; o != nil; o = o.next {
		if o.session != s || o.state != opSent {
			continue
		}
		if o.kind.numbered() {
			o.lost, o.lostAfter = s.incarnation, now-o.first
			if o.lostAfter >= s.idle/2 {
				o.lostAfter = -1
			}
		}
		waiting = append(waiting, o)
	}
	for _, o := range waiting {
		o.state, o.session = opOpening, nil
		h.flight.land(o)
		h.waiting = append(h.waiting, o)
	}
	e.open(now, h)
	e.fly(now, h)
}

// resume places an op that has waited for a session at its host.
//
// A write that was sent in a session which the host then did not know was not
// executed, and never will be, if two things hold. The host is the same life as
// then: it has lost nothing, and session ids are never reused, so no late copy
// finds the session again. And the refusal came within half the idle time of the
// write's first transmission: a copy that had been executed would have found the
// session alive, and one that has answered a write is forgotten only when it was idle
// for three quarters of that time, however many others want its place (the client
// closes none that has writes on their way). Then it is
// written again under the same operation id. Otherwise nobody can tell.
func (e *engine) resume(now time.Duration, o *op) {
	o.state = opNew
	if o.lost != 0 && (o.lost != o.host.incarnation || o.lostAfter < 0) {
		e.giveUp(now, o, errOtherLife)
		return
	}
	o.lost = 0
	e.placeAt(now, o, o.host)
}
