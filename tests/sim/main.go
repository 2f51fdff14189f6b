package main

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"ironkv/kv"
	"ironkv/tests/exit"
	"ironkv/tests/sim/sim"
)

// gcPercent trades memory, of which runs need little, for time.
const gcPercent = 2000

// settings are what the command line says.
type settings struct {
	sim.Options
	seeds           int
	rotate, seen    bool
	shrink, verbose bool
	// only are the events to run alone, empty for all.
	only    []int
	packets bool
}

func main() {
	list, s, err := parse()
	if err != nil {
		fmt.Fprintln(os.Stderr, "sim:", err)
		os.Exit(exit.Usage)
	}
	debug.SetGCPercent(gcPercent)
	if len(s.only) > 0 {
		os.Exit(runOnly(list[0], s))
	}
	os.Exit(run(list, s))
}

func parse() ([]sim.Options, settings, error) {
	var s settings
	flag.Uint64Var(&s.Seed, "seed", 1, "the first seed")
	flag.IntVar(&s.seeds, "seeds", 1, "how many seeds")
	flag.IntVar(&s.Steps, "steps", 4000, "steps of hosts of each run, before the network becomes fair")
	flag.Uint64Var(&s.Every, "every", 1, "check all invariants at every so many steps")
	flag.BoolVar(&s.Disk, "disk", false, "hosts on Pebble, on a file system in memory")
	flag.BoolVar(&s.rotate, "rotate", false, "sizes, wires and stores in turn, by the seed; -every, -disk, -big and -wire say nothing then")
	flag.BoolVar(&s.seen, "seen", false, "print what was seen of events, actions and reasons, and what never was")
	flag.BoolVar(&s.shrink, "shrink", true, "shrink a failing run to a short story")
	flag.BoolVar(&s.verbose, "v", false, "tell of progress")
	only := flag.String("only", "", "of one failing run only these events, as a shrunk story is repeated: 3,5-9,settle,12")
	flag.BoolVar(&s.packets, "packets", false, "with -only: packets arrive by themselves, without the faults on their way, at hosts in memory")
	big := flag.Bool("big", false, "five hosts, eight clients, hundreds of keys")
	wire := flag.String("wire", "values", "what packets travel as: values, bytes or datagrams")
	exit.Parse()
	if *big {
		s.Size = sim.Big
	}
	known := false
	for _, w := range []sim.Wire{sim.Values, sim.Bytes, sim.Datagrams} {
		if w.String() == *wire {
			s.Wire, known = w, true
		}
	}
	if !known {
		return nil, s, fmt.Errorf("-wire %s: there are values, bytes and datagrams", *wire)
	}
	if s.seeds < 1 || s.Steps < 0 || flag.NArg() > 0 {
		return nil, s, fmt.Errorf("-seeds is 1 or more, -steps 0 or more, and nothing follows the flags")
	}
	if *only != "" {
		var err error
		if s.only, err = parseOnly(*only); err != nil {
			return nil, s, err
		}
	}
	if s.packets && *only == "" || *only != "" && (s.seeds > 1 || s.rotate) {
		return nil, s, fmt.Errorf("-packets goes with -only, and -only with one seed, without -rotate")
	}
	var list []sim.Options
	for i := range s.seeds {
		o := s.Options
		o.Seed += uint64(i)
		if s.rotate {
			o = sim.Rotate(o.Seed, s.Steps)
		}
		list = append(list, o)
	}
	return list, s, nil
}

// A strength is what runs whose speeds may be compared have in common.
type strength struct {
	every uint64
	disk  bool
	wire  sim.Wire
}

// byStrength splits the list into runs of one strength each, those that check all
// invariants most often first.
func byStrength(list []sim.Options) (parts [][]sim.Options) {
	of := map[strength][]sim.Options{}
	for _, o := range list {
		k := strength{o.Every, o.Disk, o.Wire}
		of[k] = append(of[k], o)
	}
	order := func(a, b strength) int {
		switch {
		case a.every != b.every:
			return cmp.Compare(a.every, b.every)
		case a.disk != b.disk && a.disk:
			return 1
		case a.disk != b.disk:
			return -1
		}
		return cmp.Compare(a.wire, b.wire)
	}
	for _, k := range slices.SortedFunc(maps.Keys(of), order) {
		parts = append(parts, of[k])
	}
	return parts
}

// speed says how fast runs of one strength were.
func speed(o sim.Options, steps uint64, seconds float64) string {
	store := "in memory"
	if o.Disk {
		store = "on disk"
	}
	return fmt.Sprintf("  all invariants at one step of %d, %s, %v: %d steps in %.1f s of processor time, %.0f/s on one core",
		o.Every, store, o.Wire, steps, seconds, float64(steps)/seconds)
}

func run(list []sim.Options, s settings) int {
	began := time.Now()
	t, parts := sim.NewTotal(), []string{}
	for _, part := range byStrength(list) {
		if t.Failed != nil {
			break
		}
		before, known := cpuSeconds()
		p := sim.RunAll(part, func(t *sim.Total) {
			if s.verbose && t.Runs%50 == 0 {
				fmt.Printf("%d runs, %d steps\n", t.Runs, t.Steps)
			}
		})
		t.Add(p)
		if after, _ := cpuSeconds(); known {
			parts = append(parts, speed(part[0], p.Steps, after-before))
		}
	}
	seconds := time.Since(began).Seconds()
	fmt.Printf("%d runs, %d steps of hosts in %.1f s (%.0f/s): %d actions of P, %d requests, %d delegates, all invariants at %d steps; "+
		"histories of %d keys linearizable, of %d too long to decide; the longest wait of a fair end took %d events and %d s\n",
		t.Runs, t.Steps, seconds, float64(t.Steps)/seconds, t.Counts.Actions, t.Counts.Requests, t.Counts.Delegates, t.Counts.Cuts,
		t.Histories, t.Undecided, t.Waited.Events, t.Waited.Span/kv.Second)
	for _, line := range parts {
		fmt.Println(line)
	}
	fmt.Printf("  hash of all that hosts were given and sent: %s\n", t.Hash)
	if s.seen {
		fmt.Print(t.Seen)
	}
	if t.Failed == nil {
		return lacks(t, s)
	}
	r := t.Failed
	fmt.Printf("\n%v\nrepeat it: go run ./tests/sim %s\n", r.Failure, r.Options.Flags())
	if s.shrink {
		short := sim.Shrink(r.Options, func(text string) { fmt.Fprintln(os.Stderr, "shrinking:", text) })
		fmt.Printf("\nthe shortest story found of a failure of this kind:\n\n%s\n%s", short.Story(), howToRepeat(short))
	}
	return codeOf(r.Failure.Kind)
}

const (
	// seesAll is from how many runs in rotation on all that can be seen has to be: the
	// rarest of it the 520 runs of CI see 24 times.
	seesAll = 500
	// undecidedShare is of how many histories one may be left undecided.
	undecidedShare = 1000
)

// lacks is what the program exits with where no run failed: not with 0 where they
// say too little.
func lacks(t *sim.Total, s settings) (code int) {
	if t.Undecided*undecidedShare > t.Histories {
		fmt.Printf("\nof more than one history in %d nobody knows whether it is linearizable\n", undecidedShare)
		code = exit.Failed
	}
	if never := t.Seen.Never(); s.rotate && t.Runs >= seesAll && len(never) > 0 {
		fmt.Printf("\nnever seen, so nothing is known of it: %q\n", never)
		code = exit.Failed
	}
	return code
}

// howToRepeat is the command that runs the story alone.
func howToRepeat(r *sim.Result) string {
	packets := ""
	if r.Packets {
		packets = "-packets "
	}
	return fmt.Sprintf("repeat the story: go run ./tests/sim %s %s-only %s\n", r.Options.Flags(), packets, formatOnly(r.Indices()))
}

// runOnly runs some events of a run that fails, and tells them.
func runOnly(o sim.Options, s settings) int {
	r, err := sim.Replay(o, s.only, s.packets)
	if err != nil {
		fmt.Fprintln(os.Stderr, "sim:", err)
		return exit.Usage
	}
	fmt.Print(r.Story())
	if r.Failure == nil {
		fmt.Println("---- these events do not make it fail")
		return 0
	}
	return codeOf(r.Failure.Kind)
}

// codeOf is what the program exits with for a failure of the kind.
func codeOf(k sim.Kind) int {
	return map[sim.Kind]int{sim.Crash: exit.Crash, sim.Safety: exit.Safety, sim.Liveness: exit.Liveness}[k]
}
