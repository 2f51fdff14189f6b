package main

// costMutants do what is right, but one by one what goes together.
var costMutants = []mutant{
	{
		name: "cost-callers-send-alone", file: "kv/client/leader.go",
		before: "	if busy {\n		if !c.gath", after: "	if false {\n		if !c.gath",
		breaks: "callers who are woken together send together", by: "./kv/client:TestCost",
	},
	{
		name: "cost-leader-sends-alone", file: "kv/client/leader.go",
		before: "	return c.waked.Add(-1) >= 0 || c.begun() > own\n", after: "	return c.begun() > own\n",
		breaks: "whose reply came with others' sends with them", by: "./kv/client:TestCost",
	},
	{
		name: "cost-batch-sends-each", file: "kv/client/batch.go",
		before: "		c.start(now, &it.op)\n	}\n", after: "		c.start(now, &it.op)\n		_ = c.conn.Flush()\n	}\n",
		breaks: "the requests of a batch share datagrams", by: "./kv/client:TestCost",
	},
	{
		name: "cost-replies-leave-alone", file: "kv/server/pipeline.go",
		before: "		p.sends.count(err)\n		start = d.end\n", after: "		p.sends.count(err)\n		_ = p.socket.Flush()\n		start = d.end\n",
		breaks: "replies to one client share datagrams", by: "./kv/client:TestCost",
	},
	{
		name: "cost-steps-commit-alone", file: "kv/server/loop.go",
		before: "	maxBatchSteps = 1024\n", after: "	maxBatchSteps = 1\n",
		breaks: "writes that arrive together are synced together", by: "./kv/client:TestCost",
	},
	{
		name: "cost-reply-of-its-own", file: "kv/request.go",
		before: "reply := h.out.setReply()", after: "reply := new(marshal.SetReply)",
		breaks: "a write takes no memory but for its entry", by: "./kv/client:TestCost",
	},
}
