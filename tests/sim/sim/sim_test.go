package sim

import "testing"

// Every seed is a cluster under an adversary, with refinement and all invariants
// checked at every step.
func TestSeeds(t *testing.T) {
	seeds := uint64(60)
	if testing.Short() {
		seeds = 5
	}
	for seed := uint64(1); seed <= seeds; seed++ {
		o := Options{Seed: seed, Steps: 2000, Every: 1, Wire: Wire(seed % 2)}
		if r := Run(o); r.Failure != nil {
			t.Errorf("%v\nrepeat it: go run ./tests/sim %s", r.Failure, o.Flags())
		}
	}
}

// The same seed is the same run, bit for bit, on both stores.
func TestSameSeedSameRun(t *testing.T) {
	o := Options{Seed: 7, Steps: 1000, Every: 1, Wire: Bytes}
	first, again := Run(o), Run(o)
	o.Disk = true
	disk := Run(o)
	if first.Hash != again.Hash || first.Hash != disk.Hash {
		t.Fatalf("hashes differ: %s, %s, on disk %s", first.Hash, again.Hash, disk.Hash)
	}
	o.Seed = 8
	if Run(o).Hash == first.Hash {
		t.Fatal("another seed has the same hash: it does not cover the run")
	}
}
