// Chaos runs clusters of real kvd processes on real directories, behind a relay
// that spoils their datagrams, kills and stops them, moves ranges among them, and
// checks that clients never saw anything that one table would not have said.
//
//	go run ./tests/chaos -duration 1m -seed 1 -hosts 3
//
// # What is done to the hosts
//
// Each host listens on a port of its own and is known to all by a port of the
// relay, which carries every datagram, between hosts and from and to clients,
// over links with faults of their own. Hosts are killed and stopped; their disks
// are full, where a small file system can be mounted (with -require-disks it has
// to be), and slow, where kvd was built by chaos itself. The schedule of a round
// is drawn from the seed and printed before the round; which datagrams suffer,
// and where in the hosts' work a fault hits, is up to the machine, so that a seed
// repeats the plan and not the run. Ranges are moved, and moves paused, resumed,
// throttled and cancelled, all the time.
//
// # What is checked
//
// After each round everything is healed, every move has to end, and the audit has
// to pass. Then, from one scan of all keys: registers (histories per key, by
// porcupine), counters (increments under a condition: their sum is exact), a bank (its
// total), sets (every acknowledged element, nothing invented), and entries that nobody
// writes. During the round scans have to be complete. Every other cluster writes
// journals: those of all lives so far are verified after each round, for which the hosts
// are stopped in order and started again.
//
// # Other runs
//
// With -kills N hosts are killed N times, each as soon as the one before serves
// again and while ranges move; journals are verified at the end. With -soak one cluster
// lives for the whole duration, without journals, which would fill the disk; its data grow
// and shrink, also while all these faults strike, and its hosts' goroutines, memory, open
// files and disks have to return to the level of the first cycles: it prints both.
//
// # Time
//
// A round's faults take the time that is drawn. But nothing fails for being slow:
// what has to come once everything is healed has five minutes.
//
// A violation ends the run and leaves logs, journals and data directories in a
// directory that it names; otherwise nothing is left. The exit code is 3 for a host
// that ended by itself, 4 for a violation of safety, 5 for one of liveness, 64 for a
// wrong command line, 1 for anything else that went wrong (package tests/exit; `go run`
// makes 1 of any of them).
package main
