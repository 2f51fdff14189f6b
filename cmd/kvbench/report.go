package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/pflag"
)

// machine describes where this runs, for the report.
func machine() string {
	name := "unknown processor"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				name = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%d cores of %s, %s/%s, %s", runtime.NumCPU(), name, runtime.GOOS, runtime.GOARCH, runtime.Version())
}

func (a *app) printSingle(r singleReport) error {
	w := new(strings.Builder)
	fmt.Fprintf(w, "%s, %d clients, %d keys (%s), values of %d bytes; %s\n", r.Workload.Op, r.Clients, r.Workload.Keys,
		r.Workload.Distribution, r.Workload.ValueBytes, r.Servers)
	fmt.Fprintf(w, "throughput  %.0f operations/s (%d in %.1f s)\n", r.Result.Throughput, r.Result.Ops, r.Result.Seconds)
	fmt.Fprintf(w, "latency     p50 %s  p99 %s  p99.9 %s  max %s\n", latency(r.Result.P50), latency(r.Result.P99), latency(r.Result.P999), latency(r.Result.Max))
	if r.Result.ServerCPU > 0 {
		fmt.Fprintf(w, "servers     %.2f µs of processor time per operation\n", r.Result.ServerCPU)
	}
	fmt.Fprintf(w, "errors      %s\n", errorCounts(r.Result.Errors))
	_, err := io.WriteString(a.out, w.String())
	return err
}

// A report is what compare, move and growth end with.
type report interface {
	text(markdown bool) string
	goals() []goal
	plot(dir string) error
}

// An output says how a report is published.
type output struct {
	format, plotDir string
	goals           bool
}

func (o *output) add(flags *pflag.FlagSet, drawn string) {
	flags.StringVar(&o.format, "format", "text", "print tables as text or markdown")
	flags.StringVar(&o.plotDir, "plot", "", "draw "+drawn+" into `DIR`, as SVG")
	flags.BoolVar(&o.goals, "goals", false, "print behind the tables (with JSON to stderr) which of the project's goals are reached, as far as they were measured")
}

func (o *output) check() error {
	if o.format != "text" && o.format != "markdown" {
		return fmt.Errorf("--format %q: one of text, markdown", o.format)
	}
	return nil
}

// publish draws a report, if it is to be drawn, and prints it.
func (a *app) publish(r report, o output) error {
	if o.plotDir != "" {
		if err := os.MkdirAll(o.plotDir, 0o755); err != nil {
			return err
		}
		if err := r.plot(o.plotDir); err != nil {
			return err
		}
	}
	goals := ""
	if o.goals {
		goals = "\n" + goalsText(r.goals(), o.format == "markdown")
	}
	if a.json {
		_, err := io.WriteString(a.errOut, goals)
		return errors.Join(err, a.printJSON(r))
	}
	text := r.text(o.format == "markdown") + goals
	_, err := io.WriteString(a.out, text)
	return err
}

// printAfter prints a report, also after err: then what was measured before, where some
// was, so that an hour of measuring is not lost with its last minute.
func (a *app) printAfter(err error, some bool, report func() error) error {
	if err != nil && !some {
		return err
	}
	if err != nil {
		a.progressf("what was measured before it ended:")
	}
	return errors.Join(err, report())
}

// errorCounts lists errors by kind, in order.
func errorCounts(counts map[string]uint64) string {
	if len(counts) == 0 {
		return "0"
	}
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[kind], kind))
	}
	return strings.Join(parts, ", ")
}

// latency prints microseconds with three digits, as a duration.
func latency(us float64) string {
	d := time.Duration(us * float64(time.Microsecond))
	switch {
	case d >= time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d >= 10*time.Millisecond:
		return fmt.Sprintf("%.0f ms", us/1000)
	case d >= time.Millisecond:
		return fmt.Sprintf("%.1f ms", us/1000)
	}
	return fmt.Sprintf("%.0f µs", us)
}

// thousands prints operations per second as thousands.
func thousands(perSecond float64) string {
	if perSecond >= 100_000 {
		return fmt.Sprintf("%.0fk", perSecond/1000)
	}
	return fmt.Sprintf("%.1fk", perSecond/1000)
}

// printTable prints rows for a terminal or as markdown; all but the first left
// columns are numbers.
func printTable(w *strings.Builder, markdown bool, left int, header table.Row, rows []table.Row) {
	t := table.NewWriter()
	t.AppendHeader(header)
	t.AppendRows(rows)
	var columns []table.ColumnConfig
	for n := left + 1; n <= len(header); n++ {
		columns = append(columns, table.ColumnConfig{Number: n, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	t.SetColumnConfigs(columns)
	if markdown {
		fmt.Fprintln(w, t.RenderMarkdown())
		return
	}
	t.SetStyle(table.StyleLight)
	t.Style().Options = table.OptionsNoBordersAndSeparators
	t.Style().Format.Header = text.FormatDefault
	fmt.Fprintln(w, t.Render())
}

// A spread is the median of some runs, and their extremes.
type spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// spreadOf takes the middle value, the lower one of two.
func spreadOf[T any](runs []T, value func(T) float64) spread {
	if len(runs) == 0 {
		return spread{}
	}
	var values []float64
	for _, r := range runs {
		values = append(values, value(r))
	}
	slices.SortFunc(values, cmp.Compare[float64])
	return spread{Median: values[(len(values)-1)/2], Min: values[0], Max: values[len(values)-1]}
}
