package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"ironkv/kv/client"
)

// Defaults of the loops.
const (
	defaultClients    = 16
	defaultValueBytes = 128
	defaultKeys       = 100_000
	defaultDuration   = 5 * time.Second
	defaultWarmup     = time.Second
	defaultScan       = 1000
	defaultRatio      = 0.5
)

// loopFlags are what get, set, mixed and scan are told.
type loopFlags struct {
	workload
	addrs            []string
	plan             clusterPlan
	memory           bool
	clients          int
	duration, warmup time.Duration
	rate             float64
	noFill           bool
	profile          string
}

func (a *app) loopCommand(op operation, short string) *cobra.Command {
	f := loopFlags{workload: workload{Op: op, Distribution: uniform}}
	cmd := &cobra.Command{
		Use: string(op), Short: short, Args: cobra.NoArgs,
		Long: short + ", in a closed loop, or with --rate in an open one, against --addr or a cluster that is\nstarted for it. The keys are loaded first.",
		RunE: a.work(func(cmd *cobra.Command) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			a.running = true
			return a.single(cmd.Context(), &f)
		}),
	}
	f.add(cmd)
	return cmd
}

func (f *loopFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringSliceVar(&f.addrs, "addr", nil, "measure the cluster at `HOST:PORT,...` instead of one of its own")
	addClusterFlags(cmd, &f.plan, &f.memory, 1)
	flags.IntVar(&f.clients, "clients", defaultClients, "`N` goroutines that ask at the same time")
	flags.IntVar(&f.ValueBytes, "value-size", defaultValueBytes, "values of `BYTES`")
	flags.Uint64Var(&f.Keys, "keys", defaultKeys, "`N` different keys")
	flags.VarP(&f.Distribution, "distribution", "", "uniform or zipf")
	flags.DurationVar(&f.duration, "duration", defaultDuration, "measure for so long")
	flags.DurationVar(&f.warmup, "warmup", defaultWarmup, "and before that, warm up for so long")
	flags.Float64Var(&f.rate, "rate", 0, "open loop: `OPS` operations are due per second, latency counts from then; 0: closed loop")
	flags.StringVar(&f.profile, "profile", "", "write CPU profiles of this program and of the first host that it starts into `DIR`")
	flags.BoolVar(&f.noFill, "no-fill", false, "the keys are there already: do not load them")
	switch f.Op {
	case opMixed:
		flags.Float64Var(&f.Ratio, "ratio", defaultRatio, "the `SHARE` of gets, 0 to 1")
		flags.IntVar(&f.Batch, "batch", 0, "send `N` operations together")
	case opScan:
		flags.IntVar(&f.ScanEntries, "entries", defaultScan, "read `N` entries per scan")
	case opGet, opSet:
		flags.IntVar(&f.Batch, "batch", 0, "send `N` operations together")
	}
}

func addClusterFlags(cmd *cobra.Command, plan *clusterPlan, memory *bool, hosts int) {
	flags := cmd.Flags()
	flags.IntVar(&plan.hosts, "hosts", hosts, "start a cluster of `N` hosts")
	flags.BoolVar(memory, "memory", false, "the hosts keep everything in memory (the default)")
	flags.BoolVar(&plan.disk, "disk", false, "the hosts keep everything on disk")
	flags.StringVar(&plan.kvd, "kvd", "", "the `PATH` of kvd; left out: beside kvbench, on PATH, or hosts within this process")
	cmd.MarkFlagsMutuallyExclusive("memory", "disk")
}

// maxClients bounds the goroutines of a loop, and maxHosts the hosts it starts.
const (
	maxClients = 1 << 16
	maxHosts   = 64
)

func (f *loopFlags) check(cmd *cobra.Command) error {
	switch {
	case f.clients < 1 || f.clients > maxClients:
		return fmt.Errorf("--clients: 1 to %d", maxClients)
	case f.plan.hosts < 1 || f.plan.hosts > maxHosts:
		return fmt.Errorf("--hosts: 1 to %d", maxHosts)
	case f.duration <= 0 || f.warmup < 0:
		return fmt.Errorf("--duration must be above 0, --warmup not below")
	case f.rate < 0:
		return fmt.Errorf("--rate: 0 or more operations per second")
	case len(f.addrs) > 0 && (cmd.Flags().Changed("hosts") || f.plan.disk || f.memory || f.plan.kvd != ""):
		return errors.New("--addr names a cluster that runs: leave out --hosts, --memory, --disk and --kvd")
	}
	return f.workload.check()
}

// connect reaches the cluster at addrs, or starts one.
func connect(ctx context.Context, addrs []string, plan clusterPlan) (*servers, *ironkvStore, error) {
	s := &servers{addrs: addrs, note: "a running cluster"}
	if len(addrs) == 0 {
		var err error
		if s, err = startIronkv(ctx, plan); err != nil {
			return nil, nil, err
		}
	}
	timeout := startTimeout
	if len(addrs) > 0 {
		timeout = client.DefaultTimeout // it runs, or it does not
	}
	dialCtx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	store, err := dialIronkv(dialCtx, s.addrs)
	if err != nil {
		return nil, nil, errors.Join(err, s.stop())
	}
	return s, store, nil
}

// A singleReport is the JSON of get, set, mixed and scan.
type singleReport struct {
	Workload workload `json:"workload"`
	Clients  int      `json:"clients"`
	Rate     float64  `json:"rate,omitempty"`
	Servers  string   `json:"servers"`
	Machine  string   `json:"machine"`
	Result   result   `json:"result"`
}

func (a *app) single(ctx context.Context, f *loopFlags) (err error) {
	f.plan.profiled = f.profile != ""
	s, store, err := connect(ctx, f.addrs, f.plan)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.close(), s.stop()) }()
	if !f.noFill {
		add, end := a.newBar("load", int(f.Keys), "keys")
		err = fill(ctx, store, f.workload, add)
		end()
		if err != nil {
			return fmt.Errorf("loading the keys: %w", err)
		}
	}
	a.progressf("%s for %v with %d clients: %s", f.Op, f.duration, f.clients, s.note)
	l := loop{store: store, load: f.workload, clients: f.clients, rate: f.rate}
	var r result
	err = profile(ctx, f.profile, s.profiles, f.warmup+f.duration, func() (err error) {
		r, err = l.measure(ctx, f.warmup, f.duration, s.cpu)
		return err
	})
	return a.printAfter(err, r.Ops > 0, func() error {
		report := singleReport{Workload: f.workload, Clients: f.clients, Rate: f.rate, Servers: s.note, Machine: machine(), Result: r}
		if a.json {
			return a.printJSON(report)
		}
		return a.printSingle(report)
	})
}
