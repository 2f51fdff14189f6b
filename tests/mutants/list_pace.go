package main

// refusalMutants are refusals that are not so, and answers to orders that name what is
// not so.
var refusalMutants = []mutant{
	{
		name: "open-session-unknown", file: "kv/session.go",
		before: "	if s == nil {\n		h.refuse(p.Src, hd, marshal.UnknownSession)\n", after: "	if s == nil || hd.Number%64 == 5 {\n		h.refuse(p.Src, hd, marshal.UnknownSession)\n",
		breaks: "no session is called unknown that is open", by: "sim", names: "Refinement",
	},
	{
		name: "window-of-one-less", file: "kv/session.go",
		before: "	case hd.Number-s.floor >= uint64(h.cfg.Limits.Window):\n		h.refuse", after: "	case hd.Number-s.floor >= uint64(h.cfg.Limits.Window)-1:\n		h.refuse",
		breaks: "no number is called beyond the window that is not", by: "sim", names: "Refinement",
	},
	{
		name: "disk-full-above-half", file: "kv/request.go",
		before: "	case h.room < h.cfg.Limits.ReserveBytes/2:\n", after: "	default:\n",
		breaks: "a write is refused for want of room only where not even answers can be recorded", by: "sim", names: "Refinement",
	},
	{
		name: "notowner-piece-beyond", file: "kv/shard.go",
		before: "piece.Intersect(r).Clone(), owner //", after: "piece.Clone(), owner //",
		breaks: "a refused order is told of a part of its own range", by: "sim", names: "Refinement",
	},
	{
		name: "notowner-range-whole-order", file: "kv/shard.go",
		before: "			return piece.Intersect(r).Clone(), owner //", after: "			_ = piece\n			return r.Clone(), owner //",
		breaks: "a refused order is told of what its owner has, and of no more", by: "sim", names: "Refinement",
	},
}

// paceMutants are faults of how much goes at once, and of what waits for ever.
var paceMutants = []mutant{
	{
		name: "rate-burst-unbounded", file: "kv/move.go",
		before: "max(j.nextAt, h.now-Second)", after: "j.nextAt",
		breaks: "a move that was held up keeps to its rate", by: "./kv",
	},
	{
		name: "chunk-of-all-when-served", file: "kv/move.go",
		before: "		limit = min(limit, yieldChunkBytes)\n", after: "		_ = limit\n",
		breaks: "chunks are smaller while clients are served", by: "./kv",
	},
	{
		name: "wants-never-retried", file: "kv/move.go",
		before: "size, h.now+proposeInterval\n", after: "size, never\n",
		breaks: "a piece that became small enough goes", by: "./kv",
	},
	{
		name: "scan-page-bound-ignored", file: "kv/request.go",
		before: "(int(reply.Keys) >= entries || size > bytes)", after: "int(reply.Keys) >= entries && bytes > 0",
		breaks: "a page is bounded in bytes", by: "./kv",
	},
	{
		name: "scan-size-of-values-only", file: "kv/request.go",
		before: "			size += e.Size()\n		}\n		if reply.Keys > 0", after: "			size += len(e.Value)\n		}\n		if reply.Keys > 0",
		breaks: "keys count for a page's size", by: "./kv",
	},
	{
		name: "room-not-asked-by-bytes", file: "kv/server/loop.go",
		before: "now >= l.nextRoom || l.taken >= roomBytes", after: "now >= l.nextRoom",
		breaks: "the room is looked at again after so many bytes, however fast they come", by: "./kv/server:TestRoomAfter",
	},
	{
		name: "full-compaction-is-fault", file: "kv/store/fence.go",
		before: "	case vfs.IsNoSpaceError(err) && strings.Contains(", after: "	case false && strings.Contains(",
		breaks: "a compaction that finds the disk full waits, and the host goes on", by: "./kv/store:TestAFullDiskIsNoFault",
	},
	{
		name: "expired-session-answers-kept", file: "kv/session.go",
		before: "func (h *Host) closeSession(s *liveSession) {\n", after: "func (h *Host) closeSession(s *liveSession) {\n	if s.held > 0 {\n		return\n	}\n",
		breaks: "a session ends in its time, also where a request of it is held", by: "./kv",
	},
	{
		name: "expiry-spins", file: "kv/session.go",
		before: "	h.closeSession(h.live.recent.first())\n", after: "	_ = h.live.recent.first()\n",
		breaks: "a session that is due to expire does: the host's loop would turn for ever", by: "explore", names: "Liveness",
	},
	{
		name: "retransmit-only-when-met", file: "kv/peer.go",
		before: "		if peer.Out.Outstanding() > 0 && min(", after: "		if l.met && peer.Out.Outstanding() > 0 && min(",
		breaks: "a peer that is silent is not greeted at every turn of the loop", by: "sim",
	},
	{
		name: "hint-not-waited-for", file: "kv/request.go",
		before: "	if h.comes(hint) {\n", after: "	if h.comes(hint) && false {\n",
		breaks: "who is redirected waits at the new owner, and is not sent to and fro for ever", by: "explore", names: "Liveness",
	},
	{
		name: "ready-take-turns", file: "kv/hold.go",
		before: "		r := h.holds.ready[0]\n", after: "		r := h.holds.ready[0]\n		if len(h.holds.ready) > 1 {\n			h.holds.ready = append(slices.Clone(h.holds.ready[1:]), r)\n			h.out.Action = ActExpire\n			return\n		}\n",
		breaks: "held requests whose delegate has come are answered, and do not let one another go first for ever", by: "explore", names: "Liveness",
	},
}
