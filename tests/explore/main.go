package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"ironkv/ghost"
	"ironkv/ghost/judge"
	"ironkv/tests/exit"
	"ironkv/tests/explore/explorer"
	"ironkv/tests/explore/search"
)

// Garbage collection may cost less: what a search keeps, it keeps. It costs more
// where memory gets scarce.
const (
	gcPercent        = 400
	memoryLimitBytes = 14 << 30
)

// A job is a scope of hosts or of P, ready to be explored; or several of both, beside
// each other.
type job struct {
	name    string
	what    string
	deep    bool
	explore func(workers, maxStates int) (fmt.Stringer, search.Report, error)
}

func jobs() (list []job) {
	add := func(scopes []explorer.Scope, deep bool) {
		for _, s := range scopes {
			list = append(list, job{s.Name, s.String(), deep, func(workers, maxStates int) (fmt.Stringer, search.Report, error) {
				s.Workers, s.MaxStates = workers, maxStates
				r, err := explorer.Explore(s)
				return r, r.Report, err
			}})
		}
	}
	addProtocols := func(scopes []explorer.ProtocolScope, deep bool) {
		for _, s := range scopes {
			list = append(list, job{s.Name, s.String(), deep, func(workers, maxStates int) (fmt.Stringer, search.Report, error) {
				s.Workers, s.MaxStates = workers, maxStates
				r, err := explorer.ExploreProtocol(s)
				return r, r, err
			}})
		}
	}
	add(explorer.Scopes, false)
	addProtocols(explorer.Protocols, false)
	list = append(list, job{"allowed", "what P allows in small scopes, and how often hosts do it", false, func(workers, _ int) (fmt.Stringer, search.Report, error) {
		c, err := explorer.Compare(explorer.Compared, workers)
		return c, c.Report, err
	}})
	add(explorer.Deep, true)
	addProtocols(explorer.DeepProtocols, true)
	return list
}

func main() {
	deep := flag.Bool("deep", false, "the larger scopes")
	scope := flag.String("scope", "", "only the scope of this name")
	names := flag.Bool("list", false, "list the scopes")
	workers := flag.Int("workers", runtime.NumCPU(), "goroutines")
	maxStates := flag.Int("max-states", search.DefaultMaxStates, "fail beyond so many states")
	exit.Parse()
	if flag.NArg() > 0 || *workers < 1 || *maxStates < 1 {
		fmt.Fprintln(os.Stderr, "explore: -workers and -max-states are 1 or more, and nothing follows the flags")
		os.Exit(exit.Usage)
	}
	debug.SetGCPercent(gcPercent)
	debug.SetMemoryLimit(memoryLimitBytes)
	found, code := false, 0
	for _, j := range jobs() {
		switch {
		case *names:
			fmt.Printf("%s\tdeep=%t\t%s\n", j.name, j.deep, j.what)
			found = true
		case j.name == *scope || (*scope == "" && j.deep == *deep):
			found = true
			code = max(code, run(j, *workers, *maxStates))
		}
	}
	if !found {
		fmt.Fprintf(os.Stderr, "explore: there is no scope %q; -list names them\n", *scope)
		os.Exit(exit.Usage)
	}
	os.Exit(code)
}

func run(j job, workers, maxStates int) int {
	fmt.Printf("== %s (%s)\n", j.name, j.what)
	began := time.Now()
	text, r, err := j.explore(workers, maxStates)
	seconds := time.Since(began).Seconds()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Printf("%vin %.1f s: %.0f states/s, %.0f transitions/s, %d MiB from the system\n",
		text, seconds, float64(r.States)/seconds, float64(r.Transitions)/seconds, m.Sys>>20)
	var story *search.Counterexample
	switch {
	case errors.As(err, &story):
		fmt.Println("VIOLATION:", err)
		return codeOf(story)
	case err != nil:
		fmt.Fprintln(os.Stderr, "explore:", err)
		return exit.Failed
	}
	fmt.Print("complete\n\n")
	return 0
}

// codeOf is what the program exits with for a counterexample.
func codeOf(story *search.Counterexample) int {
	var v *judge.Violation
	switch {
	case !errors.As(story, &v): // a host panicked, or stopped by itself
		return exit.Crash
	case v.Name == ghost.Liveness.Name:
		return exit.Liveness
	}
	return exit.Safety
}
