package main

// chaosMutants are faults of kvd that chaos has to find by what clients see of processes:
// others say more about them, but this says that chaos can fail. That answers leave before
// the sync is none of them: what a process has written survives its SIGKILL.
var chaosMutants = []mutant{
	{
		name: "chaos-answer-not-recorded", file: "kv/session.go",
		before: "	s.SetAnswer(number, kept)\n", after: "",
		breaks: "a write that is repeated is executed once", by: chaosCheck,
	},
	{
		name: "chaos-entries-not-committed", file: "kv/store/disk.go",
		before: "		if err := d.records.Apply(d.table, nil); err != nil {\n			return nil, d.fail(\"commit\", err)\n		}\n", after: "",
		breaks: "what was acknowledged is there after a kill", by: chaosCheck,
	},
	{
		name: "chaos-delegate-twice", file: "udp/delivery/delivery.go",
		before: "	case n <= r.tombstone:\n", after: "	case n < r.tombstone:\n",
		breaks: "a delegate is accepted once", by: chaosCheck,
	},
}
