package kv

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"

	"ironkv/delegation"
	"ironkv/marshal"
)

// liveSession is a session with what is known of it while the process runs.
type liveSession struct {
	*Session
	origin *origin
	used   Time
	floor  uint64 // the highest floor seen
	held   int    // requests of it that are held
	// neighbors in the rings of all sessions and of the origin's.
	neighbors [numRings]struct{ prev, next *liveSession }
}

// A ringKind tells the rings that each session is in.
type ringKind int

const (
	ofAll ringKind = iota
	ofOrigin
	numRings
)

// A sessionRing is sessions in the order of their last use, the oldest first.
type sessionRing struct {
	kind ringKind
	root *liveSession
}

func newSessionRing(kind ringKind) sessionRing {
	r := sessionRing{kind, &liveSession{}}
	r.root.neighbors[kind].prev, r.root.neighbors[kind].next = r.root, r.root
	return r
}

// first returns the session that was longest unused, after the one that comes
// after s; nil where there is none.
func (r sessionRing) first() *liveSession { return r.after(r.root) }

func (r sessionRing) after(s *liveSession) *liveSession {
	if next := s.neighbors[r.kind].next; next != r.root {
		return next
	}
	return nil
}

func (r sessionRing) push(s *liveSession) {
	last := r.root.neighbors[r.kind].prev
	s.neighbors[r.kind].prev, s.neighbors[r.kind].next = last, r.root
	last.neighbors[r.kind].next, r.root.neighbors[r.kind].prev = s, s
}

func (r sessionRing) remove(s *liveSession) {
	n := s.neighbors[r.kind]
	n.prev.neighbors[r.kind].next, n.next.neighbors[r.kind].prev = n.next, n.prev
}

// A clientNonce is what a client calls a session by which it asked for.
type clientNonce struct {
	client netip.AddrPort
	nonce  marshal.Nonce
}

// sessions are the live sessions: by id, by their clients' nonces, per client address, per origin,
// and in the order of their last use.
type sessions struct {
	byID     map[marshal.SessionID]*liveSession
	byNonce  map[clientNonce]*liveSession
	byClient map[netip.AddrPort]int
	origins  origins
	recent   sessionRing
	// answers and slots are how many of them there are over all sessions.
	answers, slots int
}

func newSessions(state map[marshal.SessionID]*Session) sessions {
	s := sessions{
		byID: map[marshal.SessionID]*liveSession{}, byNonce: map[clientNonce]*liveSession{},
		byClient: map[netip.AddrPort]int{}, origins: origins{byAddr: map[netip.Addr]*origin{}}, recent: newSessionRing(ofAll),
	}
	bySerial := map[uint64]*Session{}
	for _, v := range state {
		bySerial[v.Serial] = v
	}
	for _, v := range sorted(bySerial) {
		s.add(v, 0)
	}
	return s
}

func (s *sessions) add(v *Session, now Time) *liveSession {
	l := &liveSession{Session: v, floor: v.Floor, used: now}
	s.byID[v.ID] = l
	s.byNonce[clientNonce{v.Client, v.Nonce}] = l
	s.byClient[v.Client]++
	s.answers += v.AnswerCount()
	s.slots += len(v.answers.table)
	s.recent.push(l)
	s.origins.add(l)
	return l
}

func (s *sessions) remove(l *liveSession) {
	delete(s.byID, l.ID)
	delete(s.byNonce, clientNonce{l.Client, l.Nonce})
	if s.byClient[l.Client]--; s.byClient[l.Client] == 0 {
		delete(s.byClient, l.Client)
	}
	s.answers -= l.AnswerCount()
	s.slots -= len(l.answers.table)
	s.recent.remove(l)
	s.origins.remove(l)
}

func (s *sessions) touch(l *liveSession, now Time) {
	if l.used == now {
		return // those used at one moment keep their order: it says nothing
	}
	l.used = now
	for _, r := range [...]sessionRing{s.recent, l.origin.sessions} {
		r.remove(l)
		r.push(l)
	}
}

// count notes that l has so many recorded answers more.
func (s *sessions) count(l *liveSession, n int) {
	s.answers += n
	l.origin.answers += n
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
	s := h.live.byNonce[clientNonce{p.Src.Client, m.Nonce}]
	if s == nil {
		l, total := h.cfg.Limits, len(h.live.byID)
		if h.live.byClient[p.Src.Client] >= l.SessionsPerClient ||
			crowdedSessions(h.live.origins.sessionsOf(p.Src.Client), total, l.Sessions) && !h.makeRoom(p.Src.Client) {
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
	s := &Session{SessionRecord: rec}
	h.state.Sessions[rec.ID] = s
	h.store.OpenSession(rec)
	return h.live.add(s, h.now)
}

func (h *Host) closeSession(s *liveSession) {
	h.live.remove(s)
	delete(h.state.Sessions, s.ID)
	h.store.CloseSession(s.ID)
}

func (h *Host) closeRequest(p Packet, m *marshal.CloseRequest) {
	h.out.Action = ActSession
	if s := h.senders(p, m.Session); s != nil {
		h.closeSession(s)
	}
}

// sessionsDeadline is when the session that was longest without a request
// expires. Times count from the process's start: no deadline outlives it.
func (h *Host) sessionsDeadline() Time {
	if oldest := h.live.recent.first(); oldest != nil {
		return oldest.used + h.cfg.Limits.SessionIdle
	}
	return never
}

func (h *Host) expireSession() {
	h.out.Action = ActExpire
	h.closeSession(h.live.recent.first())
}

// senders returns the session of the id if the packet's sender opened it: an id
// that others came to know does not make it theirs.
func (h *Host) senders(p Packet, id marshal.SessionID) *liveSession {
	if s := h.live.byID[id]; s != nil && p.Src == (Endpoint{Client: s.Client}) {
		return s
	}
	return nil
}

// session returns the session that a request names, or refuses the request. An
// unknown session executes nothing and is never created in passing.
func (h *Host) session(p Packet, hd marshal.RequestHeader) *liveSession {
	h.served++
	if !h.state.Joined {
		h.refuse(p.Src, hd, marshal.NotServing)
		return nil
	}
	s := h.senders(p, hd.Session)
	if s == nil {
		h.refuse(p.Src, hd, marshal.UnknownSession)
		return nil
	}
	h.live.touch(s, h.now)
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
	case s.answered(hd.Number):
		again, _ := s.Answer(hd.Number)
		h.send(p.Src, again)
		return nil
	}
	s.floor = max(s.floor, w.Floor)
	switch {
	case hd.Number-s.floor >= uint64(h.cfg.Limits.Window):
		h.refuse(p.Src, hd, marshal.BeyondWindow)
		return nil
	// The number at the floor is never refused for the answers above it: they can
	// only be forgotten once the floor passes it.
	case hd.Number > s.floor && s.AnswerCount() >= answersPerSession && crowded(s.origin.answers, h.live.answers, h.cfg.Limits.Answers):
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
		if s.DropAnswer(n) {
			h.live.count(s, -1)
		}
	}
	s.Floor = s.floor
	before := len(s.answers.table)
	if h.live.slots > h.cfg.Limits.Answers {
		s.answers.shrink()
	}
	kept := h.brief(m)
	s.SetAnswer(number, kept)
	h.live.slots += len(s.answers.table) - before
	h.live.count(s, 1)
	h.store.SetAnswer(s.ID, number, s.Floor, kept)
	h.send(p.Src, m)
}

// answerFrameBytes is how long an answer is at most beyond the keys in it.
const answerFrameBytes = 64

// brief returns what is recorded of an answer. A range of long keys is said only
// once: it is a hint, which who asks again does without.
func (h *Host) brief(m marshal.Message) marshal.Message {
	if r, ok := m.(*marshal.Redirect); ok && h.long(r.Range) {
		c := *r
		c.Range = delegation.Range{}
		return &c
	}
	if r, ok := m.(*marshal.OrderReply); ok && h.long(r.Range) {
		c := *r
		c.Range = delegation.Range{}
		return &c
	}
	return m
}

func (h *Host) long(r delegation.Range) bool {
	from, _ := r.From.Key()
	until, _ := r.Until.Key()
	return len(from)+len(until) > max(0, h.cfg.Limits.AnswerBytes-answerFrameBytes)
}

// refuse says that a request was not answered. It is not recorded and closes
// no number; it is never longer than the request.
func (h *Host) refuse(to Endpoint, hd marshal.RequestHeader, reason marshal.RefusalReason) {
	h.send(to, &marshal.Refusal{RequestHeader: hd, Reason: reason})
}
