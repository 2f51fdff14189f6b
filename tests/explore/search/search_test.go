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
		if !strings.Contains(err.Error(), "after 7 steps") {
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
