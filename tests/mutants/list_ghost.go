package main

// ghostMutants are faults of the journal and of what it is held against.
var ghostMutants = []mutant{
	{
		name: "durable-goes", file: "ghost/lives.go",
		before: "	if next.Header.From >= life.Durable {\n", after: "	if true || next.Header.From >= life.Durable {\n",
		breaks: "DurableStays: a disk that is put back between two lives is found out",
	},
	{
		name: "life-twice", file: "ghost/lives.go",
		before: "		case h.Life <= i:\n", after: "		case false:\n",
		breaks: "the lives of a host are there once",
	},
	{
		name: "life-missing", file: "ghost/lives.go",
		before: "		case h.Life > i+1:\n", after: "		case false:\n",
		breaks: "the lives of a host are all there",
	},
	{
		name: "output-vanishes", file: "ghost/reduction.go",
		before: "	if outputs != b.Outputs {\n", after: "	if outputs < b.Outputs {\n",
		breaks: "OutputsAccountedFor: no output vanishes",
	},
	{
		name: "records-unchained", file: "ghost/format.go",
		before: "	return crc32.Update(crc32.Update(before, castagnoli, length), castagnoli, payload)\n",
		after:  "	return crc32.Update(crc32.Update(before&0, castagnoli, length), castagnoli, payload)\n",
		breaks: "no record of a journal can be left out",
	},
	{
		name: "length-before-content", file: "ghost/file.go",
		before: "	f.append()\n	f.publish()\n	return f.err\n}\n\n// Durable", after: "	f.publish()\n	f.append()\n	return f.err\n}\n\n// Durable",
		breaks: "a batch that was flushed is in the journal",
	},
	{
		name: "session-again", file: "ghost/format.go",
		before: "			again = true\n", after: "			again = false\n",
		breaks: "what a journal costs: a request's session is in it once", by: "./ghost:TestCostOfAJournal",
	},
	{
		name: "part-not-kept", file: "ghost/entry.go",
		before: "			copy(r.part[:], b[againFrom:])\n", after: "			copy(r.part[:], b[againUntil:])\n",
		breaks: "a journal is read as it was written",
	},
	{
		name: "told-without-a-reply", file: "ghost/invariant.go",
		before: "AbstractService(s)), s.Correspondence())\n", after: "AbstractService(s)))\n",
		breaks: "what is on the network S has replied", by: "./ghost:TestEachInvariantCanFail",
	},
	{
		name: "told-another-reply", file: "ghost/explain.go",
		before: "Correspondence(e.checker.system.Service, e.actual); err != nil {", after: "Correspondence(e.checker.system.Service, nil); err != nil {",
		breaks: "S itself refuses a reply to a read that is not what its table holds", by: "./ghost:TestSRefuses",
	},
	{
		name: "reply-under-any-ticket", file: "ghost/spec/state.go",
		before: "	if g.Ticket != o.Ticket {\n", after: "	if g.Ticket.Session != o.Ticket.Session {\n",
		breaks: "a reply is to the request whose ticket it bears", by: "./ghost/spec",
	},
	{
		name: "fault-is-no-error", file: "ghost/stream.go",
		before: "	*err = errFault\n", after: "",
		breaks: "a host whose journal is gone from under it stops", by: "./ghost:TestAJournalThatIsGoneFromUnderIt",
	},
}
