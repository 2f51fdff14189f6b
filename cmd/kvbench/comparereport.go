package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"gonum.org/v1/plot/plotter"
)

// text is a table for each section, and as markdown one table of all, that of the
// README, which leaves some columns out.
func (r *compareReport) text(markdown bool) string {
	w := new(strings.Builder)
	fmt.Fprintf(w, "%s; %d runs of %.1f s each, interleaved; thousands of operations per second, median (least–greatest); ratios are medians over the runs.\n\n", r.Machine, r.Runs, r.Duration)
	sections := sectionNames
	if markdown && len(r.Cases) > 0 {
		sections = nil
		printAll(w, r.Cases)
		fmt.Fprintln(w)
	}
	for _, section := range sections {
		var cases []*comparison
		for _, c := range r.Cases {
			if c.Section == section {
				cases = append(cases, c)
			}
		}
		if len(cases) == 0 {
			continue
		}
		fmt.Fprintf(w, "%s\n\n", sectionTitles[section])
		printCases(w, cases)
		fmt.Fprintln(w)
	}
	if len(r.Space) > 0 {
		fmt.Fprintf(w, "%s\n\n", sectionTitles["space"])
		r.printSpace(w, markdown)
		fmt.Fprintln(w)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Servers)) {
		fmt.Fprintf(w, "- %s: %s\n", name, r.Servers[name])
	}
	if r.Peer != "" {
		fmt.Fprintf(w, "- the peer: %s\n", r.Peer)
	}
	for _, s := range r.Skipped {
		fmt.Fprintf(w, "- not measured: %s\n", s)
	}
	return w.String()
}

var sectionTitles = map[string]string{
	"memory":  "Gets and sets in memory",
	"batch":   "Batches of 64, a million keys",
	"scan":    "Scans, entries per second",
	"durable": "Sets that are synced before they are answered",
	"space":   "Memory per entry beyond key and value",
}

// printCases prints a section: its systems, ironkv in units of each, and what its
// host spends.
func printCases(w *strings.Builder, cases []*comparison) {
	systems := cases[0].systems
	header := table.Row{"operation", "value", "keys", "goroutines"}
	for _, s := range systems {
		header = append(header, s)
	}
	for _, s := range systems[1:] {
		header = append(header, "× "+s)
	}
	header = append(header, "p99", "CPU µs/op")
	if slices.Contains(systems, sysEcho) {
		header = append(header, "× echo's CPU")
	}
	if slices.Contains(systems, sysRueidis) {
		header = append(header, "p99 rueidis")
	}
	var rows []table.Row
	for _, c := range cases {
		rows = append(rows, c.row())
	}
	printTable(w, false, 1, header, rows)
	printErrors(w, cases)
}

func printErrors(w *strings.Builder, cases []*comparison) {
	for _, c := range cases {
		if e := c.errors(); e != "" {
			fmt.Fprintf(w, "errors, %s of %d B, %d goroutines: %s\n", c.Workload.Op, c.Workload.ValueBytes, c.Clients, e)
		}
	}
}

// caseNames are what the sections' rows are called beside those of others, where their
// operation does not say it.
var caseNames = map[string]string{"batch": "batches of 64: ", "durable": "durable "}

// printAll prints the cases of all sections as one table in markdown.
func printAll(w *strings.Builder, cases []*comparison) {
	columns := []string{sysGoRedis, sysRueidis, sysEcho}
	header := table.Row{"what", "keys", "value", "goroutines", "ironkv, thousands/s", "least–greatest"}
	for _, s := range columns {
		header = append(header, "× "+s)
	}
	var rows []table.Row
	for _, c := range cases {
		t := c.throughput(sysIronkv)
		row := table.Row{caseNames[c.Section] + string(c.Workload.Op), c.keys(), c.Workload.ValueBytes, c.Clients, kilo(t.Median), kilo(t.Min) + "–" + kilo(t.Max)}
		for _, s := range columns {
			row = append(row, c.times(s))
		}
		other := ""
		for _, s := range c.systems[1:] {
			if !slices.Contains(columns, s) {
				other = c.times(s) + " × " + s
			}
		}
		rows = append(rows, append(row, other, latency(c.median(sysIronkv, func(r result) float64 { return r.P99 }))))
	}
	printTable(w, true, 1, append(header, "other", "p99"), rows)
	printErrors(w, cases)
}

// times is ironkv's throughput in units of a system's, or nothing where that was not
// measured.
func (c *comparison) times(system string) string {
	if !slices.Contains(c.systems, system) {
		return ""
	}
	return fmt.Sprintf("%.2f", c.ratio(system))
}

// keys is how many keys there are, and how they are chosen if not uniformly.
func (c *comparison) keys() string {
	keys := strconv.FormatUint(c.Workload.Keys, 10)
	if c.Workload.Distribution != uniform {
		keys += " " + string(c.Workload.Distribution)
	}
	return keys
}

func (c *comparison) row() table.Row {
	row := table.Row{c.Workload.Op, c.Workload.ValueBytes, c.keys(), c.Clients}
	for _, s := range c.systems {
		t := c.throughput(s)
		row = append(row, fmt.Sprintf("%s (%s–%s)", kilo(t.Median), kilo(t.Min), kilo(t.Max)))
	}
	for _, s := range c.systems[1:] {
		row = append(row, c.times(s))
	}
	p99 := func(r result) float64 { return r.P99 }
	cpu := func(r result) float64 { return r.ServerCPU }
	row = append(row, latency(c.median(sysIronkv, p99)), fmt.Sprintf("%.2f", c.median(sysIronkv, cpu)))
	if slices.Contains(c.systems, sysEcho) {
		part := "-"
		if echo := c.median(sysEcho, cpu); echo > 0 {
			part = fmt.Sprintf("%.1f", c.median(sysIronkv, cpu)/echo)
		}
		row = append(row, part)
	}
	if slices.Contains(c.systems, sysRueidis) {
		row = append(row, latency(c.median(sysRueidis, p99)))
	}
	return row
}

func kilo(perSecond float64) string {
	if perSecond >= 100_000 {
		return fmt.Sprintf("%.0f", perSecond/1000)
	}
	return fmt.Sprintf("%.1f", perSecond/1000)
}

// plot draws throughput against goroutines, a file for each operation and length.
func (r *compareReport) plot(dir string) error {
	type group struct {
		section, op, value, keys, distribution string
	}
	groups := map[group][]*comparison{}
	var order []group
	for _, c := range r.Cases {
		if c.Section != "memory" && c.Section != "durable" {
			continue
		}
		g := group{c.Section, string(c.Workload.Op), strconv.Itoa(c.Workload.ValueBytes), strconv.FormatUint(c.Workload.Keys, 10), string(c.Workload.Distribution)}
		if groups[g] == nil {
			order = append(order, g)
		}
		groups[g] = append(groups[g], c)
	}
	var err error
	for _, g := range order {
		cases := groups[g]
		if len(cases) < 2 {
			continue // a line has two points
		}
		ch := chart{
			title: fmt.Sprintf("%s, %s of %s bytes, %s keys, %s", g.section, g.op, g.value, g.keys, g.distribution),
			x:     "goroutines", y: "thousands of operations per second", logX: true,
		}
		for _, system := range cases[0].systems {
			c := curve{name: system}
			for _, row := range cases {
				c.points = append(c.points, plotter.XY{X: float64(row.Clients), Y: row.throughput(system).Median / 1000})
			}
			ch.curves = append(ch.curves, c)
		}
		err = errors.Join(err, ch.draw(dir, fmt.Sprintf("%s-%s-%s-%s-%s.svg", g.section, g.op, g.value, g.keys, g.distribution)))
	}
	return err
}
