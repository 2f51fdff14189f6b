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
	// Kind is the action's name, for the report; Label says all of it, for a trace; or
	// Tell does, which is asked only where the transition is one of a trace.
	Kind, Label string
	Tell        func() string
	Next        S
	// Unfair says that it need not ever happen, so that no way to a goal may have it.
	Unfair bool
	// Err is set where taking the transition broke a rule: it is the violation.
	Err error
}

func (t Transition[S]) label() string {
	if t.Tell != nil {
		return t.Tell()
	}
	return t.Label
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
	// Goal returns nil where s is a goal, else what it lacks. From each state there has
	// to be a way to a goal of transitions that are not unfair; where there is none, what
	// has to happen may happen for ever, and does not help: a livelock, or a dead end.
	// That is found out once all states are known. May be nil.
	Goal func(s S) error
	// MaxStates bounds the search, 0 for [DefaultMaxStates].
	MaxStates int
	// Workers is the number of goroutines, 0 for one.
	Workers int
}

// DefaultMaxStates is the bound on states where none is given: about 6 GB of hashes,
// parents and places; and 4 bytes for each transition where there are goals.
const DefaultMaxStates = 200_000_000

// blockStates is how many states each worker expands before the results are merged.
const blockStates = 1024

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

// Error tells the violation and the trace that leads to it, line by line.
func (c *Counterexample) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v\nafter", c.Err)
	for i, label := range c.Trace {
		fmt.Fprintf(&b, "\n%4d  %s", i+1, label)
	}
	return b.String()
}

// Unwrap returns the violation.
func (c *Counterexample) Unwrap() error { return c.Err }

type (
	node[S any] struct {
		state S
		at    uint32 // its visit
	}
	successor[S any] struct {
		transition Transition[S]
		key        hash
	}
	// An expansion is what a state leads to; an end leads to none but itself.
	expansion[S any] struct {
		successors []successor[S]
		end, goal  bool
	}
	run[S any] struct {
		space  Space[S]
		seen   visits
		ways   ways
		report Report
	}
)

// Run searches all of the space. It returns a [*Counterexample] where a check
// fails, and an error that wraps [ErrIncomplete] where the bound was met.
func Run[S any](space Space[S]) (Report, error) {
	if space.MaxStates == 0 {
		space.MaxStates = DefaultMaxStates
	}
	r := &run[S]{space: space, report: Report{Kinds: map[string]int{}}}
	var level []node[S]
	for _, s := range space.Init {
		n, fresh, err := r.admit(r.successor(Transition[S]{Label: "start", Next: s}, new([]byte)), none)
		if err != nil {
			return r.report, err
		}
		if fresh {
			level = append(level, n)
		}
	}
	for len(level) > 0 {
		if err := r.check(level); err != nil {
			return r.report, err
		}
		next, err := r.expand(level)
		if err != nil {
			return r.report, err
		}
		if len(next) > 0 {
			r.report.Depth++
		}
		level = next
	}
	if space.Goal != nil {
		return r.report, r.reach()
	}
	return r.report, nil
}

// reach finds a state from which no goal can be reached, if there is one, the first of
// those that are the fewest steps away.
func (r *run[S]) reach() error {
	at, stuck := r.ways.stuck()
	if !stuck {
		return nil
	}
	labels, s := r.walk(at)
	err := r.space.Goal(s)
	return &Counterexample{Trace: labels, Err: fmt.Errorf("%w; from there on all that has to happen leads to nothing else, however long it goes on", err)}
}

// expand visits the successors of one level and returns the next. While those of one
// block of states are noted, those of the next block are found.
func (r *run[S]) expand(level []node[S]) (next []node[S], err error) {
	size := blockStates * max(1, r.space.Workers)
	found := r.find(level[:min(size, len(level))])
	for start := 0; start < len(level); start += size {
		block, expansions := level[start:min(start+size, len(level))], found()
		rest := level[start+len(block):]
		found = r.find(rest[:min(size, len(rest))])
		next, err = r.note(next, block, expansions)
		if err != nil {
			found() // nobody works on behind our back
			return nil, err
		}
	}
	return next, nil
}

// note admits what a block of states leads to, and appends what is new to next.
func (r *run[S]) note(next, block []node[S], expansions []expansion[S]) ([]node[S], error) {
	for i, e := range expansions {
		for _, s := range e.successors {
			r.report.Transitions++
			r.report.Kinds[s.transition.Kind]++
			n, fresh, err := r.admit(s, block[i].at)
			if err != nil {
				return nil, err
			}
			if fresh {
				next = append(next, n)
			}
			if r.space.Goal != nil && !s.transition.Unfair {
				r.ways.lead(n.at)
			}
		}
		if r.space.Goal != nil {
			r.ways.from(block[i].at, e.goal)
		}
		if e.end {
			r.report.Ends++
		}
		block[i].state = *new(S) // the level is read once; let the state go
	}
	return next, nil
}

// find begins to find what the states of a block lead to, in parallel; the function
// returned waits for the result, whose order is that of the block.
func (r *run[S]) find(block []node[S]) func() []expansion[S] {
	out := make([]expansion[S], len(block))
	wait := r.inParallel(len(block), func(i int, scratch *[]byte) { out[i] = r.expansion(block[i].state, scratch) })
	return func() []expansion[S] {
		wait()
		return out
	}
}

// inParallel calls do for each number below n, in several goroutines each of which has
// its own scratch; the function returned waits for them.
func (r *run[S]) inParallel(n int, do func(i int, scratch *[]byte)) (wait func()) {
	var group sync.WaitGroup
	workers := max(1, r.space.Workers)
	for w := range workers {
		group.Go(func() {
			var scratch []byte
			for i := w; i < n; i += workers {
				do(i, &scratch)
			}
		})
	}
	return group.Wait
}

// check checks all states of a level. All traces to them are equally long.
func (r *run[S]) check(level []node[S]) error {
	if r.space.Check == nil {
		return nil
	}
	errs := make([]error, len(level))
	r.inParallel(len(level), func(i int, _ *[]byte) { errs[i] = r.space.Check(level[i].state) })()
	for i, err := range errs {
		if err != nil {
			return &Counterexample{Trace: r.trace(level[i].at), Err: err}
		}
	}
	return nil
}

func (r *run[S]) expansion(s S, scratch *[]byte) expansion[S] {
	e, from := expansion[S]{end: true}, r.keyOf(s, scratch)
	e.goal = r.space.Goal != nil && r.space.Goal(s) == nil
	transitions := r.space.Next(s)
	e.successors = make([]successor[S], 0, len(transitions))
	for _, t := range transitions {
		n := r.successor(t, scratch)
		e.successors, e.end = append(e.successors, n), e.end && n.key == from
	}
	return e
}

func (r *run[S]) keyOf(s S, scratch *[]byte) hash {
	*scratch = r.space.Key((*scratch)[:0], s)
	sum := sha256.Sum256(*scratch)
	return hash(sum[:len(hash{})])
}

func (r *run[S]) successor(t Transition[S], scratch *[]byte) successor[S] {
	if t.Err != nil {
		return successor[S]{transition: t}
	}
	return successor[S]{t, r.keyOf(t.Next, scratch)}
}

// admit notes a state that has not been seen before. The node has its visit in any case.
func (r *run[S]) admit(s successor[S], parent uint32) (n node[S], fresh bool, err error) {
	if err := s.transition.Err; err != nil {
		return n, false, &Counterexample{Trace: append(r.trace(parent), s.transition.label()), Err: err}
	}
	at, fresh := r.seen.add(s.key, parent)
	if !fresh {
		return node[S]{at: at}, false, nil
	}
	if r.seen.count > r.space.MaxStates {
		return n, false, fmt.Errorf("%w: more than %d states; make the scope smaller or the bound larger", ErrIncomplete, r.space.MaxStates)
	}
	r.report.States++
	return node[S]{state: s.transition.Next, at: at}, true, nil
}

// trace returns the labels that lead to a visit.
func (r *run[S]) trace(at uint32) []string {
	labels, _ := r.walk(at)
	return labels
}

// walk walks to a visit once more, taking at each state the first transition to the next,
// which is the one that was taken. It returns the labels, and the state visited.
func (r *run[S]) walk(at uint32) (labels []string, s S) {
	var way []hash
	for ; at != none; at = r.seen.at(at).parent {
		way = append(way, r.seen.at(at).key)
	}
	slices.Reverse(way)
	var first []Transition[S]
	for _, s := range r.space.Init {
		first = append(first, Transition[S]{Label: "start", Next: s})
	}
	for _, key := range way {
		i := slices.IndexFunc(first, func(t Transition[S]) bool { return r.successor(t, new([]byte)).key == key })
		if i < 0 {
			panic("search: a state does not lead where it led before")
		}
		s = first[i].Next
		labels, first = append(labels, first[i].label()), r.space.Next(s)
	}
	return labels, s
}
