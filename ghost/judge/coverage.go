package judge

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// Coverage counts what was seen of what could be. A check that never saw an
// action has said nothing about it: the table shows that.
type Coverage struct {
	counts map[string]int
}

// NewCoverage returns a table in which each of names was seen 0 times.
func NewCoverage(names ...string) *Coverage {
	c := &Coverage{counts: map[string]int{}}
	for _, name := range names {
		c.counts[name] = 0
	}
	return c
}

// Saw counts name once more.
func (c *Coverage) Saw(name string) { c.counts[name]++ }

// Count returns how often name was seen.
func (c *Coverage) Count(name string) int { return c.counts[name] }

// Add counts everything that o counted.
func (c *Coverage) Add(o *Coverage) {
	for name, n := range o.counts {
		c.counts[name] += n
	}
}

// Never returns the names that were not seen, in alphabetical order.
func (c *Coverage) Never() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(c.counts)) {
		if c.counts[name] == 0 {
			names = append(names, name)
		}
	}
	return names
}

// String renders the table in alphabetical order; what was never seen says so.
func (c *Coverage) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, name := range slices.Sorted(maps.Keys(c.counts)) {
		if n := c.counts[name]; n > 0 {
			fmt.Fprintf(w, "%s\t%d\n", name, n)
		} else {
			fmt.Fprintf(w, "%s\tnever\n", name)
		}
	}
	_ = w.Flush() // a strings.Builder does not fail
	return b.String()
}
