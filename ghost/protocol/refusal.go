package protocol

import "ironkv/marshal"

// A Refusal says that a request was not answered, and why. It closes no number, and
// changes nothing: to P it is a stutter, not one of [ActionNames], and no packet of the
// network. But it has to be true, as far as P knows what it speaks of; of holds, of
// cuts, and of how much waits P knows nothing. Ours.
type Refusal struct {
	// Packet is the request; its message is nil where P does not know it.
	Packet Packet
	// Header is the refusal's: that of the request, the zero Header for an Open.
	Header Header
	Reason marshal.RefusalReason
	// Window is how many numbers there may be from a session's floor on.
	Window uint64
	// Room and Reserve are as in [DeclineSet].
	Room, Reserve uint64
}

// Name returns the action's name.
func (Refusal) Name() string { return "Refusal" }

// Take returns s as it is, where the refusal is true.
func (a Refusal) Take(s Host) (Outcome, error) {
	conjuncts := []conjunct{{"the host has joined", s.Joined == (a.Reason != marshal.NotServing)}}
	if a.Reason == marshal.NotServing {
		conjuncts[0].name = "the host has not joined"
	}
	if hd, ok := HeaderOf(a.Packet.Msg); ok {
		conjuncts = append(conjuncts, conjunct{"it bears the request's header", hd == a.Header})
	}
	return Outcome{Host: s}, enabled(a, append(conjuncts, a.reason(s)...)...)
}

// reason says that the reason is true.
func (a Refusal) reason(s Host) []conjunct {
	session, open := s.senders(a.Packet, a.Header.Session)
	_, w, writes := headerOf(a.Packet.Msg)
	_, answered := session.Answer(a.Header.Number)
	floor := max(session.Floor, w.Floor) // or above it: P knows those that were recorded
	write := []conjunct{
		{"the session is open, and the sender's", open},
		{"the packet is a write or an order without an answer", writes && !answered},
		{"the number is not below the floor", a.Header.Number >= floor},
	}
	q, sets := a.Packet.Msg.(SetRequest)
	switch a.Reason {
	case marshal.UnknownSession:
		return []conjunct{{"the session is not open, or another's", !open}}
	case marshal.BeyondWindow:
		return append(write, conjunct{"the number is beyond the window", a.Header.Number-floor >= a.Window})
	case marshal.Overloaded:
		return append(write, conjunct{"the number is above the floor", a.Header.Number > floor})
	case marshal.DiskFull:
		_, owner := s.Map.Lookup(q.Key)
		return append(write,
			conjunct{"the packet is a write that adds something", sets && !q.Delete},
			conjunct{"this host owns the key", owner == s.Me},
			conjunct{"the store has less room than half of its reserve", a.Room < a.Reserve/2})
	case marshal.TooManyHolds:
		return []conjunct{{"the session is open, and the sender's", open}, {"another host owns the key", a.elsewhere(s)}}
	case marshal.TooManySessions:
		return []conjunct{{"the nonce has no session", !s.opened(a.Packet)}}
	case marshal.NotServing, marshal.HoldTimedOut, marshal.UnknownCut:
	}
	return nil
}

// elsewhere reports whether another host owns the first key that the request asks for.
func (a Refusal) elsewhere(s Host) bool {
	owner := s.Me
	switch q := a.Packet.Msg.(type) {
	case GetRequest:
		_, owner = s.Map.Lookup(q.Key)
	case SetRequest:
		_, owner = s.Map.Lookup(q.Key)
	case ScanRequest:
		_, owner = s.Map.lookup(q.Range.From)
	}
	return owner != s.Me
}

// opened reports whether p asks for a session that its sender has.
func (h Host) opened(p Packet) bool {
	q, ok := p.Msg.(Open)
	for session := range h.Sessions.All() {
		if ok && session.Nonce == q.Nonce && session.Client == p.Src {
			return true
		}
	}
	return !ok
}
