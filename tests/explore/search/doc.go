// Package search is exhaustive breadth-first search over the states of any
// system: every state that can be reached is visited once, every transition is
// taken once, and the first violation found has a shortest trace.
//
// A system is given as functions ([Space]): its first states, the transitions
// out of a state, a canonical encoding, and what must hold. Two states with the
// same encoding are the same state, so the encoding has to hold everything that
// a transition or a check reads. States are told apart by 128 bits of SHA-256
// of it; a collision, which would hide a state, is not to be expected before
// 2^60 states (of n states the odds are n^2 to 2^129: of 30 million 1 to 10^24). Of a
// state that was visited its hash and the number of the state it
// was reached from are kept, 25 to 31 bytes (visits.go); of those that are still to be
// expanded, the state. A trace is found by walking there once more.
//
// A search that meets its bound on states is not a proof of anything and says so
// ([ErrIncomplete]). The order of the visit, and hence the report and the trace,
// depend only on the functions, not on the number of workers.
//
// The package knows no system; it may be imported by every test.
package search
