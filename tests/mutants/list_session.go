package main

// sessionMutants are faults of sessions, requests and holds.
var sessionMutants = []mutant{
	{
		name: "floor-ignored", file: "kv/session.go",
		before: "case hd.Number < s.floor || hd.Number == 0 || w.Floor > hd.Number:", after: "case hd.Number == 0 || w.Floor > hd.Number:",
		// The window refuses such numbers, too: to the judge that is no difference.
		breaks: "a number that its client has given up is dropped", by: "./kv",
	},
	{
		name: "number-below-its-own-floor", file: "kv/session.go",
		before: "hd.Number == 0 || w.Floor > hd.Number:", after: "hd.Number == 0:",
		breaks: "a write that says of its own number that it was given up is not executed", by: "./kv:TestNumberBelowFloorIsDropped",
	},
	{
		name: "floor-lowered", file: "kv/session.go",
		before: "	switch {\n	case hd.Number < s.floor || hd.Number == 0", after: "	s.floor = min(s.floor, hd.Number)\n	switch {\n	case hd.Number < s.floor || hd.Number == 0",
		breaks: "a number that its client has given up is executed no more",
	},
	{
		name: "floor-not-raised", file: "kv/session.go",
		before: "	s.floor = max(s.floor, w.Floor)\n", after: "",
		breaks: "the floor follows the client's",
	},
	{
		name: "floor-not-persisted", file: "kv/session.go",
		before: "h.store.SetAnswer(s.ID, number, s.Floor, kept)", after: "h.store.SetAnswer(s.ID, number, 0, kept)",
		breaks: "the floor survives a crash",
	},
	{
		name: "answer-not-repeated", file: "kv/session.go",
		before: "case s.answered(hd.Number):", after: "case false:",
		breaks: "a request is executed once, however often it arrives", names: "OperationsExecuteAtMostOnce",
	},
	{
		name: "answer-not-persisted", file: "kv/session.go",
		before: "	h.store.SetAnswer(s.ID, number, s.Floor, kept)\n", after: "",
		breaks: "so it is when the host crashes between two copies",
	},
	{
		name: "answer-not-recorded", file: "kv/session.go",
		before: "	s.SetAnswer(number, kept)\n", after: "",
		breaks: "an answer is recorded before it is sent",
	},
	{
		name: "answers-behind-a-hole-lost", file: "kv/answers.go",
		before: ">= (next-hole)&mask {", after: "> (next-hole)&mask {",
		breaks: "an answer is found also where another stood before it", by: "./kv",
	},
	{
		name: "answers-above-floor-forgotten", file: "kv/session.go",
		before: "for n := s.Floor; n < min(s.floor, s.Floor+uint64(h.cfg.Limits.Window)); n++ {",
		after:  "for n := s.Floor; n <= min(s.floor, s.Floor+uint64(h.cfg.Limits.Window)); n++ {",
		breaks: "only answers below the floor are forgotten",
	},
	{
		name: "window-ignored", file: "kv/session.go",
		before: "case hd.Number-s.floor >= uint64(h.cfg.Limits.Window):", after: "case false:",
		breaks: "the bound of a session's recorded answers",
	},
	{
		name: "window-off-by-one", file: "kv/session.go",
		before: "case hd.Number-s.floor >= uint64(h.cfg.Limits.Window):", after: "case hd.Number-s.floor > uint64(h.cfg.Limits.Window):",
		breaks: "two answers never share a place",
	},
	{
		name: "floor-write-refused", file: "kv/session.go",
		before: "case hd.Number > s.floor && s.AnswerCount()", after: "case s.AnswerCount()",
		breaks: "the number at the floor is always taken, else nothing ever is again", by: "./kv",
	},
	{
		name: "refusal-closes-number", file: "kv/session.go",
		before: "	h.send(to, &marshal.Refusal{RequestHeader: hd, Reason: reason})\n",
		after: "	if s := h.live.byID[hd.Session]; s != nil && hd.Number != 0 {\n		s.floor = max(s.floor, hd.Number+1)\n	}\n" +
			"	h.send(to, &marshal.Refusal{RequestHeader: hd, Reason: reason})\n",
		breaks: "a refusal is no answer: the same number may be asked again",
	},
	{
		name: "session-made-in-passing", file: "kv/session.go",
		before: "		h.refuse(p.Src, hd, marshal.UnknownSession)\n		return nil\n",
		after:  "		s = h.openSession(p.Src.Client, marshal.Nonce{1})\n",
		breaks: "a request of an unknown session executes nothing",
	},
	{
		name: "session-of-another", file: "kv/session.go",
		before: "s != nil && p.Src == (Endpoint{Client: s.Client}) {", after: "s != nil {",
		breaks: "a session is of the address that opened it", by: "./kv:TestASession",
	},
	{
		name: "session-not-persisted", file: "kv/session.go",
		before: "	h.store.OpenSession(rec)\n", after: "",
		breaks: "a session survives a crash",
	},
	{
		name: "session-serial-not-persisted", file: "kv/session.go",
		before: "	h.state.LastSession++\n	h.store.SetIdentity(h.state.Identity)\n", after: "	h.state.LastSession++\n",
		breaks: "no session id is given out twice",
	},
	{
		name: "session-not-closed-in-store", file: "kv/session.go",
		before: "	h.store.CloseSession(s.ID)\n", after: "",
		breaks: "a closed session does not come back with a crash",
	},
	{
		name: "cookie-not-checked", file: "kv/session.go",
		before: "if !fresh && (epoch == 0 ||", after: "if false && !fresh && (epoch == 0 ||",
		breaks: "who cannot receive at an address opens no session for it", by: "./kv",
	},
	{
		name: "cookie-of-any-address", file: "kv/session.go",
		before: "	b, _ = client.AppendBinary(b)\n", after: "	_ = client\n",
		breaks: "a cookie is good for one address", by: "./kv",
	},
	{
		name: "open-before-joining", file: "kv/session.go",
		before: "	if !h.state.Joined {\n		h.refuse(p.Src, marshal.RequestHeader{}, marshal.NotServing)\n",
		after:  "	if false {\n		h.refuse(p.Src, marshal.RequestHeader{}, marshal.NotServing)\n",
		breaks: "a host that has not joined serves nobody",
	},
	{
		name: "sessions-unbounded", file: "kv/session.go",
		before: "crowdedSessions(h.live.origins.sessionsOf(p.Src.Client), total, l.Sessions) && !h.makeRoom(p.Src.Client) {", after: "total < 0 {",
		breaks: "the bound of sessions", by: "./kv",
	},
	{
		name: "used-session-spared", file: "kv/origin.go",
		before: "		if h.outstanding(s) {\n", after: "		if false {\n",
		breaks: "a session whose client may still rely on it makes no room for another", by: "./kv",
	},
	{
		name: "answered-session-spared-early", file: "kv/origin.go",
		before: "h.cfg.Limits.SessionIdle/4*3", after: "h.cfg.Limits.SessionIdle/4",
		breaks: "an unknown session within half of its time means that a write was not executed", by: "./kv",
	},
	{
		name: "holding-session-spared", file: "kv/origin.go",
		before: "return s.held > 0 || s.Answer", after: "return s.Answer",
		breaks: "a session with a held request makes no room for another", by: "./kv",
	},
	{
		name: "origin-takes-all-sessions", file: "kv/origin.go",
		before: "return own >= originShare*(limit-total) }", after: "return total >= limit }",
		breaks: "no origin leaves nothing to others", by: "./kv",
	},
	{
		name: "few-origins-take-all-sessions", file: "kv/origin.go",
		before: " || left < limit/(originShare+1) && own > left/newcomerShare\n", after: " || left < 0\n",
		breaks: "no few origins, one after the other, leave nothing to others", by: "./kv",
	},
	{
		name: "origin-takes-all-answers", file: "kv/session.go",
		before: "crowded(s.origin.answers, h.live.answers, ", after: "crowded(0, h.live.answers, ",
		breaks: "who leaves answers unconfirmed takes no others' places", by: "./kv",
	},
	{
		name: "origin-is-an-address", file: "kv/origin.go",
		before: "WithZone(\"\"), 64\n", after: "WithZone(\"\"), 128\n",
		breaks: "all addresses of a /64 are one origin's", by: "./kv",
	},
	{
		name: "greediest-origin-spared", file: "kv/origin.go",
		before: "own == nil || greediest.count > own.count", after: "own == nil",
		breaks: "the greediest origin makes room", by: "./kv",
	},
	{
		name: "origin-forgets-use", file: "kv/session.go",
		before: "[...]sessionRing{s.recent, l.origin.sessions}", after: "[...]sessionRing{s.recent}",
		breaks: "of an origin's sessions the one that was longest unused makes room", by: "./kv",
	},
	{
		name: "forgotten-answers-stay", file: "kv/answers.go",
		before: "for size > keptSlots && 8", after: "for size > 1<<20 && 8",
		breaks: "a session takes no memory for answers that it forgot", by: "./kv",
	},
	{
		name: "answer-recorded-whole", file: "kv/session.go",
		before: "	kept := h.brief(m)\n", after: "	kept := m\n",
		breaks: "the bound of a recorded answer's length", by: "./kv",
	},
	{
		name: "session-expires-in-use", file: "kv/session.go",
		before: "	h.live.touch(s, h.now)\n	return s\n", after: "	return s\n",
		breaks: "a session expires when it was not used for its idle time", by: "./kv",
	},
	{
		name: "get-at-any-host", file: "kv/request.go",
		before: "		h.elsewhere(p, m.RequestHeader, m.Hint, m.Key, nil)\n		return\n	}\n	reply := h.out.getReply()",
		after:  "	}\n	reply := h.out.getReply()",
		breaks: "only the owner of a key reads it",
	},
	{
		name: "set-at-any-host", file: "kv/request.go",
		before: "		h.elsewhere(p, m.RequestHeader, m.Hint, m.Key, s)\n		return\n", after: "",
		breaks: "only the owner of a key writes it",
	},
	{
		name: "version-not-carried", file: "kv/request.go",
		before: "	h.state.Clock++\n	h.store.Put(", after: "	e, _ := h.store.Get(m.Key)\n	h.state.Clock = e.Version + 1\n	h.store.Put(",
		breaks: "a key's versions rise also over its deletion and its moves",
	},
	{
		name: "version-not-raised", file: "kv/request.go",
		before: "	h.state.Clock++\n	h.store.Put(", after: "	h.store.Put(",
		breaks: "each write has a version of its own",
	},
	{
		name: "condition-ignored", file: "kv/request.go",
		before: "case m.Condition.Set && e.Version != m.Condition.Version:", after: "case false:",
		breaks: "a conditional write is applied to the version that it names",
	},
	{
		name: "redirect-not-recorded", file: "kv/request.go",
		before: "		h.answer(p, s, hd.Number, redirect)\n		return\n", after: "",
		breaks: "a redirected number is closed at the host that redirected it",
	},
	{
		name: "full-disk-takes-writes", file: "kv/request.go",
		before: "h.room < h.cfg.Limits.ReserveBytes", after: "false && h.room < h.cfg.Limits.ReserveBytes",
		breaks: "a full disk keeps its reserve for deletions and deliveries", by: "./kv",
	},
	{
		name: "hold-for-what-has-come", file: "kv/request.go",
		before: "hint.Seqno > peer.In.Tombstone() && ", after: "",
		breaks: "nothing is held for a delegate that has come already", by: "./kv",
	},
	{
		name: "hold-for-another-life", file: "kv/request.go",
		before: "return peer != nil && peer.Incarnation == hint.Incarnation &&", after: "return peer != nil &&",
		breaks: "nothing is held for a delegate of an incarnation that is gone", by: "./kv",
	},
	{
		name: "scan-beyond-owned", file: "kv/request.go",
		before: "h.page(m, r.Intersect(m.Range).Clone())", after: "h.page(m, delegation.Range{From: r.Intersect(m.Range).From, Until: m.Range.Until}.Clone())",
		breaks: "a page of a scan covers only what this host owns",
	},
	{
		name: "scan-skips-an-entry", file: "kv/request.go",
		before: "			reply.Covered.Until = delegation.At(e.Key.Clone())\n",
		after:  "			reply.Covered.Until = delegation.After(e.Key)\n",
		breaks: "pages of a scan leave nothing out between them",
	},
	{
		name: "holds-unbounded", file: "kv/hold.go",
		before: "case crowded(own.count, len(h.holds.ids), l.Holds) || s.held >= l.HoldsPerSession,\n		crowded(own.bytes, h.holds.bytes, l.HoldBytes) || h.holds.bytes+r.bytes > l.HoldBytes:",
		after:  "case false && own.count > 0:",
		breaks: "the bounds of held requests",
	},
	{
		name: "holds-of-ports", file: "kv/hold.go",
		before: "crowded(own.count, len(h.holds.ids), l.Holds)", after: "len(h.holds.ids) >= l.Holds",
		breaks: "one address leaves others a part of the holds", by: "./kv:TestManyPorts",
	},
	{
		name: "hold-bytes-of-ports", file: "kv/hold.go",
		before: "crowded(own.bytes, h.holds.bytes, l.HoldBytes) || ", after: "",
		breaks: "one address leaves others a part of the bytes held", by: "./kv:TestManyPorts",
	},
	{
		name: "hold-forever", file: "kv/hold.go",
		before: "		return h.holds.waiting[0].until\n", after: "		return never\n",
		breaks: "a hold ends, though its delegate never comes", by: "./kv",
	},
	{
		name: "hold-never-released", file: "kv/hold.go",
		before: "r.Hint.Seqno <= n\n", after: "r.Hint.Seqno < n\n",
		breaks: "a held request is answered when its delegate has come",
	},
	{
		name: "hold-aliases-datagram", file: "kv/hold.go",
		before: "Msg: marshal.Clone(p.Msg)}", after: "Msg: p.Msg}",
		breaks: "what is kept beyond a step shares no memory with its datagram", by: "./kv",
	},
}
