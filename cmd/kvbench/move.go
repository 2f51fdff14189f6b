package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"ironkv/kv/client"
)

// Defaults of move.
const (
	moveHosts = 2
	moveCount = 2 // there and back
	movePhase = 3 * time.Second
	// moveGap is between two moves, so that their effects can be told apart.
	moveGap = 500 * time.Millisecond
	// moveTimelineLength is how much of a run is kept moment by moment.
	moveTimelineLength = 15 * time.Minute
)

// moveShapes are what is moved unless something else is asked for.
var moveShapes = []string{"1000000x128", "100000x1024", "10000x65536"}

// moveFlags are what move is told.
type moveFlags struct {
	shapes       []string
	addrs        []string
	plan         clusterPlan
	memory       bool
	clients      int
	ratio        float64
	distribution distribution
	rate         string
	loadLimit    float64
	moves        int
	around       time.Duration
	apart        bool // measure half and half, too
	peers        bool
	onlyPeers    bool
	peer         string
	profile      string
	output

	bytesPerSecond uint64
	parsed         []shape
}

// A shape is how many entries of which length a shard holds.
type shape struct {
	Keys       uint64 `json:"keys"`
	ValueBytes int    `json:"value_bytes"`
}

func (s shape) String() string {
	return fmt.Sprintf("%s × %s", humanize.Comma(int64(s.Keys)), humanize.IBytes(uint64(s.ValueBytes)))
}

// bytes is what the shard's keys and values are together.
func (s shape) bytes() uint64 { return s.Keys * uint64(keyBytes+s.ValueBytes) }

func parseShape(text string) (shape, error) {
	keys, value, ok := strings.Cut(text, "x")
	k, errKeys := strconv.ParseUint(keys, 10, 40)
	v, errValue := strconv.Atoi(value)
	if !ok || errKeys != nil || errValue != nil || v < 0 || v > maxValueBytes {
		return shape{}, fmt.Errorf("--shape %q: ENTRIESxBYTES, as 1000000x128", text)
	}
	return shape{k, v}, nil
}

func (a *app) moveCommand() *cobra.Command {
	f := moveFlags{distribution: uniform, apart: true}
	cmd := &cobra.Command{
		Use:   "move",
		Short: "Move a shard to and fro while clients read and write it",
		Long: "Move a shard to and fro between two hosts while clients read and write it: how fast it goes,\n" +
			"and throughput and latency before, during, after, and \"apart\": while half of it lies on each\n" +
			"host and nothing moves, which is what two busy hosts alone cost. With --peer the same for a\n" +
			"cluster of two Redis nodes (redis-cli --cluster reshard) or, where the server is Valkey 9 or\n" +
			"later, CLUSTER MIGRATESLOTS, but for \"apart\". --clients 0 moves an idle shard. Without\n" +
			"--load-limit the clients ask as fast as they are answered, so a move takes of what they had;\n" +
			"with a limit below that, their latencies before and during it are those of the same load.",
		Args: cobra.NoArgs,
		RunE: a.work(func(cmd *cobra.Command) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			a.running = true
			return a.moveShards(cmd.Context(), &f)
		}),
	}
	f.add(cmd)
	return cmd
}

func (f *moveFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringSliceVar(&f.shapes, "shape", moveShapes, "what is moved: `ENTRIESxBYTES`")
	flags.StringSliceVar(&f.addrs, "addr", nil, "measure the cluster at `HOST:PORT,...` instead of one of its own; all of its keys are moved")
	addClusterFlags(cmd, &f.plan, &f.memory, moveHosts)
	flags.IntVar(&f.clients, "clients", defaultClients, "`N` goroutines that read and write meanwhile")
	flags.Float64Var(&f.ratio, "ratio", defaultRatio, "the `SHARE` of gets, 0 to 1")
	flags.VarP(&f.distribution, "distribution", "", "uniform or zipf")
	flags.StringVar(&f.rate, "rate", "yield", "`RATE` of the move: bytes per second, yield (to clients), or unlimited")
	flags.Float64Var(&f.loadLimit, "load-limit", 0, "open loop: `OPS` operations of the clients are due per second, latency counts from then; 0: closed loop")
	flags.IntVar(&f.moves, "moves", moveCount, "move `N` times, to and fro")
	flags.DurationVar(&f.around, "around", movePhase, "measure for so long before and after the moves, and apart")
	flags.BoolVar(&f.peers, "peer", false, "measure Redis or Valkey too")
	flags.BoolVar(&f.onlyPeers, "only-peer", false, "measure Redis or Valkey only")
	flags.StringVar(&f.peer, "peer-bin", "", "the `PATH` of redis-server or valkey-server; left out: on PATH")
	f.output.add(flags, "throughput and latency over time")
	flags.StringVar(&f.profile, "profile", "", "write CPU profiles of this program and of the hosts that it starts, from the first move to the last, into `DIR`")
}

func (f *moveFlags) check(cmd *cobra.Command) error {
	for _, text := range f.shapes {
		s, err := parseShape(text)
		if err != nil {
			return err
		}
		f.parsed = append(f.parsed, s)
	}
	var err error
	if f.bytesPerSecond, err = parseRate(f.rate); err != nil {
		return err
	}
	if f.peers || f.onlyPeers {
		if f.peer, err = findRedis(f.peer); err != nil {
			return err
		}
	}
	switch {
	case f.clients < 0 || f.clients > maxClients:
		return fmt.Errorf("--clients: 0 to %d", maxClients)
	case f.plan.hosts < moveHosts || f.plan.hosts > maxHosts:
		return fmt.Errorf("--hosts: %d to %d", moveHosts, maxHosts)
	case f.ratio < 0 || f.ratio > 1:
		return errors.New("--ratio: 0 (only sets) to 1 (only gets)")
	case f.loadLimit < 0:
		return errors.New("--load-limit: 0 or more operations per second")
	case f.moves < 1 || f.around <= 0:
		return errors.New("--moves and --around must be above 0")
	case len(f.addrs) > 0 && (cmd.Flags().Changed("hosts") || f.plan.disk || f.memory || f.plan.kvd != ""):
		return errors.New("--addr names a cluster that runs: leave out --hosts, --memory, --disk and --kvd")
	}
	return f.output.check()
}

func parseRate(s string) (uint64, error) {
	switch s {
	case "yield":
		return 0, nil
	case "unlimited":
		return client.RateUnlimited, nil
	}
	rate, err := humanize.ParseBytes(s)
	if err != nil || rate == 0 {
		return 0, fmt.Errorf("--rate %q: bytes per second (as 50MB), yield, or unlimited", s)
	}
	return rate, nil
}

// A moveReport is the JSON of move.
type moveReport struct {
	Machine string        `json:"machine"`
	Started time.Time     `json:"started"`
	Clients int           `json:"clients"`
	Ratio   float64       `json:"ratio"`
	Limit   float64       `json:"load_limit,omitempty"` // operations per second
	Results []*moveResult `json:"results"`
}

func (a *app) moveShards(ctx context.Context, f *moveFlags) error {
	report := &moveReport{Machine: machine(), Started: time.Now().UTC(), Clients: f.clients, Ratio: f.ratio, Limit: f.loadLimit}
	err := a.moveShapes(ctx, f, report)
	return a.printAfter(err, len(report.Results) > 0, func() error { return a.publish(report, f.output) })
}

// moveShapes measures each shape, each result of which is in the report when it is there.
func (a *app) moveShapes(ctx context.Context, f *moveFlags, report *moveReport) error {
	for _, s := range f.parsed {
		if !f.onlyPeers {
			r, err := a.moveIronkv(ctx, f, s)
			if err != nil {
				return fmt.Errorf("ironkv, %v: %w", s, err)
			}
			report.Results = append(report.Results, r)
			a.progressf("%s", r.summary())
		}
		if f.peers || f.onlyPeers {
			r, err := a.moveRedis(ctx, f, s)
			if err != nil {
				return fmt.Errorf("%s, %v: %w", f.peer, s, err)
			}
			report.Results = append(report.Results, r)
			a.progressf("%s", r.summary())
		}
	}
	return nil
}
