package search

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
)

// ErrIncomplete says that the bound on states was met before all were visited.
var ErrIncomplete = errors.New("search incomplete")

// A Transition leads to a next state.
type Transition[S any] struct {
	// Kind is the action's name, for the report; Label says all of it, for a trace.
	Kind, Label string
	Next        S
	// Err is set where taking the transition broke a rule: it is the violation.
	Err error
}

// A Space is a system to be searched.
type Space[S any] struct {
	Init []S
	// Next returns all transitions out of s, always in the same order. It may
	// be called from several goroutines, each with another state.
	Next func(s S) []Transition[S]
	// Key appends the canonical encoding of s to b.
	Key func(b []byte, s S) []byte
	// Check returns what is wrong with s; nil where nothing is. May be nil.
	Check func(s S) error
	// MaxStates bounds the search, 0 for [DefaultMaxStates].
	MaxStates int
	// Workers is the number of goroutines, 0 for one.
	Workers int
}

// DefaultMaxStates is the bound on states where none is given: about 8 GB of
// hashes and parents.
const DefaultMaxStates = 100_000_000

// blockStates is how many states each worker expands before the results are merged.
const blockStates = 256

// A Report says what a search has seen.
type Report struct {
	States, Transitions int
	// Depth is the length of the longest of all shortest traces.
	Depth int
	// Ends is the number of states without a transition to another state.
	Ends int
	// Kinds counts the transitions by kind.
	Kinds map[string]int
}

// String renders the report as a table, kinds in alphabetical order.
func (r Report) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "states\t%d\ntransitions\t%d\ndepth\t%d\nends\t%d\n", r.States, r.Transitions, r.Depth, r.Ends)
	for _, kind := range slices.Sorted(maps.Keys(r.Kinds)) {
		_, _ = fmt.Fprintf(w, "  %s\t%d\n", kind, r.Kinds[kind])
	}
	_ = w.Flush() // a strings.Builder does not fail
	return b.String()
}

// A Counterexample is a shortest trace to a violation; it unwraps to that.
type Counterexample struct {
	Trace []string
	Err   error
}

// Error tells the violation and the trace that leads to it.
func (c *Counterexample) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v, after %d steps", c.Err, len(c.Trace))
	for i, label := range c.Trace {
		fmt.Fprintf(&b, "\n%4d  %s", i+1, label)
	}
	return b.String()
}

// Unwrap returns the violation.
func (c *Counterexample) Unwrap() error { return c.Err }

type (
	hash [16]byte
	// A visit remembers how a state was reached first.
	visit struct {
		parent int32 // index of the visit it was reached from; -1 for a first state
		label  string
	}
	node[S any] struct {
		state S
		at    int32
	}
	successor[S any] struct {
		transition Transition[S]
		key        hash
		check      error
	}
	run[S any] struct {
		space  Space[S]
		seen   map[hash]struct{}
		visits []visit
		report Report
	}
)

// Run searches all of the space. It returns a [*Counterexample] where a check
// fails, and an error that wraps [ErrIncomplete] where the bound was met.
func Run[S any](space Space[S]) (Report, error) {
	if space.MaxStates == 0 {
		space.MaxStates = DefaultMaxStates
	}
	r := &run[S]{space: space, seen: map[hash]struct{}{}, report: Report{Kinds: map[string]int{}}}
	var level []node[S]
	for _, s := range space.Init {
		n, fresh, err := r.admit(r.judge(Transition[S]{Label: "start", Next: s}), -1)
		if err != nil {
			return r.report, err
		}
		if fresh {
			level = append(level, n)
		}
	}
	for len(level) > 0 {
		next, err := r.expand(level)
		if err != nil {
			return r.report, err
		}
		if len(next) > 0 {
			r.report.Depth++
		}
		level = next
	}
	return r.report, nil
}

// expand visits the successors of one level and returns the next.
func (r *run[S]) expand(level []node[S]) ([]node[S], error) {
	var next []node[S]
	block := blockStates * max(1, r.space.Workers)
	for start := 0; start < len(level); start += block {
		nodes := level[start:min(start+block, len(level))]
		for i, successors := range r.successors(nodes) {
			from := r.keyOf(nodes[i].state)
			end := true
			for _, s := range successors {
				r.report.Transitions++
				r.report.Kinds[s.transition.Kind]++
				end = end && s.key == from
				n, fresh, err := r.admit(s, nodes[i].at)
				if err != nil {
					return nil, err
				}
				if fresh {
					next = append(next, n)
				}
			}
			if end {
				r.report.Ends++
			}
			nodes[i].state = *new(S) // the level is read once; let the state go
		}
	}
	return next, nil
}

// successors computes the transitions of all nodes, in parallel; the result's
// order is that of the nodes.
func (r *run[S]) successors(nodes []node[S]) [][]successor[S] {
	out := make([][]successor[S], len(nodes))
	work := func(first, stride int) {
		for i := first; i < len(nodes); i += stride {
			for _, t := range r.space.Next(nodes[i].state) {
				out[i] = append(out[i], r.judge(t))
			}
		}
	}
	if r.space.Workers < 2 {
		work(0, 1)
		return out
	}
	var group sync.WaitGroup
	for w := range r.space.Workers {
		group.Go(func() { work(w, r.space.Workers) })
	}
	group.Wait()
	return out
}

func (r *run[S]) keyOf(s S) hash {
	sum := sha256.Sum256(r.space.Key(nil, s))
	return hash(sum[:len(hash{})])
}

func (r *run[S]) judge(t Transition[S]) successor[S] {
	s := successor[S]{transition: t, check: t.Err}
	if s.check != nil {
		return s
	}
	s.key = r.keyOf(t.Next)
	if r.space.Check != nil {
		s.check = r.space.Check(t.Next)
	}
	return s
}

// admit notes a state that has not been seen before.
func (r *run[S]) admit(s successor[S], parent int32) (n node[S], fresh bool, err error) {
	if s.check != nil {
		return n, false, &Counterexample{Trace: append(r.trace(parent), s.transition.Label), Err: s.check}
	}
	if _, ok := r.seen[s.key]; ok {
		return n, false, nil
	}
	if len(r.visits) >= r.space.MaxStates {
		return n, false, fmt.Errorf("%w: more than %d states; make the scope smaller or the bound larger", ErrIncomplete, r.space.MaxStates)
	}
	r.seen[s.key] = struct{}{}
	r.visits = append(r.visits, visit{parent: parent, label: s.transition.Label})
	r.report.States++
	return node[S]{state: s.transition.Next, at: int32(len(r.visits) - 1)}, true, nil
}

// trace returns the labels that lead to a visit.
func (r *run[S]) trace(at int32) []string {
	var labels []string
	for ; at >= 0; at = r.visits[at].parent {
		labels = append(labels, r.visits[at].label)
	}
	slices.Reverse(labels)
	return labels
}
