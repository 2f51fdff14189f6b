package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"ironkv/kv/client"
)

const (
	// grownEntries is how far the data set grows from fillEntries.
	grownEntries = 80_000
	// A soak has leastCycles at least; the first of them, up to levelCycles and half
	// of all, are the level, and as many at the end have to come back to it.
	leastCycles, levelCycles = 6, 10
)

// A trimmer is a workload that can remove what it has written.
type trimmer interface {
	trim(ctx context.Context, db *client.Client) error
}

// soaked lets the data grow and shrink under faults of all kinds, until the duration is over, and compares what the hosts use in the end
// with what they used in the beginning.
func (c *cluster) soaked(ctx context.Context) error {
	var cycles [][]usage
	c.fill.adrift = true
	begun := time.Now()
	for n := 0; len(cycles) < leastCycles || time.Since(begun) < c.duration; n++ {
		if err := c.fill.to(ctx, c.clients[0], grownEntries); err != nil {
			return err
		}
		for i := range 2 {
			plan := drawPlan(c.rng, len(c.nemesis.hosts), c.length, c.allowed(kindKill, kindKill, kindStop, kindKillAll))
			if err := c.round(ctx, 2*n+i, func() { c.nemesis.strike(ctx, plan, c.length) }); err != nil {
				return err
			}
			if err := c.shrink(ctx); err != nil {
				return err
			}
		}
		now, err := c.use()
		if err != nil {
			return err
		}
		cycles = append(cycles, now)
		for i, u := range now {
			c.say("cycle %d, host %d: %v", n+1, i+1, u)
		}
	}
	report, err := compare(cycles)
	c.say("what hosts used at rest:\n%s", report)
	return err
}

// shrink takes away what was added.
func (c *cluster) shrink(ctx context.Context) error {
	for _, l := range c.loads {
		if t, ok := l.(trimmer); ok {
			if err := t.trim(ctx, c.clients[0]); err != nil {
				return err
			}
		}
	}
	return nil
}

// compare tells what each host used in the first cycles and in the last, and which
// did not come back to its level: the mean of the last is too far above that of the first.
func compare(cycles [][]usage) (report string, err error) {
	span := min(levelCycles, len(cycles)/2)
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"host", "quantity", fmt.Sprintf("mean of the first %d cycles", span), fmt.Sprintf("of the last %d", span), "allowed", "least of all", "most"})
	for host := range cycles[0] {
		for i, q := range quantities {
			mean := func(part [][]usage) float64 {
				sum := 0.0
				for _, c := range part {
					sum += float64(c[host][i])
				}
				return sum / float64(len(part)) / q.unit
			}
			least, most := cycles[0][host][i], cycles[0][host][i]
			for _, c := range cycles {
				least, most = min(least, c[host][i]), max(most, c[host][i])
			}
			level, now := mean(cycles[:span]), mean(cycles[len(cycles)-span:])
			allowed := level + q.spread/math.Sqrt(float64(span))
			t.AppendRow(table.Row{
				host + 1, q.name, fmt.Sprintf("%.1f", level), fmt.Sprintf("%.1f", now), fmt.Sprintf("%.1f", allowed),
				fmt.Sprintf("%.0f", float64(least)/q.unit), fmt.Sprintf("%.0f", float64(most)/q.unit),
			})
			if now > allowed && err == nil {
				err = violationf("host %d does not come back to its level: %s: %.1f, more than %.1f", host+1, q.name, now, allowed)
			}
		}
	}
	return t.Render(), err
}
