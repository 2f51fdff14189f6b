package judge

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
)

// Coverage counts what was seen of what could be. A check that never saw an
// action has said nothing about it: the table shows that. It may be shared
// between goroutines.
type Coverage struct {
	mutex  sync.Mutex
	counts map[string]*atomic.Int64
}

// NewCoverage returns a table in which each of names was seen 0 times.
func NewCoverage(names ...string) *Coverage {
	c := &Coverage{counts: map[string]*atomic.Int64{}}
	for _, name := range names {
		c.Counter(name)
	}
	return c
}

// Counter is the count of name: who sees it often looks it up once.
func (c *Coverage) Counter(name string) *atomic.Int64 {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	n := c.counts[name]
	if n == nil {
		n = new(atomic.Int64)
		c.counts[name] = n
	}
	return n
}

// Saw counts name once more.
func (c *Coverage) Saw(name string) { c.Counter(name).Add(1) }

// Count returns how often name was seen.
func (c *Coverage) Count(name string) int { return c.copy()[name] }

func (c *Coverage) copy() map[string]int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	counts := map[string]int{}
	for name, n := range c.counts {
		counts[name] = int(n.Load())
	}
	return counts
}

// Add counts everything that o counted.
func (c *Coverage) Add(o *Coverage) {
	for name, n := range o.copy() {
		c.Counter(name).Add(int64(n))
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
