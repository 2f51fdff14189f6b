package marshal

import (
	"bytes"
	"strings"
)

// The bytes of answers.

// A value that was not found is nil.
func (m *GetReply) write(b []byte) []byte {
	b = appendOpening(b, kindGetReply)
	b = appendRequestHeader(b, &m.RequestHeader)
	b = appendUint(b, uint64(m.Version))
	if !m.Found {
		return append(b, codeNil)
	}
	return appendBin(b, m.Value)
}

func (m *GetReply) read(r *reader) {
	r.requestHeader(&m.RequestHeader)
	m.Version = r.version("version")
	m.Found, m.Value = !r.null(), nil
	if m.Found {
		m.Value = r.value("value")
	}
}

func (m *GetReply) clone() Message {
	c := *m
	c.Value = bytes.Clone(m.Value)
	return &c
}

func (m *SetReply) write(b []byte) []byte {
	b = appendOpening(b, kindSetReply)
	b = appendRequestHeader(b, &m.RequestHeader)
	b = appendUint(b, uint64(m.Result))
	return appendUint(b, uint64(m.Version))
}

func (m *SetReply) read(r *reader) {
	r.requestHeader(&m.RequestHeader)
	m.Result = SetResult(r.enum("result", uint8(numSetResults)))
	m.Version = r.version("version")
}

func (m *SetReply) clone() Message { return flat(m) }

func (m *Redirect) write(b []byte) []byte {
	b = appendOpening(b, kindRedirect)
	b = appendRequestHeader(b, &m.RequestHeader)
	b = appendRange(b, m.Range)
	b = appendUint(b, uint64(m.Owner))
	return appendHint(b, &m.Hint)
}

func (m *Redirect) read(r *reader) {
	r.requestHeader(&m.RequestHeader)
	m.Range = r.span()
	m.Owner = r.host("owner")
	m.Hint = r.hint()
}

func (m *Redirect) clone() Message {
	c := *m
	c.Range = m.Range.Clone()
	return &c
}

func (m *ScanReply) write(b []byte) []byte {
	b = appendOpening(b, kindScanReply)
	b = appendRequestHeader(b, &m.RequestHeader)
	b = appendRange(b, m.Covered)
	b = appendUint(b, m.Keys)
	b = appendUint(b, m.Bytes)
	return appendEntries(b, m.Entries)
}

func (m *ScanReply) read(r *reader) {
	r.requestHeader(&m.RequestHeader)
	m.Covered = r.span()
	m.Keys = r.uint("keys")
	m.Bytes = r.uint("bytes")
	m.Entries = r.entries(nil)
}

func (m *ScanReply) clone() Message {
	c := *m
	c.Covered = m.Covered.Clone()
	c.Entries = cloneEntries(m.Entries)
	return &c
}

func (m *OrderReply) write(b []byte) []byte {
	b = appendOpening(b, kindOrderReply)
	b = appendRequestHeader(b, &m.RequestHeader)
	b = appendUint(b, uint64(m.Reason))
	b = appendMoveID(b, m.Move)
	b = appendRange(b, m.Range)
	return appendUint(b, uint64(m.Owner))
}

func (m *OrderReply) read(r *reader) {
	r.requestHeader(&m.RequestHeader)
	m.Reason = r.reason()
	m.Move = r.move()
	m.Range = r.span()
	m.Owner = r.host("owner")
}

func (m *OrderReply) clone() Message {
	c := *m
	c.Range = m.Range.Clone()
	return &c
}

func (r *reader) reason() OrderReason { return OrderReason(r.enum("reason", uint8(numOrderReasons))) }

func (m *StatusReply) write(b []byte) []byte {
	b = appendOpening(b, kindStatusReply)
	b = appendRequestHeader(b, &m.RequestHeader)
	b = appendUint(b, uint64(m.Host))
	b = appendUint(b, uint64(m.Incarnation))
	b = appendText(b, m.Software)
	b = appendUint(b, m.UptimeMillis)
	b = appendUint(b, m.Steps)
	b = appendUint(b, uint64(m.Clock))
	b = appendUint(b, m.Ranges)
	b = appendUint(b, m.Boundaries)
	b = appendUint(b, m.Sessions)
	b = appendUint(b, m.Holds)
	b = appendUint(b, m.Room)
	return appendBool(b, m.Durable)
}

func (m *StatusReply) read(r *reader) {
	r.requestHeader(&m.RequestHeader)
	m.Host = r.host("host")
	m.Incarnation = r.incarnation("incarnation")
	m.Software = r.text("software", MaxTextBytes)
	m.UptimeMillis = r.uint("uptime")
	m.Steps = r.uint("steps")
	m.Clock = r.version("clock")
	m.Ranges = r.uint("ranges")
	m.Boundaries = r.uint("boundaries")
	m.Sessions = r.uint("sessions")
	m.Holds = r.uint("holds")
	m.Room = r.uint("room")
	m.Durable = r.bool("durable")
}

func (m *StatusReply) clone() Message {
	c := *m
	c.Software = strings.Clone(m.Software)
	return &c
}

func (m *Refusal) write(b []byte) []byte {
	b = appendOpening(b, kindRefusal)
	b = appendRequestHeader(b, &m.RequestHeader)
	return appendUint(b, uint64(m.Reason))
}

func (m *Refusal) read(r *reader) {
	r.requestHeader(&m.RequestHeader)
	m.Reason = RefusalReason(r.enum("reason", uint8(numRefusalReasons)))
}

func (m *Refusal) clone() Message { return flat(m) }
