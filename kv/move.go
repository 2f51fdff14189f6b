package kv

import (
	"slices"

	"ironkv/delegation"
	"ironkv/marshal"
)

// A job is an unfinished move with what is volatile of it.
type job struct {
	*Move
	// since is when the time spent was last accounted; nextAt is when the move
	// may next propose itself or cut a chunk.
	since, nextAt Time
	// wants is the size of a piece that was more than a chunk and too much to fly, 0
	// for none: such a move waits for the acknowledgements that make room for it. It
	// looks at the piece again at retryAt, since a client may have made it smaller.
	wants   int
	retryAt Time
}

// account adds the time since the last call to the move's, unless it rested.
func (j *job) account(now Time) {
	if j.Phase != marshal.MovePaused {
		j.Active += now - j.since
	}
	j.since = now
}

// moving reports whether an unfinished move wants to send to the peer.
func (h *Host) moving(to delegation.HostID) bool {
	for _, j := range h.active {
		if j.Recipient == to && (j.Phase == marshal.MoveProposed || j.Phase == marshal.MoveRunning) {
			return true
		}
	}
	return false
}

func (h *Host) movesDeadline() Time {
	t := never
	for _, j := range h.active {
		t = min(t, h.moveDeadline(j))
	}
	return t
}

// moveDeadline is when the move can next do something by itself. A move that
// waits for its recipient (to be met, to be heard, to have room, to acknowledge)
// has none: what it waits for comes in a packet.
func (h *Host) moveDeadline(j *job) Time {
	l := h.links[j.Recipient]
	switch {
	case l == nil || !l.met:
		return never
	case j.Phase == marshal.MoveProposed:
		return j.nextAt
	case j.Phase != marshal.MoveRunning || h.now-l.heard >= heardWithin || !h.mayFly(j, l, h.cfg.Limits.ChunkBytes):
		return never
	}
	t := max(j.nextAt, h.quietUntil)
	if j.wants > 0 && !h.mayFly(j, l, j.wants) {
		t = max(t, j.retryAt)
	}
	if h.yields(j) {
		t = max(t, h.yieldUntil)
	}
	return t
}

// mayFly reports whether n bytes more of a move may be in flight to its recipient: a
// delegate flies alone, or, where the move does not yield, within the bounds; and always
// within the room that the recipient has said it has. Delegates that queue there are what
// its clients wait for.
func (h *Host) mayFly(j *job, l *link, n int) bool {
	out := h.state.Peers[j.Recipient].Out.Outstanding()
	within := out == 0 || (!h.yields(j) && out < flyingDelegates && l.flying+n <= h.cfg.Limits.InFlightBytes)
	return within && uint64(l.flying)+uint64(n) <= l.room
}

// nextMove lets the moves that are due take turns.
func (h *Host) nextMove() {
	for i := range h.active {
		j := h.active[(h.turn+1+i)%len(h.active)]
		if h.moveDeadline(j) > h.now {
			continue
		}
		h.turn = (h.turn + 1 + i) % len(h.active)
		if j.Phase == marshal.MoveProposed {
			h.out.Action = ActPeer
			j.nextAt = h.now + proposeInterval
			h.send(Endpoint{Host: j.Recipient}, &marshal.Propose{
				PeerHeader: h.header(j.Recipient), Move: h.moveID(j.Number), Range: j.Range, MaxMessage: marshal.MaxMessageBytes,
			})
			return
		}
		h.chunk(j)
		return
	}
}

// propose answers another host's wish to move a range here.
func (h *Host) propose(p Packet, m *marshal.Propose) {
	if peer, _ := h.authentic(p, m.PeerHeader); peer == nil {
		return
	}
	if !h.state.Joined {
		h.drop(DropNotServing)
		return
	}
	h.out.Action = ActPeer
	reason := marshal.OrderAccepted
	switch {
	case m.MaxMessage > marshal.MaxMessageBytes:
		reason = marshal.MessageTooLarge
	case h.roomFor() == 0:
		reason = marshal.NoRoom
	}
	h.send(p.Src, &marshal.Consent{PeerHeader: h.header(p.Src.Host), Move: m.Move, Reason: reason, Room: h.roomFor()})
}

// consent starts a move that its recipient agrees to, or ends it.
func (h *Host) consent(p Packet, m *marshal.Consent) {
	peer, l := h.authentic(p, m.PeerHeader)
	if peer == nil {
		return
	}
	h.out.Action = ActMove
	l.room = m.Room
	j := h.job(m.Move.Number)
	if j == nil || m.Move.Host != h.cfg.Me || j.Recipient != p.Src.Host || j.Phase != marshal.MoveProposed {
		return
	}
	j.account(h.now)
	if m.Reason != marshal.OrderAccepted {
		h.stopMove(j, m.Reason)
		return
	}
	j.Consented = true
	j.Phase = marshal.MoveRunning
	j.nextAt = h.now
	h.store.SetMove(*j.Move)
}

// chunk hands over the next part of a move's range: in one step its entries
// leave the table, the map names the recipient, and the delegate has a number
// (the paper's NextShard, for [cursor, c)). All conditions are checked again.
func (h *Host) chunk(j *job) {
	limit := h.cfg.Limits.ChunkBytes
	if h.yields(j) {
		limit = min(limit, yieldChunkBytes)
	}
	r, entries, size := h.pieceAt(j, limit)
	if reason := h.mayGive(r, j.Recipient); reason != marshal.OrderAccepted {
		h.out.Action = ActMove
		j.account(h.now)
		h.stopMove(j, reason)
		return
	}
	l := h.links[j.Recipient]
	if !h.mayFly(j, l, size) {
		h.out.Action = ActMove
		j.wants, j.retryAt = size, h.now+proposeInterval
		return
	}
	h.out.Action = ActChunk
	j.wants, j.retryAt = 0, 0
	peer := h.state.Peers[j.Recipient]
	d := &marshal.Delegate{Range: r, Clock: h.state.Clock, Entries: entries}
	h.store.RemoveRange(r)
	h.assign(r, j.Recipient)
	seqno := peer.Out.Send(d)
	h.store.AddUnacked(j.Recipient, seqno, d)
	l.flying += size
	l.sentAt = h.now
	h.advance(j, r.Until, seqno, entries, size)
	h.out.Transfers = append(h.out.Transfers, Transfer{Peer: j.Recipient, Seqno: seqno, Range: r})
	h.sendDelegate(j.Recipient, seqno, d)
}

// pieceAt chooses the next chunk: from the cursor on, about limit bytes of entries
// and at least one, or all that is left.
func (h *Host) pieceAt(j *job, limit int) (delegation.Range, []marshal.Entry, int) {
	r := delegation.Range{From: j.Cursor, Until: j.Range.Until}
	size := delegateOverheadBytes
	var entries []marshal.Entry
	h.store.Ascend(r, func(e marshal.Entry) bool {
		full := size+e.Size() > limit || len(entries) == marshal.MaxEntries
		if full && len(entries) > 0 {
			r.Until = delegation.At(e.Key.Clone()) // it outlives the entry
			return false
		}
		if entries == nil { // as many as there will be, if the others are like the first
			entries = make([]marshal.Entry, 0, min(max(limit/e.Size(), 1), marshal.MaxEntries))
		}
		entries = append(entries, e)
		size += e.Size()
		return true
	})
	return r, entries, size
}

// advance notes on the move that everything below cursor has been sent.
func (h *Host) advance(j *job, cursor delegation.Bound, seqno uint64, entries []marshal.Entry, size int) {
	j.account(h.now)
	j.Cursor = cursor
	j.LastSeqno = seqno
	j.Chunks++
	j.Keys += uint64(len(entries))
	for i := range entries {
		j.Bytes += uint64(len(entries[i].Key) + len(entries[i].Value))
	}
	if cursor == j.Range.Until {
		j.Phase = marshal.MoveDraining
	}
	if j.Rate > 0 && j.Rate != marshal.RateUnlimited {
		j.nextAt = max(j.nextAt, h.now-Second) + Time(float64(size)/float64(j.Rate)*float64(Second))
	}
	h.yielding = j.Rate == 0 && h.served > 0
	h.chunkAt, h.timing, h.yieldUntil, h.served = h.now, true, h.now+yieldPause, 0
	h.store.SetMove(*j.Move)
}

// yields reports whether a move leaves time to clients: some were served since the
// chunk before the last. Those who came while the last was cut are still to be served.
func (h *Host) yields(j *job) bool { return j.Rate == 0 && (h.served > 0 || h.yielding) }

// timeChunk takes the time from a chunk to the next reading of the clock for what
// the chunk cost this host, and lets clients have yieldShare times as much. The
// cost is that of the machine as it is: more entries to a chunk, a slower disk, or
// other work on the processor make moves slower, and not the clients.
func (h *Host) timeChunk() {
	if !h.timing || h.now == h.chunkAt {
		return
	}
	h.timing = false
	took := min(h.now-h.chunkAt, maxYield)
	h.yieldUntil = h.now + max(yieldPause, yieldShare*took)
}

// stopMove sends no more chunks of a move; what has a number is delivered.
// With OrderAccepted it was canceled, otherwise it failed for the reason.
func (h *Host) stopMove(j *job, reason marshal.OrderReason) {
	j.Reason = reason
	j.Phase = marshal.MoveStopping
	h.store.SetMove(*j.Move)
	h.endMoves(j.Recipient, h.state.Peers[j.Recipient].Out.Acked())
}

// endMoves ends the moves to the peer that have nothing left to send and of
// which all delegates are acknowledged, now that those up to number acked are.
func (h *Host) endMoves(to delegation.HostID, acked uint64) {
	h.active = slices.DeleteFunc(h.active, func(j *job) bool {
		if j.Recipient != to || j.LastSeqno > acked {
			return false
		}
		switch {
		case j.Phase == marshal.MoveDraining:
			j.account(h.now)
			j.Phase = marshal.MoveDone
		case j.Phase == marshal.MoveStopping && j.Reason == marshal.OrderAccepted:
			j.Phase = marshal.MoveCanceled
		case j.Phase == marshal.MoveStopping:
			j.Phase = marshal.MoveFailed
		default:
			return false
		}
		h.store.SetMove(*j.Move)
		return true
	})
	h.forgetMoves()
}

// forgetMoves keeps the last few of the moves that have ended. So the move with
// the greatest number is always known, and clients see that one below it which is
// not has ended.
func (h *Host) forgetMoves() {
	excess := len(h.state.Moves) - len(h.active) - h.cfg.Limits.EndedMoves
	if excess <= 0 {
		return
	}
	for number, m := range sorted(h.state.Moves) {
		if excess > 0 && m.Phase.Ended() {
			delete(h.state.Moves, number)
			h.store.DropMove(number)
			excess--
		}
	}
}
