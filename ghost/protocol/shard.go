package protocol

import (
	"ironkv/delegation"
	"ironkv/ghost/spec"
	"ironkv/marshal"
)

// mayGive are the conditions under which a host gives r away. The paper marks
// each of the last three as one that "the proof caught" (NextShard,
// Protocol/SHT/Host.i.dfy).
func (h Host) mayGive(r delegation.Range, recipient delegation.HostID) []conjunct {
	_, known := h.Peer(recipient)
	return []conjunct{
		{"the range is not empty", !r.Empty()},
		{"the recipient is not this host", recipient != h.Me},
		{"the recipient is a host of the cluster", known || recipient == h.Me},
		{"this host owns all of the range", !r.Empty() && h.Map.OwnsAll(r, h.Me)},
	}
}

// NextOrder answers an order: a Shard makes a move where that is possible, a
// MoveOrder changes one. Reason is the answer, and has to be true. Source: the
// conditions are those of NextShard_Wrapper, Protocol/SHT/Host.i.dfy, which
// refuses in silence, but for three: that the range holds fewer than 62 entries
// (max_hashtable_size), as moves go in chunks; ValidKeyRange and ValidPhysicalAddress,
// which are about what can be marshalled. Moves, reasons and recorded answers are ours.
type NextOrder struct {
	Packet Packet
	Floor  uint64
	Reason marshal.OrderReason
	// Move is, for a Shard refused as overlapping, the move that it overlaps.
	Move uint64
	// Most is, for a Shard refused for it, how many unfinished moves there may be.
	Most int
	// Brief says that the answer is recorded without its range, which is a hint.
	Brief bool
}

// Name returns the action's name.
func (NextOrder) Name() string { return "NextOrder" }

// Take returns what the action makes of s.
func (a NextOrder) Take(s Host) (Outcome, error) {
	hd, w, _ := headerOf(a.Packet.Msg)
	if err := enabled(a, mayAnswer(s, a.Packet, hd, w, a.Floor)...); err != nil {
		return Outcome{}, err
	}
	reply := OrderReply{Header: hd, Reason: a.Reason}
	t, err := s, error(nil)
	switch q := a.Packet.Msg.(type) {
	case Shard:
		t, reply.Move, err = a.shard(s, q)
		reply.Range, reply.Owner = a.where(s, q, reply.Move)
	case MoveOrder:
		reply.Move = q.Move.Number
		t, err = a.follow(s, q)
	default:
		err = enabled(a, conjunct{"the packet is an order", false})
	}
	if err != nil {
		return Outcome{}, err
	}
	kept := reply
	if a.Brief {
		kept.Range = delegation.Range{}
	}
	o := t.answeredBriefly(a.Packet, hd, a.Floor, kept, reply)
	o.Executed = []spec.Execution{{
		Ticket: spec.Ticket(hd), Request: spec.Order{Operation: w.Operation}, Reply: spec.OrderReply{Reason: a.Reason},
	}}
	return o, nil
}

// shard admits a move, or refuses it for a reason that is so.
func (a NextOrder) shard(s Host, q Shard) (Host, uint64, error) {
	conditions := s.mayGive(q.Range, q.Recipient)
	unfinished, overlaps := 0, uint64(0)
	for _, m := range s.Moves {
		if m.Phase.Ended() {
			continue
		}
		unfinished++
		if m.Range.Overlaps(q.Range) && (overlaps == 0 || m.Number == a.Move) {
			overlaps = m.Number
		}
	}
	switch a.Reason {
	case marshal.OrderAccepted:
		if err := enabled(a, append(conditions, conjunct{"the range overlaps no unfinished move", overlaps == 0})...); err != nil {
			return s, 0, err
		}
		s.LastMove++
		return s.withMove(Move{Number: s.LastMove, Range: q.Range, Recipient: q.Recipient, Phase: marshal.MoveProposed, Cursor: q.Range.From}), s.LastMove, nil
	case marshal.EmptyRange:
		return s, 0, enabled(a, conjunct{"the range is empty", q.Range.Empty()})
	case marshal.RecipientIsSelf:
		return s, 0, enabled(a, conjunct{"the recipient is this host", q.Recipient == s.Me})
	case marshal.UnknownHost:
		return s, 0, enabled(a, conjunct{"the recipient is no host of the cluster", !conditions[2].holds})
	case marshal.NotOwner:
		return s, 0, enabled(a, conjunct{"another host owns a part of the range", !conditions[3].holds})
	case marshal.OverlapsMove:
		return s, overlaps, enabled(a, conjunct{"the range overlaps the unfinished move", overlaps != 0 && overlaps == a.Move})
	case marshal.TooManyMoves:
		return s, 0, enabled(a, conjunct{"there are as many unfinished moves as there may be", a.Most > 0 && unfinished >= a.Most})
	case marshal.NoSuchMove, marshal.MoveEnded, marshal.RecipientRefuses, marshal.NoRoom, marshal.MessageTooLarge:
	}
	return s, 0, enabled(a, conjunct{"the reason is one for refusing a move", false})
}

// where is what a refusal of the order says besides: the range of the move that it
// overlaps, or the first part of its own that another host owns, and that host.
func (a NextOrder) where(s Host, q Shard, move uint64) (delegation.Range, delegation.HostID) {
	if m, overlaps := s.Move(move); overlaps && a.Reason == marshal.OverlapsMove {
		return m.Range, 0
	}
	for at := q.Range.From; a.Reason == marshal.NotOwner && at.Less(q.Range.Until); {
		r, owner := s.Map.lookup(at)
		if owner != s.Me {
			return r.Intersect(q.Range), owner
		}
		at = r.Until
	}
	return delegation.Range{}, 0
}

// follow changes the move that q names, or refuses for a reason that is so.
func (a NextOrder) follow(s Host, q MoveOrder) (Host, error) {
	m, known := s.Move(q.Move.Number)
	known = known && q.Move.Host == s.Me
	open := m.Phase == marshal.MoveProposed || m.Phase == marshal.MoveRunning || m.Phase == marshal.MovePaused
	if a.Reason == marshal.NoSuchMove {
		return s, enabled(a, conjunct{"there is no such move", !known})
	}
	if a.Reason == marshal.MoveEnded {
		return s, enabled(a, conjunct{"there is such a move", known}, conjunct{"the move sends no more chunks", !open})
	}
	if err := enabled(a,
		conjunct{"the reason is one for refusing to change a move", a.Reason == marshal.OrderAccepted},
		conjunct{"there is such a move", known},
		conjunct{"the move has chunks to send", open || (q.Action == marshal.MoveThrottle && m.Phase == marshal.MoveDraining)},
	); err != nil {
		return s, err
	}
	switch q.Action {
	case marshal.MovePause:
		m.Phase = marshal.MovePaused
	case marshal.MoveResume:
		if m.Phase != marshal.MovePaused {
			return s, nil
		}
		m.Phase = marshal.MoveProposed
		if m.Agreed {
			m.Phase = marshal.MoveRunning
		}
	case marshal.MoveCancel:
		m.Phase, m.Reason = marshal.MoveStopping, marshal.OrderAccepted
	case marshal.MoveThrottle:
		return s, nil
	}
	return s.withMove(m), nil
}

// NextShard hands over the next part of a move's range, [cursor, Until): in one
// step its entries leave the table, the map names the recipient, and the delegate
// has a number. Source: NextShard, Protocol/SHT/Host.i.dfy; that it is taken
// without a packet, once per chunk, is ours.
type NextShard struct {
	Move  uint64
	Until delegation.Bound
}

// Name returns the paper's name.
func (NextShard) Name() string { return "NextShard" }

// Take returns what the action makes of s.
func (a NextShard) Take(s Host) (Outcome, error) {
	m, known := s.Move(a.Move)
	r := delegation.Range{From: m.Cursor, Until: a.Until}
	if err := enabled(a, append(s.mayGive(r, m.Recipient),
		conjunct{"the move is known", known},
		conjunct{"the move runs", m.Phase == marshal.MoveRunning},
		conjunct{"the chunk lies in the move's range", m.Range.Covers(r)},
	)...); err != nil {
		return Outcome{}, err
	}
	peer, _ := s.Peer(m.Recipient)
	d := Delegate{Range: r, Clock: s.Clock, Entries: s.Entries(r)}
	peer.Unacked = append(peer.Unacked[:len(peer.Unacked):len(peer.Unacked)], d)
	m.Cursor, m.LastSeqno = a.Until, peer.Sent()
	if m.Cursor == m.Range.Until {
		m.Phase = marshal.MoveDraining
	}
	t := s.withPeer(peer).withMove(m)
	t.Table = s.withoutRange(r)
	t.Map = s.Map.Update(r, m.Recipient)
	return Outcome{Host: t, Sent: []Packet{s.toPeer(peer.ID, Single{s.lifeWith(peer), peer.Sent(), d})}}, nil
}

// ChangeMove lets a move go on by itself: it runs when its recipient agrees, stops
// where the recipient refuses or a condition for its next chunk fails, and ends
// when all of its delegates are acknowledged. Ours.
type ChangeMove struct {
	Number uint64
	Phase  marshal.MovePhase
	// Reason is, for a move that stops, why; it has to be true.
	Reason marshal.OrderReason
	// Packet is the recipient's answer where the move follows it, a [Consent].
	Packet Packet
}

// Name returns the action's name.
func (ChangeMove) Name() string { return "ChangeMove" }

// Take returns what the action makes of s.
func (a ChangeMove) Take(s Host) (Outcome, error) {
	m, known := s.Move(a.Number)
	peer, _ := s.Peer(m.Recipient)
	arrived := conjunct{"all of the move's delegates are acknowledged", peer.Acked >= m.LastSeqno}
	conditions := []conjunct{{"the move is known", known}}
	switch a.Phase {
	case marshal.MoveRunning:
		conditions = append(append(conditions, conjunct{"the move waits for its recipient", m.Phase == marshal.MoveProposed}),
			a.answered(s, m, marshal.OrderAccepted)...)
		m.Agreed = true
	case marshal.MoveStopping:
		conditions = append(conditions, a.fails(s, m)...)
		m.Reason = a.Reason
	case marshal.MoveDone:
		conditions = append(conditions, arrived, conjunct{"all chunks are sent", m.Phase == marshal.MoveDraining})
	case marshal.MoveCanceled:
		conditions = append(conditions, arrived, conjunct{"it was canceled", m.Phase == marshal.MoveStopping && m.Reason == marshal.OrderAccepted})
	case marshal.MoveFailed:
		conditions = append(conditions, arrived, conjunct{"it failed", m.Phase == marshal.MoveStopping && m.Reason != marshal.OrderAccepted})
	case marshal.MoveProposed, marshal.MovePaused, marshal.MoveDraining:
		conditions = append(conditions, conjunct{"it is a phase that a move takes by itself", false})
	}
	if err := enabled(a, conditions...); err != nil {
		return Outcome{}, err
	}
	m.Phase = a.Phase
	return Outcome{Host: s.withMove(m)}, nil
}

// answered says that the move's recipient has answered the reason to its proposal.
func (a ChangeMove) answered(s Host, m Move, reason marshal.OrderReason) []conjunct {
	q, ok := a.Packet.Msg.(Consent)
	peer, known := s.Peer(m.Recipient)
	return append([]conjunct{
		{"the packet is an answer to a proposal", ok},
		{"the move's recipient answers", a.Packet.Src.Host == m.Recipient},
		{"it answers about this move", q.Move == marshal.MoveID{Host: s.Me, Number: m.Number}},
		{"it is what the recipient answers", q.Reason == reason},
	}, s.authentic(peer, known, q.Life)...)
}

// fails says that the move cannot go on, for the reason that the action names: the
// recipient refuses it, or one of the conditions of NextShard is not so for what is
// left of the range.
func (a ChangeMove) fails(s Host, m Move) []conjunct {
	switch a.Reason {
	case marshal.EmptyRange, marshal.RecipientIsSelf, marshal.UnknownHost, marshal.NotOwner:
		condition := s.mayGive(delegation.Range{From: m.Cursor, Until: m.Range.Until}, m.Recipient)[a.Reason-marshal.EmptyRange]
		return []conjunct{
			{"the move runs", m.Phase == marshal.MoveRunning},
			{"the reason is true: not so that " + condition.name, !condition.holds},
		}
	case marshal.RecipientRefuses, marshal.NoRoom, marshal.MessageTooLarge:
		return append([]conjunct{{"the move waits for its recipient", m.Phase == marshal.MoveProposed}}, a.answered(s, m, a.Reason)...)
	case marshal.OrderAccepted, marshal.OverlapsMove, marshal.TooManyMoves, marshal.NoSuchMove, marshal.MoveEnded:
	}
	return []conjunct{{"the reason is one for which a move fails", false}}
}

// ForgetMove forgets a move that has ended. Ours.
type ForgetMove struct{ Number uint64 }

// Name returns the action's name.
func (ForgetMove) Name() string { return "ForgetMove" }

// Take returns what the action makes of s.
func (a ForgetMove) Take(s Host) (Outcome, error) {
	m, known := s.Move(a.Number)
	if err := enabled(a, conjunct{"the move has ended", known && m.Phase.Ended()}); err != nil {
		return Outcome{}, err
	}
	var moves []Move
	for _, m := range s.Moves {
		if m.Number != a.Number {
			moves = append(moves, m)
		}
	}
	s.Moves = moves
	return Outcome{Host: s}, nil
}
