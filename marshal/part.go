package marshal

import "ironkv/delegation"

// The parts that several messages have in common, read as writer.go writes them.

func (r *reader) host(field string) delegation.HostID { return delegation.HostID(r.uint32(field)) }

func (r *reader) incarnation(field string) Incarnation { return Incarnation(r.uint(field)) }

func (r *reader) version(field string) Version { return Version(r.uint(field)) }

func (r *reader) bound(field string) delegation.Bound {
	if r.i < len(r.b) {
		switch r.b[r.i] {
		case codeNil:
			r.i++
			return delegation.NegInf
		case codeTrue:
			r.i++
			return delegation.PosInf
		}
	}
	return delegation.At(r.key(field, delegation.MaxBoundBytes))
}

// span reads a range that may be empty: one that a client asks for, of which
// the host says so, or the zero Range of an answer that has none to tell.
func (r *reader) span() delegation.Range {
	from := r.bound("range.from")
	return delegation.Range{From: from, Until: r.bound("range.until")}
}

// keys reads a range that holds keys.
func (r *reader) keys() delegation.Range {
	at := r.i
	s := r.span()
	if s.Empty() && r.fault == FaultNone {
		r.i = at
		r.fail(FaultEmptyRange, "range")
	}
	return s
}

func (r *reader) hint() Hint {
	if r.null() {
		return Hint{}
	}
	at := r.i
	if n := r.array("hint"); n != hintElements {
		r.i = at
		r.fail(FaultFields, "hint")
		return Hint{}
	}
	var h Hint
	h.Sender = r.host("hint.sender")
	h.Incarnation = r.incarnation("hint.incarnation")
	h.Seqno = r.uint("hint.seqno")
	if h == (Hint{}) && r.fault == FaultNone {
		r.i = at
		r.fail(FaultNotCanonical, "hint")
	}
	return h
}

func (r *reader) requestHeader(h *RequestHeader) {
	h.Session = r.id("session")
	h.Number = r.uint("number")
}

func (r *reader) writeHeader(h *WriteHeader) {
	h.Floor = r.uint("floor")
	h.Operation.Client = r.uint("operation.client")
	h.Operation.Counter = r.uint("operation.counter")
}

func (r *reader) peerHeader(h *PeerHeader) {
	h.From = r.host("from")
	h.FromIncarnation = r.incarnation("from incarnation")
	h.ToIncarnation = r.incarnation("to incarnation")
}

func (r *reader) move() MoveID {
	host := r.host("move.host")
	return MoveID{Host: host, Number: r.uint("move.number")}
}

// entries reads a list of entries, into the memory of another, of which all is lost, if
// it is large enough.
func (r *reader) entries(into []Entry) []Entry {
	n := r.list("entries", entryElements, entryMinBytes, MaxEntries)
	if n == 0 {
		return nil
	}
	entries := into[:0]
	if cap(entries) < n {
		entries = make([]Entry, n)
	}
	entries = entries[:n]
	for i := range entries {
		e := &entries[i]
		e.Key = r.key("entry.key", MaxKeyBytes)
		e.Value = r.value("entry.value")
		e.Version = r.version("entry.version")
	}
	return entries
}
