package search_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"ironkv/tests/explore/search"
)

// jugs is the puzzle of two jugs, of 3 and 5 litres: 16 of its 24 states can be reached.
func jugs(workers int) search.Space[[2]int] {
	size := [2]int{3, 5}
	return search.Space[[2]int]{
		Init:    [][2]int{{}},
		Workers: workers,
		Key: func(b []byte, s [2]int) []byte {
			return binary.AppendVarint(binary.AppendVarint(b, int64(s[0])), int64(s[1]))
		},
		Next: func(s [2]int) (out []search.Transition[[2]int]) {
			for i := range s {
				full, empty, pour := s, s, s
				full[i], empty[i] = size[i], 0
				n := min(s[i], size[1-i]-s[1-i])
				pour[i], pour[1-i] = s[i]-n, s[1-i]+n
				out = append(out,
					search.Transition[[2]int]{Kind: "fill", Label: fmt.Sprint("fill ", size[i]), Next: full},
					search.Transition[[2]int]{Kind: "empty", Label: fmt.Sprint("empty ", size[i]), Next: empty},
					search.Transition[[2]int]{Kind: "pour", Label: fmt.Sprint("pour ", size[i]), Next: pour})
			}
			return out
		},
	}
}

func TestAllStatesAreVisitedOnce(t *testing.T) {
	for _, workers := range []int{0, 1, 2, 3} {
		report, err := search.Run(jugs(workers))
		if err != nil {
			t.Fatal(err)
		}
		if report.States != 16 || report.Transitions != 16*6 || report.Kinds["pour"] != 32 || report.Ends != 0 {
			t.Errorf("%d workers: %v", workers, report)
		}
	}
}

func TestCounterexampleIsShortest(t *testing.T) {
	four := errors.New("four litres")
	for _, workers := range []int{1, 2} {
		space := jugs(workers)
		space.Check = func(s [2]int) error {
			if s[1] == 4 {
				return four
			}
			return nil
		}
		_, err := search.Run(space)
		var found *search.Counterexample
		if !errors.As(err, &found) || !errors.Is(err, four) {
			t.Fatalf("got %v", err)
		}
		want := []string{"start", "fill 5", "pour 5", "empty 3", "pour 5", "fill 5", "pour 5"}
		if !slices.Equal(found.Trace, want) {
			t.Errorf("trace %v, want %v", found.Trace, want)
		}
		if !strings.HasSuffix(err.Error(), "litres\nafter\n   1  start\n   2  fill 5\n   3  pour 5\n   4  empty 3\n   5  pour 5\n   6  fill 5\n   7  pour 5") {
			t.Error(err)
		}
	}
}

func TestABrokenTransitionIsTheViolation(t *testing.T) {
	broken := errors.New("spilled")
	space := jugs(1)
	next := space.Next
	space.Next = func(s [2]int) []search.Transition[[2]int] {
		out := next(s)
		if s == [2]int{3, 5} {
			out[0].Err = broken
		}
		return out
	}
	if _, err := search.Run(space); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// A ring of states in which one may go round for ever is no livelock as long as there is
// a way out of it that has to be there; a way that need not be is none, nor is there one
// out of a dead end.
func TestFromEverywhereAGoalHasToBeInReach(t *testing.T) {
	lacks := errors.New("not there")
	for _, c := range []struct {
		out, unfair bool
		want        []string // the trace to the livelock
	}{
		{out: true},
		{out: true, unfair: true, want: []string{"start", "to 1", "to 2"}},
		{want: []string{"start", "to 1", "to 2"}},
	} {
		ways := map[int][]search.Transition[int]{
			0: {{Label: "to 1", Next: 1}, {Label: "to 9", Next: 9}},
			1: {{Label: "to 2", Next: 2}, {Label: "to 9", Next: 9}},
			2: {{Label: "to 3", Next: 3}}, 3: {{Label: "to 4", Next: 4}}, 4: {{Label: "to 2", Next: 2}},
		}
		if c.out {
			ways[4] = append(ways[4], search.Transition[int]{Label: "to 9", Next: 9, Unfair: c.unfair})
		}
		_, err := search.Run(search.Space[int]{
			Init: []int{0}, Next: func(s int) []search.Transition[int] { return ways[s] },
			Key: func(b []byte, s int) []byte { return append(b, byte(s)) },
			Goal: func(s int) error {
				if s == 9 {
					return nil
				}
				return fmt.Errorf("%w: %d", lacks, s)
			},
		})
		var found *search.Counterexample
		if errors.As(err, &found) != (c.want != nil) || errors.Is(err, lacks) != (c.want != nil) {
			t.Errorf("a way out %v, unfair %v: got %v", c.out, c.unfair, err)
		}
		if found != nil && (!slices.Equal(found.Trace, c.want) || !strings.HasPrefix(found.Err.Error(), "not there: 2; from there on")) {
			t.Errorf("got %v, want a trace %v", err, c.want)
		}
	}
}

func TestABoundIsNoProof(t *testing.T) {
	space := jugs(1)
	space.MaxStates = 15
	if _, err := search.Run(space); !errors.Is(err, search.ErrIncomplete) {
		t.Errorf("got %v", err)
	}
}

// Very many states, most of which two others lead to, are told apart, and the way to the
// last is found again.
func TestManyStates(t *testing.T) {
	const last = 1<<18 + 3
	space := search.Space[int]{
		Init: []int{0}, Workers: 2,
		Key: func(b []byte, s int) []byte { return binary.AppendVarint(b, int64(s)) },
		Next: func(s int) (out []search.Transition[int]) {
			for _, d := range []int{1, 1 << 10} {
				if s+d <= last {
					out = append(out, search.Transition[int]{Label: fmt.Sprint("+", d), Next: s + d})
				}
			}
			return out
		},
	}
	report, err := search.Run(space)
	if err != nil || report.States != last+1 || report.Transitions != 2*last+1-1<<10 {
		t.Errorf("%d states, %d transitions, %v", report.States, report.Transitions, err)
	}
	far := errors.New("far")
	space.Check = func(s int) error {
		if s == last {
			return far
		}
		return nil
	}
	_, err = search.Run(space)
	var found *search.Counterexample
	if !errors.As(err, &found) || !errors.Is(err, far) {
		t.Fatalf("got %v", err)
	}
	ones := 0
	for _, label := range found.Trace[1:] {
		if label == "+1" {
			ones++
		}
	}
	if len(found.Trace) != 1+1<<8+3 || ones != 3 {
		t.Errorf("a trace of %d steps, %d of them by 1", len(found.Trace), ones)
	}
}
