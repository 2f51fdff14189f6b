package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"ironkv/tests/exit"
)

// The list fits the code: each text is there once.
func TestListFitsTheCode(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if err := checkList(root, all()); err != nil {
		t.Fatal(err)
	}
	if n := len(all()); n < 70 {
		t.Errorf("%d mutants, want 70 or more", n)
	}
}

// The README says how many there are, rounded down.
func TestTheReadmeCountsThem(t *testing.T) {
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`\| .make mutants. \| more than (\d+), `).FindSubmatch(b)
	if m == nil {
		t.Fatal("the README does not say it")
	}
	told, err := strconv.Atoi(string(m[1]))
	if n := len(all()); err != nil || n <= told || n > told+50 {
		t.Errorf("the README says more than %d, and there are %d", told, n)
	}
}

// What a store like this one may never be without a check for: the conjuncts that "the
// proof caught", what has to be durable before it is told, what makes delivery exactly
// once, and what makes a write at most once.
func TestTheListHasWhatItMustHave(t *testing.T) {
	have := map[string]bool{}
	for _, m := range all() {
		have[m.name] = true
	}
	for _, name := range []string{
		"shard-to-self", "shard-to-stranger", "shard-not-owned", "sends-before-commit", "tombstone-not-advanced", "tombstone-gap-taken",
		"chunk-entries-kept", "entries-outside-taken", "redirect-not-recorded", "floor-ignored", "version-not-carried", "clock-not-raised",
		"outbox-not-persisted", "cursor-not-persisted", "map-lookup-below", "map-left-is-floor", "map-right-is-below", "map-until-included",
		"map-left-not-merged", "map-right-not-merged", "acked-retransmitted", "holds-unbounded", "hold-forever", "sync-dropped",
		"overtakes-earlier-batch", "chunk-not-rechecked", "moves-overlap", "refusal-closes-number", "client-refusal-closes-number",
		"incarnation-ignored", "ack-beyond-sent-believed", "clock-not-raised-by-empty", "fragments-across-transmissions",
		"audit-acked-not-compared",
	} {
		if !have[name] {
			t.Errorf("there is no mutant %s", name)
		}
	}
}

// Each invariant has a fault that makes it, by name, fail.
func TestEachInvariantCatchesSomething(t *testing.T) {
	caught := map[string]bool{}
	for _, m := range all() {
		caught[m.names] = true
	}
	for _, name := range invariants() {
		if !caught[name] {
			t.Errorf("no mutant is to be caught by %s", name)
		}
	}
}

// What a check finds is known by the invariant that stands first.
func TestBroken(t *testing.T) {
	for out, want := range map[string]string{
		"safety: MapComplete: x (Refinement: y)":  "MapComplete",
		"VIOLATION: Liveness: client 1":           "Liveness",
		"liveness: after 7 events of":             "Liveness",
		"--- FAIL: TestMapCompleteness (0.00s)\n": "",
	} {
		if got := broken(out); got != want {
			t.Errorf("%q: %q, want %q", out, got, want)
		}
	}
}

// A list that does not fit is told, not run.
func TestFaultsOfTheList(t *testing.T) {
	good := mutant{name: "a", file: "check_test.txt", before: "once", after: "never", breaks: "it"}
	root := t.TempDir()
	write(t, filepath.Join(root, "kv", "a.go"), "once twice twice")
	good.file = "kv/a.go"
	for name, change := range map[string]func(m *mutant){
		"not there":    func(m *mutant) { m.before = "nowhere" },
		"there twice":  func(m *mutant) { m.before = "twice" },
		"no file":      func(m *mutant) { m.file = "kv/b.go" },
		"no reason":    func(m *mutant) { m.breaks = "" },
		"no change":    func(m *mutant) { m.after = m.before },
		"no check":     func(m *mutant) { m.file = "a.go" },
		"not the name": func(m *mutant) { m.name = "" },
	} {
		bad := good
		change(&bad)
		if name == "no check" {
			write(t, filepath.Join(root, "a.go"), "once")
		}
		if checkList(root, []mutant{bad}) == nil {
			t.Errorf("%s: the list passes", name)
		}
	}
	if err := checkList(root, []mutant{good}); err != nil {
		t.Error(err)
	}
	if checkList(root, []mutant{good, good}) == nil {
		t.Error("two of one name: the list passes")
	}
}

// Parts are disjoint and make up the whole, but for what chaos has to find.
func TestParts(t *testing.T) {
	seen := map[string]int{}
	for _, part := range []string{"1/3", "2/3", "3/3"} {
		list, err := choose(all(), "", "", part)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range list {
			seen[m.name]++
		}
	}
	byChance, err := choose(all(), "^chaos-", "", "1/1")
	if err != nil {
		t.Fatal(err)
	}
	if len(seen)+len(byChance) != len(all()) {
		t.Errorf("three thirds have %d mutants of %d, %d of them for chaos", len(seen), len(all()), len(byChance))
	}
	for name, n := range seen {
		if n != 1 {
			t.Errorf("%s is in %d parts", name, n)
		}
	}
	for _, part := range []string{"0/3", "4/3", "x", "1/0"} {
		if _, err := choose(all(), "", "", part); err == nil {
			t.Errorf("-part %s is taken", part)
		}
	}
}

// What a check prints is told by its name.
func TestFound(t *testing.T) {
	for _, c := range []struct{ check, out, want string }{
		{"sim", "2 runs, 41 steps of hosts\n\nsafety: Refinement: step 1 of host 1, a timer, Chunk: not a step of the protocol: Set is not enabled: x\n", "safety: Refinement: … Set is not enabled: x"},
		{"explore", "== crash\nVIOLATION: two owners of a\n", "VIOLATION: two owners of a"},
		{"explore", "== crash\nexplore: search incomplete: more than 9 states\n== chase\nVIOLATION: two owners of a\n", "VIOLATION: two owners of a"},
		{"explore", "== crash\nexplore: crash, before it begins: MapComplete: x\n", "explore: crash, before it begins: MapComplete: x"},
		{"chaos", "12:00:00  cluster 0: 3 hosts\ncluster 0: violation: a is b\nlogs\n", "cluster 0: violation: a is b"},
		{"./kv", "--- FAIL: TestA (0.0s)\n    --- FAIL: TestA/b (0.0s)\nFAIL\n", "TestA/b"},
		{"./kv", "=== RUN   TestA\n    a_test.go:1: MapComplete: x\n--- PASS: TestA (0.0s)\n=== RUN   TestB\n=== RUN   TestB/c\n    --- FAIL: TestB/c (0.0s)\n--- FAIL: TestB (0.0s)\n", "TestB/c"},
		{"./kv", "=== RUN   TestB\n    b_test.go:1: MapComplete: x\n--- FAIL: TestB (0.0s)\n", "TestB: MapComplete: violated"},
		{"./kv", "panic: MapComplete\n\ngoroutine 1\n", "panic: MapComplete"},
		{"./kv", "", "exit status 1"},
	} {
		if got := found(c.check, c.out, errExit{}); got != c.want {
			t.Errorf("%s: %q, want %q", c.check, got, c.want)
		}
	}
}

// When a check finds it is told by what it counts.
func TestAfter(t *testing.T) {
	const scope = "== calm (2 hosts)\nstates       31\ndepth        9\ncomplete\n\n"
	for _, c := range []struct{ check, out, want string }{
		{"sim", "2 runs, 41 steps of hosts\n\nsafety: x\nrepeat it: go run ./tests/sim -seed 2\n", "\trun 2, 41 steps: sim -seed 2"},
		{"explore", scope + "== crash (3 hosts)\nstates       120\ndepth        7\nVIOLATION: x\nafter\n   1  a\n   2  b\n== chase (3 hosts)\nstates       500\n", "\tscope crash, trace of 2 steps, 120 states"},
		{"explore", scope + "== crash (3 hosts)\nexplore: crash, before it begins: x\n", "\tscope crash, trace of 0 steps, 0 states"},
		{"explore", "panic: x\n", "\t1.5 s"},
		{"chaos", "cluster 0: violation: a is b\n", "\t1.5 s"},
		{"./kv", "--- PASS: TestA (0.0s)\n=== RUN   TestB/a\n    --- PASS: TestB/a (0.0s)\n    --- FAIL: TestB/c (0.0s)\n--- FAIL: TestB (0.0s)\n--- PASS: TestC\n", "\t2 tests passed, 1.5 s"},
		{"./kv", "--- PASS: TestA (0.0s)\npanic: test timed out after 1s\n", "\t1 tests passed, 1.5 s"},
	} {
		if got := after(c.check, c.out, 1500*time.Millisecond); got != c.want {
			t.Errorf("%s: %q, want %q", c.check, got, c.want)
		}
	}
}

// A check that met a bound of its own has caught nothing; one that found something has.
func TestABoundIsNoFinding(t *testing.T) {
	const incomplete = "== crash\nexplore: search incomplete: more than 9 states\n"
	for _, c := range []struct {
		check, out string
		code       int
		bound      bool
	}{
		{"explore", incomplete, exit.Failed, true},
		{"explore", incomplete + "== chase\nVIOLATION: x\n", exit.Safety, false},
		{"explore", "explore: crash, before it begins: x\n", exit.Failed, false},
		{"sim", "of more than one history in 1000 nobody knows", exit.Failed, true},
		{"sim", "liveness: x", exit.Liveness, false},
		{"./kv", "--- FAIL: TestA (0.0s)\nsearch incomplete\n", 1, false},
	} {
		if got := metBound(c.check, c.out, c.code); got != c.bound {
			t.Errorf("%s ends with %d and %q: a bound of its own: %v, want %v", c.check, c.code, c.out, got, c.bound)
		}
	}
}

// A mutant of which the explorer cannot see all survives it.
func TestAnIncompleteSearchCatchesNothing(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{root: root, temp: t.TempDir(), states: 100, built: map[string]func() (string, error){}}
	if _, _, err := l.try(t.Context(), "explore", "", controlLimit); !errors.Is(err, errUnknown) {
		t.Errorf("of 100 states of each scope: %v, want: %v", err, errUnknown)
	}
}

type errExit struct{}

func (errExit) Error() string { return "exit status 1" }

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
