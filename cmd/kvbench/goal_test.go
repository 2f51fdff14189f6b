package main

import (
	"strings"
	"testing"
)

// ran makes a case in which systems ran at these throughputs.
func ran(section string, w workload, clients int, throughput, cpu map[string]float64) *comparison {
	c := &comparison{Section: section, Workload: w, Clients: clients, Runs: map[string][]result{}}
	for system, t := range throughput {
		c.Runs[system] = []result{{Throughput: t, ServerCPU: cpu[system]}}
	}
	return c
}

// A ladder takes the worst case of each step, and is met where each step is.
func TestGoalsOfAComparison(t *testing.T) {
	of := func(value int, op operation) workload { return workload{Op: op, ValueBytes: value} }
	r := &compareReport{
		Cases: []*comparison{
			ran("memory", of(128, opGet), 16, map[string]float64{sysIronkv: 40, sysGoRedis: 10, sysRueidis: 20, sysEcho: 50}, nil),
			ran("memory", of(1024, opSet), 16, map[string]float64{sysIronkv: 30, sysGoRedis: 10, sysRueidis: 40, sysEcho: 40}, nil),
			ran("memory", of(8192, opSet), 16, map[string]float64{sysIronkv: 20, sysGoRedis: 40, sysRueidis: 10}, nil),
			ran("batch", of(128, opGet), 1, map[string]float64{sysIronkv: 40, sysGoRedis: 10, sysRueidis: 20, sysEcho: 80}, map[string]float64{sysIronkv: 6, sysEcho: 1.5}),
		},
		Space: []spaceResult{{Server: sysIronkv, PerEntry: 60}, {Server: "redis", PerEntry: 100}},
	}
	got := map[string]goal{}
	for _, g := range r.goals() {
		got[g.what] = g
	}
	for what, want := range map[string]struct {
		reached string
		met     bool
	}{
		"get and set, 128 B and 1 KB, against go-redis; 16 goroutines":        {"3.00×", true},
		"get and set, 8 KB, against go-redis; 16 goroutines":                  {"0.50×", false},
		"get and set, against rueidis; 16 goroutines":                         {"0.75×", false},
		"batches of 64, against pipelines of 64; 1 goroutines":                {"2.00×", true},
		"host's processor time per get in batches, against the null server's": {"4.0×", false},
		"memory per entry beyond key and value, 1 million × 128 B":            {"60 bytes, Redis 100", true},
	} {
		if g := got[what]; g.reached != want.reached || g.met != want.met {
			t.Errorf("%s: %+v, want %+v", what, g, want)
		}
	}
	if len(got) != 6 {
		t.Errorf("%d goals, want those that were measured: %v", len(got), got)
	}
	if g := got["get and set, 128 B and 1 KB, against go-redis; 16 goroutines"]; g.bound != "0.75 of the echo limit" {
		t.Errorf("%+v", g)
	}
	r.Space[0].PerEntry = 101
	if goals := r.goals(); goals[len(goals)-1].met {
		t.Error("more memory than Redis takes meets the goal")
	}
}

func TestGoalsOfMovesAndGrowth(t *testing.T) {
	big, small := shape{Keys: 1_000_000, ValueBytes: 128}, shape{}
	window := func(throughput, p99, longest float64) *result {
		return &result{Throughput: throughput, P99: p99, Max: longest}
	}
	r := &moveReport{Results: []*moveResult{
		{
			System: sysIronkv, Shape: big, Rate: "yield", Moves: []oneMove{{Seconds: 5}},
			Before: window(100, 200, 5e3), During: window(80, 500, 24e3), Apart: window(90, 300, 6e3),
		},
		{System: sysIronkv, Shape: big, Rate: "unlimited", Moves: []oneMove{{Seconds: 2}}, Before: window(100, 200, 5e3), During: window(20, 900, 90e3)},
		{System: "valkey-server", Shape: big, Moves: []oneMove{{Seconds: 4.5}}, atomic: true},
		{System: "redis-server", Shape: big, Moves: []oneMove{{Seconds: 30}}},
		{System: sysIronkv, Shape: small, Rate: "yield", Moves: []oneMove{{Seconds: 0.003}}},
	}}
	var lines []string
	for _, g := range r.goals() {
		line := g.what + ": " + g.reached
		if g.met {
			line += " met"
		}
		lines = append(lines, line)
	}
	want := []string{
		"a move of 1,000,000 × 128 B, rate yield, against valkey-server: 0.9×",
		"a move of 1,000,000 × 128 B, rate yield, against redis-server: 6.0×",
		"throughput while 1,000,000 × 128 B move: 80% met",
		"p99 while 1,000,000 × 128 B move: 2.5×",
		"longest stall while 1,000,000 × 128 B move: 24 ms met",
		"a move of 1,000,000 × 128 B, rate unlimited, against valkey-server: 2.2× met",
		"a move of 1,000,000 × 128 B, rate unlimited, against redis-server: 15.0× met",
		"a move of 0 × 0 B: 3.0 ms met",
	}
	if got := strings.Join(lines, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	if text := goalsText(r.goals(), false); !strings.Contains(text, "90% where two hosts move nothing: 89% of that") || !strings.Contains(text, "300 µs where") {
		t.Error(text)
	}
	grown := &growthReport{Series: []*growthSeries{{Section: "boundaries", Points: []growthPoint{
		{Size: 10, Values: map[string]float64{"lookup ns": 900}},
		{Size: 100, Values: map[string]float64{"lookup ns": 24}},
		{Size: 1_000_000, Values: map[string]float64{"lookup ns": 401}},
	}}}}
	goals := grown.goals()
	if len(goals) != 2 || !goals[0].met || goals[1].met {
		t.Errorf("%+v", goals)
	}
	if text := goalsText(goals, true); !strings.Contains(text, "| delegation lookup at 100 boundaries | at most 60 ns | 24 ns | yes |") {
		t.Error(text)
	}
	if text := goalsText(nil, true); !strings.Contains(text, "none") {
		t.Error(text)
	}
}
