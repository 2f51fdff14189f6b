package marshal

import (
	"slices"

	"ironkv/delegation"
)

// The bytes of the pages of a host's moves and of an audit's cut.

func (m *MovesReply) write(b []byte) []byte {
	b = appendOpening(b, kindMovesReply)
	b = appendRequestHeader(b, &m.RequestHeader)
	b = appendList(b, len(m.Moves), moveStatusElements)
	for i := range m.Moves {
		b = m.Moves[i].write(b)
	}
	return appendBool(b, m.More)
}

func (m *MovesReply) read(r *reader) {
	r.requestHeader(&m.RequestHeader)
	if n := r.list("moves", moveStatusElements, moveStatusMinBytes, MaxPieces); n > 0 {
		m.Moves = make([]MoveStatus, n)
		for i := range m.Moves {
			m.Moves[i].read(r)
		}
	}
	m.More = r.bool("more")
}

func (m *MovesReply) clone() Message {
	c := *m
	c.Moves = slices.Clone(m.Moves)
	for i := range c.Moves {
		c.Moves[i].Range = c.Moves[i].Range.Clone()
		c.Moves[i].Cursor = c.Moves[i].Cursor.Clone()
	}
	return &c
}

func (s *MoveStatus) write(b []byte) []byte {
	b = appendMoveID(b, s.ID)
	b = appendRange(b, s.Range)
	b = appendUint(b, uint64(s.Recipient))
	b = appendUint(b, uint64(s.Phase))
	b = appendUint(b, uint64(s.Reason))
	b = appendBound(b, s.Cursor)
	b = appendUint(b, s.Keys)
	b = appendUint(b, s.Bytes)
	b = appendUint(b, s.Chunks)
	b = appendUint(b, s.Unacked)
	b = appendUint(b, s.Rate)
	return appendUint(b, s.ActiveMillis)
}

func (s *MoveStatus) read(r *reader) {
	s.ID = r.move()
	s.Range = r.span()
	s.Recipient = r.host("move.recipient")
	s.Phase = MovePhase(r.enum("move.phase", uint8(numMovePhases)))
	s.Reason = r.reason()
	s.Cursor = r.bound("move.cursor")
	s.Keys = r.uint("move.keys")
	s.Bytes = r.uint("move.bytes")
	s.Chunks = r.uint("move.chunks")
	s.Unacked = r.uint("move.unacked")
	s.Rate = r.uint("move.rate")
	s.ActiveMillis = r.uint("move.active")
}

func (m *AuditReply) write(b []byte) []byte {
	b = appendOpening(b, kindAuditReply)
	b = appendRequestHeader(b, &m.RequestHeader)
	b = appendUint(b, m.Cut)
	b = appendUint(b, uint64(m.Host))
	b = appendUint(b, uint64(m.Incarnation))
	b = appendUint(b, m.Step)
	b = appendUint(b, uint64(m.Page))
	b = appendBool(b, m.More)
	b = appendList(b, len(m.Peers), peerElements)
	for i := range m.Peers {
		b = m.Peers[i].write(b)
	}
	b = appendList(b, len(m.Owned), rangeElements)
	for _, owned := range m.Owned {
		b = appendRange(b, owned)
	}
	b = appendList(b, len(m.InFlight), inFlightElements)
	for i := range m.InFlight {
		b = m.InFlight[i].write(b)
	}
	return b
}

func (m *AuditReply) read(r *reader) {
	r.requestHeader(&m.RequestHeader)
	m.Cut = r.uint("cut")
	m.Host = r.host("host")
	m.Incarnation = r.incarnation("incarnation")
	m.Step = r.uint("step")
	m.Page = r.uint32("page")
	m.More = r.bool("more")
	if n := r.list("peers", peerElements, peerMinBytes, MaxMembers); n > 0 {
		m.Peers = make([]PeerNumbers, n)
		for i := range m.Peers {
			m.Peers[i].read(r)
		}
	}
	if n := r.list("owned", rangeElements, rangeMinBytes, MaxPieces); n > 0 {
		m.Owned = make([]delegation.Range, n)
		for i := range m.Owned {
			m.Owned[i] = r.keys()
		}
	}
	if n := r.list("in flight", inFlightElements, inFlightMinBytes, MaxPieces); n > 0 {
		m.InFlight = make([]InFlight, n)
		for i := range m.InFlight {
			m.InFlight[i].read(r)
		}
	}
}

func (m *AuditReply) clone() Message {
	c := *m
	c.Peers = slices.Clone(m.Peers)
	c.Owned = slices.Clone(m.Owned)
	for i := range c.Owned {
		c.Owned[i] = c.Owned[i].Clone()
	}
	c.InFlight = slices.Clone(m.InFlight)
	for i := range c.InFlight {
		c.InFlight[i].Range = c.InFlight[i].Range.Clone()
	}
	return &c
}

func (p *PeerNumbers) write(b []byte) []byte {
	b = appendUint(b, uint64(p.Peer))
	b = appendUint(b, uint64(p.PeerIncarnation))
	b = appendUint(b, p.Sent)
	b = appendUint(b, p.Acked)
	return appendUint(b, p.Received)
}

func (p *PeerNumbers) read(r *reader) {
	p.Peer = r.host("peer.id")
	p.PeerIncarnation = r.incarnation("peer.incarnation")
	p.Sent = r.uint("peer.sent")
	p.Acked = r.uint("peer.acked")
	p.Received = r.uint("peer.received")
}

func (f *InFlight) write(b []byte) []byte {
	b = appendUint(b, uint64(f.To))
	b = appendUint(b, f.Seqno)
	return appendRange(b, f.Range)
}

func (f *InFlight) read(r *reader) {
	f.To = r.host("in flight.to")
	f.Seqno = r.uint("in flight.seqno")
	f.Range = r.keys()
}
