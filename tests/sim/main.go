// Sim runs the simulator from seeds: go run ./tests/sim -seed 1 -seeds 100.
// It exits with 0 where all is well, 3 for a crash, 4 for a safety violation, 5
// for a failure of liveness, and prints the command that repeats the run.
package main

import (
	"flag"
	"fmt"
	"os"

	"ironkv/tests/sim/sim"
)

func main() {
	seed := flag.Uint64("seed", 1, "the first seed")
	seeds := flag.Int("seeds", 1, "how many seeds")
	steps := flag.Int("steps", 4000, "steps of hosts of each run, before the network becomes fair")
	every := flag.Uint64("every", 1, "check all invariants at every so many steps")
	big := flag.Bool("big", false, "five hosts, eight clients, hundreds of keys")
	disk := flag.Bool("disk", false, "hosts on Pebble, on a file system in memory")
	wire := flag.String("wire", "values", "what packets travel as: values, bytes or datagrams")
	flag.Parse()
	o := sim.Options{Steps: *steps, Every: *every, Disk: *disk}
	if *big {
		o.Size = sim.Big
	}
	switch *wire {
	case "bytes":
		o.Wire = sim.Bytes
	case "datagrams":
		o.Wire = sim.Datagrams
	}
	var total uint64
	var checked, undecided int
	for i := range *seeds {
		o.Seed = *seed + uint64(i)
		r := sim.Run(o)
		total += r.Steps
		checked += r.Histories
		undecided += r.Undecided
		if r.Failure != nil {
			fmt.Printf("%v\nrepeat it: go run ./tests/sim %s\n", r.Failure, o.Flags())
			os.Exit(2 + int(r.Failure.Kind))
		}
	}
	fmt.Printf("%d seeds, %d steps, no violation; %d histories linearizable, %d too long to decide\n", *seeds, total, checked, undecided)
}
