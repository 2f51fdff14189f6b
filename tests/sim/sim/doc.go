// Package sim is the simulator: a world of real hosts (tests/world) under an
// adversary that draws each event from a seed, and under the judge (ghost), which
// checks every step of every host.
//
// # What the adversary does
//
// It delivers packets in any order, loses, doubles and replays them, forges them,
// damages their bytes, and cuts links of hosts, to each other and to clients, or all
// links of one, one way or both. It crashes hosts before a commit, between commit and
// sending, and at rest, and starts them again; lets clocks leap; fills disks; lets
// clients write, read, scan, give up, close their sessions, and order moves that
// contradict one another, pause, resume, cancel and throttle them. Each seed has its
// own mix of this, with some of it left out (the idea of swarm testing, Groce et al.,
// ISSTA 2012).
//
// # What is checked
//
// [ghost.Checker] at every step: refinement, and by [Options.Every] all
// invariants; every reply against the spec. Histories of clients, per key, by
// porcupine, which knows nothing of hosts. At the end the faults cease, and every
// request has to be answered and every move to end within a bound.
//
// The same [Options] give the same run, bit for bit ([Result.Hash]), on stores in
// memory and on disk alike. A failing run is shrunk to a short story ([Shrink]), in
// which of one that does not come to its end a fair network does what it can ("settle").
// Only tests/sim imports this package.
package sim
