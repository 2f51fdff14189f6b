// Package exit says with what the programs under tests end, so that whoever runs them
// can tell what they found. `go run` turns every code into 1: build them, as the
// Makefile does.
package exit

import (
	"errors"
	"flag"
	"os"
)

// Exit codes. A program that ends with 2 was ended by the Go runtime: it panicked.
const (
	// Failed says that a program could not do its work, or that it had a bound which
	// it met: nothing is known.
	Failed = 1
	// Crash says that the code under test panicked or a host stopped by itself,
	// Safety that something happened that must not, Liveness that something did not
	// happen that must.
	Crash    = 3
	Safety   = 4
	Liveness = 5
	// Usage says that the command line makes no sense (EX_USAGE of sysexits.h).
	Usage = 64
)

// Parse is flag.Parse, but for a command line that makes no sense: then the program
// ends with Usage.
func Parse() {
	flag.CommandLine.Init(os.Args[0], flag.ContinueOnError)
	switch err := flag.CommandLine.Parse(os.Args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(0)
	case err != nil: // it has been told
		os.Exit(Usage)
	}
}
