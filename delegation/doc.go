// Package delegation is the vocabulary of ownership: keys, bounds, ranges,
// hosts, and the [Map] that says which host owns which key.
//
// A [Map] is total: every one of the infinitely many keys has an owner, though
// only finitely many boundaries are kept. It is the delegation map of IronFleet
// (SOSP 2015, section 5.2.2; Protocol/SHT/Delegations.i.dfy, and
// Impl/SHT/Delegations.i.dfy for the encoding as sorted boundaries).
//
// Everything here is a value or a plain data structure: no I/O, no clock, no
// goroutine, no randomness. It may be imported by every other package and
// imports none of them.
package delegation
