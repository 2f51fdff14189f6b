package sim

import "testing"

// BenchmarkStep is a step of a host under the adversary, with everything that the
// simulator does about it: invariants at each step, or at every 1,000th.
func BenchmarkStep(b *testing.B) {
	for _, mode := range []struct {
		name string
		o    Options
	}{
		{"small/full", Options{Every: 1}}, {"small/sampled", Options{Every: 1000}}, {"big/sampled", Options{Size: Big, Every: 1000}},
		{"small/full/datagrams", Options{Every: 1, Wire: Datagrams}}, {"small/full/disk", Options{Every: 1, Disk: true}},
	} {
		b.Run(mode.name, func(b *testing.B) {
			b.ReportAllocs()
			for steps := 0; steps < b.N; mode.o.Seed++ {
				o := mode.o
				o.Steps = min(b.N-steps, 20_000)
				r := Run(o)
				if r.Failure != nil {
					b.Fatal(r.Failure)
				}
				steps += int(r.Steps)
			}
		})
	}
}
