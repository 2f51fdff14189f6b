// Package judge holds what every system under the judge shares, whatever the
// system is: an invariant as a value ([Invariant]), the table of the actions
// that were seen ([Coverage]), the reduction obligation of a step and the
// commuting of an interleaved run into atomic steps ([Reduce]); and a sorted set
// that is persistent, hence cheap to keep ([Tree]).
//
// Sources: IronFleet (SOSP 2015), section 3 (layers and refinement) and section
// 3.6 (reduction); Common/Framework/Host.s.dfy, whose HostNextImpl demands of
// each step that receives precede at most one reading of the clock, and that
// precedes the sends.
//
// It imports the standard library alone, does no I/O, and may be imported by
// everything in ghost and in tests.
package judge
