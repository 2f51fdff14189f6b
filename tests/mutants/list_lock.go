package main

// lockMutants are faults of the paper's lock, of its hosts and of what lies between
// them and the spec: what a protocol under the judge has to be caught at.
var lockMutants = []mutant{
	{
		name: "lock-kept", file: "ghost/lock/host.go",
		before: "	h.held = false\n", after: "	_ = h.held\n",
		breaks: "who grants the lock does not hold it any more",
	},
	{
		name: "lock-granted-without", file: "ghost/lock/host.go",
		before: "	if !h.held || h.epoch >= h.last {\n", after: "	if h.epoch == 0 || h.epoch >= h.last {\n",
		breaks: "only who holds the lock grants it",
	},
	{
		name: "lock-same-epoch", file: "ghost/lock/host.go",
		before: "Encode(Message{Transfer, h.epoch + 1})", after: "Encode(Message{Transfer, h.epoch})",
		breaks: "each holder has a higher epoch than the one before",
	},
	{
		name: "lock-taken-again", file: "ghost/lock/host.go",
		before: " || m.Epoch <= h.epoch {\n", after: " {\n",
		breaks: "a transfer that is delivered again gives the lock to nobody",
	},
	{
		name: "lock-taken-from-stranger", file: "ghost/lock/host.go",
		before: " || int(src) >= h.nodes", after: "",
		breaks: "a host takes the lock from hosts only",
	},
	{
		name: "lock-announced-to-next", file: "ghost/lock/host.go",
		before: "	return []Datagram{{Dst: src, Bytes: Encode(Message{Locked, m.Epoch})}}\n",
		after:  "	return []Datagram{{Dst: h.next, Bytes: Encode(Message{Locked, m.Epoch})}}\n",
		breaks: "who takes the lock tells whom it has it from",
	},
	{
		name: "lock-bytes-swapped", file: "ghost/lock/protocol.go",
		before: "	Transfer MessageKind = iota // hands the lock over, with its new epoch\n	Locked                      //",
		after:  "	Locked   MessageKind = iota\n	Transfer //",
		breaks: "messages have the paper's bytes",
	},
	{
		name: "lock-history-of-granter", file: "ghost/lock/refinement.go",
		before: "			t.History = append(t.History, p.Dst)\n", after: "			t.History = append(t.History, p.Src)\n",
		breaks: "the history names who holds the lock",
	},
}
