// Package store is what a host keeps: its table of entries and the records of
// its state, committed together batch by batch.
//
// # The caller's contract, in the order in which it is needed
//
//  1. Make a store: [NewMemory], or [OpenDisk] on a directory that belongs to
//     one host of one cluster.
//  2. [Store.Load] returns the state that the records add up to, or nil for a
//     store that never had one.
//  3. Read and change the table, and set records, as [kv.Table] and
//     [kv.Records] say. Changes are seen by the reads that follow at once.
//  4. [Store.Commit] ends the batch. What it wrote is durable when
//     [Pending.Wait] returns nil; a nil Pending has nothing to wait for. The
//     next batch may begin meanwhile (group commit). After a crash exactly the
//     batches up to some commit are there, all whole: at least those waited for.
//  5. [Store.Close].
//
// A store is used by one goroutine, except that Wait may run on another one.
// Nothing here keeps memory of its arguments: what it stores, it copies.
//
// An error of reading or writing is noted and sticks: reads go on to answer
// anything, every following Commit fails, and so does Wait where the batch did
// not reach the disk. A failed sync is never tried again, for nobody knows what
// it left behind; only opening the directory afresh, which reads what is there,
// goes on from it.
//
// The package may be imported by kv/server, kv/cluster, tests and commands. It
// imports kv, marshal and delegation.
package store
