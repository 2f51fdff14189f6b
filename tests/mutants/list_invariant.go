package main

// invariantMutants are those of which an invariant has to tell by its name, and
// which no other list has: a predicate that no fault of the code can make fail says
// nothing.
var invariantMutants = []mutant{
	{
		name: "map-not-canonical", file: "delegation/map.go",
		before: "		left = below.host\n", after: "		_ = below\n",
		breaks: "neighbours of one owner are one range", by: "sim", names: "MapComplete",
	},
	{
		name: "chunk-assigned-to-stranger", file: "kv/move.go",
		before: "	h.assign(r, j.Recipient)\n", after: "	h.assign(r, j.Recipient+100)\n",
		breaks: "who gives a range away knows who has it", by: "sim", names: "AllDelegationsToKnownHosts",
	},
	{
		name: "chunk-carries-the-next-entry", file: "kv/move.go",
		before: "			r.Until = delegation.At(e.Key.Clone()) // it outlives the entry\n", after: "			r.Until = delegation.At(e.Key.Clone())\n			entries = append(entries, e)\n",
		breaks: "a delegate carries only keys of its range", by: "sim", names: "DelegationMessagesCarryOnlyClaimedKeys",
	},
	{
		name: "ack-counted-too-far", file: "udp/delivery/delivery.go",
		before: "	s.acked = n\n", after: "	s.acked = n + 1\n",
		breaks: "only what was received counts as acknowledged", by: "explore", names: "UnAckedListProperties",
	},
	{
		name: "repetition-without-entries", file: "kv/deliver.go",
		before: "	for seqno, d := range peer.Out.Unacked() {\n		h.sendDelegate(id, seqno, d)\n",
		after:  "	for seqno, d := range peer.Out.Unacked() {\n		h.sendDelegate(id, seqno, &marshal.Delegate{Range: d.Range, Clock: d.Clock})\n",
		breaks: "a number is of one message, however often that is sent", by: "sim", names: "PacketsHaveSenderUniqueSeqnos",
	},
	{
		name: "tombstone-runs-ahead", file: "udp/delivery/delivery.go",
		before: "	r.tombstone = n\n", after: "	r.tombstone = n + 1\n",
		breaks: "nobody has received what was not sent", by: "explore", names: "ReceiverHasCanceledNoUnsentSeqnos",
	},
	{
		name: "clock-read-for-each-packet", file: "kv/server/loop.go",
		before: "l.one(now, kv.Input{Kind: kv.InputPacket, Packet: packet}, bytes)", after: "l.one(l.watch.now(), kv.Input{Kind: kv.InputPacket, Packet: packet}, bytes)",
		breaks: "a batch reads the clock once, between receiving and sending", by: "./kv/server:TestABatchIsOne", names: "ReductionObligation",
	},
	{
		name: "shed-unnoted", file: "kv/server/outbox.go",
		before: "	observer.Shed(request, o.buf[before:])\n", after: "	_ = before\n",
		breaks: "nothing leaves but from a step, or as the refusal of what was shed", by: "./kv/server:TestABatchIsOne", names: "OutputsAccountedFor",
	},
	{
		name: "durable-claimed-ahead", file: "kv/server/pipeline.go",
		before: "		p.observer.Durable(o.step)\n", after: "		p.observer.Durable(o.step + 1<<20)\n",
		breaks: "no step is called durable that a later life may not have", by: "./kv/server:TestDurableIsObserved", names: "DurableStays",
	},
}
