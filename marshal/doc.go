// Package marshal holds the messages of ironkv: their types, their limits and
// their bytes, each in one place.
//
// A message is a plain value. Hosts talk to each other in [Greet], [Mismatch],
// [Propose], [Consent], [Single] and [Ack]; clients talk to hosts in the rest.
// [GetRequest], [SetRequest], [Redirect], [Shard] order and [Delegate] are the
// paper's (IronFleet, Protocol/SHT/Message.i.dfy), [Single] and [Ack] its
// SingleMessage (Protocol/SHT/SingleMessage.i.dfy); sessions, cookies, scans,
// moves and the audit are ours (ARCHITECTURE.md says why).
//
// [Append] writes a message, [Decoder.Decode] reads one. Decode rejects trailing
// bytes and lengths over a limit before it allocates. Strings and byte slices of
// a decoded message share the datagram's memory, so they are valid only as long
// as it is; who keeps one longer clones it.
//
// The package may be imported by everything above delegation; it does no I/O.
//
// # Format
//
// A message is one msgpack array: its code, then its fields in the order of their
// declaration, headers first and structs flat. Numbers take their shortest form;
// ids, keys and values are bin, texts are str. A bound is nil for −∞, true for +∞,
// else bin. A hint is an array of three, or nil. A list is an array of its items'
// elements, flat. What is absent is nil: the value of a removal or of a key that
// was not found, the condition that is not set. There is one encoding of each
// message and no other is read; testdata/golden.txt has an example of each.
package marshal
