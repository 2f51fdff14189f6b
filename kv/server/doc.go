// Package server is the loop around a host: it receives datagrams, steps the
// machine, commits the store, and only then sends (IronFleet, section 3.7;
// Common/Framework/Main.s.dfy and Impl/SHT/Host.i.dfy).
//
// # What the loop promises
//
//   - A batch is what was received at one moment, and the timers that were due.
//     Its steps are observed, then committed once, and its outputs leave only
//     when the commit is durable.
//   - Steps of the next batches run while a batch syncs ([PipelineDepth]). Outputs
//     of every kind leave in the order of batches, after all batches up to their
//     own are synced, also where their own wrote nothing: what a read returned or
//     an audit counted is never taken back by a crash.
//   - Where syncs take less than 2 ms, no batch is under way and nothing else has
//     arrived, the loop waits for the sync by itself.
//   - A commit or a sync that fails, or a machine that halts, stops the server;
//     nothing of that batch or a later one leaves, and nothing is tried again.
//   - Receiving never waits for sending. What cannot be sent counts as lost.
//   - What waits is bounded ([MaxBacklogBytes]), and clients' reads and writes
//     are refused before they have waited long ([MaxWait]); hosts' messages are not.
//     Who sends so much that it is dropped unread is told that, now and then.
//   - A datagram that says nothing is counted by reason and dropped.
//
// A host is known by the address that its datagrams come from; everyone else is
// a client. The transport gives an address that opened a session the memory and
// the replies of a client (udp.Client); one that proved nothing gets no more
// bytes back than it sent.
//
// Servers are safe for concurrent use. The machine runs in the goroutine of
// [Server.Serve]; where the store syncs slowly, a second goroutine waits and sends.
//
// server imports kv, kv/store, marshal, udp and delegation. It does not know the
// judge: whoever wants a journal passes an [Observer].
package server
