package protocol

import (
	"slices"

	"ironkv/delegation"
)

// NextDelegate takes a range over: it is the next message from its sender, and
// with it ownership arrives. Source: ReceivePacket and NextDelegate,
// Protocol/SHT/Host.i.dfy, and MaybeAckPacket, Protocol/SHT/SingleDelivery.i.dfy,
// in one action. Unlike the paper's
// BulkUpdateHashtable it takes no entry that lies outside the range, and no bound
// on delegations keeps a host from processing what it has received.
type NextDelegate struct{ Packet Packet }

// Name returns the paper's name.
func (NextDelegate) Name() string { return "NextDelegate" }

// Take returns what the action makes of s.
func (a NextDelegate) Take(s Host) (Outcome, error) {
	q, ok := a.Packet.Msg.(Single)
	peer, known := s.Peer(a.Packet.Src.Host)
	if err := enabled(a, append(s.authentic(peer, known, q.Life),
		conjunct{"the packet is a Single", ok},
		conjunct{"the host has joined", s.Joined},
		conjunct{"the number is the next (NewSingleMessage)", q.Seqno == peer.Received+1},
	)...); err != nil {
		return Outcome{}, err
	}
	peer.Received = q.Seqno
	t := s.withPeer(peer)
	t.Map = s.Map.Update(q.Delegate.Range, s.Me)
	t.Table = s.withoutRange(q.Delegate.Range)
	for _, e := range q.Delegate.Entries {
		if q.Delegate.Range.Contains(e.Key) {
			t.Table = t.Table.With(e)
		}
	}
	t.Clock = max(s.Clock, q.Delegate.Clock)
	return Outcome{Host: t, Sent: []Packet{s.toPeer(peer.ID, Ack{s.lifeWith(peer), peer.Received})}}, nil
}

// ReceiveOld acknowledges, once more, everything received, when a message comes
// that is not the next: one received before, or one whose predecessor is missing.
// Source: MaybeAckPacket, Protocol/SHT/SingleDelivery.i.dfy, which acknowledges
// the message's own number, and a gap not at all.
type ReceiveOld struct{ Packet Packet }

// Name returns the action's name.
func (ReceiveOld) Name() string { return "ReceiveOld" }

// Take returns what the action makes of s.
func (a ReceiveOld) Take(s Host) (Outcome, error) {
	q, ok := a.Packet.Msg.(Single)
	peer, known := s.Peer(a.Packet.Src.Host)
	if err := enabled(a, append(s.authentic(peer, known, q.Life),
		conjunct{"the packet is a Single", ok},
		conjunct{"the host has joined", s.Joined},
		conjunct{"the number is not the next", q.Seqno != peer.Received+1},
	)...); err != nil {
		return Outcome{}, err
	}
	return Outcome{Host: s, Sent: []Packet{s.toPeer(peer.ID, Ack{s.lifeWith(peer), peer.Received})}}, nil
}

// acknowledged returns the peer that has acknowledged everything up to number n
// (TruncateUnAckList, Protocol/SHT/SingleDelivery.i.dfy).
func (p Peer) acknowledged(n uint64) Peer {
	if n > p.Acked {
		p.Unacked = slices.Clone(p.Unacked[n-p.Acked:])
		p.Acked = n
	}
	return p
}

// ReceiveAck forgets what is acknowledged. Source: ReceiveAck,
// Protocol/SHT/SingleDelivery.i.dfy; that an acknowledgement of what was never
// sent is not believed is ours.
type ReceiveAck struct{ Packet Packet }

// Name returns the paper's name.
func (ReceiveAck) Name() string { return "ReceiveAck" }

// Take returns what the action makes of s.
func (a ReceiveAck) Take(s Host) (Outcome, error) {
	q, ok := a.Packet.Msg.(Ack)
	peer, known := s.Peer(a.Packet.Src.Host)
	if err := enabled(a, append(s.authentic(peer, known, q.Life),
		conjunct{"the packet is an Ack", ok},
		conjunct{"the number was sent", q.Seqno <= peer.Sent()},
	)...); err != nil {
		return Outcome{}, err
	}
	return Outcome{Host: s.withPeer(peer.acknowledged(q.Seqno))}, nil
}

// SpontaneouslyRetransmit sends everything that one peer has not acknowledged
// again. Source: SpontaneouslyRetransmit, Protocol/SHT/Host.i.dfy, which does so
// for all peers at once.
type SpontaneouslyRetransmit struct{ To delegation.HostID }

// Name returns the paper's name.
func (SpontaneouslyRetransmit) Name() string { return "SpontaneouslyRetransmit" }

// Take returns what the action makes of s.
func (a SpontaneouslyRetransmit) Take(s Host) (Outcome, error) {
	peer, known := s.Peer(a.To)
	if err := enabled(a,
		conjunct{"the peer is a host of the cluster", known},
		conjunct{"something is unacknowledged", len(peer.Unacked) > 0},
	); err != nil {
		return Outcome{}, err
	}
	o := Outcome{Host: s}
	for i, d := range peer.Unacked {
		o.Sent = append(o.Sent, s.toPeer(peer.ID, Single{s.lifeWith(peer), peer.Acked + 1 + uint64(i), d}))
	}
	return o, nil
}

// SendGreet tells a peer what this host has counted with it. Ours.
type SendGreet struct{ To delegation.HostID }

// Name returns the action's name.
func (SendGreet) Name() string { return "SendGreet" }

// Take returns what the action makes of s.
func (a SendGreet) Take(s Host) (Outcome, error) {
	peer, known := s.Peer(a.To)
	if err := enabled(a, conjunct{"the peer is a host of the cluster", known}); err != nil {
		return Outcome{}, err
	}
	return Outcome{Host: s, Sent: []Packet{s.toPeer(peer.ID, Greet{s.lifeWith(peer), peer.Sent(), peer.Acked, peer.Received})}}, nil
}

// Meet takes note of a greeting. The first fixes the peer's incarnation; one that
// names ours confirms it, and says like an acknowledgement what has arrived. A
// host has joined, and serves, once all peers have confirmed it. Ours: this is how
// a host that lost its state is found out.
type Meet struct{ Packet Packet }

// Name returns the action's name.
func (Meet) Name() string { return "Meet" }

// Take returns what the action makes of s.
func (a Meet) Take(s Host) (Outcome, error) {
	q, ok := a.Packet.Msg.(Greet)
	peer, known := s.Peer(a.Packet.Src.Host)
	confirms := q.To == s.Incarnation
	if err := enabled(a,
		conjunct{"the packet is a Greet", ok},
		conjunct{"the sender is a host of the cluster", known && q.From != 0},
		conjunct{"the sender is the incarnation that is known", peer.Incarnation == 0 || peer.Incarnation == q.From},
		conjunct{"the receiver is the incarnation that it is sent to", confirms || q.To == 0},
		conjunct{"neither has lost state", !confirms || (q.Received <= peer.Sent() && q.Acked <= peer.Received)},
	); err != nil {
		return Outcome{}, err
	}
	peer.Incarnation = q.From
	if confirms {
		peer.Confirmed = true
		peer = peer.acknowledged(q.Received)
	}
	t := s.withPeer(peer)
	t.Joined = s.Joined || !slices.ContainsFunc(t.Peers, func(p Peer) bool { return !p.Confirmed })
	return Outcome{Host: t}, nil
}
