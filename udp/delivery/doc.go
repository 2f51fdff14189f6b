// Package delivery is exactly-once, in-order delivery between two hosts: the
// paper's SingleDelivery (IronFleet, section 5.2.1;
// Protocol/SHT/SingleDelivery.i.dfy).
//
// A [Sender] numbers the messages to one destination from 1 and keeps each one
// until it is acknowledged; a [Receiver] remembers the highest number that it
// received from one source (the paper's tombstone) and takes only the next.
// Acknowledgements are cumulative. Both halves are plain state: their owner
// persists them in the same step in which it acts on what they say, sends the
// packets, and decides when to repeat them.
//
// The package is pure and generic in the message; it imports only the standard
// library and may be imported by everybody. Values are not safe for concurrent use.
package delivery
