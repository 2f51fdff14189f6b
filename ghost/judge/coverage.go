package judge

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
)

// Coverage counts what was seen of what could be. A check that never saw an
// action has said nothing about it: the table shows that. It may be shared
// between goroutines.
type Coverage struct {
	mutex  sync.Mutex
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
func (c *Coverage) Saw(name string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.counts[name]++
}

// Count returns how often name was seen.
func (c *Coverage) Count(name string) int { return c.copy()[name] }

func (c *Coverage) copy() map[string]int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return maps.Clone(c.counts)
}

// Add counts everything that o counted.
func (c *Coverage) Add(o *Coverage) {
	counts := o.copy()
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for name, n := range counts {
		c.counts[name] += n
	}
}

// Names returns all names, seen or not, in alphabetical order.
func (c *Coverage) Names() []string { return slices.Sorted(maps.Keys(c.copy())) }

// Never returns the names that were not seen, in alphabetical order.
func (c *Coverage) Never() []string {
	var names []string
	counts := c.copy()
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		if counts[name] == 0 {
			names = append(names, name)
		}
	}
	return names
}

// String renders the table in alphabetical order; what was never seen says so.
func (c *Coverage) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0) // a strings.Builder does not fail
	counts := c.copy()
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		if n := counts[name]; n > 0 {
			_, _ = fmt.Fprintf(w, "%s\t%d\n", name, n)
		} else {
			_, _ = fmt.Fprintf(w, "%s\tnever\n", name)
		}
	}
	_ = w.Flush()
	return b.String()
}
