package kv

import (
	"ironkv/delegation"
	"ironkv/marshal"
)

// getRequest is the paper's NextGetRequest.
func (h *Host) getRequest(p Packet, m *marshal.GetRequest) {
	h.out.Action = ActGet
	if h.session(p, m.RequestHeader) == nil {
		return
	}
	if h.state.Map.Lookup(m.Key) != h.cfg.Me {
		h.elsewhere(p, m.RequestHeader, m.Hint, m.Key, nil)
		return
	}
	reply := h.out.getReply()
	e, found := h.store.Get(m.Key)
	*reply = marshal.GetReply{RequestHeader: m.RequestHeader, Found: found, Version: e.Version, Value: e.Value}
	h.send(p.Src, reply)
}

// setRequest is the paper's NextSetRequest, executed at most once.
func (h *Host) setRequest(p Packet, m *marshal.SetRequest) {
	h.out.Action = ActSet
	s := h.writer(p, m.RequestHeader, m.WriteHeader)
	if s == nil {
		return
	}
	if h.state.Map.Lookup(m.Key) != h.cfg.Me {
		h.elsewhere(p, m.RequestHeader, m.Hint, m.Key, s)
		return
	}
	reply := h.out.setReply()
	*reply = marshal.SetReply{RequestHeader: m.RequestHeader, Result: marshal.SetNoRoom}
	switch {
	case m.Delete || h.room >= h.cfg.Limits.ReserveBytes:
		reply.Result, reply.Version = h.set(m)
	case h.room < h.cfg.Limits.ReserveBytes/2:
		// Not even answers are recorded, so this closes no number.
		h.refuse(p.Src, m.RequestHeader, marshal.DiskFull)
		return
	}
	h.answer(p, s, m.Number, reply)
}

// set executes a write at the key's owner: a version is above any that the key
// ever had, since the clock is.
func (h *Host) set(m *marshal.SetRequest) (marshal.SetResult, marshal.Version) {
	if m.Condition.Set || m.Delete {
		e, found := h.store.Get(m.Key)
		switch {
		case m.Condition.Set && e.Version != m.Condition.Version:
			return marshal.SetConditionFailed, e.Version
		case m.Delete && !found:
			return marshal.SetAbsent, 0
		case m.Delete:
			h.state.Clock++
			h.store.Delete(m.Key)
			return marshal.SetApplied, e.Version
		}
	}
	h.state.Clock++
	h.store.Put(marshal.Entry{Key: m.Key, Value: m.Value, Version: h.state.Clock})
	return marshal.SetApplied, h.state.Clock
}

// elsewhere deals with a request for a key that this host does not own: it
// holds it where its hint names a delegate still to come from a peer, and
// redirects it otherwise. The redirect of a write (s is its session) is
// recorded: the number is closed here, and asks elsewhere under another.
func (h *Host) elsewhere(p Packet, hd marshal.RequestHeader, hint marshal.Hint, key delegation.Key, s *liveSession) {
	if h.comes(hint) {
		h.hold(p, hd, hint, s != nil)
		return
	}
	r, owner := h.state.Map.LookupRange(key)
	redirect := &marshal.Redirect{RequestHeader: hd, Range: r, Owner: owner, Hint: h.flyingOver(key, owner)}
	if s != nil {
		h.answer(p, s, hd.Number, redirect)
		return
	}
	h.send(p.Src, redirect)
}

// comes reports whether the hint's delegate is one that this host has yet to
// receive.
func (h *Host) comes(hint marshal.Hint) bool {
	peer := h.state.Peers[hint.Sender]
	return peer != nil && peer.Incarnation == hint.Incarnation &&
		hint.Seqno > peer.In.Tombstone() && hint.Seqno-peer.In.Tombstone() <= holdAhead
}

// flyingOver names the unacknowledged delegate to owner that covers key, the
// last one if there are several.
func (h *Host) flyingOver(key delegation.Key, owner delegation.HostID) (hint marshal.Hint) {
	peer := h.state.Peers[owner]
	if peer == nil {
		return hint
	}
	for seqno, d := range peer.Out.Unacked() {
		if d.Range.Contains(key) {
			hint = marshal.Hint{Sender: h.cfg.Me, Incarnation: h.state.Incarnation, Seqno: seqno}
		}
	}
	return hint
}

// scanRequest reads a page: what it covers is owned by this host in this step.
func (h *Host) scanRequest(p Packet, m *marshal.ScanRequest) {
	h.out.Action = ActScan
	if h.session(p, m.RequestHeader) == nil {
		return
	}
	if m.Range.Empty() {
		h.send(p.Src, &marshal.ScanReply{RequestHeader: m.RequestHeader, Covered: m.Range.Clone()})
		return
	}
	start, _ := m.Range.From.Key() // "" is −∞: no key lies below it
	r, owner := h.state.Map.LookupRange(start)
	if owner != h.cfg.Me {
		h.elsewhere(p, m.RequestHeader, m.Hint, start, nil)
		return
	}
	h.send(p.Src, h.page(m, r.Intersect(m.Range).Clone()))
}

// page collects entries of r until a limit of the request or of the host is
// reached; at least one, so that a scan always comes forward.
func (h *Host) page(m *marshal.ScanRequest, r delegation.Range) *marshal.ScanReply {
	entries, bytes := h.cfg.Limits.PageEntries, h.cfg.Limits.PageBytes
	if m.Mode == marshal.ScanCount {
		entries = h.cfg.Limits.CountEntries
	}
	if m.Limit > 0 {
		entries = min(entries, int(m.Limit))
	}
	if m.MaxBytes > 0 {
		bytes = min(bytes, int(m.MaxBytes))
	}
	reply := &marshal.ScanReply{RequestHeader: m.RequestHeader, Covered: r}
	size := 0
	h.store.Ascend(r, func(e marshal.Entry) bool {
		full := len(e.Key) + len(e.Value)
		if m.Mode == marshal.ScanKeys {
			e.Value = nil
		}
		if m.Mode != marshal.ScanCount {
			size += e.Size()
		}
		if reply.Keys > 0 && (int(reply.Keys) >= entries || size > bytes) {
			reply.Covered.Until = delegation.At(e.Key.Clone())
			return false
		}
		reply.Keys++
		reply.Bytes += uint64(full)
		if m.Mode != marshal.ScanCount {
			reply.Entries = append(reply.Entries, e)
		}
		return true
	})
	return reply
}
