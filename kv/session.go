package kv

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"

	"ironkv/marshal"
)

// liveSession is a session with what is known of it while the process runs.
// Live sessions form a list by when they were last used.
type liveSession struct {
	*Session
	used       Time
	client     netip.AddrPort // where it was opened from; zero after a restart
	floor      uint64         // the highest floor seen
	held       int            // requests of it that are held
	requested  bool           // it carried a request in this process
	prev, next *liveSession
}

// sessions are the live sessions: by id, by nonce, per client address, and in
// the order of their last use (oldest first, in a ring around root).
type sessions struct {
	byID     map[marshal.SessionID]*liveSession
	byNonce  map[marshal.Nonce]*liveSession
	byClient map[netip.AddrPort]int
	root     *liveSession
	answers  int // recorded answers over all sessions
}

func newSessions(state map[marshal.SessionID]*Session) sessions {
	s := sessions{
		byID: map[marshal.SessionID]*liveSession{}, byNonce: map[marshal.Nonce]*liveSession{},
		byClient: map[netip.AddrPort]int{}, root: &liveSession{},
	}
	s.root.prev, s.root.next = s.root, s.root
	bySerial := map[uint64]*Session{}
	for _, v := range state {
		bySerial[v.Serial] = v
	}
	for _, v := range sorted(bySerial) {
		s.add(v, netip.AddrPort{}, 0)
	}
	return s
}

func (s *sessions) add(v *Session, client netip.AddrPort, now Time) *liveSession {
	l := &liveSession{Session: v, client: client, floor: v.Floor, used: now}
	s.byID[v.ID] = l
	s.byNonce[v.Nonce] = l
	if client.IsValid() {
		s.byClient[client]++
	}
	s.answers += len(v.Answers)
	s.link(l)
	return l
}

func (s *sessions) remove(l *liveSession) {
	delete(s.byID, l.ID)
	delete(s.byNonce, l.Nonce)
	if l.client.IsValid() {
		if s.byClient[l.client]--; s.byClient[l.client] == 0 {
			delete(s.byClient, l.client)
		}
	}
	s.answers -= len(l.Answers)
	l.prev.next, l.next.prev = l.next, l.prev
}

func (s *sessions) link(l *liveSession) {
	l.prev, l.next = s.root.prev, s.root
	l.prev.next, l.next.prev = l, l
}

func (s *sessions) touch(l *liveSession, now Time) {
	if l.used == now {
		return // those used at one moment keep their order: it says nothing
	}
	l.used = now
	l.prev.next, l.next.prev = l.next, l.prev
	s.link(l)
}

// hello answers with a cookie and keeps nothing.
func (h *Host) hello(p Packet, m *marshal.Hello) {
	h.out.Action = ActSession
	h.send(p.Src, &marshal.CookieReply{Nonce: m.Nonce, Cookie: h.cookie(p.Src.Client, m.Nonce, h.cookieEpoch())})
}

func (h *Host) cookieEpoch() uint64 { return uint64(h.now / cookieLife) }

// cookie is a function of the client's address, so that only who receives
// there can return it (the idea of RFC 6347, section 4.2.1).
func (h *Host) cookie(client netip.AddrPort, nonce marshal.Nonce, epoch uint64) (c marshal.Cookie) {
	mac := hmac.New(sha256.New, h.state.Secret[:])
	b := append([]byte("cookie"), nonce[:]...)
	b = binary.BigEndian.AppendUint64(b, epoch)
	b, _ = client.AppendBinary(b)
	mac.Write(b)
	copy(c[:], mac.Sum(nil))
	return c
}

// sessionID cannot be guessed by who does not know the secret, and is never
// given out twice, since serials are not.
func (h *Host) sessionID(serial uint64) (id marshal.SessionID) {
	mac := hmac.New(sha256.New, h.state.Secret[:])
	mac.Write(binary.BigEndian.AppendUint64([]byte("session"), serial))
	copy(id[:], mac.Sum(nil))
	return id
}

// open makes a session for a client whose address the cookie proves; the same
// one however often the same nonce asks.
func (h *Host) open(p Packet, m *marshal.Open) {
	epoch := h.cookieEpoch()
	fresh := hmac.Equal(m.Cookie[:], ptr(h.cookie(p.Src.Client, m.Nonce, epoch))[:])
	if !fresh && (epoch == 0 || !hmac.Equal(m.Cookie[:], ptr(h.cookie(p.Src.Client, m.Nonce, epoch-1))[:])) {
		h.drop(DropCookie)
		return
	}
	h.out.Action = ActSession
	if !h.state.Joined {
		h.refuse(p.Src, marshal.RequestHeader{}, marshal.NotServing)
		return
	}
	s := h.live.byNonce[m.Nonce]
	if s == nil {
		if len(h.live.byID) >= h.cfg.Limits.Sessions {
			h.evictSession()
		}
		if len(h.live.byID) >= h.cfg.Limits.Sessions || h.live.byClient[p.Src.Client] >= h.cfg.Limits.SessionsPerClient {
			h.refuse(p.Src, marshal.RequestHeader{}, marshal.TooManySessions)
			return
		}
		s = h.openSession(p.Src.Client, m.Nonce)
	}
	h.live.touch(s, h.now)
	h.send(p.Src, &marshal.Opened{
		Nonce: m.Nonce, Session: s.ID, Host: h.cfg.Me, Incarnation: h.state.Incarnation, Window: h.cfg.Limits.Window,
		IdleMillis: uint64(h.cfg.Limits.SessionIdle / Millisecond), Root: h.cfg.Root, Members: h.cfg.Members,
	})
}

func ptr[T any](v T) *T { return &v }

func (h *Host) openSession(client netip.AddrPort, nonce marshal.Nonce) *liveSession {
	h.state.LastSession++
	h.store.SetIdentity(h.state.Identity)
	rec := SessionRecord{ID: h.sessionID(h.state.LastSession), Nonce: nonce, Serial: h.state.LastSession, Client: client}
	s := &Session{SessionRecord: rec, Answers: map[uint64]marshal.Message{}}
	h.state.Sessions[rec.ID] = s
	h.store.OpenSession(rec)
	return h.live.add(s, client, h.now)
}

func (h *Host) closeSession(s *liveSession) {
	h.live.remove(s)
	delete(h.state.Sessions, s.ID)
	h.store.CloseSession(s.ID)
}

// evictSession makes room for another session by closing one that was opened
// in this process and never used, if there is one among the oldest: whoever
// opens sessions without end closes his own.
func (h *Host) evictSession() {
	const tries = 16
	s := h.live.root.next
	for range tries {
		if s == h.live.root {
			return
		}
		if !s.requested && s.client.IsValid() {
			h.closeSession(s)
			return
		}
		s = s.next
	}
}

func (h *Host) closeRequest(_ Packet, m *marshal.CloseRequest) {
	h.out.Action = ActSession
	if s := h.live.byID[m.Session]; s != nil {
		h.closeSession(s)
	}
}

// sessionsDeadline is when the session that was longest without a request
// expires. Times count from the process's start: no deadline outlives it.
func (h *Host) sessionsDeadline() Time {
	if oldest := h.live.root.next; oldest != h.live.root {
		return oldest.used + h.cfg.Limits.SessionIdle
	}
	return never
}

func (h *Host) expireSession() {
	h.out.Action = ActExpire
	h.closeSession(h.live.root.next)
}

// session returns the session that a request names, or refuses the request. An
// unknown session executes nothing and is never created in passing.
func (h *Host) session(p Packet, hd marshal.RequestHeader) *liveSession {
	h.served++
	if !h.state.Joined {
		h.refuse(p.Src, hd, marshal.NotServing)
		return nil
	}
	s := h.live.byID[hd.Session]
	if s == nil {
		h.refuse(p.Src, hd, marshal.UnknownSession)
		return nil
	}
	h.live.touch(s, h.now)
	s.requested = true
	return s
}

// writer returns the session in which a write or an order may be executed for
// the first and only time. Otherwise it does what is due instead: it drops a
// number that was given up, repeats a recorded answer, or refuses.
func (h *Host) writer(p Packet, hd marshal.RequestHeader, w marshal.WriteHeader) *liveSession {
	s := h.session(p, hd)
	if s == nil {
		return nil
	}
	switch {
	case hd.Number < s.floor || hd.Number == 0 || w.Floor > hd.Number:
		h.drop(DropBelowFloor)
		return nil
	case s.Answers[hd.Number] != nil:
		h.send(p.Src, s.Answers[hd.Number])
		return nil
	}
	s.floor = max(s.floor, w.Floor)
	switch {
	case hd.Number-s.floor >= uint64(h.cfg.Limits.Window):
		h.refuse(p.Src, hd, marshal.BeyondWindow)
		return nil
	// The number at the floor is never refused for the answers above it: they can
	// only be forgotten once the floor passes it.
	case hd.Number > s.floor && h.live.answers >= h.cfg.Limits.Answers && len(s.Answers) >= answersPerSession:
		h.refuse(p.Src, hd, marshal.Overloaded)
		return nil
	case h.holds.has(hd, true):
		h.drop(DropAlreadyHeld)
		return nil
	}
	return s
}

// answer records the one answer that a number of a write or an order ever gets,
// and sends it. Only this closes the number.
func (h *Host) answer(p Packet, s *liveSession, number uint64, m marshal.Message) {
	// All recorded numbers lie within a window above the old floor.
	for n := s.Floor; n < min(s.floor, s.Floor+uint64(h.cfg.Limits.Window)); n++ {
		if _, ok := s.Answers[n]; ok {
			delete(s.Answers, n)
			h.live.answers--
		}
	}
	s.Floor = s.floor
	s.Answers[number] = m
	h.live.answers++
	h.store.SetAnswer(s.ID, number, s.Floor, m)
	h.send(p.Src, m)
}

// refuse says that a request was not answered. It is not recorded and closes
// no number; it is never longer than the request.
func (h *Host) refuse(to Endpoint, hd marshal.RequestHeader, reason marshal.RefusalReason) {
	h.send(to, &marshal.Refusal{RequestHeader: hd, Reason: reason})
}
