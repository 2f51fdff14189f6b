package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"ironkv/ghost"
	"ironkv/kv/client"
)

const (
	// The workers share from fewestClients to mostClients.
	fewestClients, mostClients = 3, 16
	// restTime is how long anything may take once everything is healed: what has
	// not come by then never comes, also on a machine that does much else.
	restTime = 5 * time.Minute
	// graceTime is how long the workers go on after everything is healed.
	graceTime = 300 * time.Millisecond
)

// A cluster is one set of hosts from their first start to their end, and what
// clients know of it.
type cluster struct {
	options
	number  int
	dir     string
	rng     *rand.Rand
	score   *score
	nemesis nemesis
	clients []*client.Client
	loads   []workload
	pprof   []string // addresses of the hosts' profiles, in a soak
	fill    *fill
	movers  *movers
	journal bool

	cancel context.CancelFunc
	mu     sync.Mutex
	failed error // the first violation
}

// fail notes the first violation and ends everything.
func (c *cluster) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed == nil {
		c.failed = err
	}
	if c.cancel != nil {
		c.cancel()
	}
}

// live runs the cluster through its rounds.
func (c *cluster) live(ctx context.Context) (err error) {
	ctx, c.cancel = context.WithCancel(ctx)
	defer c.cancel()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.failed != nil {
			err = c.failed
		}
	}()
	hosts := c.hosts
	if hosts == 0 {
		hosts = 3 + c.rng.IntN(3)
	}
	defer func() {
		err = errors.Join(err, c.stop(err != nil))
		if err == nil && c.journal {
			var report ghost.Report
			report, err = verify(filepath.Join(c.dir, journals))
			c.score.journals += uint64(report.Lives)
			c.score.journalSteps += report.Steps
		}
	}()
	if err := c.start(ctx, hosts); err != nil {
		return err
	}
	switch {
	case c.kills > 0:
		return c.killed(ctx)
	case c.soak:
		return c.soaked(ctx)
	}
	return c.struck(ctx)
}

// struck is rounds of faults of all kinds.
func (c *cluster) struck(ctx context.Context) error {
	for round := range c.rounds {
		plan := drawPlan(c.rng, len(c.nemesis.hosts), c.length, c.allowed(kindKill, kindKill, kindStop, kindKillAll))
		c.say("cluster %d, round %d of %d:", c.number, round+1, c.rounds)
		printPlan(c.out, plan)
		if err := c.round(ctx, round, func() { c.nemesis.strike(ctx, plan, c.length) }); err != nil {
			return err
		}
		if c.journal && round < c.rounds-1 { // all is verified after the last one, when the cluster has ended
			if err := c.verifyNow(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// allowed are the faults of this cluster: these to processes, all to the network,
// and those to disks that can be had.
func (c *cluster) allowed(processes ...string) allowed {
	if c.slowDisks {
		processes = append(processes, kindSlowDisk)
	}
	if c.nemesis.disk != nil {
		processes = append(processes, kindFullDisk)
	}
	return allowed{processes: processes, network: networkKinds}
}

// start starts hosts and clients.
func (c *cluster) start(ctx context.Context, hosts int) error {
	r, err := newRelay(hosts, c.rng.Uint64())
	if err != nil {
		return err
	}
	args := c.drawFlags()
	c.say("cluster %d: %d hosts, journals %v, %s", c.number, hosts, c.journal, strings.Join(args, " "))
	if c.journal {
		args = append(args, "--journal", filepath.Join(c.dir, journals))
	}
	c.nemesis = nemesis{hosts: newHosts(c.kvd, c.dir, r, c.fail, args...), relay: r, score: c.score, fail: c.fail}
	if c.soak {
		c.profiles()
	}
	if id := 1 + c.rng.IntN(hosts); c.soak || c.rng.IntN(2) == 0 && c.kills == 0 {
		if err := c.smallDisk(id); err != nil {
			return err
		}
	}
	if err := c.nemesis.heal(ctx); err != nil {
		return err
	}
	var addresses []string
	for i := range hosts {
		addresses = append(addresses, r.address(i+1).String())
	}
	for range fewestClients + c.rng.IntN(mostClients-fewestClients+1) {
		dialing, cancel := context.WithTimeout(ctx, restTime)
		db, err := client.Dial(dialing, addresses, client.WithTimeout(callTime))
		cancel()
		if err != nil {
			return late(ctx, "no host answers: %v", err)
		}
		c.clients = append(c.clients, db)
	}
	set, fill, movers := newSets(), &fill{}, &movers{hosts: hosts}
	registers := newRegisters(c.score)
	c.loads = []workload{registers, &guests{addresses, registers}, &counters{}, bank{}, set, &scans{set}, fill, movers}
	c.fill, c.movers = fill, movers
	return errors.Join(fill.to(ctx, c.clients[0], fillEntries), bank{}.open(ctx, c.clients[0]))
}

// drawFlags draws the limits of a cluster's hosts: narrow ones, so that they are
// met, and at times the defaults.
func (c *cluster) drawFlags() []string {
	var args []string
	for _, f := range []struct {
		name   string
		values []string // "" leaves the default
	}{
		{"--chunk", []string{"1KiB", "16KiB", "16KiB", ""}},
		{"--in-flight", []string{"40KiB", ""}},
		{"--session-idle", []string{"1500ms", "", ""}},
		{"--window", []string{"2", "", ""}},
		{"--holds", []string{"2", "", ""}},
		{"--hold-time", []string{"50ms", "", ""}},
		{"--moves", []string{"1", "", ""}},
		{"--cache", []string{"1MiB", ""}},
	} {
		if v := pick(c.rng, f.values...); v != "" {
			args = append(args, f.name, v)
		}
	}
	return args
}

// smallDisk gives a host a disk that can be filled, where that is possible or
// required.
func (c *cluster) smallDisk(id int) error {
	d, err := newDisk(id, filepath.Join(c.dir, "small-disk"))
	if err != nil && !c.requireDisks {
		c.say("no full disks: %v", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("full disks are required: %w", err)
	}
	c.nemesis.disk = d
	c.nemesis.hosts[id-1].data = d.data()
	return nil
}

// round lets everybody work while the nemesis strikes, heals everything, and
// looks at what is there.
func (c *cluster) round(ctx context.Context, round int, strike func()) error {
	stop := make(chan struct{})
	var group sync.WaitGroup
	workers := 0
	for l, load := range c.loads {
		load.round(round)
		n, _ := load.workers()
		for i := range n {
			w := &worker{
				db: c.clients[workers%len(c.clients)], id: i, score: c.score,
				rng: rand.New(rand.NewPCG(c.rng.Uint64(), uint64(l))),
			}
			workers++
			group.Go(func() {
				if err := w.work(ctx, stop, load); err != nil {
					c.fail(err)
				}
			})
		}
	}
	strike()
	healed := c.score.begin("healed")
	err := c.nemesis.heal(ctx)
	wait(ctx, graceTime)
	close(stop)
	group.Wait()
	healed()
	if err != nil || ctx.Err() != nil {
		return errors.Join(err, ctx.Err())
	}
	c.score.rounds++
	if err := c.look(ctx); err != nil {
		return err
	}
	for _, h := range c.nemesis.hosts {
		h.sturdy()
	}
	return nil
}

// look checks a cluster at rest.
func (c *cluster) look(ctx context.Context) error {
	db := c.clients[0]
	if err := settle(ctx, db); err != nil {
		return err
	}
	if err := audit(ctx, db); err != nil {
		return err
	}
	c.score.audits++
	reading, cancel := context.WithTimeout(ctx, restTime)
	defer cancel()
	rest, err := read(reading, db)
	var v *violation
	switch {
	case errors.As(err, &v):
		return err
	case err != nil:
		return late(reading, "with every host up, the network healed and all moves ended, a scan fails: %v", err)
	}
	for _, load := range c.loads {
		if err := load.check(rest); err != nil {
			return err
		}
	}
	for name := range rest {
		return violationf("the store holds %q, which nobody wrote", name)
	}
	return nil
}

// stop ends clients and hosts, in order unless something is wrong already.
func (c *cluster) stop(failed bool) error {
	if c.movers != nil {
		c.score.moves += c.movers.ordered
	}
	var errs []error
	for _, db := range c.clients {
		errs = append(errs, db.Close())
	}
	for _, h := range c.nemesis.hosts {
		c.score.starts += h.starts
		s := syscall.SIGTERM
		if failed {
			s = syscall.SIGKILL
		}
		h.finish()
		h.signal(syscall.SIGCONT)
		errs = append(errs, h.end(s))
	}
	if c.nemesis.relay != nil {
		errs = append(errs, c.nemesis.relay.close())
		for _, l := range c.nemesis.relay.links { // nobody uses them any more
			for kind, n := range l.touched {
				c.score.touched(kind, n)
			}
		}
	}
	if c.nemesis.disk != nil {
		errs = append(errs, c.nemesis.disk.close(failed))
	}
	return errors.Join(errs...)
}

func (c *cluster) say(format string, args ...any) {
	fmt.Fprintf(c.out, "%s  "+format+"\n", append([]any{time.Now().Format(time.TimeOnly)}, args...)...)
}

// newCluster makes the cluster of this number; everything about it is drawn from
// the seed and the number.
func newCluster(o options, s *score, number int) (*cluster, error) {
	dir := filepath.Join(o.dir, fmt.Sprintf("cluster-%d", number))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return &cluster{
		options: o, number: number, dir: dir, score: s, rng: rand.New(rand.NewPCG(o.seed, uint64(number))),
		journal: !o.soak && (o.kills > 0 || (o.seed+uint64(number))%2 == 0),
	}, nil
}
