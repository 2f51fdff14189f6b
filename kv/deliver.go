package kv

import (
	"slices"

	"ironkv/delegation"
	"ironkv/marshal"
	"ironkv/udp/delivery"
)

// single receives a delegate under its number (ReceiveSingleMessage, then
// NextDelegate). A delegate is never judged by limits meant for clients: its
// keys have no other owner.
func (h *Host) single(p Packet, m *marshal.Single) {
	peer, _ := h.authentic(p, m.PeerHeader)
	if peer == nil {
		return
	}
	if !h.state.Joined {
		h.drop(DropNotServing)
		return
	}
	verdict := peer.In.Receive(m.Seqno)
	switch verdict {
	case delivery.New:
		h.out.Action = ActDelegate
		h.take(p.Src.Host, m.Seqno, &m.Delegate)
		h.store.SetPeer(p.Src.Host, peer.Record())
		h.holds.release(p.Src.Host, peer.In.Tombstone())
	case delivery.Duplicate:
		h.drop(DropDuplicate)
	case delivery.Gap:
		h.drop(DropGap)
	}
	h.send(p.Src, &marshal.Ack{
		PeerHeader: h.header(p.Src.Host), Seqno: peer.In.Tombstone(), Room: h.roomFor(), Gap: verdict == delivery.Gap,
	})
}

// take makes this host the owner of what a delegate carries. Unlike the paper's
// BulkUpdateHashtable (Protocol/SHT/Delegations.i.dfy), it takes no entry that
// lies outside the delegated range.
func (h *Host) take(from delegation.HostID, seqno uint64, d *marshal.Delegate) {
	r := d.Range.Clone()
	h.assign(r, h.cfg.Me)
	h.state.Clock = max(h.state.Clock, d.Clock)
	h.store.PutAll(within(r, d.Entries))
	h.out.Transfers = append(h.out.Transfers, Transfer{Taken: true, Peer: from, Seqno: seqno, Range: r})
}

// within returns the entries whose keys lie in r, in their order: from a host of
// ours, all.
func within(r delegation.Range, entries []marshal.Entry) []marshal.Entry {
	outside := func(e marshal.Entry) bool { return !r.Contains(e.Key) }
	if !slices.ContainsFunc(entries, outside) {
		return entries
	}
	return slices.DeleteFunc(slices.Clone(entries), outside)
}

func (h *Host) assign(r delegation.Range, to delegation.HostID) {
	if err := h.state.Map.Assign(r, to); err != nil {
		panic("kv: MapComplete: " + err.Error())
	}
	h.store.Assign(r, to)
}

// ack is the paper's ReceiveAck. Where it tells of a gap, what is still
// unacknowledged is sent again.
func (h *Host) ack(p Packet, m *marshal.Ack) {
	peer, l := h.authentic(p, m.PeerHeader)
	if peer == nil {
		return
	}
	if m.Seqno > peer.Out.Sent() {
		h.drop(DropAckBeyondSent)
		return
	}
	h.out.Action = ActAck
	l.room = m.Room
	h.acknowledged(p.Src.Host, peer, m.Seqno)
	if m.Gap && m.Seqno == peer.Out.Acked() && peer.Out.Outstanding() > 0 {
		l.resendAt = max(h.now, l.resentAt+gapRepeat)
	}
}

// acknowledged drops the delegates up to number n, and ends the moves that
// waited for them.
func (h *Host) acknowledged(id delegation.HostID, peer *Peer, n uint64) {
	first := peer.Out.Acked() + 1
	dropped, err := peer.Out.Acknowledge(n)
	if err != nil || len(dropped) == 0 {
		return
	}
	l := h.links[id]
	for _, d := range dropped {
		l.flying -= delegateSize(d)
	}
	l.sentAt = h.now
	if peer.Out.Outstanding() == 0 {
		l.resendAt = never
	}
	h.store.DropUnacked(id, first, n)
	h.store.SetPeer(id, peer.Record())
	h.endMoves(id, n)
}

// retransmit repeats everything unacknowledged (SpontaneouslyRetransmit).
func (h *Host) retransmit(id delegation.HostID, peer *Peer, l *link) {
	h.out.Action = ActRetransmit
	l.sentAt, l.resentAt, l.resendAt = h.now, h.now, never
	for seqno, d := range peer.Out.Unacked() {
		h.sendDelegate(id, seqno, d)
	}
}

func (h *Host) sendDelegate(to delegation.HostID, seqno uint64, d *marshal.Delegate) {
	h.send(Endpoint{Host: to}, &marshal.Single{PeerHeader: h.header(to), Seqno: seqno, Delegate: *d})
}
