package protocol

import (
	"errors"
	"fmt"
	"slices"

	"ironkv/delegation"
	"ironkv/ghost/spec"
)

// ErrProtocol says that an action is not enabled, or that a step is not the one
// that the action takes; the text names the conjunct that fails.
var ErrProtocol = errors.New("not a step of the protocol")

// An Action is one atomic action of a host, with the choices that it makes.
type Action interface {
	// Name is the action's name, the paper's where it has one.
	Name() string
	// Take returns what the action makes of s. It fails with [ErrProtocol] where
	// the action is not enabled in s.
	Take(s Host) (Outcome, error)
}

// An Outcome is what an action leads to.
type Outcome struct {
	Host     Host
	Sent     []Packet
	Executed []spec.Execution
}

// ActionNames are the names of all actions, for tables of coverage.
var ActionNames = []string{
	"NextGetRequest", "NextScanRequest", "NextSetRequest", "DeclineSet", "RepeatAnswer", "NextOrder", "NextShard", "NextDelegate",
	"ReceiveOld", "ReceiveAck", "SpontaneouslyRetransmit", "OpenSession", "CloseSession", "ChangeMove", "ForgetMove",
	"Meet", "SendGreet",
}

// Next is the predicate of the action a: it takes s to t, and sends out. It fails
// with [ErrProtocol] and the name of the conjunct, or of the part of the state,
// that is not so.
func Next(s, t Host, a Action, out []Packet) error {
	o, err := a.Take(s)
	if err != nil {
		return err
	}
	if err := Differ(o.Host, t); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrProtocol, a.Name(), err)
	}
	if err := DifferInSent(o.Sent, out); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrProtocol, a.Name(), err)
	}
	return nil
}

// A conjunct is a condition with its name.
type conjunct struct {
	name  string
	holds bool
}

// A Disabled says which conjunct of an action does not hold. It wraps [ErrProtocol].
type Disabled struct{ Action, Conjunct string }

// Error names both.
func (d *Disabled) Error() string {
	return fmt.Sprintf("%v: %s is not enabled: it is not so that %s", ErrProtocol, d.Action, d.Conjunct)
}

// Unwrap returns ErrProtocol.
func (*Disabled) Unwrap() error { return ErrProtocol }

// enabled returns a [*Disabled] that names the first conjunct that does not hold.
func enabled(a Action, conjuncts ...conjunct) error {
	for _, c := range conjuncts {
		if !c.holds {
			return &Disabled{a.Name(), c.name}
		}
	}
	return nil
}

// toClient answers a request.
func (h Host) toClient(p Packet, m Message) []Packet {
	return []Packet{{Dst: p.Src, Src: Endpoint{Host: h.Me}, Msg: m}}
}

// toPeer sends to another host.
func (h Host) toPeer(to delegation.HostID, m Message) Packet {
	return Packet{Dst: Endpoint{Host: to}, Src: Endpoint{Host: h.Me}, Msg: m}
}

func (h Host) lifeWith(p Peer) Life { return Life{From: h.Incarnation, To: p.Incarnation} }

// authentic says that a packet is from the peer p, and that both ends are the
// incarnations that know each other. Ours: in the paper hosts never lose state.
func (h Host) authentic(p Peer, known bool, l Life) []conjunct {
	return []conjunct{
		{"the sender is a host of the cluster", known},
		{"the sender is the incarnation that is known", p.Incarnation != 0 && l.From == p.Incarnation},
		{"the receiver is the incarnation that it is sent to", l.To == h.Incarnation},
	}
}

// Differ returns an error that names a part in which two states of a host differ: want
// is what P makes of it, got what the host is in.
func Differ(want, got Host) error {
	switch {
	case want.Me != got.Me:
		return fmt.Errorf("it is host %d in P, host %d in H", want.Me, got.Me)
	case want.Incarnation != got.Incarnation:
		return fmt.Errorf("incarnation: %v in P, %v in H", want.Incarnation, got.Incarnation)
	case want.Joined != got.Joined:
		return fmt.Errorf("joined: %v in P, %v in H", want.Joined, got.Joined)
	case !slices.Equal(want.Map, got.Map):
		return fmt.Errorf("delegation map: %v in P, %v in H", want.Map, got.Map)
	case want.Clock != got.Clock:
		return fmt.Errorf("clock: %d in P, %d in H", want.Clock, got.Clock)
	case want.LastSession != got.LastSession || want.LastMove != got.LastMove:
		return fmt.Errorf("last session and move: %d and %d in P, %d and %d in H",
			want.LastSession, want.LastMove, got.LastSession, got.LastMove)
	case !slices.Equal(want.Moves, got.Moves):
		return fmt.Errorf("moves: %+v in P, %+v in H", want.Moves, got.Moves)
	}
	if err := differInPeers(want, got); err != nil {
		return err
	}
	if err := differInTable(want, got); err != nil {
		return err
	}
	return differInSessions(want, got)
}

func differInPeers(want, got Host) error {
	if len(want.Peers) != len(got.Peers) {
		return fmt.Errorf("peers: %d in P, %d in H", len(want.Peers), len(got.Peers))
	}
	for i, w := range want.Peers {
		g := got.Peers[i]
		if !slices.EqualFunc(w.Unacked, g.Unacked, Delegate.Same) {
			return fmt.Errorf("unacknowledged delegates to host %d: %v in P, %v in H", w.ID, w.Unacked, g.Unacked)
		}
		w.Unacked, g.Unacked = nil, nil
		if w.ID != g.ID || w.Incarnation != g.Incarnation || w.Confirmed != g.Confirmed || w.Acked != g.Acked || w.Received != g.Received {
			return fmt.Errorf("peer %d: %+v in P, %+v in H", w.ID, w, g)
		}
	}
	return nil
}

func differInTable(want, got Host) error {
	if want.Table.Same(got.Table) || want.Table.EqualFunc(got.Table, func(a, b *spec.Entry) bool { return *a == *b }) {
		return nil
	}
	for w := range want.Table.All() {
		if g, ok := got.Entry(w.Key); !ok || g != w {
			return fmt.Errorf("table: %v has version %d in P, %d in H", w.Key, w.Version, g.Version)
		}
	}
	for g := range got.Table.All() {
		if _, ok := want.Entry(g.Key); !ok {
			return fmt.Errorf("table: H holds %v, which P does not", g.Key)
		}
	}
	return nil
}

func differInSessions(want, got Host) error {
	if want.Sessions.Same(got.Sessions) {
		return nil
	}
	if want.Sessions.Len() != got.Sessions.Len() {
		return fmt.Errorf("sessions: %d in P, %d in H", want.Sessions.Len(), got.Sessions.Len())
	}
	for w := range want.Sessions.All() {
		g, ok := got.Session(w.ID)
		switch {
		case !ok:
			return fmt.Errorf("session %v is missing in H", w.ID)
		case w.Client != g.Client || w.Nonce != g.Nonce || w.Serial != g.Serial:
			return fmt.Errorf("session %v: %+v in P, %+v in H", w.ID, w, g)
		case w.Floor != g.Floor:
			return fmt.Errorf("session %v: floor: %d in P, %d in H", w.ID, w.Floor, g.Floor)
		case !slices.EqualFunc(w.Answers, g.Answers, func(a, b Answer) bool { return a.Number == b.Number && SameMessage(a.Msg, b.Msg) }):
			return fmt.Errorf("session %v: answers: %+v in P, %+v in H", w.ID, w.Answers, g.Answers)
		}
	}
	return nil
}

// DifferInSent returns an error that names a packet which only one of two sets holds.
func DifferInSent(want, got []Packet) error {
	if len(want) == len(got) && (len(want) == 0 || (len(want) == 1 && want[0].Same(got[0]))) {
		return nil // most steps
	}
	rest := slices.Clone(got)
	for _, w := range want {
		i := slices.IndexFunc(rest, w.Same)
		if i < 0 {
			return fmt.Errorf("sent: %v in P, which is not among H's: %v", w, rest)
		}
		rest = slices.Delete(rest, i, i+1)
	}
	if len(rest) > 0 {
		return fmt.Errorf("sent: %v in H, beside what P sends", rest[0])
	}
	return nil
}
