package store

import (
	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

// A loader builds a state from records, for both stores alike. Records come in
// any order, but a peer's delegates in the order of their numbers, and a session's
// answers together and after it.
type loader struct {
	state   *kv.State
	peers   map[delegation.HostID]kv.PeerRecord
	unacked map[delegation.HostID][]*marshal.Delegate
	// answers are those of the session answered that have been loaded.
	answered marshal.SessionID
	answers  []answer
}

func newLoader(id kv.Identity, c kv.Counters, owners *delegation.Map) *loader {
	return &loader{
		state: &kv.State{
			Identity: id, Counters: c, Map: owners,
			Peers:    map[delegation.HostID]*kv.Peer{},
			Sessions: map[marshal.SessionID]*kv.Session{},
			Moves:    map[uint64]*kv.Move{},
		},
		peers:   map[delegation.HostID]kv.PeerRecord{},
		unacked: map[delegation.HostID][]*marshal.Delegate{},
	}
}

func (l *loader) peer(id delegation.HostID, p kv.PeerRecord) { l.peers[id] = p }

func (l *loader) delegate(to delegation.HostID, d *marshal.Delegate) {
	l.unacked[to] = append(l.unacked[to], d)
}

func (l *loader) session(s kv.SessionRecord) {
	l.state.Sessions[s.ID] = &kv.Session{SessionRecord: s}
}

func (l *loader) answer(id marshal.SessionID, a answer) {
	if id != l.answered {
		l.settle()
		l.answered = id
	}
	l.answers = append(l.answers, a)
}

// settle puts the answers that were collected to their session, whose floor is the
// highest that one of them carries; those below it, which may be most, are left out.
// Answers without a session were overtaken by its closing.
func (l *loader) settle() {
	if s := l.state.Sessions[l.answered]; s != nil {
		for _, a := range l.answers {
			s.Floor = max(s.Floor, a.floor)
		}
		for _, a := range l.answers {
			if a.number >= s.Floor {
				s.SetAnswer(a.number, a.message)
			}
		}
	}
	l.answers = l.answers[:0]
}

func (l *loader) move(m kv.Move) { l.state.Moves[m.Number] = &m }

// finish puts delegates to their peers.
func (l *loader) finish() *kv.State {
	for id, p := range l.peers {
		l.state.Peers[id] = kv.RestorePeer(p, l.unacked[id])
	}
	l.settle()
	return l.state
}
