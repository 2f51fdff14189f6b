package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"gonum.org/v1/plot/plotter"
)

func (r *moveResult) summary() string {
	s := fmt.Sprintf("%s %v: %.2f s, %.0fk entries/s, %.0f MB/s", r.System, r.Shape, r.seconds().Median, r.entriesPerSecond()/1000, r.megabytes())
	if r.During != nil {
		s += fmt.Sprintf("; throughput %s, during %s (%.0f%%); longest %s; errors %s", thousands(r.Before.Throughput),
			thousands(r.During.Throughput), 100*r.share(r.During), latency(r.During.Max), errorCounts(r.During.Errors))
	}
	return s
}

// memory is what the servers held before the moves and at most.
func (r *moveResult) memory() string {
	if r.Resident == 0 {
		return "-"
	}
	return fmt.Sprintf("%d, %d", r.Resident>>20, r.MostResident>>20)
}

// processorTime is that of one operation, "-" where it is not told.
func processorTime(us float64) string {
	if us == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f µs", us)
}

// share is a window's throughput as a part of that before the moves.
func (r *moveResult) share(window *result) float64 {
	if r.Before.Throughput == 0 {
		return 0
	}
	return window.Throughput / r.Before.Throughput
}

// megabytes is the median move's speed in 10^6 bytes of keys and values per second.
func (r *moveResult) megabytes() float64 {
	s := r.seconds().Median
	if s == 0 {
		return 0
	}
	return float64(r.Shape.bytes()) / s / 1e6
}

func (r *moveReport) text(markdown bool) string {
	w := new(strings.Builder)
	fmt.Fprintf(w, "%s; %d goroutines, %.0f%% gets", r.Machine, r.Clients, 100*r.Ratio)
	if r.Limit > 0 {
		fmt.Fprintf(w, ", %s operations per second due", thousands(r.Limit))
	}
	fmt.Fprint(w, ".\n\n")
	var rows, windows []table.Row
	for _, m := range r.Results {
		s, cpu := m.seconds(), m.serverCPU()
		rows = append(rows, table.Row{
			m.System, m.Shape, m.Rate, fmt.Sprintf("%.3f (%.3f–%.3f)", s.Median, s.Min, s.Max),
			fmt.Sprintf("%.0f", m.entriesPerSecond()), fmt.Sprintf("%.1f", m.megabytes()),
			fmt.Sprintf("%.2f (%.2f–%.2f)", cpu.Median, cpu.Min, cpu.Max), m.memory(),
		})
		if m.During == nil {
			continue
		}
		for _, p := range []struct {
			name string
			r    *result
		}{{"before", m.Before}, {"during", m.During}, {"between", m.Between}, {"after", m.After}, {"apart", m.Apart}} {
			if p.r == nil {
				continue
			}
			windows = append(windows, table.Row{
				m.System, m.Shape, p.name, latency(1e6 * p.r.Seconds), thousands(p.r.Throughput), fmt.Sprintf("%.0f%%", 100*m.share(p.r)),
				latency(p.r.P50), latency(p.r.P99), latency(p.r.P999), latency(p.r.Max), processorTime(p.r.ServerCPU), errorCounts(p.r.Errors),
			})
		}
	}
	printTable(w, markdown, 2, table.Row{"system", "shard", "rate", "seconds", "entries/s", "MB/s", "servers' processor seconds", "resident MiB before, at most"}, rows)
	fmt.Fprintln(w)
	if len(windows) > 0 {
		printTable(w, markdown, 3, table.Row{"system", "shard", "when", "for", "operations/s", "of before", "p50", "p99", "p99.9", "max", "servers' processor time per operation", "errors"}, windows)
		fmt.Fprintln(w)
	}
	seen := map[string]bool{}
	for _, m := range r.Results {
		if !seen[m.Servers] {
			fmt.Fprintf(w, "- %s: %s\n", m.System, m.Servers)
			seen[m.Servers] = true
		}
	}
	return w.String()
}

// plot draws throughput and the longest latency over time, for each shard.
func (r *moveReport) plot(dir string) error {
	byShape := map[shape][]*moveResult{}
	var shapes []shape
	for _, m := range r.Results {
		if len(m.Timeline) < 2 {
			continue
		}
		if byShape[m.Shape] == nil {
			shapes = append(shapes, m.Shape)
		}
		byShape[m.Shape] = append(byShape[m.Shape], m)
	}
	var err error
	for _, s := range shapes {
		throughput := chart{title: fmt.Sprintf("%d goroutines while %v move", r.Clients, s), x: "seconds", y: "thousands of operations per second"}
		worst := chart{title: throughput.title, x: "seconds", y: "longest latency, milliseconds", logY: true}
		for _, m := range byShape[s] {
			a, b := curve{name: m.System}, curve{name: m.System}
			for _, t := range m.Timeline {
				a.points = append(a.points, plotter.XY{X: t.Seconds, Y: t.Throughput / 1000})
				b.points = append(b.points, plotter.XY{X: t.Seconds, Y: max(t.Max, 1) / 1000}) // a logarithm needs more than 0
			}
			throughput.curves = append(throughput.curves, a)
			worst.curves = append(worst.curves, b)
		}
		name := fmt.Sprintf("%dx%d", s.Keys, s.ValueBytes)
		err = errors.Join(err, throughput.draw(dir, "move-throughput-"+name+".svg"), worst.draw(dir, "move-latency-"+name+".svg"))
	}
	return err
}
