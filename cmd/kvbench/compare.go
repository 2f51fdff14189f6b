package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// Defaults of compare.
const (
	compareDuration = time.Second
	compareWarmup   = 200 * time.Millisecond
	compareRuns     = 3
	// compareBytes bounds what is loaded into a store at once, keys and values.
	compareBytes = 2 << 30
	// compareBatch is how many operations go together in the section batch.
	compareBatch = 64
	// millionKeys is the larger number of keys.
	millionKeys = 1_000_000
)

// compareFlags are what compare is told.
type compareFlags struct {
	sections         []string
	systems          []string
	values, clients  []int
	batchClients     []int
	keys             []int64
	distributions    []string
	runs             int
	duration, warmup time.Duration
	kvd, peer        string
	ioThreads        int
	full             bool
	output
}

// sectionNames are the parts of a comparison, in their order.
var sectionNames = []string{"memory", "batch", "scan", "durable", "space"}

func (a *app) compareCommand() *cobra.Command {
	var f compareFlags
	cmd := &cobra.Command{
		Use:   "compare",
		Short: "Measure ironkv and Redis or Valkey side by side",
		Long: "Measure ironkv and Redis or Valkey side by side: one host and one server process on\n" +
			"loopback, the same closed loops from this program, runs interleaved. Beside them stands the\n" +
			"echo limit: a null server behind ironkv's socket layer, asked by ironkv's client. Sections:\n\n" +
			"  memory   gets and sets, nothing is kept on disk; go-redis with its default pool, and rueidis,\n" +
			"           which pipelines by itself (client-side cache off)\n" +
			"  batch    64 gets or sets together, a million keys; pipelines of both clients, and redis-benchmark -P 64\n" +
			"  scan     1,000 entries per scan (SCAN and MGET: Redis has no order)\n" +
			"  durable  sets, synced before they are answered; appendfsync always; etcd where it is on PATH\n" +
			"  space    memory per entry of 128 bytes beyond key and value",
		Args: cobra.NoArgs,
		RunE: a.work(func(cmd *cobra.Command) error {
			if err := f.check(); err != nil {
				return err
			}
			peer, err := findRedis(f.peer)
			if err != nil {
				return err
			}
			f.peer = peer
			a.running = true
			return a.compare(cmd.Context(), &f)
		}),
	}
	f.add(cmd)
	return cmd
}

func (f *compareFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringSliceVar(&f.sections, "sections", sectionNames, "which parts to measure")
	flags.StringSliceVar(&f.systems, "systems", systemNames, "which systems to measure, ironkv among them")
	flags.IntSliceVar(&f.values, "values", []int{128, 1024, 8192}, "lengths of values in `BYTES`")
	flags.IntSliceVar(&f.clients, "clients", []int{1, 16, 64, 256, 1024}, "numbers `N` of goroutines")
	flags.IntSliceVar(&f.batchClients, "batch-clients", []int{1, 16}, "numbers `N` of goroutines with batches")
	flags.Int64SliceVar(&f.keys, "keys", []int64{1000}, "numbers `N` of keys")
	flags.StringSliceVar(&f.distributions, "distributions", []string{string(uniform)}, "uniform, zipf, or both")
	flags.BoolVar(&f.full, "full", false, "as --keys 1000,1000000 --distributions uniform,zipf")
	flags.IntVar(&f.runs, "runs", compareRuns, "measure everything `N` times, interleaved; medians count")
	flags.DurationVar(&f.duration, "duration", compareDuration, "of one run")
	flags.DurationVar(&f.warmup, "warmup", compareWarmup, "before each run")
	flags.StringVar(&f.kvd, "kvd", "", "the `PATH` of kvd; left out: beside kvbench, on PATH, or a host within this process")
	flags.StringVar(&f.peer, "peer-bin", "", "the `PATH` of redis-server or valkey-server; left out: on PATH")
	flags.IntVar(&f.ioThreads, "io-threads", 0, "the peer's `N` threads for its sockets; 0: whichever is faster, one or as many as there are cores")
	f.output.add(flags, "throughput against goroutines")
}

func (f *compareFlags) check() error {
	if f.full {
		f.keys, f.distributions = []int64{1000, millionKeys}, []string{string(uniform), string(zipf)}
	}
	for _, s := range f.sections {
		if !slices.Contains(sectionNames, s) {
			return fmt.Errorf("--sections: %q is none of %s", s, strings.Join(sectionNames, ", "))
		}
	}
	for _, s := range f.systems {
		if !slices.Contains(systemNames, s) {
			return fmt.Errorf("--systems: %q is none of %s", s, strings.Join(systemNames, ", "))
		}
	}
	if !slices.Contains(f.systems, sysIronkv) {
		return errors.New("--systems: the others are compared with ironkv, which is missing")
	}
	for _, d := range f.distributions {
		if err := new(distribution).Set(d); err != nil {
			return fmt.Errorf("--distributions: %w", err)
		}
	}
	for _, n := range slices.Concat(f.clients, f.batchClients) {
		if n < 1 || n > maxClients {
			return fmt.Errorf("--clients: each 1 to %d", maxClients)
		}
	}
	for _, n := range f.values {
		if n < 0 || n > maxValueBytes {
			return fmt.Errorf("--values: each 0 to %d bytes", maxValueBytes)
		}
	}
	for _, n := range f.keys {
		if n < 1 {
			return errors.New("--keys: each at least 1")
		}
	}
	switch {
	case f.ioThreads < 0:
		return errors.New("--io-threads: 0 or more")
	case f.runs < 1 || f.duration <= 0 || f.warmup < 0:
		return errors.New("--runs and --duration must be above 0, --warmup not below")
	}
	return f.output.check()
}

// A compareReport is the JSON of compare.
type compareReport struct {
	Machine  string            `json:"machine"`
	Started  time.Time         `json:"started"`
	Runs     int               `json:"runs"`
	Duration float64           `json:"seconds_per_run"`
	Servers  map[string]string `json:"servers"`
	Peer     string            `json:"peer,omitempty"` // its settings, and how they were found
	Cases    []*comparison     `json:"cases"`
	Space    []spaceResult     `json:"space,omitempty"`
	Skipped  []string          `json:"skipped,omitempty"`
}

func (a *app) compare(ctx context.Context, f *compareFlags) error {
	report := &compareReport{
		Machine: machine(), Started: time.Now().UTC(), Runs: f.runs, Duration: f.duration.Seconds(), Servers: map[string]string{},
	}
	if slices.ContainsFunc(f.systems, func(s string) bool { return serverOf(s) == "redis" }) {
		if err := a.chooseIOThreads(ctx, f, report); err != nil {
			return fmt.Errorf("the peer's settings: %w", err)
		}
	}
	err := a.compareAll(ctx, f, report)
	return a.printAfter(err, len(report.Cases)+len(report.Space) > 0, func() error { return a.publish(report, f.output) })
}

// compareAll measures all sections, each case of which is in the report when it is done.
func (a *app) compareAll(ctx context.Context, f *compareFlags, report *compareReport) error {
	cases := f.cases(report)
	total := 0
	for _, c := range cases {
		total += f.runs * len(c.systems)
	}
	add, end := a.newBar("compare", total, "runs")
	defer end()
	for _, section := range sectionNames {
		var of []*comparison
		for _, c := range cases {
			if c.Section == section {
				of = append(of, c)
			}
		}
		if len(of) == 0 {
			continue
		}
		if err := a.compareSection(ctx, f, report, of, add); err != nil {
			return fmt.Errorf("section %s: %w", section, err)
		}
	}
	if slices.Contains(f.sections, "space") {
		if err := a.compareSpace(ctx, f, report); err != nil {
			return fmt.Errorf("section space: %w", err)
		}
	}
	return nil
}

// compareSection starts the servers that the cases need, and measures the cases.
func (a *app) compareSection(ctx context.Context, f *compareFlags, report *compareReport, cases []*comparison, done func(int)) (err error) {
	var values []int
	for _, c := range cases {
		if !slices.Contains(values, c.Workload.ValueBytes) {
			values = append(values, c.Workload.ValueBytes)
		}
	}
	systems, err := startSystems(ctx, f, cases[0].Section, cases[0].systems, values)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, systems.stop()) }()
	for name, s := range systems.servers {
		report.Servers[cases[0].Section+" "+name] = s.note
	}
	var filled workload
	for _, c := range cases {
		if c.Workload.Keys != filled.Keys || c.Workload.ValueBytes != filled.ValueBytes {
			if err := systems.fill(ctx, c.Workload); err != nil {
				return err
			}
			filled = c.Workload
		}
		if err := c.measure(ctx, f, systems, done); err != nil {
			return err
		}
		a.progressf("%s", c.summary())
		report.Cases = append(report.Cases, c)
	}
	return nil
}
