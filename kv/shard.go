package kv

import (
	"ironkv/delegation"
	"ironkv/marshal"
)

// shard answers an order to move a range: it makes a durable move, or says why
// not (the conditions of the paper's NextShard_Wrapper, each with its reason).
func (h *Host) shard(p Packet, m *marshal.Shard) {
	h.out.Action = ActShard
	s := h.writer(p, m.RequestHeader, m.WriteHeader)
	if s == nil {
		return
	}
	reply := &marshal.OrderReply{RequestHeader: m.RequestHeader}
	h.admit(m, reply)
	if reply.Reason == marshal.OrderAccepted {
		reply.Move = h.newMove(m)
	}
	h.answer(p, s, m.Number, reply)
}

// admit fills in the reason for which the order cannot be followed, if any.
func (h *Host) admit(m *marshal.Shard, reply *marshal.OrderReply) {
	if reply.Reason = h.mayGive(m.Range, m.Recipient); reply.Reason != marshal.OrderAccepted {
		if reply.Reason == marshal.NotOwner {
			reply.Range, reply.Owner = h.ownedElsewhere(m.Range)
		}
		return
	}
	for _, j := range h.active {
		if j.Range.Overlaps(m.Range) {
			reply.Reason = marshal.OverlapsMove
			reply.Move = h.moveID(j.Number)
			reply.Range = j.Range
			return
		}
	}
	if len(h.active) >= h.cfg.Limits.Moves {
		reply.Reason = marshal.TooManyMoves
	}
}

// mayGive says whether this host may hand r over to the recipient. It is asked
// when a move is ordered, and again for each of its chunks, as NextShard does:
// the first three conditions that it names are those that "the proof caught"
// (Protocol/SHT/Host.i.dfy).
func (h *Host) mayGive(r delegation.Range, recipient delegation.HostID) marshal.OrderReason {
	switch {
	case r.Empty():
		return marshal.EmptyRange
	case recipient == h.cfg.Me:
		return marshal.RecipientIsSelf
	case h.state.Peers[recipient] == nil:
		return marshal.UnknownHost
	case !h.state.Map.OwnsAll(r, h.cfg.Me):
		return marshal.NotOwner
	}
	return marshal.OrderAccepted
}

// ownedElsewhere returns the first part of r that this host does not own, and
// its owner.
func (h *Host) ownedElsewhere(r delegation.Range) (delegation.Range, delegation.HostID) {
	for piece, owner := range h.state.Map.RangesFrom(r.From) {
		if owner != h.cfg.Me {
			return piece.Intersect(r).Clone(), owner // it is recorded, and r may lie in a datagram
		}
	}
	return delegation.Range{}, 0
}

func (h *Host) moveID(number uint64) marshal.MoveID {
	return marshal.MoveID{Host: h.cfg.Me, Number: number}
}

func (h *Host) newMove(m *marshal.Shard) marshal.MoveID {
	h.state.LastMove++
	r := m.Range.Clone()
	move := &Move{
		Number: h.state.LastMove, Range: r, Recipient: m.Recipient, Phase: marshal.MoveProposed, Cursor: r.From, Rate: m.Rate,
	}
	h.state.Moves[move.Number] = move
	h.store.SetIdentity(h.state.Identity)
	h.store.SetMove(*move)
	h.active = append(h.active, &job{Move: move, since: h.now, nextAt: h.now})
	return h.moveID(move.Number)
}

// moveOrder pauses, resumes, cancels or throttles a move.
func (h *Host) moveOrder(p Packet, m *marshal.MoveOrder) {
	h.out.Action = ActMoveOrder
	s := h.writer(p, m.RequestHeader, m.WriteHeader)
	if s == nil {
		return
	}
	reply := &marshal.OrderReply{RequestHeader: m.RequestHeader, Move: m.Move}
	reply.Reason = h.follow(m)
	h.answer(p, s, m.Number, reply)
}

func (h *Host) follow(m *marshal.MoveOrder) marshal.OrderReason {
	if m.Move.Host != h.cfg.Me || h.state.Moves[m.Move.Number] == nil {
		return marshal.NoSuchMove
	}
	j := h.job(m.Move.Number)
	if j == nil || j.Phase == marshal.MoveStopping || (j.Phase == marshal.MoveDraining && m.Action != marshal.MoveThrottle) {
		return marshal.MoveEnded
	}
	j.account(h.now)
	switch m.Action {
	case marshal.MovePause:
		j.Phase = marshal.MovePaused
	case marshal.MoveResume:
		if j.Phase == marshal.MovePaused {
			j.Phase = marshal.MoveProposed
			if j.Consented {
				j.Phase = marshal.MoveRunning
			}
			j.nextAt = h.now
		}
	case marshal.MoveCancel:
		h.stopMove(j, marshal.OrderAccepted)
		return marshal.OrderAccepted
	case marshal.MoveThrottle:
		j.Rate = m.Rate
		j.nextAt = h.now
	}
	h.store.SetMove(*j.Move)
	return marshal.OrderAccepted
}

func (h *Host) job(number uint64) *job {
	for _, j := range h.active {
		if j.Number == number {
			return j
		}
	}
	return nil
}
