package main

// udpMutants are faults of datagrams, fragments and messages' bytes.
var udpMutants = []mutant{
	{
		name: "fragments-across-runs", file: "udp/reassembly.go",
		before: "		if a.id == id && a.nonce == nonce {\n", after: "		if a.id == id {\n",
		breaks: "fragments of two runs of a sender are not joined", by: "./udp:TestFragmentsAreNeverJoined",
	},
	{
		name: "fragments-across-transmissions", file: "udp/reassembly.go",
		before: "		if a.id == id && a.nonce == nonce {\n", after: "		if a.nonce == nonce {\n",
		breaks: "fragments of two transmissions are not joined", by: "./udp:TestReliableExactlyOnce",
	},
	{
		name: "contradiction-taken", file: "udp/reassembly.go",
		before: "	if a.total != f.total || a.sum != f.sum {\n", after: "	if a.total != f.total {\n",
		breaks: "fragments that disagree about their message are not joined",
	},
	{
		name: "message-checksum-ignored", file: "udp/reassembly.go",
		before: "	if checksum(a.buf) != a.sum {\n", after: "	if false {\n",
		breaks: "a message is delivered as it was sent, or not at all",
	},
	{
		name: "whole-checksum-ignored", file: "udp/reassembly.go",
		before: "	if checksum(f.data) != f.sum {\n", after: "	if false {\n",
		breaks: "so is one of a single fragment",
	},
	{
		name: "finished-delivered-again", file: "udp/reassembly.go",
		before: "	e.finish(a.id)\n", after: "",
		breaks: "a duplicate of a finished transmission is not delivered again", by: "./udp:TestReliableExactlyOnce",
	},
	{
		name: "duplicate-fragment-not-acked", file: "udp/reassembly.go",
		before: "		t.acknowledge(p, nonce, f.id)\n		return false\n	case idFresh:", after: "		return false\n	case idFresh:",
		breaks: "a finished transmission is acknowledged again, for the first time may be lost", by: "./udp:TestDuplicates",
	},
	{
		name: "stranger-fills-memory", file: "udp/reassembly.go",
		before: "	for r.used+charge > r.limit {\n", after: "	for false {\n",
		breaks: "the memory for unfinished messages is bounded",
	},
	{
		name: "memory-not-given-back", file: "udp/reassembly.go",
		before: "	r.used -= a.charge\n", after: "",
		breaks: "what is dropped takes no memory any more",
	},
	{
		name: "assemblies-never-expire", file: "udp/reassembly.go",
		before: "r.last != nil && now-r.last.touchedAt >= assemblyAge {", after: "false {",
		breaks: "what is never finished is given up",
	},
	{
		name: "datagram-checksum-ignored", file: "udp/wire.go",
		before: "case binary.LittleEndian.Uint32(b[sumOffset:]) != checksum(b[sumEnd:]):", after: "case false:",
		breaks: "a damaged datagram has no effect", by: "./udp:TestBadDatagrams",
	},
	{
		name: "fragment-beyond-its-message", file: "udp/wire.go",
		before: "if uint64(offset)+uint64(len(f.data)) > uint64(total) || len(f.data) == 0 && total != 0 {", after: "if len(f.data) == 0 && total != 0 {",
		breaks: "a fragment lies within its message",
	},
	{
		name: "ack-of-another-run", file: "udp/ack.go",
		before: "	if f.nonce != t.cfg.Nonce || !found {\n", after: "	if !found {\n",
		breaks: "an acknowledgement for an earlier run ends nothing of this one",
	},
	{
		name: "ack-of-part-ends-all", file: "udp/ack.go",
		before: "	if f.ranges == 0 {\n		for j", after: "	if f.ranges <= 1 {\n		for j",
		breaks: "a transmission is kept until all of it is acknowledged", by: "./udp:TestReliableExactlyOnce", hangs: true,
	},
	{
		name: "lost-not-repeated", file: "udp/ack.go",
		before: "	p.win.inFlight -= p.weight(fl.tr, fl.index)\n	p.lost.push(fl)\n", after: "	p.win.inFlight -= p.weight(fl.tr, fl.index)\n",
		breaks: "a lost fragment is sent again", by: "./udp:TestReliableExactlyOnce",
	},
	{
		name: "alarm-not-brought-forward", file: "udp/transport.go",
		before: "				t.active.advance(p, t.due(p))\n", after: "",
		breaks: "the timer that is due first is known", by: "./udp:FuzzDatagrams",
	},
	{
		name: "never-gives-up", file: "udp/ack.go",
		before: "		if !silent && !refused {\n", after: "		if !silent && !refused || true {\n",
		breaks: "a transmission to a silent destination is given up", by: "./udp:TestSilentDestination", hangs: true,
	},
	{
		name: "id-window-not-cleared", file: "udp/epoch.go",
		before: "			e.bits[w%words] = 0\n", after: "			_ = e.bits[w%words]\n",
		breaks: "an id that comes round is not taken for one that is finished",
	},
	{
		name: "span-overlap-taken", file: "udp/span.go",
		before: "		if list[next].from < s.to {\n", after: "		if false {\n",
		breaks: "bytes that were there are not counted twice",
	},
	{
		name: "window-grows-unpaid", file: "udp/window.go",
		before: "	w.size = w.threshold\n	w.partial = 0\n", after: "	w.partial = 0\n",
		breaks: "a loss halves the window",
	},
	{
		name: "stranger-amplified", file: "udp/transport.go",
		before: "		if cost > p.credit {\n", after: "		if false {\n",
		breaks: "a stranger gets no more bytes than he sent",
	},
	{
		name: "ids-begin-anew", file: "udp/peer.go",
		before: "	t.idFloor = max(t.idFloor, p.nextID)\n", after: "",
		breaks: "no transmission id is used twice in a run",
	},
	{
		name: "marshal-number-not-canonical", file: "marshal/reader.go",
		before: "	if v < least {\n", after: "	if v < least && false {\n",
		breaks: "a message has one encoding",
	},
	{
		name: "marshal-list-believed", file: "marshal/reader.go",
		before: "	case items*minBytes > len(r.b)-r.i:\n", after: "	case false:\n",
		breaks: "no memory is taken for items that cannot come",
	},
	{
		name: "marshal-trailing-bytes", file: "marshal/decode.go",
		before: "	if r.fault == FaultNone && r.i == len(r.b) {\n", after: "	if r.fault == FaultNone {\n",
		breaks: "nothing follows a message",
	},
	{
		name: "marshal-long-key", file: "marshal/request.go",
		before: "	m.Hint = r.hint()\n	m.Key = r.key(\"key\", MaxKeyBytes)\n	m.Delete", after: "	m.Hint = r.hint()\n	m.Key = r.key(\"key\", MaxValueBytes)\n	m.Delete",
		breaks: "the limit of keys",
	},
	{
		name: "marshal-clone-shares", file: "marshal/request.go",
		before: "	c.Value = bytes.Clone(m.Value)\n", after: "	c.Value = bytes.TrimSuffix(m.Value, nil)\n",
		breaks: "a clone shares no memory with a datagram",
	},
	{
		name: "marshal-empty-range-delegated", file: "marshal/part.go",
		before: "	if s.Empty() && r.fault == FaultNone {\n", after: "	if false {\n",
		breaks: "no delegate of an empty range is decoded",
	},
	{
		name: "udp-polls-seldom", file: "udp/poll.go",
		before: "	case took > turnTime:\n", after: "	case false:\n",
		breaks: "who has little to do does not poll", by: "./udp:TestWhoHasLittle",
	},
	{
		name: "udp-polls-in-others-time", file: "udp/poll.go",
		before: "	if took >= stallLeast {\n", after: "	if false {\n",
		breaks: "who polls makes room for others who want the processor", by: "./udp:TestPollingMakesRoom",
	},
	{
		name: "udp-polls-after-a-lucky-turn", file: "udp/poll.go",
		before: "	case better && !p.won:\n", after: "	case false:\n",
		breaks: "one good turn does not make polling stay", by: "./udp:TestOneGoodTurn",
	},
	{
		name: "udp-polls-for-nothing", file: "udp/poll.go",
		before: "	better := polled > pollGain*waited\n", after: "	better := polled >= waited\n",
		breaks: "polling stays only where it brings more", by: "./udp:TestPollsWherePollingPays",
	},
	{
		name: "udp-all-linger", file: "udp/conn.go",
		before: "if int(lingerers.Add(1)) >= runtime.GOMAXPROCS(0) {", after: "if int(lingerers.Add(1)) > runtime.GOMAXPROCS(0) {",
		breaks: "a processor is left to those who do not linger", by: "./udp:TestOneProcessor",
	},
	{
		name: "udp-nobody-lingers-in-flight", file: "udp/conn.go",
		before: "(due == never || due-c.Now() >= lingerLeast)", after: "due == never",
		breaks: "who waits for an acknowledgement lingers", by: "./udp:TestLingersWhile",
	},
	{
		name: "lingers-only-without-timers", file: "kv/server/receive.go",
		before: " || wait > 2*l.pace.gap", after: "",
		breaks: "a host that yields to clients is as quick to receive as one that does not", by: "./kv/server:TestLingers",
	},
	{
		name: "udp-lingers-past-wake", file: "udp/conn.go",
		before: "	for lingered, polled := false, false; ; {", after: "	polled := false\n	for {\n		lingered := false",
		breaks: "who lingers is found by Wake and by his deadline", by: "./udp:TestLinger", hangs: true,
	},
	{
		name: "floods-are-let-in", file: "udp/guard.go",
		before: "		s.closed[cell] = score >= limit || ", after: "		s.closed[cell] = ",
		breaks: "the kernel drops what floods", by: "./udp:TestGuardClosesFloods",
	},
	{
		name: "clients-pay-for-strangers", file: "udp/guard.go",
		before: "		set(cell, !g.scores[Client].closed[cell])\n", after: "		set(cell, !g.scores[Stranger].closed[cell])\n",
		breaks: "a client is let in whatever strangers do", by: "./udp:TestGuardKnowsFriends",
	},
	{
		name: "hosts-pay-for-clients", file: "udp/guard.go",
		before: "		set(g.key.cell(src), true)\n", after: "		_ = src\n",
		breaks: "a host is let in whatever others do", by: "./udp:TestGuardKnowsFriends",
	},
	{
		name: "queued-count-as-dropped", file: "udp/guard.go",
		before: "min(g.now.weight(cell), g.before.weight(cell))", after: "g.now.weight(cell)",
		breaks: "what passed before the kernel was told is counted for what it is", by: "./udp:TestGuardCountsTheQueued",
	},
	{
		name: "crowd-shuts-newcomers-out", file: "udp/guard.go",
		before: "		first = g.turn / turnWindows % turns * words / turns\n", after: "		first = 0\n",
		breaks: "every newcomer has a turn under a crowd", by: "./udp:TestGuardAgainstACrowd",
	},
	{
		name: "guard-without-a-timer", file: "udp/guard.go",
		before: "		return g.endsAt\n", after: "		return never\n",
		breaks: "the guard goes away when nothing comes", by: "./udp:TestGuardClosesFloods",
	},
	{
		name: "filter-hashes-half-an-address", file: "udp/filter.go",
		before: "		f.mix(b, sourceV6+word)\n", after: "		f.mix(b, sourceV6+word%8)\n",
		breaks: "the kernel knows sources by the hash by which they are counted", by: "./udp:TestProgram",
	},
	{
		name: "filter-cuts-datagrams", file: "udp/filter.go",
		before: "	passWhole = 1 << 18\n", after: "	passWhole = 1 << 10\n",
		breaks: "what the kernel lets through it leaves whole", by: "./udp:TestProgram",
	},
	{
		name: "first-fragments-are-worth-something", file: "udp/reassembly.go",
		before: "			return t.exceeds(p, f.total)\n", after: "			return false\n",
		breaks: "who begins more messages than he may is shut out", by: "./udp:TestWhatIsWorthNothing",
	},
	{
		name: "acks-of-nothing-are-worth-something", file: "udp/transport.go",
		before: "	return bad || idle || p.class", after: "	return bad || p.class",
		breaks: "who acknowledges again and again what was never sent is shut out", by: "./udp:TestWhatIsWorthNothing",
	},
	{
		name: "clients-that-made-room-are-strangers", file: "udp/peer.go",
		before: "	if t.remembered.take(addr) {\n", after: "	if t.remembered.take(addr) && false {\n",
		breaks: "who has proven himself is answered also when many came meanwhile", by: "./udp:TestAClientThatMadeRoomIsAClientAgain",
	},
	{
		name: "greedy-hold-the-pool", file: "udp/reassembly.go",
		before: "			if greediest == nil {\n", after: "			if true {\n",
		breaks: "who has most unfinished gives way to who has less", by: "./udp:TestWhoHasMostUnfinishedMakesRoom",
	},
	{
		name: "greedy-hold-the-backlog", file: "udp/transmission.go",
		before: "		if greediest == nil || p.class == Peer {\n", after: "		if true {\n",
		breaks: "for whom most is queued gives way to who has less", by: "./udp:TestWhoHasMostQueuedMakesRoom",
	},
	{
		name: "modest-make-room", file: "udp/ranking.go",
		before: "(*l)[i].bytes > (*l)[j].bytes", after: "(*l)[i].bytes < (*l)[j].bytes",
		breaks: "it is the greediest who makes room", by: "./udp:TestWhoHasMost",
	},
	{
		name: "all-give-way", file: "udp/ranking.go",
		before: "own.order[0].bytes > bytes {", after: "own.order[0].peer != p {",
		breaks: "no address gives way to another of its origin that has as much", by: "./udp:TestManyPorts",
	},
	{
		name: "all-origins-give-way", file: "udp/ranking.go",
		before: "r.order[0] != own && r.order[0].bytes > would {", after: "r.order[0] != own {",
		breaks: "no origin gives way to one that has as much", by: "./udp:TestWhoHasMostUnfinishedMakesRoom",
	},
	{
		name: "ports-are-origins", file: "udp/ranking.go",
		before: "would += own.bytes - r.of(p).bytes", after: "would += 0",
		breaks: "what an origin would have is that of all its addresses", by: "./udp:TestManyPorts",
	},
}
