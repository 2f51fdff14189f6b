package main

import (
	"fmt"
	"image/color"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// The size of a plot.
const (
	plotWidth  = 18 * vg.Centimeter
	plotHeight = 11 * vg.Centimeter
)

// plotColors tell lines apart, also for most people who see few colours (Okabe and Ito).
var plotColors = []color.Color{
	color.RGBA{0x00, 0x72, 0xB2, 0xFF},
	color.RGBA{0xD5, 0x5E, 0x00, 0xFF},
	color.RGBA{0x00, 0x9E, 0x73, 0xFF},
	color.RGBA{0xCC, 0x79, 0xA7, 0xFF},
	color.RGBA{0x99, 0x99, 0x99, 0xFF},
}

// A curve is a named line of a plot.
type curve struct {
	name   string
	points plotter.XYs
}

// A chart is a plot before it is drawn.
type chart struct {
	title, x, y string
	logX, logY  bool
	curves      []curve
}

// draw writes the chart to dir; the name's ending, .svg or .png, says how.
func (c chart) draw(dir, name string) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = c.title, c.x, c.y
	p.Legend.Top = true
	p.Add(plotter.NewGrid())
	if c.logX {
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	if c.logY {
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	} else {
		p.Y.Min = 0
	}
	for i, curve := range c.curves {
		line, err := plotter.NewLine(curve.points)
		if err != nil {
			return fmt.Errorf("plot %s: the line of %s: %w", name, curve.name, err)
		}
		line.Color = plotColors[i%len(plotColors)]
		line.Width = vg.Points(1.5)
		p.Add(line)
		p.Legend.Add(curve.name, line)
	}
	if err := p.Save(plotWidth, plotHeight, filepath.Join(dir, name)); err != nil {
		return fmt.Errorf("plot %s: %w", name, err)
	}
	return nil
}
