package marshal

// The bytes of the messages between hosts.

func (m *Greet) write(b []byte) []byte {
	b = appendOpening(b, kindGreet)
	b = appendPeerHeader(b, &m.PeerHeader)
	b = appendUint(b, m.Sent)
	b = appendUint(b, m.Acked)
	b = appendUint(b, m.Received)
	b = appendUint(b, m.Room)
	return appendBool(b, m.Answer)
}

func (m *Greet) read(r *reader) {
	r.peerHeader(&m.PeerHeader)
	m.Sent = r.uint("sent")
	m.Acked = r.uint("acked")
	m.Received = r.uint("received")
	m.Room = r.uint("room")
	m.Answer = r.bool("answer")
}

func (m *Greet) clone() Message { return flat(m) }

func (m *Mismatch) write(b []byte) []byte {
	b = appendOpening(b, kindMismatch)
	b = appendPeerHeader(b, &m.PeerHeader)
	return appendUint(b, uint64(m.Known))
}

func (m *Mismatch) read(r *reader) {
	r.peerHeader(&m.PeerHeader)
	m.Known = r.incarnation("known")
}

func (m *Mismatch) clone() Message { return flat(m) }

func (m *Propose) write(b []byte) []byte {
	b = appendOpening(b, kindPropose)
	b = appendPeerHeader(b, &m.PeerHeader)
	b = appendMoveID(b, m.Move)
	b = appendRange(b, m.Range)
	return appendUint(b, uint64(m.MaxMessage))
}

func (m *Propose) read(r *reader) {
	r.peerHeader(&m.PeerHeader)
	m.Move = r.move()
	m.Range = r.keys()
	m.MaxMessage = r.uint32("max message")
}

func (m *Propose) clone() Message {
	c := *m
	c.Range = m.Range.Clone()
	return &c
}

func (m *Consent) write(b []byte) []byte {
	b = appendOpening(b, kindConsent)
	b = appendPeerHeader(b, &m.PeerHeader)
	b = appendMoveID(b, m.Move)
	b = appendUint(b, uint64(m.Reason))
	return appendUint(b, m.Room)
}

func (m *Consent) read(r *reader) {
	r.peerHeader(&m.PeerHeader)
	m.Move = r.move()
	m.Reason = r.reason()
	m.Room = r.uint("room")
}

func (m *Consent) clone() Message { return flat(m) }

func (m *Single) write(b []byte) []byte {
	b = appendOpening(b, kindSingle)
	b = appendPeerHeader(b, &m.PeerHeader)
	b = appendUint(b, m.Seqno)
	return m.Delegate.write(b)
}

func (m *Single) read(r *reader) {
	r.peerHeader(&m.PeerHeader)
	m.Seqno = r.uint("seqno")
	m.Delegate.read(r)
}

func (m *Single) clone() Message {
	c := *m
	c.Delegate = m.Delegate.Clone()
	return &c
}

// delegateElements is the number of elements of a delegate.
const delegateElements = 4

func (d *Delegate) write(b []byte) []byte {
	b = appendRange(b, d.Range)
	b = appendUint(b, uint64(d.Clock))
	return appendEntries(b, d.Entries)
}

func (d *Delegate) read(r *reader) {
	d.Range = r.keys()
	d.Clock = r.version("clock")
	d.Entries = r.entries(d.Entries)
}

func (m *Ack) write(b []byte) []byte {
	b = appendOpening(b, kindAck)
	b = appendPeerHeader(b, &m.PeerHeader)
	b = appendUint(b, m.Seqno)
	b = appendUint(b, m.Room)
	return appendBool(b, m.Gap)
}

func (m *Ack) read(r *reader) {
	r.peerHeader(&m.PeerHeader)
	m.Seqno = r.uint("seqno")
	m.Room = r.uint("room")
	m.Gap = r.bool("gap")
}

func (m *Ack) clone() Message { return flat(m) }
