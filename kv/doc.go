// Package kv is the host: the efficient, sequential state machine that owns key
// ranges, answers clients, and moves shards (IronFleet, section 5.2;
// Protocol/SHT/Host.i.dfy).
//
// # The caller's contract, in the order in which it is needed
//
//  1. Load the durable [State] from a store, or make a new one with [NewState].
//     Build the host with [New].
//  2. Call [Host.Step] with one [Input] at a time: a packet that was received, a
//     timer that is due ([Host.Deadline]), or how much room the store has.
//     Step never blocks and never fails; it changes the [Store] it was given,
//     and appends what is to be sent to [Effects].
//  3. Commit the store. Only when it is durable may anything of Effects leave,
//     in the order of steps: nothing leaves the host before what it says is safe.
//  4. If [Effects.Halt] is set, stop: the host may not go on (it says why).
//
// The machine reads no clock (time is an argument that never decreases), draws
// no randomness (secrets are part of the state), starts no goroutine, and lets
// no Go map's order show: the same state and inputs give the same outputs, bit
// for bit. That is what makes it testable, replayable, explorable, and
// replicable. It deals in message values, never in bytes.
//
// Inputs may share memory with a datagram; the machine copies what it keeps.
// Values of Effects share memory with the table, which never changes a value
// in place, so they stay valid after the step.
//
// kv imports marshal, udp/delivery and delegation, and nothing that does I/O.
package kv
