package main

// deliveryMutants are faults of delegates on their way: numbers, acknowledgements,
// repetitions, incarnations.
var deliveryMutants = []mutant{
	{
		name: "tombstone-not-advanced", file: "udp/delivery/delivery.go",
		before: "	r.tombstone = n\n", after: "",
		breaks: "a message is received once",
	},
	{
		name: "tombstone-gap-taken", file: "udp/delivery/delivery.go",
		before: "	case n > r.tombstone+1:\n", after: "	case false:\n",
		breaks: "only tombstone+1 is new: messages are received in order",
	},
	{
		name: "tombstone-duplicate-taken", file: "udp/delivery/delivery.go",
		before: "	case n <= r.tombstone:\n", after: "	case n < r.tombstone:\n",
		breaks: "the last message received is not received again",
	},
	{
		name: "ack-beyond-sent-taken", file: "udp/delivery/delivery.go",
		before: "	if n > s.Sent() {\n", after: "	n = min(n, s.Sent())\n	if n > s.Sent() {\n",
		breaks: "an acknowledgement above the highest number sent is not believed", by: "./udp/delivery",
	},
	{
		name: "ack-leaves-one", file: "udp/delivery/delivery.go",
		before: "	s.unacked = slices.Clone(s.unacked[count:])\n", after: "	s.unacked = slices.Clone(s.unacked[count-1:])\n",
		breaks: "what is acknowledged is sent no more",
	},
	{
		name: "ack-drops-one-too-many", file: "udp/delivery/delivery.go",
		before: "	count := n - s.acked\n", after: "	count := min(n-s.acked+1, uint64(len(s.unacked)))\n",
		breaks: "what is not acknowledged is kept",
	},
	{
		name: "unacked-numbered-from-acked", file: "udp/delivery/delivery.go",
		before: "yield(s.acked+1+uint64(i), m)", after: "yield(s.acked+uint64(i), m)",
		breaks: "a repetition has the number of what it repeats",
	},
	{
		name: "ack-beyond-sent-believed", file: "kv/deliver.go",
		before: "	if m.Seqno > peer.Out.Sent() {\n", after: "	if false {\n",
		breaks: "an acknowledgement above the highest number sent has no effect at all",
	},
	{
		name: "acked-retransmitted", file: "kv/deliver.go",
		before: "	dropped, err := peer.Out.Acknowledge(n)\n",
		after:  "	dropped, err := peer.Out.Acknowledge(n)\n	h.links[id].resendAt = h.now\n	if len(dropped) > 0 {\n		h.sendDelegate(id, n, dropped[len(dropped)-1])\n	}\n",
		breaks: "an acknowledged message is not sent again",
	},
	{
		name: "ack-not-persisted", file: "kv/deliver.go",
		before: "	h.store.DropUnacked(id, first, n)\n	h.store.SetPeer(id, peer.Record())\n", after: "	_ = first\n",
		breaks: "what was acknowledged is known after a crash",
	},
	{
		name: "unacked-left-in-store", file: "kv/deliver.go",
		before: "	h.store.DropUnacked(id, first, n)\n", after: "	_ = first\n",
		breaks: "what was acknowledged leaves the store",
	},
	{
		name: "tombstone-not-persisted", file: "kv/deliver.go",
		before: "		h.store.SetPeer(p.Src.Host, peer.Record())\n", after: "",
		breaks: "a delegate is received once, also over a crash",
	},
	{
		name: "ack-of-gap", file: "kv/deliver.go",
		before: "Seqno: peer.In.Tombstone(), Room", after: "Seqno: m.Seqno, Room",
		breaks: "only what was received is acknowledged",
	},
	{
		name: "duplicate-not-acknowledged", file: "kv/deliver.go",
		before: "		h.drop(DropDuplicate)\n", after: "		h.drop(DropDuplicate)\n		return\n",
		breaks: "a duplicate is acknowledged again, for the first acknowledgement may be lost", by: "./kv",
	},
	{
		name: "entries-outside-taken", file: "kv/deliver.go",
		before: "	h.store.PutAll(within(r, d.Entries))\n", after: "	h.store.PutAll(d.Entries)\n",
		breaks: "no entry is taken that lies outside the delegated range", by: "./kv",
	},
	{
		name: "delegate-entries-not-taken", file: "kv/deliver.go",
		before: "	h.store.PutAll(within(r, d.Entries))\n", after: "",
		breaks: "who takes a range over has its entries", names: "Refinement",
	},
	{
		name: "clock-not-raised", file: "kv/deliver.go",
		before: "	h.state.Clock = max(h.state.Clock, d.Clock)\n", after: "",
		breaks: "the clock is above every version that a key of the host ever had", names: "ClockCoversVersions",
	},
	{
		name: "clock-not-raised-by-empty", file: "kv/deliver.go",
		before: "	h.state.Clock = max(h.state.Clock, d.Clock)\n",
		after:  "	if len(d.Entries) > 0 {\n		h.state.Clock = max(h.state.Clock, d.Clock)\n	}\n",
		breaks: "a delegate without entries raises the clock too: its range may have had some",
	},
	{
		name: "clock-lowered", file: "kv/deliver.go",
		before: "	h.state.Clock = max(h.state.Clock, d.Clock)\n", after: "	h.state.Clock = d.Clock\n",
		breaks: "a clock never goes backward",
	},
	{
		name: "delegate-refused-for-room", file: "kv/deliver.go",
		before: "	verdict := peer.In.Receive(m.Seqno)\n",
		after:  "	if h.room < h.cfg.Limits.ReserveBytes {\n		h.drop(DropGap)\n		return\n	}\n	verdict := peer.In.Receive(m.Seqno)\n",
		breaks: "a delegate is judged by no limit for clients", by: "./kv:TestDelegateIsNotJudged",
	},
	{
		name: "delegate-before-joining", file: "kv/deliver.go",
		before: "	if !h.state.Joined {\n", after: "	if false {\n",
		breaks: "a host that has not met its peers takes nothing over", by: "./kv",
	},
	{
		name: "delegate-range-widened", file: "kv/deliver.go",
		before: "	h.assign(r, h.cfg.Me)\n", after: "	h.assign(delegation.Range{From: r.From, Until: delegation.PosInf}, h.cfg.Me)\n",
		breaks: "exactly the delegated range changes its owner",
	},
	{
		name: "map-not-persisted", file: "kv/deliver.go",
		before: "	h.store.Assign(r, to)\n", after: "",
		breaks: "who owns what survives a crash",
	},
	{
		name: "retransmit-first-only", file: "kv/deliver.go",
		before: "		h.sendDelegate(id, seqno, d)\n	}\n}", after: "		h.sendDelegate(id, seqno, d)\n		break\n	}\n}",
		breaks: "everything unacknowledged is repeated",
	},
	{
		name: "no-retransmission", file: "kv/deliver.go",
		before: "		h.sendDelegate(id, seqno, d)\n	}\n}", after: "		_, _ = seqno, d\n	}\n}",
		breaks: "a delegate that was lost is sent again", names: "Liveness",
	},
	{
		name: "incarnation-ignored", file: "kv/peer.go",
		before: "if hd.FromIncarnation != peer.Incarnation || hd.ToIncarnation != h.state.Incarnation {", after: "if false {",
		breaks: "only the incarnations that have met talk to each other",
	},
	{
		name: "incarnation-of-self-ignored", file: "kv/peer.go",
		before: "if hd.FromIncarnation != peer.Incarnation || hd.ToIncarnation != h.state.Incarnation {",
		after:  "if hd.FromIncarnation != peer.Incarnation {",
		breaks: "what was meant for an earlier life of this host has no effect on this one",
	},
	{
		name: "stranger-believed", file: "kv/peer.go",
		before: "if peer == nil || hd.From != p.Src.Host {", after: "if peer == nil {",
		breaks: "a host speaks for itself only", by: "./kv",
	},
	{
		name: "greeting-of-stranger-taken", file: "kv/peer.go",
		before: "stranger := peer.Incarnation != 0 && peer.Incarnation != m.FromIncarnation", after: "stranger := false",
		breaks: "a host that lost its state is not met anew under its id", by: "./kv",
	},
	{
		name: "older-copy-noticed-by-sent-only", file: "kv/peer.go",
		before: "(m.Received > peer.Out.Sent() || m.Acked > peer.In.Tombstone()) {", after: "m.Received > peer.Out.Sent() {",
		breaks: "a host that has lost what it received stops", by: "./kv:TestOlderCopyIsFoundOutByNumbers",
	},
	{
		name: "greeting-to-another-life-taken", file: "kv/peer.go",
		before: "if stranger || (m.ToIncarnation != 0 && m.ToIncarnation != h.state.Incarnation) {", after: "if stranger {",
		breaks: "a greeting to another life of a host confirms nothing", by: "./kv:TestAGreetingToAnotherLifeIsRefused",
	},
	{
		name: "mismatch-to-another-life-believed", file: "kv/peer.go",
		before: "if m.ToIncarnation != h.state.Incarnation || !known ||", after: "if !known ||",
		breaks: "what was said to another life of a host does not end it", by: "./kv:TestAMismatchIsBelievedOnlyWhole",
	},
	{
		name: "mismatch-of-another-life-believed", file: "kv/peer.go",
		before: "known := peer.Incarnation == 0 || peer.Incarnation == m.FromIncarnation", after: "known := true",
		breaks: "what another life of a peer says does not end a host", by: "./kv:TestAMismatchIsBelievedOnlyWhole",
	},
	{
		name: "mismatch-that-agrees-believed", file: "kv/peer.go",
		before: " || m.Known == 0 || m.Known == h.state.Incarnation {", after: " || m.Known == 0 {",
		breaks: "a peer that knows this incarnation does not end the host", by: "./kv:TestAMismatchIsBelievedOnlyWhole",
	},
	{
		name: "older-copy-not-noticed", file: "kv/peer.go",
		before: "if confirms && (m.Received > peer.Out.Sent() || m.Acked > peer.In.Tombstone()) {", after: "if false {",
		breaks: "a host that came back with an older copy of its state stops", by: "./kv",
	},
	{
		name: "joins-at-once", file: "kv/peer.go",
		before: "if h.state.Joined || len(h.Waiting()) > 0 {", after: "if h.state.Joined {",
		breaks: "a host serves when every peer has confirmed that it knows no earlier life",
	},
	{
		name: "joining-not-persisted", file: "kv/peer.go",
		before: "	h.state.Joined = true\n	h.store.SetIdentity(h.state.Identity)\n", after: "	h.state.Joined = true\n",
		breaks: "that a host has joined survives a crash",
	},
	{
		name: "acquaintance-not-persisted", file: "kv/peer.go",
		before: "		h.store.SetPeer(p.Src.Host, peer.Record())\n", after: "",
		breaks: "whom a host has met survives a crash",
	},
	{
		name: "room-not-shared", file: "kv/peer.go",
		before: "/ uint64(max(1, len(h.order)))", after: "/ 1",
		breaks: "a host promises its room once, not to each of its peers", by: "./kv",
	},
}
