package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ironkv/delegation"
	"ironkv/tests/world"
)

// Bounds of growth.
const (
	growthMaxKeys       = 1_000_000
	growthMaxBoundaries = 1_000_000
	growthMaxClients    = 4096
	growthMaxHosts      = 64 // of a simulated cluster, a power of two
	growthDuration      = time.Second
	// growthValueBytes is how much the section values loads, keys left out.
	growthValueBytes = 256 << 20
	// growthLookups is how many lookups, and growthAssigns how many changes, of a
	// delegation map are timed together: a millisecond or two, so that the least of
	// growthRounds, each with other keys, is free of what else the machine does.
	growthLookups = 1 << 12
	growthAssigns = 1 << 8
	growthRounds  = 64
)

// growthSections are the parts of growth, in their order.
var growthSections = []string{"keys", "clients", "values", "moves", "boundaries", "hosts"}

// growthFlags are what growth is told.
type growthFlags struct {
	sections      []string
	plan          clusterPlan
	memory        bool
	maxKeys       uint64
	maxBoundaries int
	maxHosts      int
	duration      time.Duration
	output
}

func (a *app) growthCommand() *cobra.Command {
	var f growthFlags
	cmd := &cobra.Command{
		Use:   "growth",
		Short: "Measure how cost grows with what there is",
		Long: "Measure how cost grows with what there is, one thing at a time; the rest stays at 100,000 keys,\n" +
			"values of 128 bytes and 16 goroutines. Sections:\n\n" +
			"  keys        1,000 to --max-keys: gets, sets, scans of 1,000, resident memory per entry\n" +
			"  clients     1 to 4,096 goroutines: gets and sets\n" +
			"  values      0 bytes to 4 MiB: gets and sets\n" +
			"  moves       shards of 1,000 to --max-keys entries, under load: how long, p99, the longest stall, memory\n" +
			"  boundaries  10 to --max-boundaries of a delegation map: lookup and assign, in this process\n" +
			"  hosts       1 to --max-hosts, simulated: messages per get, put and move",
		Args: cobra.NoArgs,
		RunE: a.work(func(cmd *cobra.Command) error {
			if err := f.check(); err != nil {
				return err
			}
			a.running = true
			return a.growth(cmd.Context(), &f)
		}),
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&f.sections, "sections", growthSections, "which parts to measure")
	addClusterFlags(cmd, &f.plan, &f.memory, moveHosts)
	flags.Uint64Var(&f.maxKeys, "max-keys", growthMaxKeys, "the greatest number `N` of keys")
	flags.IntVar(&f.maxBoundaries, "max-boundaries", growthMaxBoundaries, "the greatest number `N` of boundaries")
	flags.IntVar(&f.maxHosts, "max-hosts", growthMaxHosts, "the greatest number `N` of simulated hosts")
	flags.DurationVar(&f.duration, "duration", growthDuration, "of one run")
	f.add(flags, "each section")
	return cmd
}

func (f *growthFlags) check() error {
	for _, s := range f.sections {
		if !slices.Contains(growthSections, s) {
			return fmt.Errorf("--sections: %q is none of %s", s, strings.Join(growthSections, ", "))
		}
	}
	switch {
	case f.plan.hosts < moveHosts || f.plan.hosts > maxHosts:
		return fmt.Errorf("--hosts: %d to %d", moveHosts, maxHosts)
	case f.maxHosts < 1 || f.maxHosts > growthMaxHosts:
		return fmt.Errorf("--max-hosts: 1 to %d", growthMaxHosts)
	case f.maxKeys < 1 || f.maxBoundaries < 1 || f.duration <= 0:
		return errors.New("--max-keys, --max-boundaries and --duration must be above 0")
	}
	return f.output.check()
}

// A growthPoint is what was measured at one size; a value of 0 was not.
type growthPoint struct {
	Size   uint64             `json:"size"`
	Values map[string]float64 `json:"values"`
}

// A growthSeries is one section: how the columns change with the size.
type growthSeries struct {
	Section string        `json:"section"`
	Size    string        `json:"size"` // what grows
	Columns []string      `json:"columns"`
	Points  []growthPoint `json:"points"`
}

// A growthReport is the JSON of growth.
type growthReport struct {
	Machine string          `json:"machine"`
	Series  []*growthSeries `json:"series"`
}

func (a *app) growth(ctx context.Context, f *growthFlags) error {
	report := &growthReport{Machine: machine()}
	var err error
	for _, section := range f.sections {
		var s *growthSeries
		if s, err = a.growthSection(ctx, f, section); err != nil {
			err = fmt.Errorf("%s: %w", section, err)
			break
		}
		report.Series = append(report.Series, s)
	}
	return a.printAfter(err, len(report.Series) > 0, func() error { return a.publish(report, f.output) })
}

func (a *app) growthSection(ctx context.Context, f *growthFlags, section string) (*growthSeries, error) {
	switch section {
	case "keys":
		return a.growKeys(ctx, f)
	case "clients":
		return a.growClients(ctx, f)
	case "values":
		return a.growValues(ctx, f)
	case "moves":
		return a.growMoves(ctx, f)
	case "hosts":
		return a.growHosts(f)
	}
	return a.growBoundaries(f)
}

// add notes a point, and tells of it.
func (a *app) add(s *growthSeries, size uint64, values map[string]float64) {
	s.Points = append(s.Points, growthPoint{Size: size, Values: values})
	line := fmt.Sprintf("growth  %s %d:", s.Size, size)
	for _, c := range s.Columns {
		line += fmt.Sprintf("  %s %s", c, shortNumber(values[c]))
	}
	a.progressf("%s", line)
}

// powers are 10^least and so on up to max.
func powers(least, most uint64) (out []uint64) {
	for n := least; n <= most; n *= 10 {
		out = append(out, n)
	}
	return out
}

// A growthCase is a fresh cluster with keys in it.
type growthCase struct {
	*servers
	store *ironkvStore
	load  workload
}

func (a *app) newGrowthCase(ctx context.Context, f *growthFlags, load workload) (*growthCase, error) {
	plan := f.plan
	if load.Op != opMixed {
		plan.hosts = 1
	}
	s, st, err := connect(ctx, nil, plan)
	if err != nil {
		return nil, err
	}
	c := &growthCase{servers: s, store: st, load: load}
	add, end := a.newBar("load", int(load.Keys), "keys")
	defer end()
	if err := fill(ctx, st, load, add); err != nil {
		return nil, errors.Join(fmt.Errorf("loading the keys: %w", err), c.close())
	}
	return c, nil
}

func (c *growthCase) close() error { return errors.Join(c.store.close(), c.stop()) }

// measure runs one operation in a closed loop.
func (c *growthCase) measure(ctx context.Context, f *growthFlags, op operation, clients int) (result, error) {
	load := c.load
	load.Op, load.ScanEntries = op, defaultScan
	r, err := loop{store: c.store, load: load, clients: clients}.measure(ctx, f.duration/4, f.duration, c.cpu)
	if n := r.failures(); err == nil && n > 0 {
		err = fmt.Errorf("%d of %d operations failed: %v", n, r.Ops+n, r.Errors)
	}
	return r, err
}

func (a *app) growKeys(ctx context.Context, f *growthFlags) (*growthSeries, error) {
	s := &growthSeries{Section: "keys", Size: "keys", Columns: []string{
		"get/s", "get p99 µs", "set/s", "set p99 µs", "scanned entries/s", "bytes per entry beyond key and value",
	}}
	for _, n := range powers(1000, f.maxKeys) {
		empty, err := a.newGrowthCase(ctx, f, workload{Op: opGet, ValueBytes: defaultValueBytes, Keys: 1, Distribution: uniform})
		if err != nil {
			return nil, err
		}
		before := empty.resident()
		if err := empty.close(); err != nil {
			return nil, err
		}
		c, err := a.newGrowthCase(ctx, f, workload{Op: opGet, ValueBytes: defaultValueBytes, Keys: n, Distribution: uniform})
		if err != nil {
			return nil, err
		}
		grown := float64(c.resident()) - float64(before)
		get, err1 := c.measure(ctx, f, opGet, defaultClients)
		set, err2 := c.measure(ctx, f, opSet, defaultClients)
		scan, err3 := c.measure(ctx, f, opScan, 1)
		if err := errors.Join(err1, err2, err3, c.close()); err != nil {
			return nil, err
		}
		values := map[string]float64{
			"get/s": get.Throughput, "get p99 µs": get.P99, "set/s": set.Throughput, "set p99 µs": set.P99,
			"scanned entries/s": scan.Throughput, // each entry counts as an operation
		}
		if n >= defaultKeys { // below, what the process needs anyway hides it
			values["bytes per entry beyond key and value"] = grown/float64(n) - defaultValueBytes - keyBytes
		}
		a.add(s, n, values)
	}
	return s, nil
}

func (a *app) growClients(ctx context.Context, f *growthFlags) (*growthSeries, error) {
	s := &growthSeries{Section: "clients", Size: "goroutines", Columns: []string{"get/s", "get p50 µs", "get p99 µs", "set/s", "set p50 µs", "set p99 µs"}}
	c, err := a.newGrowthCase(ctx, f, workload{Op: opGet, ValueBytes: defaultValueBytes, Keys: defaultKeys, Distribution: uniform})
	if err != nil {
		return nil, err
	}
	for n := 1; n <= growthMaxClients && err == nil; n *= 4 {
		get, err1 := c.measure(ctx, f, opGet, n)
		set, err2 := c.measure(ctx, f, opSet, n)
		if err = errors.Join(err1, err2); err == nil {
			a.add(s, uint64(n), map[string]float64{
				"get/s": get.Throughput, "get p50 µs": get.P50, "get p99 µs": get.P99,
				"set/s": set.Throughput, "set p50 µs": set.P50, "set p99 µs": set.P99,
			})
		}
	}
	return s, errors.Join(err, c.close())
}

func (a *app) growValues(ctx context.Context, f *growthFlags) (*growthSeries, error) {
	s := &growthSeries{Section: "values", Size: "bytes", Columns: []string{"get/s", "get MB/s", "get p99 µs", "set/s", "set MB/s", "set p99 µs"}}
	for _, n := range []int{0, 128, 1 << 10, 8 << 10, 64 << 10, 512 << 10, maxValueBytes} {
		load := workload{Op: opGet, ValueBytes: n, Keys: uint64(min(defaultKeys, growthValueBytes/max(1, n))), Distribution: uniform}
		c, err := a.newGrowthCase(ctx, f, load)
		if err != nil {
			return nil, err
		}
		get, err1 := c.measure(ctx, f, opGet, defaultClients)
		set, err2 := c.measure(ctx, f, opSet, defaultClients)
		if err := errors.Join(err1, err2, c.close()); err != nil {
			return nil, err
		}
		a.add(s, uint64(n), map[string]float64{
			"get/s": get.Throughput, "get MB/s": get.Throughput * float64(n) / 1e6, "get p99 µs": get.P99,
			"set/s": set.Throughput, "set MB/s": set.Throughput * float64(n) / 1e6, "set p99 µs": set.P99,
		})
	}
	return s, nil
}

func (a *app) growMoves(ctx context.Context, f *growthFlags) (*growthSeries, error) {
	s := &growthSeries{Section: "moves", Size: "entries", Columns: []string{
		"seconds", "entries/s", "throughput, share of before", "p99 before ms", "p99 during ms", "longest during ms", "resident, share of before",
	}}
	for _, n := range powers(1000, f.maxKeys) {
		flags := &moveFlags{plan: f.plan, clients: defaultClients, ratio: defaultRatio, distribution: uniform, rate: "yield", moves: 1, around: f.duration}
		r, err := a.moveIronkv(ctx, flags, shape{Keys: n, ValueBytes: defaultValueBytes})
		if err != nil {
			return nil, err
		}
		a.add(s, n, map[string]float64{
			"seconds": r.seconds().Median, "entries/s": r.entriesPerSecond(),
			"throughput, share of before": r.share(r.During),
			"p99 before ms":               r.Before.P99 / 1000, "p99 during ms": r.During.P99 / 1000, "longest during ms": r.During.Max / 1000,
			"resident, share of before": r.grew(),
		})
	}
	return s, nil
}

// growHosts counts messages in simulated clusters.
func (a *app) growHosts(f *growthFlags) (*growthSeries, error) {
	s := &growthSeries{Section: "hosts", Size: "hosts", Columns: []string{"messages per get", "per put", "per move", "entries moved, in chunks of 8"}}
	for n := 1; n <= f.maxHosts; n *= 2 {
		c, err := world.CostOf(n)
		if err != nil {
			return nil, err
		}
		values := map[string]float64{"messages per get": c.PerGet, "per put": c.PerPut, "per move": c.PerMove}
		if c.PerMove > 0 {
			values["entries moved, in chunks of 8"] = float64(c.Moved)
		}
		a.add(s, uint64(n), values)
	}
	return s, nil
}

// growBoundaries measures a delegation map by itself.
func (a *app) growBoundaries(f *growthFlags) (*growthSeries, error) {
	s := &growthSeries{Section: "boundaries", Size: "boundaries", Columns: []string{"lookup ns", "assign ns"}}
	for _, n := range powers(10, uint64(f.maxBoundaries)) {
		random := rand.New(rand.NewPCG(n, 1))
		key := func(i int) delegation.Key { return delegation.Key(appendKey(nil, uint64(i))) }
		between := func(i int) delegation.Range {
			return delegation.Range{From: delegation.At(key(2*i + 2)), Until: delegation.At(key(2*i + 4))}
		}
		m := delegation.NewMap(1)
		for _, i := range random.Perm(int(n) - 1) {
			if err := m.Assign(between(i), delegation.HostID(2+i%3)); err != nil {
				return nil, err
			}
		}
		keys := make([]delegation.Key, growthRounds*growthLookups)
		for i := range keys {
			keys[i] = key(random.IntN(2*int(n) + 2))
		}
		lookup, err := leastTime(func(round int) error {
			for _, k := range keys[round*growthLookups:][:growthLookups] {
				if m.Lookup(k) == 0 {
					return fmt.Errorf("key %v has no owner", k)
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		ranges := make([]delegation.Range, growthRounds*growthAssigns)
		for i := range ranges {
			ranges[i] = between(random.IntN(int(n)))
		}
		assign, err := leastTime(func(round int) error {
			for i, r := range ranges[round*growthAssigns:][:growthAssigns] {
				if err := m.Assign(r, delegation.HostID(5+i%2)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		a.add(s, n, map[string]float64{
			"lookup ns": float64(lookup.Nanoseconds()) / growthLookups,
			"assign ns": float64(assign.Nanoseconds()) / growthAssigns,
		})
	}
	return s, nil
}

// leastTime is the least that a piece of work takes, of growthRounds.
func leastTime(work func(round int) error) (time.Duration, error) {
	var least time.Duration
	for round := range growthRounds {
		start := time.Now()
		if err := work(round); err != nil {
			return 0, err
		}
		if took := time.Since(start); round == 0 || took < least {
			least = took
		}
	}
	return least, nil
}
