package kv

import (
	"encoding/binary"
	"maps"
	"slices"

	"ironkv/marshal"
)

// Clone returns a copy of the state that shares nothing that either changes.
func (s *State) Clone() *State {
	c := *s
	c.Map = s.Map.Clone()
	c.Peers = maps.Clone(s.Peers)
	for id, p := range s.Peers {
		cp := *p
		cp.Out = p.Out.Clone()
		c.Peers[id] = &cp
	}
	c.Sessions = maps.Clone(s.Sessions)
	for id, v := range s.Sessions {
		cv := *v
		cv.answers = v.answers.clone()
		c.Sessions[id] = &cv
	}
	c.Moves = maps.Clone(s.Moves)
	for n, m := range s.Moves {
		cm := *m
		c.Moves[n] = &cm
	}
	return &c
}

// Clone returns a copy of the host that goes on by itself with the given copy
// of its store. Audit cuts are not copied.
func (h *Host) Clone(store Store) *Host {
	c := *h
	c.state = h.state.Clone()
	c.store = store
	c.links = maps.Clone(h.links)
	for id, l := range h.links {
		cl := *l
		c.links[id] = &cl
	}
	c.live = h.live.clone(c.state.Sessions)
	c.holds.ids = maps.Clone(h.holds.ids)
	c.holds.byOrigin = maps.Clone(h.holds.byOrigin)
	c.holds.waiting = slices.Clone(h.holds.waiting)
	c.holds.ready = slices.Clone(h.holds.ready)
	c.active = nil
	for _, j := range h.active {
		cj := *j
		cj.Move = c.state.Moves[j.Number]
		c.active = append(c.active, &cj)
	}
	c.cuts = nil
	return &c
}

func (s *sessions) clone(state map[marshal.SessionID]*Session) sessions {
	c := newSessions(nil)
	for l := s.recent.first(); l != nil; l = s.recent.after(l) {
		cl := c.add(state[l.ID], l.used)
		cl.floor, cl.held = l.floor, l.held
	}
	return c
}

// Encode appends the canonical encoding of everything that decides what the
// host does next, but for the count of its steps and audit cuts: two hosts with
// equal encodings (and equal tables) behave alike. Times are encoded as what is
// left until them, so that runs that differ only in when they began are equal.
func (h *Host) Encode(b []byte) []byte {
	b = h.state.encode(b)
	for _, id := range h.order {
		l := h.links[id]
		b = h.appendTimes(appendLink(b, l), l.heard, l.greetAt, l.sentAt, l.resentAt, l.resendAt)
	}
	for l := h.live.recent.first(); l != nil; l = h.live.recent.after(l) {
		b = h.appendTimes(appendSession(b, l), l.used)
	}
	b = appendUint(b, uint64(len(h.holds.ready)))
	for _, r := range h.Held() {
		b = h.appendTimes(appendHeld(b, r), r.until)
	}
	for _, j := range h.active {
		b = h.appendTimes(appendUint(b, uint64(j.wants)), j.nextAt)
		if j.wants > 0 {
			b = h.appendTimes(b, j.retryAt)
		}
	}
	b = h.appendRest(b)
	return h.appendTimes(b, h.quietUntil, h.quietAgain, h.chunkAt, h.yieldUntil)
}

// EncodeStill is Encode for a host whose clock never moves on again, whose moves
// have no limited rate, and whose bounds of sessions and answers are never met. Of a time it then
// matters only whether it has come; and when and in which order sessions were used,
// which says which expires or makes room, not at all.
func (h *Host) EncodeStill(b []byte) []byte {
	b = h.state.encode(b)
	for _, id := range h.order {
		l := h.links[id]
		b = h.appendDue(appendLink(b, l),
			l.heard+heardWithin/2, l.heard+heardWithin, l.greetAt, l.sentAt+silence, l.resentAt+gapRepeat, l.resendAt)
	}
	bySerial := map[uint64]*liveSession{}
	for l := h.live.recent.first(); l != nil; l = h.live.recent.after(l) {
		bySerial[l.Serial] = l
	}
	for _, l := range sorted(bySerial) {
		b = appendSession(b, l)
	}
	b = appendUint(b, uint64(len(h.holds.ready)))
	for _, r := range h.Held() {
		b = h.appendDue(appendHeld(b, r), r.until)
	}
	for _, j := range h.active {
		b = h.appendDue(appendUint(b, uint64(j.wants)), j.nextAt)
		if j.wants > 0 {
			b = h.appendDue(b, j.retryAt)
		}
	}
	b = h.appendRest(b)
	return h.appendDue(b, h.quietUntil, h.quietAgain, h.chunkAt+1, h.yieldUntil)
}

func appendLink(b []byte, l *link) []byte { return appendUint(appendBool(b, l.met), l.room) }

func appendSession(b []byte, l *liveSession) []byte {
	return appendUint(append(b, l.ID[:]...), l.floor)
}

func appendHeld(b []byte, r *Held) []byte {
	return append(marshal.Append(b, r.Packet.Msg), r.Packet.Src.Client.String()...)
}

func (h *Host) appendRest(b []byte) []byte {
	b = appendUint(b, uint64(h.turn), h.room)
	return appendBool(appendBool(appendBool(b, h.served > 0), h.timing), h.yielding)
}

// appendDue appends of each time whether it has come.
func (h *Host) appendDue(b []byte, times ...Time) []byte {
	for _, t := range times {
		b = appendBool(b, t <= h.now)
	}
	return b
}

func (h *Host) appendTimes(b []byte, times ...Time) []byte {
	for _, t := range times {
		if t == never {
			b = append(b, 0xff)
			continue
		}
		b = binary.AppendVarint(b, int64(t-h.now))
	}
	return b
}

func (s *State) encode(b []byte) []byte {
	id := s.Identity
	b = appendUint(b, uint64(id.Host), uint64(id.Root), uint64(id.Incarnation), id.LastSession, id.LastMove, uint64(s.Clock))
	b = append(b, id.Secret[:]...)
	b = appendBool(b, id.Joined)
	for from, host := range s.Map.Boundaries() {
		b = appendText(b, from.String())
		b = appendUint(b, uint64(host))
	}
	for id, p := range sorted(s.Peers) {
		r := p.Record()
		b = appendUint(b, uint64(id), uint64(r.Incarnation), r.Acked, r.Received, uint64(p.Out.Outstanding()))
		b = appendBool(b, r.Confirmed)
		for seqno, d := range p.Out.Unacked() {
			b = marshal.Append(b, &marshal.Single{Seqno: seqno, Delegate: *d})
		}
	}
	serials := map[uint64]*Session{}
	for _, v := range s.Sessions {
		serials[v.Serial] = v
	}
	for serial, v := range sorted(serials) {
		b = append(append(b, v.ID[:]...), v.Nonce[:]...)
		b = appendText(b, v.Client.String())
		b = appendUint(b, serial, v.Floor, uint64(v.AnswerCount()))
		for n, a := range v.Answers() {
			b = marshal.Append(appendUint(b, n), a)
		}
	}
	for _, m := range sorted(s.Moves) {
		b = appendUint(b, m.Number, uint64(m.Recipient), uint64(m.Phase), uint64(m.Reason), m.Rate, m.LastSeqno, m.Keys, m.Bytes, m.Chunks)
		b = appendBool(b, m.Consented)
		b = appendText(appendText(b, m.Range.String()), m.Cursor.String())
	}
	return b
}

func appendUint(b []byte, vs ...uint64) []byte {
	for _, v := range vs {
		b = binary.AppendUvarint(b, v)
	}
	return b
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendText(b []byte, s string) []byte { return append(appendUint(b, uint64(len(s))), s...) }
