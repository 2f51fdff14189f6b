package protocol

import (
	"ironkv/delegation"
	"ironkv/ghost/spec"
	"ironkv/marshal"
)

// NextGetRequest reads a key at its owner, or redirects. Source: NextGetRequest,
// Protocol/SHT/Host.i.dfy; that a session is needed is ours.
type NextGetRequest struct{ Packet Packet }

// Name returns the paper's name.
func (NextGetRequest) Name() string { return "NextGetRequest" }

// Take returns what the action makes of s.
func (a NextGetRequest) Take(s Host) (Outcome, error) {
	q, ok := a.Packet.Msg.(GetRequest)
	_, open := s.senders(a.Packet, q.Session)
	if err := enabled(a,
		conjunct{"the packet is a GetRequest", ok},
		conjunct{"the host has joined", s.Joined},
		conjunct{"the session is open, and the sender's", open},
	); err != nil {
		return Outcome{}, err
	}
	r, owner := s.Map.Lookup(q.Key)
	if owner != s.Me {
		return Outcome{Host: s, Sent: s.toClient(a.Packet, Redirect{q.Header, r, owner, s.hint(q.Key, owner)})}, nil
	}
	entry, found := s.Entry(q.Key)
	entry.Key = ""
	return Outcome{
		Host:     s,
		Sent:     s.toClient(a.Packet, GetReply{Header: q.Header, Found: found, Entry: entry}),
		Executed: []spec.Execution{{Ticket: spec.Ticket(q.Header), Request: spec.Get{Key: q.Key}, Reply: spec.GetReply{Found: found, Entry: entry}}},
	}, nil
}

// hint names the last unacknowledged delegate to owner that covers key, if there is
// one: its receipt is what makes owner the key's. Ours.
func (h Host) hint(key delegation.Key, owner delegation.HostID) (hint marshal.Hint) {
	p, _ := h.Peer(owner)
	for i, d := range p.Unacked {
		if d.Range.Contains(key) {
			hint = marshal.Hint{Sender: h.Me, Incarnation: h.Incarnation, Seqno: p.Acked + 1 + uint64(i)}
		}
	}
	return hint
}

// NextScanRequest reads a page: Covered, a first part of the range, all of it
// owned by this host. Or it redirects, as reading the range's first key would.
// Ours; a page is to a range what NextGetRequest is to a key.
type NextScanRequest struct {
	Packet  Packet
	Covered delegation.Range
}

// Name returns the action's name.
func (NextScanRequest) Name() string { return "NextScanRequest" }

// Take returns what the action makes of s.
func (a NextScanRequest) Take(s Host) (Outcome, error) {
	q, ok := a.Packet.Msg.(ScanRequest)
	_, open := s.senders(a.Packet, q.Session)
	if err := enabled(a,
		conjunct{"the packet is a ScanRequest", ok},
		conjunct{"the host has joined", s.Joined},
		conjunct{"the session is open, and the sender's", open},
	); err != nil {
		return Outcome{}, err
	}
	if r, owner := s.Map.lookup(q.Range.From); owner != s.Me && !q.Range.Empty() {
		key, _ := q.Range.From.Key() // "" is −∞: no key lies below it
		return Outcome{Host: s, Sent: s.toClient(a.Packet, Redirect{q.Header, r, owner, s.hint(key, owner)})}, nil
	}
	if err := enabled(a,
		conjunct{"the page starts where the range does", a.Covered.From == q.Range.From},
		conjunct{"the page ends within the range", a.Covered == q.Range || (q.Range.Covers(a.Covered) && !a.Covered.Empty())},
		conjunct{"this host owns all of the page", q.Range.Empty() || s.Map.OwnsAll(a.Covered, s.Me)},
	); err != nil {
		return Outcome{}, err
	}
	m := ScanReply{Header: q.Header, Covered: a.Covered}
	for _, e := range s.Entries(a.Covered) {
		m.Keys++
		if q.Mode != marshal.ScanCount {
			m.Entries = append(m.Entries, e.In(q.Mode))
		}
	}
	return Outcome{
		Host: s,
		Sent: s.toClient(a.Packet, m),
		Executed: []spec.Execution{{
			Ticket:  spec.Ticket(q.Header),
			Request: spec.Scan{Range: q.Range, Mode: q.Mode},
			Reply:   spec.ScanReply{Covered: m.Covered, Keys: m.Keys, Entries: m.Entries},
		}},
	}, nil
}

// mayAnswer says that the number of a write or an order may get its one answer
// now, under a floor which its client has named in this or in an earlier request
// (one below which it expects no answer any more; any up to the number is safe).
// Ours: the paper's clients have no sessions, and its hosts execute a repeated
// request again.
func mayAnswer(s Host, p Packet, hd Header, w Write, floor uint64) []conjunct {
	session, open := s.senders(p, hd.Session)
	_, answered := session.Answer(hd.Number)
	return []conjunct{
		{"the host has joined", s.Joined},
		{"the session is open, and the sender's", open},
		{"the number is not below the session's floor", hd.Number >= max(1, session.Floor)},
		{"the request's own floor is not above its number", w.Floor <= hd.Number},
		{"the number has no answer yet", !answered},
		{"the new floor is one that the client has named", floor >= max(session.Floor, w.Floor) && floor <= hd.Number},
	}
}

// answered records the number's one answer, and sends it.
func (h Host) answered(p Packet, hd Header, floor uint64, m Message) Outcome {
	return h.answeredBriefly(p, hd, floor, m, m)
}

// answeredBriefly records kept for what is sent.
func (h Host) answeredBriefly(p Packet, hd Header, floor uint64, kept, sent Message) Outcome {
	session, _ := h.Session(hd.Session)
	h.Sessions = h.Sessions.With(session.record(floor, hd.Number, kept))
	return Outcome{Host: h, Sent: h.toClient(p, sent)}
}

// NextSetRequest writes a key at its owner, or redirects; either is recorded.
// Source: NextSetRequest, Protocol/SHT/Host.i.dfy; versions, conditions and that
// the answer is recorded are ours.
type NextSetRequest struct {
	Packet Packet
	Floor  uint64
	// Brief says that a redirect is recorded without its range, which is a hint:
	// whom to ask is the answer.
	Brief bool
}

// Name returns the paper's name.
func (NextSetRequest) Name() string { return "NextSetRequest" }

// Take returns what the action makes of s.
func (a NextSetRequest) Take(s Host) (Outcome, error) {
	q, ok := a.Packet.Msg.(SetRequest)
	if err := enabled(a, append([]conjunct{{"the packet is a SetRequest", ok}}, mayAnswer(s, a.Packet, q.Header, q.Write, a.Floor)...)...); err != nil {
		return Outcome{}, err
	}
	if r, owner := s.Map.Lookup(q.Key); owner != s.Me {
		sent := Redirect{q.Header, r, owner, s.hint(q.Key, owner)}
		kept := sent
		if a.Brief {
			kept.Range = delegation.Range{}
		}
		return s.answeredBriefly(a.Packet, q.Header, a.Floor, kept, sent), nil
	}
	t, reply := s.set(q)
	o := t.answered(a.Packet, q.Header, a.Floor, SetReply{q.Header, reply.Result, reply.Version})
	o.Executed = []spec.Execution{{
		Ticket:  spec.Ticket(q.Header),
		Request: spec.Set{Operation: q.Operation, Key: q.Key, Value: q.Value, Delete: q.Delete, Condition: q.Condition},
		Reply:   reply,
	}}
	return o, nil
}

// set executes a write: a version is the clock's next, hence above all before.
func (h Host) set(q SetRequest) (Host, spec.SetReply) {
	entry, found := h.Entry(q.Key)
	switch {
	case q.Condition.Set && q.Condition.Version != entry.Version:
		return h, spec.SetReply{Result: marshal.SetConditionFailed, Version: entry.Version}
	case q.Delete && !found:
		return h, spec.SetReply{Result: marshal.SetAbsent}
	case q.Delete:
		h.Clock++
		h.Table = h.Table.Without(entry)
		return h, spec.SetReply{Result: marshal.SetApplied, Version: entry.Version}
	}
	h.Clock++
	h.Table = h.Table.With(spec.Entry{Key: q.Key, Value: q.Value, Version: h.Clock})
	return h, spec.SetReply{Result: marshal.SetApplied, Version: h.Clock}
}

// DeclineSet answers a write at its owner without executing it, for want of room.
// The answer is recorded, so that the write never will be executed. Ours.
type DeclineSet struct {
	Packet Packet
	Floor  uint64
	// Room is what the host was told last that its store can still take in, and
	// Reserve what of it is kept back, in bytes. P knows of no sizes: the room is an
	// input, which any host may be given at any time.
	Room, Reserve uint64
}

// Name returns the action's name.
func (DeclineSet) Name() string { return "DeclineSet" }

// Take returns what the action makes of s.
func (a DeclineSet) Take(s Host) (Outcome, error) {
	q, ok := a.Packet.Msg.(SetRequest)
	_, owner := s.Map.Lookup(q.Key)
	conjuncts := append([]conjunct{
		{"the packet is a SetRequest", ok},
		{"this host owns the key", owner == s.Me},
		{"the write adds something", !q.Delete},
		{"the store has less room than its reserve", a.Room < a.Reserve},
	}, mayAnswer(s, a.Packet, q.Header, q.Write, a.Floor)...)
	if err := enabled(a, conjuncts...); err != nil {
		return Outcome{}, err
	}
	return s.answered(a.Packet, q.Header, a.Floor, SetReply{Header: q.Header, Result: marshal.SetNoRoom}), nil
}

// headerOf returns what writes and orders have in common.
func headerOf(m Message) (Header, Write, bool) {
	switch m := m.(type) {
	case SetRequest:
		return m.Header, m.Write, true
	case Shard:
		return m.Header, m.Write, true
	case MoveOrder:
		return m.Header, m.Write, true
	}
	return Header{}, Write{}, false
}

// HeaderOf returns the header of a request; false for other messages.
func HeaderOf(m Message) (Header, bool) {
	switch m := m.(type) {
	case GetRequest:
		return m.Header, true
	case ScanRequest:
		return m.Header, true
	}
	hd, _, ok := headerOf(m)
	return hd, ok
}

// RepeatAnswer gives a number that is asked again the answer that it got. Ours.
type RepeatAnswer struct{ Packet Packet }

// Name returns the action's name.
func (RepeatAnswer) Name() string { return "RepeatAnswer" }

// Take returns what the action makes of s.
func (a RepeatAnswer) Take(s Host) (Outcome, error) {
	hd, _, ok := headerOf(a.Packet.Msg)
	session, open := s.senders(a.Packet, hd.Session)
	answer, answered := session.Answer(hd.Number)
	if err := enabled(a,
		conjunct{"the packet is a write or an order", ok},
		conjunct{"the host has joined", s.Joined},
		conjunct{"the session is open, and the sender's", open},
		conjunct{"the number has an answer", answered},
	); err != nil {
		return Outcome{}, err
	}
	return Outcome{Host: s, Sent: s.toClient(a.Packet, answer)}, nil
}

// OpenSession opens a session of the id, or answers again that it is open. Ours.
type OpenSession struct {
	Packet Packet
	ID     marshal.SessionID
}

// Name returns the action's name.
func (OpenSession) Name() string { return "OpenSession" }

// Take returns what the action makes of s.
func (a OpenSession) Take(s Host) (Outcome, error) {
	q, ok := a.Packet.Msg.(Open)
	if err := enabled(a,
		conjunct{"the packet is an Open", ok},
		conjunct{"the host has joined", s.Joined},
	); err != nil {
		return Outcome{}, err
	}
	sent := s.toClient(a.Packet, Opened{q.Nonce, a.ID})
	for session := range s.Sessions.All() {
		if session.Nonce == q.Nonce && session.Client == a.Packet.Src {
			return Outcome{Host: s, Sent: sent}, enabled(a, conjunct{"the nonce gets the session that it got before", session.ID == a.ID})
		}
	}
	_, taken := s.Session(a.ID)
	if err := enabled(a, conjunct{"the id is new", !taken && a.ID != marshal.SessionID{}}); err != nil {
		return Outcome{}, err
	}
	s.LastSession++
	s.Sessions = s.Sessions.With(Session{ID: a.ID, Client: a.Packet.Src, Nonce: q.Nonce, Serial: s.LastSession})
	return Outcome{Host: s, Sent: sent}, nil
}

// CloseSession ends a session, on request or by itself, with all its answers. Ours.
type CloseSession struct{ ID marshal.SessionID }

// Name returns the action's name.
func (CloseSession) Name() string { return "CloseSession" }

// Take returns what the action makes of s.
func (a CloseSession) Take(s Host) (Outcome, error) {
	session, open := s.Session(a.ID)
	if err := enabled(a, conjunct{"the session is open", open}); err != nil {
		return Outcome{}, err
	}
	s.Sessions = s.Sessions.Without(session)
	return Outcome{Host: s}, nil
}
