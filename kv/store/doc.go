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
// # The directory of a Disk
//
// It belongs to one host of one cluster, and to one process at a time:
//
//	IRONKV    whose it is and its format, in JSON; written last when it is made
//	WITNESS   what Pebble does not check of its own files; see witness
//	BALLAST   takes room that a full disk is given back; see ballast
//	LOCK, marker.*, MANIFEST-*, OPTIONS-*, *.log, *.sst: Pebble's
//
// Every key of the database begins with a byte that says what it is of. Numbers
// are big-endian. Each record but an entry's begins with the byte 1, its format.
//
//	a session slot   an answer: number, floor, message; slot = number modulo slots
//	c                the counters
//	d host seqno     an unacknowledged delegate
//	e key            an entry: version, value
//	i                the identity
//	m number         a move
//	o bound          a boundary of the delegation map, its host; no bound for −∞
//	p host           a peer
//	s session        a session
//	w                the number of slots of each session
//
// An answer overwrites the one that is slots numbers older, so that a write costs
// no deletion; loading leaves out what lies below the session's floor, which each
// answer carries. Loading reads the records and not the table.
//
// # What is found out when it is damaged
//
// Blocks of tables carry checksums, which every read verifies; a read that fails
// is an error that sticks. Opening verifies the list of tables, that no file is
// missing, and the logs: those that were closed, whole, and the newest as far as
// the witness knows it: durably at every 128th sync, and at every sync by a note that is
// there when the process is killed. What is damaged is refused with [ErrCorrupt]. When
// the machine has crashed, a newest log whose end, of fewer syncs than that, is cut off,
// or damaged within its last few syncs, cannot be told from what the crash left: the
// store then has the batches before that, whole, and the host's peers find out that it
// forgot, if it had given or taken anything meanwhile.
//
// # When the disk is full
//
// [Store.Room] is what is free beyond four memory tables (logs, and what is made of
// them); the host refuses writes of clients long before it is zero. If something
// else fills the disk, the ballast is given up once, and taken back as soon as
// there is room in plenty. If that does not help, what was committed before is
// safe, and the store fails with [ErrFull].
//
// The package may be imported by kv/server, kv/cluster, tests and commands. It
// imports kv, marshal and delegation.
package store
