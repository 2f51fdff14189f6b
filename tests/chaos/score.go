package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
)

// A score is what happened, over all clusters of a run.
type score struct {
	mu     sync.Mutex
	ops    map[string]*outcomes
	faults map[string]*troubles
	active []*spell

	// kills that met a move under way; of them, those of a host that gave or took
	// at that moment.
	kills, killsAtEnds     int
	histories, undecided   int
	clusters, rounds       int
	audits, moves, starts  int
	journals, journalSteps uint64
}

// outcomes counts a workload's operations.
type outcomes struct{ answered, unknown, unavailable uint64 }

// troubles counts a kind of fault; longest is how long a client that asked again
// and again got no answer, while this fault lasted for more of that time than any
// other.
type troubles struct {
	count   int
	longest time.Duration
	touched uint64 // datagrams, of faults of the network
}

// A spell is one fault while it lasts.
type spell struct {
	kind       string
	begun, end time.Time // end is zero while it lasts
}

// quiet stands for no fault in the report.
const quiet = "none"

// spellMemory is how long a fault that is over is remembered: longer than anybody
// waits for an answer after it.
const spellMemory = 2 * time.Minute

func newScore() *score {
	return &score{ops: map[string]*outcomes{}, faults: map[string]*troubles{}}
}

func (s *score) of(workload string) *outcomes {
	if s.ops[workload] == nil {
		s.ops[workload] = &outcomes{}
	}
	return s.ops[workload]
}

func (s *score) kind(kind string) *troubles {
	if s.faults[kind] == nil {
		s.faults[kind] = &troubles{}
	}
	return s.faults[kind]
}

func (s *score) unknown(workload string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of(workload).unknown++
}

func (s *score) unavailable(workload string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of(workload).unavailable++
}

func (s *score) answered(workload string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of(workload).answered++
}

// waited notes that somebody asked from begun to end, again and again if need be, before
// he heard anything, or the round was over.
func (s *score) waited(begun, end time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.kind(s.blame(begun, end))
	k.longest = max(k.longest, end.Sub(begun))
}

// touched counts datagrams that a kind of fault dropped, delayed, doubled or damaged.
func (s *score) touched(kind string, n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kind(kind).touched += n
}

// blame returns the kind of the fault that lasted for most of a time. The caller
// holds mu.
func (s *score) blame(from, until time.Time) string {
	kind, most := quiet, time.Duration(0)
	for _, f := range s.active {
		begun, end := f.begun, until
		if begun.Before(from) {
			begun = from
		}
		if !f.end.IsZero() && f.end.Before(until) {
			end = f.end
		}
		if d := end.Sub(begun); d > most {
			kind, most = f.kind, d
		}
	}
	return kind
}

// begin notes a fault, and returns what notes its end.
func (s *score) begin(kind string) (end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.kind(kind).count++
	s.active = slices.DeleteFunc(s.active, func(f *spell) bool { return !f.end.IsZero() && now.Sub(f.end) > spellMemory })
	f := &spell{kind: kind, begun: now}
	s.active = append(s.active, f)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		f.end = time.Now()
	}
}

// print writes the report.
func (s *score) print(w io.Writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"operations", "answered", "outcome unknown", "unavailable"})
	var sum outcomes
	for _, name := range slices.Sorted(maps.Keys(s.ops)) {
		o := s.ops[name]
		sum.answered, sum.unknown, sum.unavailable = sum.answered+o.answered, sum.unknown+o.unknown, sum.unavailable+o.unavailable
		t.AppendRow(table.Row{name, comma(o.answered), comma(o.unknown), comma(o.unavailable)})
	}
	t.AppendFooter(table.Row{"all", comma(sum.answered), comma(sum.unknown), comma(sum.unavailable)})
	fmt.Fprintf(w, "%s\n", t.Render())
	t = table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"fault", "times", "longest unavailability", "datagrams touched"})
	for _, name := range slices.Sorted(maps.Keys(s.faults)) {
		f := s.faults[name]
		t.AppendRow(table.Row{name, f.count, f.longest.Round(time.Millisecond), comma(f.touched)})
	}
	fmt.Fprintf(w, "%s\n", t.Render())
	fmt.Fprintf(w, "%d clusters, %d rounds, %d starts of hosts, %d moves, %d audits passed, histories of %d registers linearizable (%d left undecided), "+
		"%d journals verified (%s steps)\n",
		s.clusters, s.rounds, s.starts, s.moves, s.audits, s.histories, s.undecided, s.journals, comma(s.journalSteps))
	if s.kills > 0 {
		fmt.Fprintf(w, "%d kills while ranges moved, %d of them of a host that gave or took one\n", s.kills, s.killsAtEnds)
	}
}

func comma(n uint64) string { return humanize.Comma(int64(n)) }
