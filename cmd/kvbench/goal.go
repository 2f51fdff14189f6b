package main

import (
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
)

// A goal is what the project wants to reach, and how far it has come. It is judged from
// a report; what was not measured has no goal in it.
type goal struct {
	what    string
	want    string
	reached string
	met     bool
	// bound is what limits it, as far as the report tells.
	bound string
}

// goalsText is a table of goals.
func goalsText(goals []goal, markdown bool) string {
	w := new(strings.Builder)
	if len(goals) == 0 {
		return "none of the goals was measured\n"
	}
	var rows []table.Row
	for _, g := range goals {
		met := "yes"
		if !g.met {
			met = "no"
		}
		rows = append(rows, table.Row{g.what, g.want, g.reached, met, g.bound})
	}
	printTable(w, markdown, 5, table.Row{"what", "goal", "reached", "met", "bound"}, rows)
	return w.String()
}

// A ladder is a goal of several steps: a least ratio for each number of goroutines.
type ladder struct {
	what    string
	section string
	op      operation // "": gets and sets
	values  []int
	peers   []string
	steps   []step
}

type step struct {
	clients int
	least   float64
}

// Goals of compare, against what users would pick instead.
var ladders = []ladder{
	{"get and set, 128 B and 1 KB, against go-redis", "memory", "", []int{128, 1024}, []string{sysGoRedis}, []step{{1, 1.1}, {16, 2}, {64, 2.5}, {256, 4}}},
	{"get and set, 8 KB, against go-redis", "memory", "", []int{8192}, []string{sysGoRedis}, []step{{1, 1}, {16, 1.5}, {64, 2}, {256, 2.5}}},
	{"get and set, against rueidis", "memory", "", []int{128, 1024, 8192}, []string{sysRueidis}, []step{{1, 1}, {16, 1}, {64, 1.2}, {256, 1.2}, {1024, 1.2}}},
	{"batches of 64, against pipelines of 64", "batch", "", []int{128}, []string{sysGoRedis, sysRueidis}, []step{{1, 1.5}, {16, 1.5}}},
	{"batches of 64, against the peer's benchmark pipelined by 64", "batch", "", []int{128}, []string{sysBench}, []step{{1, 1.2}, {16, 1.2}}},
	{"durable set, against appendfsync always", "durable", opSet, []int{128}, []string{sysGoRedis, sysRueidis}, []step{{1, 1}, {16, 1.2}, {64, 1.5}, {256, 2}}},
	{"durable set, against etcd", "durable", opSet, []int{128}, []string{sysEtcd}, []step{{1, 4}, {16, 4}, {64, 4}, {256, 4}}},
}

// Goals of compare that are no ratios of throughput.
const (
	goalCPU   = 3  // of the null server's processor time per get in batches, at most
	goalSpace = 64 // bytes per entry beyond key and value, at most
)

// goals judges a comparison.
func (r *compareReport) goals() (out []goal) {
	for _, l := range ladders {
		if g, ok := l.judge(r); ok {
			out = append(out, g)
		}
	}
	worst := 0.0
	for _, c := range r.Cases {
		cpu := func(r result) float64 { return r.ServerCPU }
		if echo := c.median(sysEcho, cpu); c.Section == "batch" && c.Workload.Op == opGet && echo > 0 {
			worst = max(worst, c.median(sysIronkv, cpu)/echo)
		}
	}
	if worst > 0 {
		out = append(out, goal{
			"host's processor time per get in batches, against the null server's", fmt.Sprintf("at most %d×", goalCPU),
			fmt.Sprintf("%.1f×", worst), worst <= goalCPU, "decode, lookup, encode: ours",
		})
	}
	space := map[string]float64{}
	for _, s := range r.Space {
		space[s.Server] = s.PerEntry
	}
	if own, ok := space[sysIronkv]; ok {
		peer, measured := space["redis"]
		out = append(out, goal{
			"memory per entry beyond key and value, 1 million × 128 B", fmt.Sprintf("at most %d bytes, less than Redis", goalSpace),
			fmt.Sprintf("%.0f bytes, Redis %.0f", own, peer), own <= goalSpace && (!measured || own < peer), "what the collector has not returned",
		})
	}
	return out
}

// judge takes, for each step, the worst ratio of all its cases and peers.
func (l *ladder) judge(r *compareReport) (goal, bool) {
	g := goal{what: l.what, met: true}
	var clients, want, reached, bounds []string
	for _, s := range l.steps {
		worst, limit := 0.0, 0.0
		for _, c := range r.Cases {
			if c.Section != l.section || c.Clients != s.clients || !l.covers(c.Workload) {
				continue
			}
			for _, peer := range l.peers {
				if ratio := c.ratio(peer); ratio > 0 && (worst == 0 || ratio < worst) {
					worst, limit = ratio, c.ratio(sysEcho)
				}
			}
		}
		if worst == 0 {
			continue
		}
		g.met = g.met && worst >= s.least
		clients, want = append(clients, fmt.Sprint(s.clients)), append(want, fmt.Sprint(s.least))
		reached = append(reached, fmt.Sprintf("%.2f", worst))
		if limit > 0 {
			bounds = append(bounds, fmt.Sprintf("%.2f", limit))
		}
	}
	g.what += "; " + strings.Join(clients, " / ") + " goroutines"
	g.want, g.reached = strings.Join(want, " / ")+"×", strings.Join(reached, " / ")+"×"
	if len(bounds) > 0 {
		g.bound = strings.Join(bounds, " / ") + " of the echo limit"
	}
	return g, len(clients) > 0
}

func (l *ladder) covers(w workload) bool {
	if l.op != "" && w.Op != l.op {
		return false
	}
	for _, v := range l.values {
		if w.ValueBytes == v {
			return true
		}
	}
	return false
}

// Goals of move.
const (
	goalFast       = 2.0  // times as fast as an atomic migration, at full speed
	goalReshard    = 10.0 // times as fast as a reshard, yielding
	goalShare      = 0.75 // of the throughput before
	goalP99        = 2.0  // times that before, at most
	goalStall      = 25e3 // microseconds, or twice the longest before where that is more
	goalSmall      = 0.02 // seconds for an empty range, and for 1,000 entries
	goalSmallShard = 1000 // entries
)

// goals judges moves.
func (r *moveReport) goals() (out []goal) {
	for _, m := range r.Results {
		if m.System != sysIronkv {
			continue
		}
		if m.Shape.Keys <= goalSmallShard {
			s := m.seconds().Median
			out = append(out, goal{
				fmt.Sprintf("a move of %v", m.Shape), latency(1e6*goalSmall) + " at most", latency(1e6 * s), s <= goalSmall,
				"agreement, a chunk, its acknowledgement",
			})
			continue
		}
		out = append(out, r.goalsOf(m)...)
	}
	return out
}

func (r *moveReport) goalsOf(m *moveResult) (out []goal) {
	for _, peer := range r.Results {
		if peer.System == sysIronkv || peer.Shape != m.Shape {
			continue
		}
		want := goalReshard
		switch {
		case peer.atomic && m.Rate == "yield":
			want = 1
		case peer.atomic:
			want = goalFast
		}
		ratio := peer.seconds().Median / max(m.seconds().Median, 1e-9)
		out = append(out, goal{
			fmt.Sprintf("a move of %v, rate %s, against %s", m.Shape, m.Rate, peer.System), fmt.Sprintf("%v× as fast", want),
			fmt.Sprintf("%.1f×", ratio), ratio >= want, fmt.Sprintf("%s against %s", latency(1e6*m.seconds().Median), latency(1e6*peer.seconds().Median)),
		})
	}
	if m.During == nil || m.Rate != "yield" {
		return out
	}
	p99 := m.During.P99 / max(m.Before.P99, 1e-9)
	bound, boundP99 := "the hosts' loops, busy with chunks", fmt.Sprintf("%s, before %s", latency(m.During.P99), latency(m.Before.P99))
	if m.Apart != nil {
		bound = fmt.Sprintf("%.0f%% where two hosts move nothing: %.0f%% of that", 100*m.share(m.Apart), 100*m.share(m.During)/max(m.share(m.Apart), 1e-9))
		boundP99 += fmt.Sprintf(", %s where two hosts move nothing", latency(m.Apart.P99))
	}
	most := max(goalStall, 2*m.Before.Max)
	return append(out,
		goal{
			fmt.Sprintf("throughput while %v move", m.Shape), fmt.Sprintf("%.0f%% of before", 100*goalShare),
			fmt.Sprintf("%.0f%%", 100*m.share(m.During)), m.share(m.During) >= goalShare, bound,
		},
		goal{
			fmt.Sprintf("p99 while %v move", m.Shape), fmt.Sprintf("at most %v× of before", goalP99),
			fmt.Sprintf("%.1f×", p99), p99 <= goalP99, boundP99,
		},
		goal{
			fmt.Sprintf("longest stall while %v move", m.Shape), latency(most) + " at most",
			latency(m.During.Max), m.During.Max <= most, "before " + latency(m.Before.Max),
		})
}

// goalLookups are nanoseconds of a lookup in a delegation map, at most, by boundaries.
var goalLookups = []struct {
	boundaries uint64
	most       float64
}{{100, 60}, {1_000_000, 400}}

// goals judges growth.
func (r *growthReport) goals() (out []goal) {
	for _, s := range r.Series {
		if s.Section != "boundaries" {
			continue
		}
		for _, g := range goalLookups {
			for _, p := range s.Points {
				if ns := p.Values["lookup ns"]; p.Size == g.boundaries {
					out = append(out, goal{
						fmt.Sprintf("delegation lookup at %d boundaries", g.boundaries), fmt.Sprintf("at most %.0f ns", g.most),
						fmt.Sprintf("%.0f ns", ns), ns <= g.most, "cache misses",
					})
				}
			}
		}
	}
	return out
}
