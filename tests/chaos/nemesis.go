package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A fault is one thing that the nemesis does: from at, for the time of last, to
// the hosts or the wires that it names.
type fault struct {
	at, last time.Duration
	kind     string
	hosts    []int
	wires    []wire
	weather  weather
	leave    uint64        // how many bytes of a disk are not filled
	sync     time.Duration // how much longer each sync of a disk takes
}

// Kinds of faults to processes. Those of the network are named in drawWeather.
const (
	kindKill     = "kill"
	kindStop     = "stop"
	kindKillAll  = "kill all"
	kindFullDisk = "full disk"
	kindSlowDisk = "slow disk"
)

func (f fault) String() string {
	s := fmt.Sprintf("%6.2f s  for %.2f s  %-11s", f.at.Seconds(), f.last.Seconds(), f.kind)
	if len(f.hosts) > 0 {
		s += fmt.Sprintf(" hosts %v", f.hosts)
	}
	var names []string
	for _, w := range f.wires {
		names = append(names, fmt.Sprintf("%s→%s", end(w.from), end(w.to)))
	}
	s += " " + strings.Join(names, " ")
	r := f.weather
	for _, v := range []struct {
		name string
		n    float64
		unit string
	}{
		{"loss", 100 * r.Drop, "%"}, {"twice", 100 * r.Duplicate, "%"}, {"reordered", 100 * r.Reorder, "%"},
		{"bits flipped", 100 * r.Flip, "%"}, {"cut short", 100 * r.Truncate, "%"},
		{"by", 1e3 * r.ReorderBy.Seconds(), "ms"}, {"delay", 1e3 * r.Delay.Seconds(), "ms"},
		{"jitter", 1e3 * r.Jitter.Seconds(), "ms"}, {"mtu", float64(r.MTU), "B"}, {"rate", float64(r.bps), "B/s"}, {"leaving", float64(f.leave), "B"},
		{"a sync longer by", 1e3 * f.sync.Seconds(), "ms"},
	} {
		if v.n > 0 {
			s += fmt.Sprintf("  %s %.3g %s", v.name, v.n, v.unit)
		}
	}
	return strings.TrimRight(s, " ")
}

func end(id int) string {
	if id == clients {
		return "clients"
	}
	return fmt.Sprint(id)
}

// between draws a duration.
func between(rng *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(rng.Int64N(int64(high-low)))
}

// drawPlan draws a round's faults: those to processes, each host suffering one at
// a time, and those to the network, which may overlap. Each round leaves some
// kinds out.
func drawPlan(rng *rand.Rand, hosts int, length time.Duration, allow allowed) []fault {
	var plan []fault
	if kinds := some(rng, allow.processes); len(kinds) > 0 {
		busy := make([]time.Duration, hosts+1)
		for at := between(rng, 0, time.Second); at < length; at += between(rng, 100*time.Millisecond, 1500*time.Millisecond) {
			f := drawTrouble(rng, hosts, pick(rng, kinds...))
			f.at = at
			if slices.ContainsFunc(f.hosts, func(id int) bool { return busy[id] > at }) {
				continue
			}
			for _, id := range f.hosts {
				busy[id] = at + f.last
			}
			plan = append(plan, f)
		}
	}
	if kinds := some(rng, allow.network); len(kinds) > 0 {
		for at := between(rng, 0, time.Second); at < length; at += between(rng, 200*time.Millisecond, 2*time.Second) {
			plan = append(plan, fault{
				at: at, last: between(rng, 300*time.Millisecond, 3500*time.Millisecond),
			}.of(rng, hosts, pick(rng, kinds...)))
		}
	}
	slices.SortStableFunc(plan, func(a, b fault) int { return int(a.at - b.at) })
	return plan
}

// allowed are the kinds of faults that a run may have.
type allowed struct{ processes, network []string }

// some leaves out about a third.
func some(rng *rand.Rand, kinds []string) []string {
	var list []string
	for _, k := range kinds {
		if rng.IntN(3) > 0 {
			list = append(list, k)
		}
	}
	return list
}

func drawTrouble(rng *rand.Rand, hosts int, kind string) fault {
	f := fault{kind: kind, hosts: []int{1 + rng.IntN(hosts)}}
	switch kind {
	case kindKill:
		f.last = between(rng, 0, 1500*time.Millisecond)
	case kindStop:
		f.last = between(rng, 200*time.Millisecond, 4*time.Second)
	case kindKillAll:
		f.last = between(rng, 0, 700*time.Millisecond)
		f.hosts = nil
		for id := range hosts {
			f.hosts = append(f.hosts, id+1)
		}
	case kindFullDisk:
		f.last, f.hosts = between(rng, 500*time.Millisecond, 3*time.Second), nil
		f.leave = pick[uint64](rng, 0, 0, 1<<20, 60<<20)
	case kindSlowDisk:
		f.last, f.sync = between(rng, 500*time.Millisecond, 4*time.Second), between(rng, 2*time.Millisecond, 200*time.Millisecond)
	}
	return f
}

// packetHeaders are what a packet has beside the datagram, of IPv4 and of UDP, in bytes.
const packetHeaders = 20 + 8

// networkKinds are all that of can draw.
var networkKinds = []string{
	"loss", "duplication", "reordering", "stragglers", "damage", "delay", "bandwidth", "mtu 576", "mtu 1280", "partition", "one way", "cut off",
	"deaf to clients", "mute to clients",
}

// of draws what a fault of the network is and which wires suffer.
func (f fault) of(rng *rand.Rand, hosts int, kind string) fault {
	f.kind = kind
	f.wires = drawWires(rng, hosts)
	switch kind {
	case "loss":
		f.weather.Drop = 0.01 + 0.29*rng.Float64()
	case "duplication":
		f.weather.Duplicate = 0.05 + 0.45*rng.Float64()
	case "reordering":
		f.weather.Reorder, f.weather.ReorderBy = 0.1+0.6*rng.Float64(), between(rng, time.Millisecond, 60*time.Millisecond)
	case "stragglers": // copies that come when the other was answered long ago
		f.weather.Duplicate = 0.1 + 0.4*rng.Float64()
		f.weather.Reorder, f.weather.ReorderBy = 0.05+0.2*rng.Float64(), between(rng, time.Second, 4*time.Second)
	case "damage":
		f.weather.Flip, f.weather.Truncate = 0.2*rng.Float64(), 0.1*rng.Float64()
	case "delay":
		f.weather.Delay, f.weather.Jitter = between(rng, 0, 100*time.Millisecond), between(rng, 0, 100*time.Millisecond)
	case "bandwidth":
		f.weather.bps = 50_000 << rng.IntN(6)
	case "mtu 576":
		f.weather.MTU = 576 - packetHeaders
	case "mtu 1280":
		f.weather.MTU = 1280 - packetHeaders
	case "partition": // into two sides; clients reach both
		f.weather.cut = true
		side := 1 + rng.IntN(1<<hosts-2)
		f.wires = wiresWhere(hosts, func(w wire) bool {
			return w.from != clients && w.to != clients && side>>(w.from-1)&1 != side>>(w.to-1)&1
		})
	case "one way":
		f.weather.cut = true
		a := 1 + rng.IntN(hosts)
		f.wires = []wire{{a, (a+rng.IntN(hosts-1))%hosts + 1}}
	case "cut off": // one host, from everybody
		f.weather.cut = true
		a := 1 + rng.IntN(hosts)
		f.wires = wiresWhere(hosts, func(w wire) bool { return w.from == a || w.to == a })
	case "deaf to clients": // one host hears its peers only
		f.weather.cut = true
		f.wires = []wire{{clients, 1 + rng.IntN(hosts)}}
	case "mute to clients": // one host is heard by its peers only
		f.weather.cut = true
		f.wires = []wire{{1 + rng.IntN(hosts), clients}}
	}
	return f
}

// drawWires draws one wire, those of one host, those between hosts, those to
// clients, or all.
func drawWires(rng *rand.Rand, hosts int) []wire {
	a, n := 1+rng.IntN(hosts), rng.IntN(5)
	return wiresWhere(hosts, func(w wire) bool {
		switch n {
		case 0:
			return w.from == a && w.to == a%hosts+1
		case 1:
			return w.from == a || w.to == a
		case 2:
			return w.from != clients && w.to != clients
		case 3:
			return w.from == clients || w.to == clients
		}
		return true
	})
}

func wiresWhere(hosts int, want func(wire) bool) []wire {
	var list []wire
	for from := range hosts + 1 {
		for to := range hosts + 1 {
			if w := (wire{from, to}); from != to && want(w) {
				list = append(list, w)
			}
		}
	}
	return list
}

// A nemesis carries a plan out.
type nemesis struct {
	hosts []*host
	relay *relay
	disk  *disk // of the host that has one that can be filled
	score *score
	fail  func(error)
}

// strike carries the plan out, and returns when the round's length is over. What
// has not ended by then, the caller heals.
func (n *nemesis) strike(ctx context.Context, plan []fault, length time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	var group sync.WaitGroup
	for i, f := range plan {
		if f.kind == kindFullDisk {
			f.hosts = []int{n.disk.host} // whose disk is small is no matter of the round
		}
		group.Go(func() {
			if !wait(ctx, f.at) {
				return
			}
			ended := n.score.begin(f.kind)
			defer ended()
			switch f.kind {
			case kindKill, kindKillAll:
				n.kill(ctx, f)
			case kindStop:
				n.hosts[f.hosts[0]-1].signal(syscall.SIGSTOP)
				wait(ctx, f.last)
				n.hosts[f.hosts[0]-1].signal(syscall.SIGCONT)
			case kindFullDisk:
				n.fill(ctx, f)
			case kindSlowDisk:
				n.slow(ctx, f)
			default:
				for _, w := range f.wires {
					n.relay.links[w].change(i, &f)
				}
				wait(ctx, f.last)
				for _, w := range f.wires {
					n.relay.links[w].change(i, nil)
				}
			}
		})
	}
	<-ctx.Done()
	group.Wait()
}

// kill kills hosts and starts them again; the fault lasts until they serve.
func (n *nemesis) kill(ctx context.Context, f fault) {
	for _, id := range f.hosts {
		_ = n.hosts[id-1].end(syscall.SIGKILL) // nothing else can be wrong with it
	}
	wait(ctx, f.last)
	for _, id := range f.hosts {
		if err := n.hosts[id-1].up(); err != nil {
			n.fail(err)
		}
	}
	for _, id := range f.hosts {
		if err := n.hosts[id-1].ready(ctx); err != nil && ctx.Err() == nil {
			n.fail(err)
		}
	}
}

// heal ends all faults, and starts every host that is down.
func (n *nemesis) heal(ctx context.Context) error {
	for _, l := range n.relay.links {
		l.heal()
	}
	if n.disk != nil {
		if err := n.disk.free(); err != nil {
			return err
		}
	}
	for _, h := range n.hosts {
		if err := h.setSlow(0); err != nil {
			return err
		}
		h.signal(syscall.SIGCONT)
		if err := h.up(); err != nil {
			return err
		}
	}
	for _, h := range n.hosts {
		if err := h.ready(ctx); err != nil {
			return err
		}
	}
	return nil
}

// wait waits for d, and reports whether ctx lasted as long.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

func printPlan(w io.Writer, plan []fault) {
	for _, f := range plan {
		fmt.Fprintf(w, "    %v\n", f)
	}
}
