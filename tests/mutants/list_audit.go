package main

// auditMutants are faults of what a host tells an audit, and of the quiet it keeps.
var auditMutants = []mutant{
	{
		name: "cut-inflight-omitted", file: "kv/query.go",
		before: "		for seqno, d := range peer.Out.Unacked() {\n			c.inFlight",
		after:  "		for seqno, d := range peer.Out.Unacked() {\n			if seqno > 0 {\n				continue\n			}\n			c.inFlight",
		breaks: "a cut says what was in flight",
	},
	{
		name: "cut-inflight-misnumbered", file: "kv/query.go",
		before: "Seqno: seqno, Range: d.Range}", after: "Seqno: max(seqno, peer.Out.Sent()), Range: d.Range}",
		breaks: "a delegate in flight has its number in the cut", by: "./kv",
	},
	{
		name: "cut-acked-zero", file: "kv/query.go",
		before: "Sent: peer.Out.Sent(), Acked: peer.Out.Acked(), ", after: "Sent: peer.Out.Sent(), ",
		breaks: "a cut that is behind another is found to be",
	},
	{
		name: "cut-acked-is-sent", file: "kv/query.go",
		before: "Acked: peer.Out.Acked(), Received", after: "Acked: peer.Out.Sent(), Received",
		breaks: "cuts that fit are not asked for again", by: "./kv",
	},
	{
		name: "cut-page-loses-range-at-page-end", file: "kv/query.go",
		before: "			at.from = r.From\n", after: "			at.from = r.Until\n",
		breaks: "pages of a cut leave nothing out between them", by: "./kv",
	},
	{
		name: "cut-page-repeat-shifts", file: "kv/query.go",
		before: "	if more && int(m.Page)+1 == len(c.starts) {\n", after: "	if more {\n",
		breaks: "a page of a cut may be asked for twice", by: "./kv",
	},
	{
		name: "cut-map-not-cloned", file: "kv/query.go",
		before: "owned: h.state.Map.Clone(),", after: "owned: h.state.Map,",
		breaks: "all pages of a cut are of one step", by: "./kv",
	},
	{
		name: "cut-not-quiet", file: "kv/query.go",
		before: "	if m.QuietMillis > 0 {\n", after: "	if m.QuietMillis > marshal.MaxQuietMillis {\n",
		breaks: "a host that is asked for quiet cuts no chunk", by: "./kv",
	},
	{
		name: "quiet-shortened", file: "kv/query.go",
		before: "max(h.quietUntil, min(h.now+", after: "max(0, min(h.now+",
		breaks: "quiet that was asked for is not ended by who asks for less", by: "./kv",
	},
	{
		name: "quiet-unbounded", file: "kv/query.go",
		before: "min(h.now+span, h.quietAgain-most)", after: "h.now+span",
		breaks: "nobody holds moves back for long by one request", by: "./kv",
	},
	{
		name: "quiet-without-end", file: "kv/query.go",
		before: "	if h.now >= h.quietAgain {\n", after: "	if h.now >= h.quietAgain-2*most {\n",
		breaks: "nor by many: moves go on for as long as they rested", by: "./kv:TestQuietEnds",
	},
	{
		name: "cuts-in-turn", file: "kv/query.go",
		before: "origin == mostOrigin && own > most {", after: "false && own > most {",
		breaks: "who takes cuts without end takes them from himself", by: "./kv:TestWhoTakesCutsTakesHisOwn",
	},
	{
		name: "cuts-of-ports", file: "kv/query.go",
		before: "count(client); origin > mostOrigin || origin == mostOrigin && own > most {", after: "count(client); own > most || mostOrigin < 0 {",
		breaks: "who takes cuts from many ports takes them from himself", by: "./kv:TestManyPortsTakeTheirOwnCuts",
	},
	{
		name: "cut-expires-never", file: "kv/query.go",
		before: "		return h.cuts[0].until\n", after: "		return never\n",
		breaks: "a cut's memory is given back", by: "./kv",
	},
}

// flightMutants are faults of what a host counts as in flight.
var flightMutants = []mutant{
	{
		name: "flying-leaks", file: "kv/deliver.go",
		before: "		l.flying -= delegateSize(d)\n", after: "		_ = d\n",
		breaks: "what is acknowledged is in flight no more: moves go on",
	},
	{
		name: "room-share-stale", file: "kv/deliver.go",
		before: "	l.room = m.Room\n", after: "	l.room = max(l.room, m.Room)\n",
		breaks: "chunks are cut against the room that was spoken of last", by: "./kv",
	},
}

// holdMutants are faults of holds' time and of what hints name.
var holdMutants = []mutant{
	{
		name: "hint-only-first-in-list", file: "kv/request.go",
		before: "	for seqno, d := range peer.Out.Unacked() {\n", after: "	if peer.Out.Outstanding() > 1 {\n		return hint\n	}\n	for seqno, d := range peer.Out.Unacked() {\n",
		breaks: "a redirect names the delegate over the key, also where several fly",
	},
	{
		name: "hold-deadline-of-last", file: "kv/hold.go",
		before: "return h.holds.waiting[0].until", after: "return h.holds.waiting[len(h.holds.waiting)-1].until",
		breaks: "a hold ends in its time, also where more is held meanwhile", by: "./kv",
	},
	{
		name: "hold-useless", file: "kv/hold.go",
		before: "until: h.now + l.HoldTime,", after: "until: h.now + l.HoldTime/1000,",
		breaks: "what is held waits for its delegate", by: "./kv",
	},
	{
		name: "hold-ahead-unbounded", file: "kv/request.go",
		before: "hint.Seqno > peer.In.Tombstone() && hint.Seqno-peer.In.Tombstone() <= holdAhead", after: "hint.Seqno > peer.In.Tombstone() && hint.Seqno-peer.In.Tombstone() < 1<<63",
		breaks: "a hint is believed only so far ahead", by: "./kv",
	},
}

// overtakingMutants are faults of what leaves before its turn, or not at all.
var overtakingMutants = []mutant{
	{
		name: "pipeline-idle-before-transmit", file: "kv/server/pipeline.go",
		before: "			p.transmit(o)\n			p.underWay.Add(-1) //", after: "			p.underWay.Add(-1)\n			p.transmit(o) //",
		breaks: "nothing is sent past a batch that is being sent",
	},
	{
		name: "acks-wait-for-window", file: "udp/reassembly.go",
		before: "	for _, due := range p.acks {\n", after: "	if p.win.size > 0 && p.win.inFlight >= p.win.size {\n		return\n	}\n	for _, due := range p.acks {\n",
		breaks: "acknowledgements wait for no window", by: "./udp",
	},
	{
		name: "finish-before-checksum", file: "udp/reassembly.go",
		before: "	if checksum(a.buf) != a.sum {\n", after: "	e.finish(a.id)\n	if checksum(a.buf) != a.sum {\n",
		breaks: "a message of a wrong checksum was not received", by: "./udp",
	},
	{
		name: "epoch-one-known", file: "udp/reassembly.go",
		before: "		p.recent = 1 - p.recent\n", after: "",
		breaks: "what was received of a sender's last two runs is known", by: "./udp",
	},
}
