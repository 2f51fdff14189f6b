// Package ghost is the judge: what IronFleet proves of IronKV, ironkv checks on
// the machine that it ships. It has two halves.
//
// # The journal
//
// A [Journal] is told of every step of a host: its number, what was received, the
// one clock reading, what was sent, and which ranges changed hands. [File] keeps
// it on disk, [Memory] in memory, [Discard] nowhere. A File is made for one life
// of a host's process, from the state that the host goes on from:
//
//	file, err := ghost.Create(dir, cfg, state)            // before kv.New
//	file.Observe(now, step, in, received, out, sent)      // after each step
//	file.Shed(request, sent)                              // for each request that is refused without a step
//	err = file.Flush(outputs)                             // at the end of each batch, before the commit
//	file.Durable(step)                                    // after the sync, before the sending
//	err = file.Close()                                    // when the host was stopped cleanly
//
// which is the shape of kv/server's Observer. Nothing is synced: a journal is as
// good as its file system after a crash of the machine, and a hole is found, not
// overlooked; the end of the process takes nothing from it. What was noted but never
// became durable is cut off when the journal is read: the next life says from which
// step on it went, and the journal, up to which step that may not be less.
//
// The machine is deterministic, so bodies are kept of inputs only; of outputs
// their number and a digest, of the very bytes that leave. All lives of a host have
// to be written into one directory: they are numbered.
//
// # The checkers
//
//   - [AbstractHost] and [AbstractService] are the abstraction functions from H to
//     P ([ironkv/ghost/protocol]) and from P to S ([ironkv/ghost/spec]).
//   - [Invariants] is the list of what holds in every state of a cluster.
//   - [Checker] watches a cluster step by step: every step of H has to be steps of
//     P or a stutter, every step of P one of S or a stutter.
//   - [Verify] reads the journals of all hosts of a cluster, orders their steps by
//     causality, executes the real machine again, and checks all of that.
//
// The judge does no I/O but that of its journal, reads no clock, draws no
// randomness. It imports kv and what kv imports; nothing in kv imports it.
// Sources: IronFleet (SOSP 2015), sections 3 and 5.2, and the RefinementProof
// folders of its Protocol/SHT.
package ghost
