package main

// clientMutants are faults of the client and of its audit.
var clientMutants = []mutant{
	{
		name: "audit-acked-not-compared", file: "kv/client/cut.go",
		before: "			if received < ci.peers[j].Acked {\n", after: "			if false {\n",
		breaks: "cuts fit together only where acked <= received", by: "./kv/client:TestJudge",
	},
	{
		name: "audit-sent-not-compared", file: "kv/client/cut.go",
		before: "			if received > ci.peers[j].Sent {\n", after: "			if false {\n",
		breaks: "and where received <= sent",
	},
	{
		name: "audit-counts-received", file: "kv/client/cut.go",
		before: "if to != nil && f.Seqno > to.peers[c.host].Received {", after: "if to != nil {",
		breaks: "a delegate that was received claims nothing any more",
	},
	{
		name: "audit-ignores-flight", file: "kv/client/cut.go",
		before: "if to != nil && f.Seqno > to.peers[c.host].Received {", after: "if to != nil && false {",
		breaks: "a delegate in flight owns its range",
	},
	{
		name: "audit-overlap-not-seen", file: "kv/client/cut.go",
		before: "		if claims[i].Range.From.Less(claims[i-1].Range.Until) {\n", after: "		if claims[i].Range == claims[i-1].Range {\n",
		breaks: "two owners of a key are found, whatever their ranges",
	},
	{
		name: "audit-end-not-seen", file: "kv/client/cut.go",
		before: "!at.IsPosInf()\n}", after: "false\n}",
		breaks: "keys at the end that nobody owns are found",
	},
	{
		name: "audit-incarnations-ignored", file: "kv/client/cut.go",
		before: "if i != j && (!met || p.PeerIncarnation != cuts[j].incarnation) {", after: "if i != j && !met {",
		breaks: "numbers of another life say nothing",
	},
	{
		name: "client-repeats-under-new-number", file: "kv/client/engine.go",
		before: "	if o.sent >= detourAfter", after: "	if o.kind.numbered() {\n		o.session.closeNumber(o)\n		e.number(now, o)\n		return\n	}\n	if o.sent >= detourAfter",
		breaks: "an unanswered write is repeated under its own number",
	},
	{
		name: "client-fails-without-the-entered", file: "kv/client/client.go",
		before: "\tc.startEntered(len(c.entering)) // they end at once\n", after: "",
		breaks: "who calls as the socket fails gets an answer", by: "./kv/client:TestTheEnteredFailWithTheSocket",
	},
	{
		name: "client-entered-are-alone", file: "kv/client/leader.go",
		before: "+ len(c.entering) - c.entered", after: "",
		breaks: "what has entered counts as begun", by: "./kv/client:TestTheEnteredAreStartedByGroups",
	},
	{
		name: "client-takes-the-unheard-for-short", file: "kv/client/flight.go",
		before: "\t\treturn flyingShare\n", after: "\t\treturn 0\n",
		breaks: "no more is asked for than the host queues", by: "./kv/client:TestAnswersOfUnknownLength",
	},
	{
		name: "client-crowd-is-many-samples", file: "kv/client/rtt.go",
		before: "	case now < r.until:", after: "	case now < 0:",
		breaks: "answers of one round trip are one sample", by: "./kv/client:TestACrowdIsOneSample",
	},
	{
		name: "client-slow-answers-teach-nothing", file: "kv/client/receive.go",
		before: "o.sent == 1 || o.sent == 2 && r.early(now-o.last)", after: "o.sent == 1",
		breaks: "a host that has become slow is not asked twice for ever", by: "./kv/client:TestRepeatsTeachThatAHostIsSlow",
	},
	{
		name: "client-losses-teach-slowness", file: "kv/client/rtt.go",
		before: "return d < r.smooth/2", after: "return true",
		breaks: "an answer to a repetition is no sample", by: "./kv/client:TestALossIsNoSample",
	},
	{
		name: "client-write-takes-detour", file: "kv/client/engine.go",
		before: "o.refusals == 0 && !o.kind.numbered() && o.target == 0", after: "o.refusals == 0 && o.target == 0",
		breaks: "an unanswered write is repeated at the same host",
	},
	{
		name: "client-refusal-closes-number", file: "kv/client/receive.go",
		before: "		o.refusals++\n		o.refusal = m.Reason\n		o.due", after: "		o.refusals++\n		o.refusal = m.Reason\n		e.leave(now, o)\n		e.placeAt(now, o, h)\n		o.due",
		breaks: "a refused write keeps its number",
	},
	{
		name: "client-waits-for-the-full", file: "kv/client/receive.go",
		before: "m.Reason == marshal.DiskFull && now-o.first", after: "false && now-o.first",
		breaks: "a put that a full host cannot answer ends within a second or so", by: "./kv/client:TestAFullHost",
	},
	{
		name: "client-gives-the-full-no-time", file: "kv/client/receive.go",
		before: "marshal.DiskFull && now-o.first >= fullPatience", after: "marshal.DiskFull",
		breaks: "a put that a full host cannot answer is tried until the host has looked at its room again", by: "./kv/client:TestAFullHost",
	},
	{
		name: "client-floor-runs-ahead", file: "kv/client/session.go",
		before: "for s.floor < s.next && s.writes.get(s.floor) == nil {", after: "for s.floor < s.next {",
		breaks: "the floor stays below every unanswered number",
	},
	{
		name: "client-late-op-overwritten", file: "kv/client/pending.go",
		before: "		t.late[(*at).number] = *at\n", after: "",
		breaks: "an op that waits for long is still found when many others have come and gone", by: "./kv/client:TestPending",
	},
	{
		name: "client-window-off-by-one", file: "kv/client/session.go",
		before: "return s.next < s.floor+s.window }", after: "return s.next <= s.floor+s.window }",
		breaks: "numbers stay within the window",
	},
	{
		name: "client-outcome-claimed", file: "kv/client/op.go",
		before: "return o.kind.numbered() && (o.lost != 0 || o.state == opSent && o.sent > 0)", after: "return o.kind.numbered() && o.lost != 0",
		breaks: "a write that may have been executed is told as of unknown outcome",
	},
	{
		name: "client-answer-of-any-kind", file: "kv/client/receive.go",
		before: "	if o == nil || o.kind != kind {\n", after: "	if o == nil {\n",
		breaks: "an answer ends the request that it answers",
	},
	{
		name: "client-reads-numbered-as-writes", file: "kv/client/receive.go",
		before: "	if rh.Number >= firstRead {\n		return s.reads.get(rh.Number)\n	}\n	return s.writes.get(rh.Number)\n",
		after:  "	if o := s.writes.get(rh.Number & (firstRead - 1)); o != nil || rh.Number < firstRead {\n		return o\n	}\n	return s.reads.get(rh.Number)\n",
		breaks: "a late redirect of a read is not taken for that of a write, which would be executed twice", by: "./kv/client:TestALateRedirectOfARead",
	},
	{
		name: "client-hint-for-anybody", file: "kv/client/session.go",
		before: "		if h.owner == owner && h.rng.Contains(key) {\n", after: "		if h.rng.Contains(key) {\n",
		breaks: "a hint is shown to the host that it is about",
	},
	{
		name: "client-forgotten-was-never-ordered", file: "kv/client/move.go",
		before: "	case id.Number == 0 || len(reply.Moves) == 0:\n		return Move{}, fmt.Errorf(\"move %v: %w\", id, ErrNoSuchMove)\n	case reply.Moves[0].ID.Number > id.Number:",
		after:  "	case len(reply.Moves) == 0 || reply.Moves[0].ID.Number > id.Number:",
		breaks: "a move that was never ordered has not ended", by: "./kv/client:TestForgottenMoves",
	},
	{
		name: "client-flight-unbounded", file: "kv/client/flight.go",
		before: "	if f.used > 0 && f.used+cost > f.size {\n", after: "	if false {\n",
		breaks: "no more is under way than the sockets hold", by: "./kv/client:TestFlight",
	},
	{
		name: "client-flight-never-lands", file: "kv/client/open.go",
		before: "		h.flight.land(o)\n", after: "",
		breaks: "what a lost session's requests counted is counted no longer", by: "./kv/client:TestFlight",
	},
	{
		name: "client-flight-sends-the-canceled", file: "kv/client/flight.go",
		before: "!e.closed && !e.ticking {", after: "!e.closed {",
		breaks: "a write that is given up with others was not sent because of them", by: "./kv/client:TestWaitingForTheFlight",
	},
	{
		name: "client-flight-stays-with-the-silent", file: "kv/client/engine.go",
		before: "o.host.silent%detourAfter == 0 &&", after: "false &&",
		breaks: "who waits for room at a silent host asks another", by: "./kv/client:TestCrowdLeaves",
	},
	{
		name: "client-crowd-hides-the-lost", file: "kv/client/engine.go",
		before: "if o == nil || o.begun > e.round {", after: "if o == nil {",
		breaks: "who waits for long is looked at, however many come meanwhile", by: "./kv/client:TestTheLostAreSeenInACrowd",
	},
	{
		name: "client-crowd-waked-at-once", file: "kv/client/client.go",
		before: "len(c.answered) == wakeGroup", after: "false",
		breaks: "callers are waked while what was touched for them is in the cache", by: "./kv/client:TestACrowdIsWakedInGroups",
	},
}
