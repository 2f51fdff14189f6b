package store

import (
	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

// A loader builds a state from records, for both stores alike. Records come in
// any order, but a peer's delegates in the order of their numbers.
type loader struct {
	state   *kv.State
	peers   map[delegation.HostID]kv.PeerRecord
	unacked map[delegation.HostID][]*marshal.Delegate
	answers map[marshal.SessionID][]answer
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
		answers: map[marshal.SessionID][]answer{},
	}
}

func (l *loader) peer(id delegation.HostID, p kv.PeerRecord) { l.peers[id] = p }

func (l *loader) delegate(to delegation.HostID, d *marshal.Delegate) {
	l.unacked[to] = append(l.unacked[to], d)
}

func (l *loader) session(s kv.SessionRecord) {
	l.state.Sessions[s.ID] = &kv.Session{SessionRecord: s, Answers: map[uint64]marshal.Message{}}
}

func (l *loader) answer(id marshal.SessionID, a answer) { l.answers[id] = append(l.answers[id], a) }

func (l *loader) move(m kv.Move) { l.state.Moves[m.Number] = &m }

// finish puts delegates to their peers and answers to their sessions. A
// session's floor is the highest that an answer of it carries; answers below it
// are left out. An answer without a session was overtaken by its closing.
func (l *loader) finish() *kv.State {
	for id, p := range l.peers {
		l.state.Peers[id] = kv.RestorePeer(p, l.unacked[id])
	}
	for id, list := range l.answers {
		s, ok := l.state.Sessions[id]
		if !ok {
			continue
		}
		for _, a := range list {
			s.Floor = max(s.Floor, a.floor)
		}
		for _, a := range list {
			if a.number >= s.Floor {
				s.Answers[a.number] = a.message
			}
		}
	}
	return l.state
}
