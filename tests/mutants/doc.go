// Command mutants seeds faults into the shipped code, one at a time, and sees that
// the judge or a test catches each.
//
//	go run ./tests/mutants                # all of them
//	go run ./tests/mutants -only '^map-'  # those whose names match
//	go run ./tests/mutants -part 2/3      # every third, from the second on
//	go run ./tests/mutants -by sim        # those that a check is tried on first
//	go run ./tests/mutants -list          # what there is
//	go run ./tests/mutants -story -only N # how N is caught: what the checks print, with a story
//
// A mutant is a text to find, exactly once, in one file, and what replaces it. The
// tree is not touched: the go command is given the changed file as an overlay. A
// text that is not there, or there twice, and a mutant that does not compile are
// faults of the list, and fail the run.
//
// Checks are tried in turn until one fails: that one has caught the mutant. They are
//
//	sim        seeds of the simulator, in rotation (tests/sim): invariants, refinement,
//	           linearizability, liveness
//	explore    the complete scopes (tests/explore)
//	chaos      a round or some of real processes (tests/chaos), of mutants that name it only:
//	           it has to end with the exit code of a violation of safety. Whether a few rounds
//	           come to see the fault is chance: such mutants are tried by name, in no part
//	./package  the tests of a package, -short; ./package:Name only those so named
//
// The check that a mutant names comes first, then those of its directory. Each is
// run on the tree as it is, too, before it is believed: a check that fails there
// proves nothing of a mutant. Nor does one that ends for a bound of its own: a search of
// the explorer that is incomplete has caught nothing.
//
// A mutant may name the invariant that has to be violated: each invariant of the
// judge is named by one. What is found then has to be that, by its name.
//
// The output is a table: mutant, the check that caught it, which invariant, conjunct
// or test, and after how much: runs and steps of the simulator (with its flags for that
// run: they repeat it on a tree into which the mutant was put), steps of the explorer's
// trace and states that it had seen, or tests that had passed, and how long. Exit code
// 1 says that a mutant survived, 2 that the list or the tree is at fault, 64 that the
// command line is.
package main
