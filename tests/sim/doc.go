// Sim runs the simulator (tests/sim/sim) from seeds:
//
//	go run ./tests/sim -seed 7 -steps 100000      one run
//	go run ./tests/sim -seeds 520 -rotate         what CI runs: sizes, wires, stores in turn
//
// It exits with 0 where all is well, 3 for a crash, 4 for a violation of safety, 5
// for one of liveness, and then prints the command that repeats the run, a shrunk
// story, and the command that runs the story's events alone (-only); with 64 for a wrong
// command line (package tests/exit; `go run` makes 1 of any of them). The same command is
// the same run.
package main
