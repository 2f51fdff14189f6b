// Package client is the Go client of ironkv: one value, a [Client], for any
// number of goroutines.
//
// # Use
//
// [Dial] needs the address of any one living host and learns the others from it.
// [Client.Get], [Client.Put], [Client.Delete], [Client.Scan] and [Client.Batch]
// read and write; [Client.MoveShard] and the calls around it move ranges;
// [Client.Hosts], [Client.Shards] and [Client.Audit] look at the cluster. Every
// call takes a context; where that has no deadline, [WithTimeout] applies. Calls
// block; [Batch.Go] does not, and brings its results through a channel.
//
// # What an error says
//
// A write that returns any error but [ErrUnknownOutcome] was certainly not
// executed, and never will be. A write whose outcome is unknown was executed
// once or never, and may still be executed by a copy of its request that is on
// its way: read the key, or write again under a condition ([IfVersion],
// [IfAbsent]). Reads have no such third outcome and are repeated at will.
//
// # How a request finds its owner
//
// The client keeps a map of who owns what, as far as it knows. A host that does
// not own a key answers with a redirect that names the owner and its whole
// range; the client notes it and asks there at once. Sessions, numbers, the
// floor and the window are explained in ARCHITECTURE.md (the life of a put): only a
// recorded answer closes a number, a refusal repeats the same number at the same
// host, and only after a redirect is a write tried elsewhere, in that host's own
// session, under the same operation id. So no write is executed twice.
//
// # How it spends system calls
//
// A client has one socket and no goroutine of its own. A caller who waits alone
// reads the socket himself; of many who wait, one reads for all and wakes the
// others with their replies (leader and followers). Requests of the same moment
// share datagrams: a caller who finds another about to send leaves his request
// to that one.
//
// The package may be imported by anything above it (kv/cluster, cmd, tests and
// users); it imports marshal, udp and delegation, and knows nothing of the host.
package client
