// Package udp carries messages, opaque byte strings, between addresses in UDP datagrams.
//
// It knows no message type and no key. It may be imported by anything above it, and imports only the
// standard library, golang.org/x/sys and golang.org/x/net/bpf.
//
// # The two halves
//
// [Transport] is pure: datagrams in, datagrams out, time as an argument. It coalesces messages of one
// moment, cuts long ones into fragments and puts them together, acknowledges, repeats, and keeps
// windows and budgets. [Conn] is a socket with a Transport behind a mutex: batches by recvmmsg and
// sendmmsg and segmentation offload on Linux, plain calls elsewhere. Who receives and has nothing else
// to run may wait in the kernel with his thread ([Conn.Linger]). [Faults] is a bad network,
// between a Conn and its socket or between Transports in a simulation.
//
// # What is promised
//
// A message is delivered whole and unchanged, or not at all: each datagram has a checksum, and a
// message in fragments its own. A message may be delivered twice, or after one that was sent later;
// exactly once and in order is package delivery's business. A message sent Once that fits in a
// datagram may be lost. Others are repeated until the receiver has acknowledged them or was silent
// for Config.GiveUp; then they are dropped. An acknowledgement says that this package's other end
// has a message, not that anybody acted on it.
//
// Receiving never waits for sending. Acknowledgements wait for no window and no pacing. Every table,
// queue and budget is bounded, with its bound in Config; at a bound Send returns an error and Receive
// drops and counts.
//
// What comes from an address depends on its [Class]. A Peer has room for Config.MaxMessage bytes of
// unfinished messages to itself, Clients share Config.ClientPool, Strangers Config.StrangerPool,
// where the oldest always makes room. A Stranger that spoke first never gets more bytes back than it
// sent; once one was forgotten for others, every unknown address counts as one that spoke first.
// Whoever opens a conversation should classify the address that he calls as a Peer, or long answers
// compete with strangers for room.
//
// A guarded Conn (Config.Guard) counts what Strangers send, and what Clients do wrong, by a hash of the
// source. Where it is a flood, it attaches a filter to its socket by which the kernel drops most of it
// before it is queued: of sources that flood, or, where very many send a little each, of all but Clients,
// Peers, and in turn a part of the rest. Some passes, and tells when it is over.
//
// # Datagrams
//
// Numbers of fixed width are little-endian; varint is the unsigned varint of encoding/binary.
//
//	offset  size    field
//	0       1       0xB1: protocol and version
//	1       4       CRC-32C of everything behind this field
//	5       8       nonce of the sender's run, drawn at its start
//	13      …       frames, to the end of the datagram
//
//	frame            fields
//	1 message        length varint, bytes
//	2 fragment       id varint, offset 4, total 4, CRC-32C of the whole message 4, length varint, bytes
//	3 acknowledgement  nonce 8 and id varint of the transmission, count 1 (at most 32), then per range
//	                 the gap since the end of the range before and the length, both varint;
//	                 count 0 acknowledges the whole message
//	4 ping           none; asks for a sign of life
//	5 pong           none; the answer
//
// A datagram with anything else in it, trailing bytes included, is dropped whole, before anything in
// it is used or allocated for.
//
// Where fragments are lost again and again while pings are answered, the path swallows what is as large
// as that: datagrams become smaller, and larger ones are tried again later.
//
// A transmission is named by (address and nonce of its sender, id). Ids count up and are never used
// twice in one run for one destination; the nonce tells runs apart. So no fragment from before a
// restart is ever joined to one from after. Fragments of one transmission that overlap, or disagree
// on total or checksum, end it. Acknowledged ranges are a hint for the sender's timers; only the
// acknowledgement of the whole lets it forget.
//
// # Sources
//
// RFC 6298 (retransmission timer, with Karn's rule), RFC 5681 and RFC 6928 (congestion window),
// RFC 9002 (loss by later acknowledgements, pacing), RFC 6479 (window of remembered ids), RFC 8899
// (paths that swallow large datagrams), RFC 3720 (CRC-32C). The paper's network may lose, delay, duplicate and reorder packets
// (ironfleet/src/Dafny/Distributed/Common/Framework/Environment.s.dfy); this package gives the layers above a
// network of that kind for messages of any size.
package udp
