// Package world is a cluster in a bottle: real host machines (kv.Host) on
// crashable stores, model clients, and a network that is a list of packets,
// with nothing happening by itself. Whoever drives it chooses each event:
// which packet is delivered, lost or doubled, which host's timer fires, which
// host crashes. The simulator draws the choices from a seed, the explorer tries
// them all, stories write them down.
//
// It does no I/O and reads no clock; a world can be cloned, and encodes
// canonically. It may be imported by everything under tests.
package world
