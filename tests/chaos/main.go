package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"ironkv/tests/exit"
)

// options are what the command line says.
type options struct {
	seed     uint64
	duration time.Duration
	hosts    int // 0: from the seed
	rounds   int // of each cluster
	length   time.Duration
	kills    int  // instead of rounds of faults: so many kills, one after the other
	soak     bool // instead: one cluster for the whole duration, whose data grow and shrink
	// requireDisks makes it an error that a disk that can be filled cannot be had.
	requireDisks bool
	bin          string // where kvd is; "": it is built
	overlay      string // of go build, which puts faults into that kvd; "" for none
	kvd          string
	slowDisks    bool   // kvd can be told to have a slow disk
	dir          string // of everything that the run leaves
	out          io.Writer
}

// many says that a run has several clusters.
func (o options) many() bool { return o.kills == 0 && !o.soak }

// again is the command that repeats the plan.
func (o options) again() string {
	s := fmt.Sprintf("go run ./tests/chaos -seed %d -duration %v -hosts %d -rounds %d -round %v", o.seed, o.duration, o.hosts, o.rounds, o.length)
	if o.kills > 0 {
		s += fmt.Sprintf(" -kills %d", o.kills)
	}
	if o.soak {
		s += " -soak"
	}
	if o.requireDisks {
		s += " -require-disks"
	}
	if o.overlay != "" {
		s += " -overlay " + o.overlay
	}
	if o.bin != "" {
		s += " -bin " + o.bin
	}
	return s
}

func main() {
	keepMountsPrivate()
	o := options{out: os.Stdout}
	flag.StringVar(&o.bin, "bin", "", "where kvd is, whose disks are never slow then (default: built for the run)")
	flag.StringVar(&o.overlay, "overlay", "", "build kvd with this overlay of go build: a fault that is to be found")
	flag.Uint64Var(&o.seed, "seed", 1, "draws every cluster, round and fault")
	flag.DurationVar(&o.duration, "duration", time.Minute, "start no cluster after this time")
	flag.IntVar(&o.hosts, "hosts", 0, "hosts of each cluster (default: 3 to 5, from the seed)")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds of each cluster")
	flag.DurationVar(&o.length, "round", 8*time.Second, "how long the faults of a round last")
	flag.IntVar(&o.kills, "kills", 0, "instead of rounds of faults: kill hosts so many times, as fast as they come back, while ranges move")
	flag.BoolVar(&o.soak, "soak", false, "instead: one cluster for the whole duration; its data grow and shrink, and what its hosts use has to return to its level")
	flag.BoolVar(&o.requireDisks, "require-disks", false, "fail where no small file system can be mounted, rather than leave out full disks")
	exit.Parse()
	if flag.NArg() > 0 || o.hosts < 0 || o.hosts == 1 || o.rounds < 1 || o.kills < 0 || o.length <= 0 {
		fmt.Fprintln(os.Stderr, "chaos: nothing follows the flags; -hosts is 2 or more, -rounds 1 or more, -kills 0 or more, -round above 0")
		os.Exit(exit.Usage)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := chaos(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(codeOf(err))
	}
}

// chaos runs clusters, one after the other, until the time is over or one fails.
func chaos(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "ironkv-chaos-")
	if err != nil {
		return err
	}
	o.dir = dir
	if o.kvd, err = findKVD(ctx, o, dir); err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	o.slowDisks = o.bin == ""
	s := newScore()
	begun := time.Now()
	for number := 0; err == nil && ctx.Err() == nil && (number == 0 || o.many() && time.Since(begun) < o.duration); number++ {
		err = one(ctx, o, s, number)
	}
	s.print(o.out)
	if err == nil && s.undecided*undecidedShare > s.histories+s.undecided {
		err = fmt.Errorf("chaos: of %d registers nobody knows whether their history is linearizable", s.undecided)
	}
	if found := (*violation)(nil); ctx.Err() != nil && !errors.As(err, &found) {
		return errors.Join(errors.New("chaos: interrupted: no violation until then"), os.RemoveAll(dir))
	}
	if err == nil {
		return os.RemoveAll(dir)
	}
	err = fmt.Errorf("%w\nlogs, journals and data: %s\nthe same plan again: %s", err, dir, o.again())
	return errors.Join(err, os.WriteFile(filepath.Join(dir, "violation.txt"), []byte(err.Error()+"\n"), 0o600))
}

// one runs the cluster of this number and removes what it leaves if all is well.
func one(ctx context.Context, o options, s *score, number int) error {
	c, err := newCluster(o, s, number)
	if err != nil {
		return err
	}
	if err := c.live(ctx); err != nil {
		return fmt.Errorf("cluster %d: %w", number, err)
	}
	s.clusters++
	return os.RemoveAll(c.dir)
}

// findKVD returns the binary: the one in o.bin, or one that it builds into dir,
// which can be told to have a slow disk.
func findKVD(ctx context.Context, o options, dir string) (string, error) {
	if o.bin != "" {
		path, err := filepath.Abs(filepath.Join(o.bin, "kvd"))
		if err == nil {
			_, err = os.Stat(path)
		}
		return path, err
	}
	path := filepath.Join(dir, "kvd")
	if out, err := exec.CommandContext(ctx, "go", "build", "-tags", "chaos", "-overlay", o.overlay, "-o", path, "ironkv/cmd/kvd").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build kvd: %w\n%s", err, out)
	}
	return path, nil
}
