package protocol

import (
	"slices"

	"ironkv/delegation"
	"ironkv/ghost/judge"
	"ironkv/ghost/spec"
	"ironkv/marshal"
)

// A Host is a host of P: a value, which no action changes in place. Source: Host,
// Protocol/SHT/Host.i.dfy.
type Host struct {
	// Me and Incarnation say who it is; Incarnation is ours.
	Me          delegation.HostID
	Incarnation marshal.Incarnation
	// Joined says that all peers have confirmed that they know no other incarnation.
	Joined bool
	// Map says who owns which key, as far as this host knows; Table holds the
	// entries of the keys that are its own.
	Map   Delegations
	Table judge.Tree[spec.Entry]
	// Clock is at or above every version that a key of this host ever had.
	Clock marshal.Version
	// Peers are the other hosts, by ascending id (SingleDeliveryAcct).
	Peers []Peer
	// Sessions are the open sessions, by id.
	Sessions judge.Tree[Session]
	// Moves are those that are remembered, by ascending number.
	Moves []Move
	// LastSession and LastMove are the highest serial and number given out.
	LastSession, LastMove uint64
}

// A Peer is delivery in both directions with another host (AckState and
// TombstoneTable, Protocol/SHT/SingleDelivery.i.dfy), and how the two know each other.
type Peer struct {
	ID delegation.HostID
	// Incarnation is 0 until the two have met; Confirmed says that the peer has
	// confirmed ours.
	Incarnation marshal.Incarnation
	Confirmed   bool
	// Acked is the highest number acknowledged; Unacked are the delegates from
	// Acked+1 on.
	Acked   uint64
	Unacked []Delegate
	// Received is the tombstone.
	Received uint64
}

// Sent is the highest number sent (HighestSeqnoSent).
func (p Peer) Sent() uint64 { return p.Acked + uint64(len(p.Unacked)) }

// A Session is one client at this host.
type Session struct {
	ID     marshal.SessionID
	Client Endpoint // who opened it, and alone may use it
	Nonce  marshal.Nonce
	Serial uint64
	Floor  uint64
	// Answers are those at or above the floor, by ascending number.
	Answers []Answer
}

// An Answer is what a number of a write or an order got, for good.
type Answer struct {
	Number uint64
	Msg    Message
}

// A Move is the job that carries out a Shard order.
type Move struct {
	Number    uint64
	Range     delegation.Range
	Recipient delegation.HostID
	Phase     marshal.MovePhase
	Reason    marshal.OrderReason
	// Agreed says that the recipient has agreed to it.
	Agreed bool
	// Cursor is where the next chunk starts.
	Cursor delegation.Bound
	// LastSeqno is the number of its last delegate; 0 for none.
	LastSeqno uint64
}

// NewHost is a host's first state: everybody thinks that the root owns every key
// (Host_Init). hosts are all hosts of the cluster.
func NewHost(me, root delegation.HostID, incarnation marshal.Incarnation, hosts []delegation.HostID) Host {
	h := Host{
		Me: me, Incarnation: incarnation, Joined: len(hosts) == 1, Map: Delegations{{Host: root}},
		Table: NewTable(), Sessions: NewSessions(),
	}
	for _, id := range hosts {
		if id != me {
			h.Peers = append(h.Peers, Peer{ID: id})
		}
	}
	return h
}

// NewTable returns an empty table.
func NewTable() judge.Tree[spec.Entry] {
	return judge.NewTree(func(a, b *spec.Entry) bool { return a.Key < b.Key })
}

// NewSessions returns an empty set of sessions.
func NewSessions() judge.Tree[Session] {
	return judge.NewTree(func(a, b *Session) bool { return string(a.ID[:]) < string(b.ID[:]) })
}

// same reports whether the two are one value, which saves putting one in the other's
// place.
func (h Host) same(o Host) bool {
	return h.Me == o.Me && h.Incarnation == o.Incarnation && h.Joined == o.Joined && h.Clock == o.Clock &&
		h.LastSession == o.LastSession && h.LastMove == o.LastMove && h.Table.Same(o.Table) && h.Sessions.Same(o.Sessions) &&
		sameList(h.Map, o.Map) && sameList(h.Peers, o.Peers) && sameList(h.Moves, o.Moves)
}

// sameList reports whether the two are one list in one place, which nobody changes.
func sameList[T any](a, b []T) bool { return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0]) }

// Peer returns the peer with the id.
func (h Host) Peer(id delegation.HostID) (Peer, bool) {
	for _, p := range h.Peers {
		if p.ID == id {
			return p, true
		}
	}
	return Peer{}, false
}

// withPeer returns the host that has p in the place of the peer of its id.
func (h Host) withPeer(p Peer) Host {
	h.Peers = slices.Clone(h.Peers)
	for i := range h.Peers {
		if h.Peers[i].ID == p.ID {
			h.Peers[i] = p
		}
	}
	return h
}

// Session returns the session with the id.
func (h Host) Session(id marshal.SessionID) (Session, bool) { return h.Sessions.Get(Session{ID: id}) }

// senders returns the session with the id if it is that of the packet's sender.
func (h Host) senders(p Packet, id marshal.SessionID) (Session, bool) {
	s, ok := h.Session(id)
	if !ok || s.Client != p.Src {
		return Session{}, false
	}
	return s, true
}

// Answer returns the recorded answer to a number.
func (s Session) Answer(number uint64) (Message, bool) {
	for _, a := range s.Answers {
		if a.Number == number {
			return a.Msg, true
		}
	}
	return nil, false
}

// record returns the session that has the floor and the answer, and no answer
// below the floor.
func (s Session) record(floor, number uint64, m Message) Session {
	var answers []Answer
	for _, a := range s.Answers {
		if a.Number >= floor && a.Number < number {
			answers = append(answers, a)
		}
	}
	answers = append(answers, Answer{number, m})
	for _, a := range s.Answers {
		if a.Number > number {
			answers = append(answers, a)
		}
	}
	s.Floor, s.Answers = floor, answers
	return s
}

// Move returns the move with the number.
func (h Host) Move(number uint64) (Move, bool) {
	for _, m := range h.Moves {
		if m.Number == number {
			return m, true
		}
	}
	return Move{}, false
}

// withMove returns the host that has m in the place of the move of its number,
// or behind all others.
func (h Host) withMove(m Move) Host {
	h.Moves = slices.Clone(h.Moves)
	for i := range h.Moves {
		if h.Moves[i].Number == m.Number {
			h.Moves[i] = m
			return h
		}
	}
	h.Moves = append(h.Moves, m)
	return h
}

// Entry returns a key's entry.
func (h Host) Entry(key delegation.Key) (spec.Entry, bool) { return h.Table.Get(spec.Entry{Key: key}) }

// Entries returns the table's entries in r (ExtractRange).
func (h Host) Entries(r delegation.Range) (out []spec.Entry) {
	start, _ := r.From.Key()
	for e := range h.Table.From(spec.Entry{Key: start}) {
		if !r.Contains(e.Key) {
			break
		}
		out = append(out, e)
	}
	return out
}

// withoutRange returns the table without the entries in r (BulkRemoveHashtable).
func (h Host) withoutRange(r delegation.Range) judge.Tree[spec.Entry] {
	t := h.Table
	for _, e := range h.Entries(r) {
		t = t.Without(e)
	}
	return t
}
