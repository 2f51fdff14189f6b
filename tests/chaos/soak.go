package main

import (
	"context"
	"fmt"
	"time"

	"ironkv/kv/client"
)

const (
	// grownEntries is how far the data set grows from fillEntries.
	grownEntries = 80_000
	// warmCycles are those whose usage is the level; coolCycles, at the end, have to
	// come back to it.
	warmCycles, coolCycles = 3, 3
)

// within says whether u has come back to the level, with some slack for what
// depends on when Go collects garbage and Pebble compacts.
func (u usage) within(level usage) error {
	const mebibyte = 1 << 20
	for _, v := range []struct {
		name       string
		is, atMost uint64
	}{
		{"goroutines", uint64(u.goroutines), uint64(level.goroutines) + 16},
		{"open files", uint64(u.files), uint64(level.files) + 32},
		{"memory", u.memory, level.memory + level.memory/2 + 64*mebibyte},
		{"disk", u.disk, level.disk + level.disk/2 + 64*mebibyte},
	} {
		if v.is > v.atMost {
			return fmt.Errorf("%s: %d, more than %d", v.name, v.is, v.atMost)
		}
	}
	return nil
}

// A trimmer is a workload that can remove what it has written.
type trimmer interface {
	trim(ctx context.Context, db *client.Client) error
}

// soaked lets the data grow and shrink under faults of all kinds, until the duration is over, and compares what the hosts use in the end
// with what they used in the beginning.
func (c *cluster) soaked(ctx context.Context) error {
	var cycles [][]usage
	begun := time.Now()
	for n := 0; len(cycles) < warmCycles+coolCycles || time.Since(begun) < c.duration; n++ {
		if err := c.fill.load(ctx, c.clients[0], grownEntries); err != nil {
			return err
		}
		for i := range 2 {
			plan := drawPlan(c.rng, len(c.nemesis.hosts), c.length, c.allowed(kindKill, kindStop))
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
	return judge(cycles)
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
	return c.fill.drop(ctx, c.clients[0], fillEntries)
}

// judge compares the least of the last cycles with the most of the first.
func judge(cycles [][]usage) error {
	first, last := cycles[:warmCycles], cycles[len(cycles)-coolCycles:]
	for host := range cycles[0] {
		level, now := first[0][host], last[0][host]
		for _, u := range first[1:] {
			level = level.each(u[host], greater)
		}
		for _, u := range last[1:] {
			now = now.each(u[host], lesser)
		}
		if err := now.within(level); err != nil {
			return violationf("host %d does not come back to its level: %v (%v, at first %v)", host+1, err, now, level)
		}
	}
	return nil
}

func greater(a, b uint64) uint64 { return max(a, b) }
func lesser(a, b uint64) uint64  { return min(a, b) }

// each picks one of each number.
func (u usage) each(v usage, pick func(a, b uint64) uint64) usage {
	return usage{
		int(pick(uint64(u.goroutines), uint64(v.goroutines))), int(pick(uint64(u.files), uint64(v.files))),
		pick(u.memory, v.memory), pick(u.disk, v.disk),
	}
}
