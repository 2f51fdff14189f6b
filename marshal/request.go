package marshal

import "bytes"

// The bytes of requests and orders.

func (m *GetRequest) write(b []byte) []byte {
	b = appendOpening(b, kindGetRequest)
	b = appendRequestHeader(b, &m.RequestHeader)
	b = appendHint(b, &m.Hint)
	return appendBin(b, m.Key)
}

func (m *GetRequest) read(r *reader) {
	r.requestHeader(&m.RequestHeader)
	m.Hint = r.hint()
	m.Key = r.key("key", MaxKeyBytes)
}

func (m *GetRequest) clone() Message {
	c := *m
	c.Key = m.Key.Clone()
	return &c
}

// A removal is a write of nil (the paper's absent value), a condition that is
// not set is nil.
func (m *SetRequest) write(b []byte) []byte {
	b = appendOpening(b, kindSetRequest)
	b = appendRequestHeader(b, &m.RequestHeader)
	b = appendWriteHeader(b, &m.WriteHeader)
	b = appendHint(b, &m.Hint)
	b = appendBin(b, m.Key)
	if m.Delete {
		b = append(b, codeNil)
	} else {
		b = appendBin(b, m.Value)
	}
	if !m.Condition.Set {
		return append(b, codeNil)
	}
	return appendUint(b, uint64(m.Condition.Version))
}

func (m *SetRequest) read(r *reader) {
	r.requestHeader(&m.RequestHeader)
	r.writeHeader(&m.WriteHeader)
	m.Hint = r.hint()
	m.Key = r.key("key", MaxKeyBytes)
	m.Delete, m.Value = r.null(), nil
	if !m.Delete {
		m.Value = r.value("value")
	}
	m.Condition = Condition{}
	if !r.null() {
		m.Condition = Condition{Set: true, Version: r.version("condition")}
	}
}

func (m *SetRequest) clone() Message {
	c := *m
	c.Key = m.Key.Clone()
	c.Value = bytes.Clone(m.Value)
	return &c
}

func (m *ScanRequest) write(b []byte) []byte {
	b = appendOpening(b, kindScanRequest)
	b = appendRequestHeader(b, &m.RequestHeader)
	b = appendHint(b, &m.Hint)
	b = appendRange(b, m.Range)
	b = appendUint(b, uint64(m.Limit))
	b = appendUint(b, uint64(m.MaxBytes))
	return appendUint(b, uint64(m.Mode))
}

func (m *ScanRequest) read(r *reader) {
	r.requestHeader(&m.RequestHeader)
	m.Hint = r.hint()
	m.Range = r.span()
	m.Limit = r.uint32("limit")
	m.MaxBytes = r.uint32("max bytes")
	m.Mode = ScanMode(r.enum("mode", uint8(numScanModes)))
}

func (m *ScanRequest) clone() Message {
	c := *m
	c.Range = m.Range.Clone()
	return &c
}

func (m *Shard) write(b []byte) []byte {
	b = appendOpening(b, kindShard)
	b = appendRequestHeader(b, &m.RequestHeader)
	b = appendWriteHeader(b, &m.WriteHeader)
	b = appendRange(b, m.Range)
	b = appendUint(b, uint64(m.Recipient))
	return appendUint(b, m.Rate)
}

func (m *Shard) read(r *reader) {
	r.requestHeader(&m.RequestHeader)
	r.writeHeader(&m.WriteHeader)
	m.Range = r.span()
	m.Recipient = r.host("recipient")
	m.Rate = r.uint("rate")
}

func (m *Shard) clone() Message {
	c := *m
	c.Range = m.Range.Clone()
	return &c
}

func (m *MoveOrder) write(b []byte) []byte {
	b = appendOpening(b, kindMoveOrder)
	b = appendRequestHeader(b, &m.RequestHeader)
	b = appendWriteHeader(b, &m.WriteHeader)
	b = appendMoveID(b, m.Move)
	b = appendUint(b, uint64(m.Action))
	return appendUint(b, m.Rate)
}

func (m *MoveOrder) read(r *reader) {
	r.requestHeader(&m.RequestHeader)
	r.writeHeader(&m.WriteHeader)
	m.Move = r.move()
	m.Action = MoveAction(r.enum("action", uint8(numMoveActions)))
	m.Rate = r.uint("rate")
}

func (m *MoveOrder) clone() Message { return flat(m) }

func (m *MovesRequest) write(b []byte) []byte {
	b = appendOpening(b, kindMovesRequest)
	b = appendRequestHeader(b, &m.RequestHeader)
	return appendUint(b, m.After)
}

func (m *MovesRequest) read(r *reader) {
	r.requestHeader(&m.RequestHeader)
	m.After = r.uint("after")
}

func (m *MovesRequest) clone() Message { return flat(m) }

// The closing nil makes the request as long as a Refusal of it: without a
// session nothing longer than the request is sent back.
func (m *StatusRequest) write(b []byte) []byte {
	b = appendOpening(b, kindStatusRequest)
	return append(appendRequestHeader(b, &m.RequestHeader), codeNil)
}

func (m *StatusRequest) read(r *reader) {
	r.requestHeader(&m.RequestHeader)
	if _, ok := r.more("padding"); ok && !r.null() {
		r.fail(FaultType, "padding")
	}
}

func (m *StatusRequest) clone() Message { return flat(m) }

func (m *AuditRequest) write(b []byte) []byte {
	b = appendOpening(b, kindAuditRequest)
	b = appendRequestHeader(b, &m.RequestHeader)
	b = appendUint(b, m.Cut)
	b = appendUint(b, uint64(m.Page))
	return appendUint(b, uint64(m.QuietMillis))
}

func (m *AuditRequest) read(r *reader) {
	r.requestHeader(&m.RequestHeader)
	m.Cut = r.uint("cut")
	m.Page = r.uint32("page")
	m.QuietMillis = uint32(r.uintTo("quiet", MaxQuietMillis))
}

func (m *AuditRequest) clone() Message { return flat(m) }
