package main

// shardMutants are faults of orders, moves and their chunks: the paper's NextShard.
var shardMutants = []mutant{
	{
		name: "shard-to-self", file: "kv/shard.go",
		before: "case recipient == h.cfg.Me:\n", after: "case false:\n",
		breaks: "NextShard's first conjunct that the proof caught: the recipient is not this host",
	},
	{
		name: "shard-to-stranger", file: "kv/shard.go",
		before: "case h.state.Peers[recipient] == nil:\n", after: "case false:\n",
		breaks: "its second: the recipient is a host of the cluster",
	},
	{
		name: "shard-not-owned", file: "kv/shard.go",
		before: "case !h.state.Map.OwnsAll(r, h.cfg.Me):\n", after: "case false:\n",
		breaks: "its third: this host owns all of the range",
	},
	{
		name: "shard-empty-range", file: "kv/shard.go",
		before: "case r.Empty():\n", after: "case false:\n",
		breaks: "a range that holds no key is refused as such", by: "./kv",
	},
	{
		name: "moves-overlap", file: "kv/shard.go",
		before: "if j.Range.Overlaps(m.Range) {", after: "if false && j.Range.Overlaps(m.Range) {",
		breaks: "no two unfinished moves overlap",
	},
	{
		name: "moves-unbounded", file: "kv/shard.go",
		before: "if len(h.active) >= h.cfg.Limits.Moves {", after: "if len(h.active) > h.cfg.Limits.Moves {",
		breaks: "the bound of unfinished moves",
	},
	{
		name: "shard-move-not-persisted", file: "kv/shard.go",
		before: "	h.store.SetMove(*move)\n", after: "",
		breaks: "a move survives a crash",
	},
	{
		name: "shard-number-not-persisted", file: "kv/shard.go",
		before: "	h.store.SetIdentity(h.state.Identity)\n", after: "",
		breaks: "numbers of moves are not given out twice",
	},
	{
		name: "order-of-any-host", file: "kv/shard.go",
		before: "if m.Move.Host != h.cfg.Me || h.state.Moves", after: "if h.state.Moves",
		breaks: "an order is about the move that it names, not that of another host with the same number",
	},
	{
		name: "order-for-a-draining-move", file: "kv/shard.go",
		before: "j.Phase == marshal.MoveStopping || (j.Phase == marshal.MoveDraining && m.Action != marshal.MoveThrottle) {", after: "j.Phase == marshal.MoveStopping {",
		breaks: "a move that has sent all of its chunks cannot be paused or canceled", by: "./kv:TestOrdersForAMoveThatSendsNoMore",
	},
	{
		name: "order-for-a-stopping-move", file: "kv/shard.go",
		before: "j.Phase == marshal.MoveStopping || (j.Phase", after: "(j.Phase",
		breaks: "a move that was canceled does not go on", by: "./kv:TestOrdersForAMoveThatSendsNoMore",
	},
	{
		name: "order-not-persisted", file: "kv/shard.go",
		before: "	h.store.SetMove(*j.Move)\n	return marshal.OrderAccepted\n}", after: "	return marshal.OrderAccepted\n}",
		breaks: "a pause survives a crash",
	},
	{
		name: "resume-skips-consent", file: "kv/shard.go",
		before: "			if j.Consented {\n", after: "			if true {\n",
		breaks: "nothing moves to a host that has not agreed", by: "./kv",
	},
	{
		name: "chunk-not-rechecked", file: "kv/move.go",
		before: "if reason := h.mayGive(r, j.Recipient); reason != marshal.OrderAccepted {",
		after:  "if reason := marshal.OrderAccepted; reason != marshal.OrderAccepted {",
		breaks: "NextShard's conditions hold for each chunk, not only when the move was ordered", by: "./kv",
	},
	{
		name: "chunk-entries-kept", file: "kv/move.go",
		before: "	h.store.RemoveRange(r)\n", after: "",
		breaks: "who gives a range away keeps none of its entries", names: "HostsStoreOnlyOwnedKeys",
	},
	{
		name: "chunk-map-not-changed", file: "kv/move.go",
		before: "	h.assign(r, j.Recipient)\n", after: "",
		breaks: "who gives a range away owns it no more", names: "EachKeyClaimedInExactlyOnePlace",
	},
	{
		name: "outbox-not-persisted", file: "kv/move.go",
		before: "	h.store.AddUnacked(j.Recipient, seqno, d)\n", after: "",
		breaks: "what was sent and not acknowledged survives a crash",
	},
	{
		name: "cursor-not-persisted", file: "kv/move.go",
		before: ", 0\n	h.store.SetMove(*j.Move)\n", after: ", 0\n",
		breaks: "a move goes on after a crash from where it was",
	},
	{
		name: "chunk-clock-not-carried", file: "kv/move.go",
		before: "Clock: h.state.Clock, Entries: entries}", after: "Entries: entries}",
		breaks: "the giver's clock travels with the range",
	},
	{
		name: "chunk-drops-boundary-entry", file: "kv/move.go",
		before: "			r.Until = delegation.At(e.Key.Clone()) // it outlives the entry\n", after: "			r.Until = delegation.At(e.Key + \"\\x00\")\n",
		breaks: "a chunk carries every entry of its range",
	},
	{
		name: "chunk-one-entry-too-many", file: "kv/move.go",
		before: "if full && len(entries) > 0 {", after: "if full && len(entries) > 1 {",
		breaks: "the size of a chunk", by: "./kv",
	},
	{
		name: "move-ends-early", file: "kv/move.go",
		before: "if j.Recipient != to || j.LastSeqno > acked {", after: "if j.Recipient != to {",
		breaks: "a move is done when all of its delegates are acknowledged",
	},
	{
		name: "move-ends-for-any-peer", file: "kv/move.go",
		before: "if j.Recipient != to || j.LastSeqno > acked {", after: "if j.LastSeqno > acked {",
		breaks: "an acknowledgement counts for the moves to its sender only",
	},
	{
		name: "move-never-drains", file: "kv/move.go",
		before: "	if cursor == j.Range.Until {\n", after: "	if cursor == delegation.PosInf {\n",
		breaks: "a move ends where its range does",
	},
	{
		name: "yields-not-to-who-came-meanwhile", file: "kv/move.go",
		before: "(h.served > 0 || h.yielding)", after: "h.served > 0",
		breaks: "who asks while a chunk is cut is served before the next", by: "./kv",
	},
	{
		name: "yields-with-many-in-flight", file: "kv/move.go",
		before: "!h.yields(j) && out < flyingDelegates", after: "out < flyingDelegates",
		breaks: "while clients are served one delegate flies at a time", by: "./kv",
	},
	{
		name: "flight-unbounded", file: "kv/move.go",
		before: "out == 0 || (!h.yields(j) && out < flyingDelegates && l.flying+n <= h.cfg.Limits.InFlightBytes)", after: "out >= 0",
		breaks: "the bounds of what is in flight to a peer", by: "./kv",
	},
	{
		name: "room-of-recipient-ignored", file: "kv/move.go",
		before: "return within && uint64(l.flying)+uint64(n) <= l.room", after: "return within",
		breaks: "no more is sent than the recipient has room for", by: "./kv",
	},
	{
		name: "consent-not-of-recipient", file: "kv/move.go",
		before: " || j.Recipient != p.Src.Host || j.Phase", after: " || j.Phase",
		breaks: "only the recipient agrees to a move", by: "./kv",
	},
	{
		name: "consent-restarts-pause", file: "kv/move.go",
		before: " || j.Phase != marshal.MoveProposed {\n", after: " {\n",
		breaks: "a late consent does not wake a move that was paused, or is ending",
	},
	{
		name: "consent-not-persisted", file: "kv/move.go",
		before: "	j.nextAt = h.now\n	h.store.SetMove(*j.Move)\n", after: "	j.nextAt = h.now\n",
		breaks: "that a recipient agreed survives a crash",
	},
	{
		name: "ended-moves-unbounded", file: "kv/move.go",
		before: "	if excess <= 0 {\n", after: "	if excess <= 1 {\n",
		breaks: "the bound of ended moves that are kept",
	},
	{
		name: "propose-before-joining", file: "kv/move.go",
		before: "	if !h.state.Joined {\n", after: "	if false {\n",
		breaks: "a host that has not joined agrees to nothing", by: "./kv",
	},
}
