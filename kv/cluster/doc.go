// Package cluster runs the hosts of a cluster in one process, on free loopback
// ports: for tests of programs that use ironkv, for the demo and for benchmarks.
// The hosts are those that kvd runs; only the processes around them are missing.
//
//	c := cluster.Start(t, 3)
//	db, err := client.Dial(ctx, c.Addrs())
//
// Hosts have the ids 1 to n. Host 1, or the one that [Root] names, owns every key
// in the beginning. By default each host keeps its state in memory, and the
// memory outlives [Cluster.Kill], as a disk does; [Disk] keeps it in files, and
// [Volatile] nowhere, which is fastest.
//
// A Cluster is safe for concurrent use.
//
// cluster imports kv, kv/store, kv/server, marshal, udp and delegation. Programs
// and tests import it; no other package of kv does.
package cluster
