package main

// serverMutants are faults of the loop: receive, step, commit, observe, send.
var serverMutants = []mutant{
	{
		name: "receives-before-it-sends", file: "kv/server/loop.go",
		before: "	if err := l.send(); err != nil {\n", after: "	_ = l.receive()\n	if err := l.send(); err != nil {\n",
		breaks: "a batch receives, reads the clock, sends, in this order", by: "./kv/server:TestABatchIsOneAtomicStep",
	},
	{
		name: "sends-before-commit", file: "kv/server/loop.go",
		before: "	if l.out.pending == nil && l.pipeline.idle() {\n", after: "	if l.pipeline.idle() {\n",
		breaks: "nothing leaves before the sync of the batch that says it", by: "./kv/server:TestOutputsLeave", hangs: true,
	},
	{
		name: "overtakes-earlier-batch", file: "kv/server/loop.go",
		before: "	if l.out.pending == nil && l.pipeline.idle() {\n", after: "	if l.out.pending == nil {\n",
		breaks: "no acknowledgement and no reply to a read leaves before an earlier batch is synced", by: "./kv/server:TestOutputsLeave", hangs: true,
	},
	{
		name: "commit-error-ignored", file: "kv/server/loop.go",
		before: "		return fmt.Errorf(\"commit a batch: %w\", err)\n", after: "		l.stats.Batches--\n",
		breaks: "a host whose store fails stops", hangs: true,
	},
	{
		name: "halt-ignored", file: "kv/server/loop.go",
		before: "	if l.effects.Halt != nil {\n", after: "	if false && l.effects.Halt != nil {\n",
		breaks: "a host that must stop says nothing any more", hangs: true,
	},
	{
		name: "journal-after-commit", file: "kv/server/loop.go",
		before: "		return fmt.Errorf(\"observe a batch: %w\", err)\n", after: "		l.stats.Batches--\n",
		breaks: "nothing is committed that the journal does not have", hangs: true,
	},
	{
		name: "shed-without-journal", file: "kv/server/loop.go",
		before: "	if stepped || len(l.out.list) > 0 {\n", after: "	if stepped {\n",
		breaks: "nothing leaves that the journal does not have",
	},
	{
		name: "durable-behind-a-hole", file: "kv/server/pipeline.go",
		before: "	if p.failed.Load() == nil { // else an earlier batch may be missing\n", after: "	{\n",
		breaks: "the journal is told that a step is durable when all before it are too",
	},
	{
		name: "clock-read-per-step", file: "kv/server/loop.go",
		before: "	l.machine.Step(now, in, &l.effects)\n", after: "	l.machine.Step(l.watch.now(), in, &l.effects)\n",
		breaks: "the clock is read once, between receiving and sending",
	},
	{
		name: "timers-starve-receiving", file: "kv/server/loop.go",
		before: "timers < maxTimerSteps && ", after: "timers < 1<<16 && ",
		breaks: "timers leave time to receive",
	},
	{
		name: "chunks-starve-receiving", file: "kv/server/loop.go",
		before: " && moves < maxMoveSteps", after: "",
		breaks: "chunks of moves leave time to receive", by: "./kv/server:TestTimersDoNotStarveReceiving",
	},
	{
		name: "moves-before-who-waits", file: "kv/server/loop.go",
		before: "l.postponed = !l.postponed && l.inbox.len() > 0\n", after: "l.postponed = false\n",
		breaks: "who waits is answered before a chunk is cut, or a delegate taken", by: "./kv/server:TestWhoWaits",
	},
	{
		name: "moves-wait-for-ever", file: "kv/server/loop.go",
		before: "l.postponed = !l.postponed && l.inbox.len() > 0\n", after: "l.postponed = l.inbox.len() > 0\n",
		breaks: "moves go on where there is no end of requests", by: "./kv/server:TestWhoWaits",
	},
	{
		name: "yielding-moves-press", file: "kv/host.go",
		before: "		if !h.yields(j) {\n			t = min(t, h.moveDeadline(j))\n", after: "		{\n			t = min(t, h.moveDeadline(j))\n",
		breaks: "a move that yields does so to who waits", by: "./kv",
	},
	{
		name: "holds-end-as-chunks", file: "kv/server/loop.go",
		before: "a == kv.ActChunk || a == kv.ActRetransmit {", after: "a != kv.ActNone {",
		breaks: "holds that end do not keep moves and peers waiting", by: "./kv/server:TestTimersDoNotStarveReceiving",
	},
	{
		name: "batch-unbounded", file: "kv/server/loop.go",
		before: "steps < maxBatchSteps && ", after: "",
		breaks: "the bound of a batch",
	},
	{
		name: "peers-sent-once", file: "kv/server/loop.go",
		before: "l.out.add(l.members.addressOf(p.Dst.Host), p.Msg, udp.Reliable)", after: "l.out.add(l.members.addressOf(p.Dst.Host), p.Msg, udp.Once)",
		breaks: "hosts are sent what they are sent with acknowledged fragments",
	},
	{
		name: "quick-sync-overtakes", file: "kv/server/pipeline.go",
		before: "return t > 0 && t < p.quick && p.idle()", after: "return t > 0 && t < p.quick",
		breaks: "a batch that the loop waits for overtakes none", by: "./kv/server:TestPrompt",
	},
	{
		name: "quick-sync-error-ignored", file: "kv/server/loop.go",
		before: "		if err := l.pipeline.settle(l.out); err != nil {\n			return err\n", after: "		if err := l.pipeline.settle(l.out); err != nil {\n			l.out.pending = nil\n",
		breaks: "a host whose sync fails stops", by: "./kv/server:TestFailedQuick",
	},
	{
		name: "batches-after-failure-sent", file: "kv/server/pipeline.go",
		before: "		if p.failed.Load() == nil {\n", after: "		if true {\n",
		breaks: "a batch behind a failed sync is not sent",
	},
	{
		name: "sync-error-ignored", file: "kv/server/pipeline.go",
		before: "		return errors.Join(ErrSync, err)\n", after: "		_ = errors.Join(ErrSync, err)\n",
		breaks: "a host whose sync fails stops", hangs: true,
	},
	{
		name: "close-lets-out", file: "kv/server/pipeline.go",
		before: "	if p.muted.Load() || len(o.list) == 0 {\n", after: "	if len(o.list) == 0 {\n",
		breaks: "a server that was closed says nothing any more",
	},
	{
		name: "address-proves-nothing", file: "kv/server/receive.go",
		before: "	if a.host != 0 {\n", after: "	if a.host != 0 && a.host != l.me+1 {\n",
		breaks: "a host is known by its address",
	},
	{
		name: "overload-not-shed", file: "kv/server/receive.go",
		before: "if now-a.at > MaxWait || l.inbox.bytes() > ShedBytes {", after: "if false {",
		breaks: "what waited for too long is refused",
	},
	{
		name: "ports-crowd-the-front", file: "kv/server/lanes.go",
		before: "	case l.crowds(a.origin):\n", after: "	case l.crowds(a.origin) && false:\n",
		breaks: "messages of many ports of one address do not keep others' waiting", by: "./kv/server:TestManyPorts",
	},
	{
		name: "strangers-unbounded", file: "kv/server/lanes.go",
		before: "		if *left == 0 {\n", after: "		if false {\n",
		breaks: "strangers have a small share of a host's time", by: "./kv/server:TestStrangersAreFew",
	},
	{
		name: "long-readers-do-not-wait", file: "kv/server/debts.go",
		before: "{ return min(d.rests, d.other+d.lull) }", after: "{ return d.now }",
		breaks: "who asks for long answers again and again leaves others most of a host's time", by: "./kv/server:TestLongReaders",
	},
	{
		name: "long-readers-owe-for-ever", file: "kv/server/debts.go",
		before: "uint64(bytes), d.paid+maxDebt)", after: "uint64(bytes), d.paid+1<<62)",
		breaks: "who has read much for hours waits for others no longer than who has for a second", by: "./kv/server:TestDebtsAreForgotten",
	},
	{
		name: "short-answers-are-debts", file: "kv/server/debts.go",
		before: "	if bytes < longAnswer {\n", after: "	if false {\n",
		breaks: "who asks for short answers is no long reader", by: "./kv/server:TestDebtsAreForgotten",
	},
	{
		name: "long-readers-pass-in-front", file: "kv/server/lanes.go",
		before: "		case a.host == 0 && l.debts.long(a.src):\n", after: "		case false:\n",
		breaks: "what a long reader had sent before it was known as one waits, too", by: "./kv/server:TestWhatLongReaders",
	},
	{
		name: "long-readers-batch", file: "kv/server/loop.go",
		before: "		if l.inbox.debts.served && len(l.out.buf) >= longBatch {\n", after: "		if false {\n",
		breaks: "others wait for one long answer, not for a batch of them", by: "./kv/server:TestALongAnswer",
	},
	{
		name: "who-asks-again-comes-before-newcomers", file: "kv/server/lanes.go",
		before: "			left = &l.again\n", after: "			left = &l.strangers\n",
		breaks: "newcomers do not wait for clients that ask for one more session", by: "./kv/server:TestWhoAsksAgain",
	},
	{
		name: "choked-are-read-for", file: "kv/server/loop.go",
		before: "case l.pipeline.choked.has(l.watch.last, src) && marshal.IsRequest(msg):", after: "case false:",
		breaks: "nothing is read for whom too much is queued for", by: "./kv/server:TestNothingIsReadForTheChoked",
	},
	{
		name: "queued-of-choked-are-read-for", file: "kv/server/receive.go",
		before: "	if l.pipeline.choked.has(now, a.src) && marshal.IsRequest(bytes) {\n", after: "	if false {\n",
		breaks: "nothing is read for whom too much is queued for", by: "./kv/server:TestNothingIsReadForWho",
	},
	{
		name: "many-callers-are-blamed", file: "kv/server/loop.go",
		before: "	case l.inbox.stranger(src, msg):\n", after: "	default:\n",
		breaks: "the kernel shuts nobody out for having many callers", by: "./kv/server:TestWhoIsBlamed",
	},
	{
		name: "notices-unbounded", file: "kv/server/notices.go",
		before: "	if len(n.told) >= maxNotices {\n", after: "	if false {\n",
		breaks: "the bound of addresses that are told of an overload",
	},
	{
		name: "notices-at-any-rate", file: "kv/server/notices.go",
		before: "	if _, told := n.told[src]; told {\n", after: "	if false {\n",
		breaks: "an address is told of an overload now and then",
	},
	{
		name: "overload-sheds-orders", file: "kv/server/receive.go",
		before: "	return marshal.RequestHeader{}, false\n", after: "	return marshal.RequestHeader{}, true\n",
		breaks: "orders and questions get through an overload",
	},
	{
		name: "backlog-unbounded", file: "kv/server/receive.go",
		before: "n >= busyDatagrams && l.inbox.bytes() < MaxBacklogBytes {", after: "n >= busyDatagrams {",
		breaks: "the bound of messages that wait", hangs: true,
	},
	{
		name: "takes-what-it-cannot-answer", file: "kv/server/receive.go",
		before: "l.inbox.front.len() < maxBatchSteps && ", after: "",
		breaks: "what cannot be answered is left to the socket", by: "./kv/server:TestWhatCannotBeAnsweredIsNotTaken",
	},
	{
		name: "takes-before-it-has-answered", file: "kv/server/receive.go",
		before: "	case l.fullBatch && l.inbox.front.len() >= maxBatchSteps:\n", after: "	case false:\n",
		breaks: "what cannot be answered is left to the socket", by: "./kv/server:TestWhatCannotBeAnsweredIsNotTaken",
	},
	{
		name: "inbox-moves-wrong-bytes", file: "kv/server/inbox.go",
		before: "		b.list[i].start -= cut\n", after: "		b.list[i].start -= min(cut, b.list[i].start-1)\n",
		breaks: "a message keeps its bytes while it waits",
	},
	{
		name: "insecure-address-taken", file: "kv/server/members.go",
		before: "		if !addr.Addr().IsLoopback() {\n", after: "		if false {\n",
		breaks: "without --insecure nobody beyond this machine reaches a host",
	},
	{
		name: "clock-read-before-receiving", file: "kv/server/loop.go",
		before: "	if err := l.receive(); err != nil {\n		return err\n	}\n	now := l.watch.now()\n",
		after:  "	now := l.watch.now()\n	if err := l.receive(); err != nil {\n		return err\n	}\n",
		breaks: "a run of the loop that ships can be commuted into atomic steps", by: "./kv/server:TestReductionOfARealRun",
	},
}
