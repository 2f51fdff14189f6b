//go:build unix

package hostile_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ironkv/delegation"
	"ironkv/kv/client"
	"ironkv/tests/daemon"
)

// long is how long each part of a timed test takes; only where it is given are
// ratios of speeds asserted.
var long = flag.Duration("long", 0, "measure each part for so long and assert ratios of speeds; 0: short, and assert none")

// short is how long each part takes otherwise.
const short = 500 * time.Millisecond

func partTime() time.Duration {
	if *long > 0 {
		return *long
	}
	return short
}

const (
	honestWorkers = 8
	honestKeys    = 16 // per worker
	// memoryBound is what a host's process may take at any time under a flood. The
	// pools of unfinished messages (65 MiB), what waits for destinations (256 MiB)
	// and to be stepped over (64 MiB), a batch's outputs (13 MiB) and the sessions
	// make 450 MiB; the collector lets garbage grow to as much again.
	memoryBound = 900 << 20
)

func honestKey(worker, i int) delegation.Key {
	return delegation.Key(fmt.Sprintf("honest %d/%03d", worker, i))
}

// honestWork is workers that count, each under its own keys, each write under the
// condition of the version before: a write that was lost, or executed twice, or that
// somebody else made, fails the next one.
type honestWork struct {
	db     *client.Client
	counts [honestWorkers][honestKeys]struct {
		n       int
		version uint64
	}
}

// run lets the workers work for a time and returns how many increments they made.
func (w *honestWork) run(t *testing.T, d time.Duration) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var done atomic.Int64
	var workers sync.WaitGroup
	for i := range honestWorkers {
		workers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				if err := w.increment(t.Context(), i, n%honestKeys); err != nil {
					t.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	workers.Wait()
	return int(done.Load())
}

func (w *honestWork) increment(ctx context.Context, worker, i int) error {
	c, key := &w.counts[worker][i], []byte(honestKey(worker, i))
	cond := client.IfVersion(c.version)
	if c.version == 0 {
		cond = client.IfAbsent()
	}
	version, err := w.db.Put(ctx, key, strconv.AppendInt(nil, int64(c.n+1), 10), cond)
	if err != nil {
		return fmt.Errorf("increment %q from %d: %w", key, c.n, err)
	}
	c.n, c.version = c.n+1, version
	return nil
}

// check compares every key with what was acknowledged.
func (w *honestWork) check(t *testing.T) {
	t.Helper()
	for worker := range w.counts {
		for i := range w.counts[worker] {
			c, key := w.counts[worker][i], honestKey(worker, i)
			e, err := w.db.Get(t.Context(), []byte(key))
			switch {
			case errors.Is(err, client.ErrNotFound) && c.n == 0:
			case err != nil:
				t.Errorf("get %q: %v", key, err)
			case e.Version != c.version || string(e.Value) != strconv.Itoa(c.n):
				t.Errorf("%q has %q, version %d; acknowledged was %d, version %d", key, e.Value, e.Version, c.n, c.version)
			}
		}
	}
}

// besieged is two real hosts, the honest work, and attackers of the first host.
type besieged struct {
	*testing.T
	hosts     *daemon.Hosts
	addrs     []netip.AddrPort
	sink      netip.AddrPort // where nobody listens, though the socket is open
	work      honestWork
	attackers []*attacker
}

func besiege(t *testing.T, attackers int) *besieged {
	t.Helper()
	return besiegeHosts(t, attackers, "--memory")
}

// besiegeHosts is besiege of hosts with args, which keep their data on disk without --memory.
func besiegeHosts(t *testing.T, attackers int, args ...string) *besieged {
	t.Helper()
	dir := t.TempDir()
	kvd, err := daemon.Build(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	b := &besieged{T: t}
	if b.hosts, err = daemon.Start(context.WithoutCancel(t.Context()), kvd, dir, 2, args...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.hosts.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() || testing.Verbose() {
			t.Log(b.hosts.Logs())
		}
	})
	for _, a := range b.hosts.Addrs() {
		b.addrs = append(b.addrs, netip.MustParseAddrPort(a))
	}
	if b.work.db, err = client.Dial(t.Context(), b.hosts.Addrs(), client.WithTimeout(patience)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.work.db.Close() })
	if _, err := b.work.db.Put(t.Context(), []byte("large"), make([]byte, largeBytes)); err != nil {
		t.Fatal(err)
	}
	hole, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hole.Close() })
	b.sink = hole.LocalAddr().(*net.UDPAddr).AddrPort()
	for i := range attackers {
		b.attackers = append(b.attackers, newAttacker(t, uint64(i+1), b.addrs))
	}
	return b
}

// under lets the honest work while attackers make the attacks against target, and
// returns how many increments and how many attacks were made in a second.
func (b *besieged) under(target netip.AddrPort, kinds []attack, attackers []*attacker) (increments, attacks float64) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	var flooding sync.WaitGroup
	var made atomic.Int64
	began := time.Now()
	for _, a := range attackers {
		flooding.Go(func() { made.Add(int64(a.flood(ctx, target, kinds))) })
	}
	done := b.work.run(b.T, partTime())
	took := time.Since(began).Seconds()
	cancel()
	flooding.Wait()
	return float64(done) / took, float64(made.Load()) / took
}

// processorTime is what host i's process has used of the processors.
func (b *besieged) processorTime(i int) time.Duration {
	b.Helper()
	used, err := b.hosts.ProcessorTime(i)
	if err != nil {
		b.Skipf("no /proc to see a process's time in: %v", err)
	}
	return used
}

// peakMemory is the most that host i's process ever took, in bytes.
func (b *besieged) peakMemory(i int) int {
	b.Helper()
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", b.hosts.Pid(i)))
	if err != nil {
		b.Skipf("no /proc to see a process's memory in: %v", err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if kib, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(kib), " kB"))
			if err != nil {
				b.Fatal(err)
			}
			return n << 10
		}
	}
	b.Fatal("no VmHWM in the status of the process")
	return 0
}

// A toll is what a flood costs the honest: medians of several rounds.
type toll struct {
	quiet, flooded float64 // increments per second beside a flood into the sink, and of the host
	attacks        float64 // per second, of the host
	kept           float64 // of the speed: median of the rounds' ratios
	cost           float64 // of an attack, in microseconds of the host's processor time
}

// rounds is how many rounds are measured where ratios are asserted.
const rounds = 5

// toll measures a flood of the first host against the same flood into a socket that
// nobody reads, which takes the same share of the machine, in turns. It is one attacker's:
// he has a processor for himself, and the other is the host's and the honest's.
func (b *besieged) toll(kinds []attack) toll {
	b.Helper()
	n := 1
	if *long > 0 {
		n = rounds
	}
	var quiet, flooded, attacks, kept, cost []float64
	for range n {
		before := b.processorTime(0)
		q, _ := b.under(b.sink, kinds, b.attackers[:1])
		between := b.processorTime(0)
		f, a := b.under(b.addrs[0], kinds, b.attackers[:1])
		mine := (b.processorTime(0) - between).Seconds() - (between-before).Seconds()*f/max(q, 1)
		quiet, flooded, attacks = append(quiet, q), append(flooded, f), append(attacks, a)
		kept, cost = append(kept, f/max(q, 1)), append(cost, 1e6*mine/max(a*partTime().Seconds(), 1))
	}
	return toll{median(quiet), median(flooded), median(attacks), median(kept), median(cost)}
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

// row is a row of the table that the tests log.
func (b *besieged) row(name string, c toll) {
	b.Helper()
	b.Logf("| %s | %.0f | %.0f | %.0f | %.0f %% | %.0f µs | %d MiB | %d |",
		name, c.attacks, c.quiet, c.flooded, 100*c.kept, c.cost, b.peakMemory(0)>>20, b.socketDrops())
}

// tollHead is the head of that table.
const tollHead = "| attack | attacks/s | increments/s beside it, elsewhere | at the host | kept | host's processor time per attack | peak memory | dropped by the socket |"

// Every attack at full speed, while honest clients count: nothing changes that the
// honest did not change, the owners are those that they ordered, memory is bounded,
// and the honest keep half of their speed; with data in memory, and on disk.
func TestFlood(t *testing.T) {
	t.Log(tollHead)
	for _, args := range [][]string{{"--memory"}, nil} {
		name := "in memory"
		if args == nil {
			name = "on disk"
		}
		t.Run(name, func(t *testing.T) {
			b := besiegeHosts(t, 2, args...)
			c := b.toll(attacks)
			if c.flooded == 0 {
				t.Error("the honest were not served at all")
			}
			b.keeps(c)
			b.under(b.addrs[0], attacks, b.attackers)
			b.conclude()
			b.row("all of them in turns, data "+name, c)
		})
	}
}

// The same with what is no attack as far as a host can tell, until a crowd has sessions.
func TestFloodOfThePlausible(t *testing.T) {
	b := besiege(t, 1)
	for b.attackers[0].taken == 0 {
		b.under(b.addrs[0], plausible, b.attackers)
	}
	t.Logf("a crowd took %d sessions", b.attackers[0].taken)
	b.conclude()
}

// keeps asserts that the honest keep half of their speed, of a long measurement.
func (b *besieged) keeps(c toll) {
	b.Helper()
	if *long > 0 && c.kept < 0.5 {
		b.Errorf("the honest kept %.0f %% of their speed, less than half", 100*c.kept)
	}
}

// conclude asserts what has to be so whatever was sent.
func (b *besieged) conclude() {
	b.Helper()
	b.work.check(b.T)
	for i := range b.addrs {
		if peak := b.peakMemory(i); peak > memoryBound {
			b.Errorf("host %d took %d MiB, more than %d", i+1, peak>>20, memoryBound>>20)
		}
	}
	shards, err := b.work.db.Shards(b.Context())
	if err != nil || len(shards) != 1 || shards[0].Owner != 1 {
		b.Errorf("the owners are %v, %v; nobody who may had moved anything", shards, err)
	}
	if _, err := b.work.db.Audit(b.Context()); err != nil {
		b.Error(err)
	}
	own := 0
	for e, err := range b.work.db.Scan(b.Context(), delegation.All) {
		if err != nil {
			b.Fatal(err)
		}
		if strings.HasPrefix(string(e.Key), "attacker ") {
			own++
		}
	}
	want := 0
	if len(b.attackers) > 0 {
		want = len(b.attackers[0].real)
	}
	if own != want {
		b.Errorf("the attackers have %d keys, and wrote %d", own, want)
	}
}

// The same with one attack at a time.
func TestFloodOfOneKind(t *testing.T) {
	if *long == 0 {
		t.Skip("TestFlood has all of them at once; make hostile runs this")
	}
	t.Log(tollHead)
	for _, k := range slices.Concat(attacks, plausible) {
		t.Run(k.name, func(t *testing.T) {
			b := besiege(t, 2)
			c := b.toll([]attack{k})
			b.row(k.name, c)
			if k.name != unasserted {
				b.keeps(c)
			}
			b.under(b.addrs[0], []attack{k}, b.attackers)
			b.conclude()
		})
	}
}

// While a flood lasts, of a few addresses or of very many, who comes for the first time is served, and
// who comes back after a while.
func TestNewcomersUnderAFlood(t *testing.T) {
	few, many := attacks[:1], slices.DeleteFunc(slices.Clone(attacks), func(k attack) bool { return k.name != "many addresses" })
	for _, kinds := range [][]attack{few, many, attacks} {
		name := kinds[0].name
		if len(kinds) > 1 {
			name = "all in turns"
		}
		t.Run(name, func(t *testing.T) {
			if name == "many addresses" && *long == 0 {
				t.Skip("it may take a minute until one has his turn; make hostile runs this")
			}
			b := besiege(t, 1)
			ctx, cancel := context.WithCancel(t.Context())
			var flooding sync.WaitGroup
			flooding.Go(func() { b.attackers[0].flood(ctx, b.addrs[0], kinds) })
			time.Sleep(partTime())
			for range 3 {
				began := time.Now()
				db, err := client.Dial(t.Context(), b.hosts.Addrs()[:1], client.WithTimeout(5*patience))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := db.Put(t.Context(), []byte("newcomer"), []byte("hello")); err != nil {
					t.Error(err)
				}
				t.Logf("a newcomer is served after %v", time.Since(began).Round(time.Millisecond))
				_ = db.Close()
			}
			began := time.Now()
			if _, err := b.work.db.Get(t.Context(), []byte("newcomer")); err != nil {
				t.Error(err)
			}
			t.Logf("who is known is served after %v", time.Since(began).Round(time.Millisecond))
			cancel()
			flooding.Wait()
		})
	}
}

// socketDrops is how many datagrams the kernel dropped because host 1's socket had
// no room for them; -1 where the kernel does not say.
func (b *besieged) socketDrops() int {
	table, err := os.ReadFile("/proc/net/udp")
	if err != nil {
		return -1
	}
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		if len(f) > 12 && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", b.addrs[0].Port())) {
			n, _ := strconv.Atoi(f[12])
			return n
		}
	}
	return -1
}
