package main

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
	"gonum.org/v1/plot/plotter"
)

func (r *growthReport) text(markdown bool) string {
	w := new(strings.Builder)
	fmt.Fprintf(w, "%s\n\n", r.Machine)
	for _, s := range r.Series {
		header := table.Row{s.Size}
		for _, c := range s.Columns {
			header = append(header, c)
		}
		var rows []table.Row
		for _, p := range s.Points {
			row := table.Row{humanize.Comma(int64(p.Size))}
			for _, c := range s.Columns {
				row = append(row, shortNumber(p.Values[c]))
			}
			rows = append(rows, row)
		}
		printTable(w, markdown, 0, header, rows)
		fmt.Fprintln(w)
	}
	return w.String()
}

// shortNumber prints three digits of v, "-" for what was not measured.
func shortNumber(v float64) string {
	switch {
	case v == 0:
		return "-"
	case v >= 1000:
		return humanize.Comma(int64(v))
	case v >= 100, v == math.Trunc(v):
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

func (r *growthReport) plot(dir string) error {
	var err error
	for _, s := range r.Series {
		err = errors.Join(err, s.plot(dir))
	}
	return err
}

// plot draws the series' columns over its sizes, both on logarithmic scales.
func (s *growthSeries) plot(dir string) error {
	ch := chart{title: "growth: " + s.Section, x: s.Size, logX: true, logY: true}
	for _, column := range s.Columns {
		c := curve{name: column}
		for _, p := range s.Points {
			if v := p.Values[column]; v > 0 && p.Size > 0 {
				c.points = append(c.points, plotter.XY{X: float64(p.Size), Y: v})
			}
		}
		if len(c.points) > 1 { // a line has two points
			ch.curves = append(ch.curves, c)
		}
	}
	if len(ch.curves) == 0 {
		return nil
	}
	return ch.draw(dir, "growth-"+s.Section+".svg")
}
