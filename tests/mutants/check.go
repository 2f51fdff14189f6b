package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"ironkv/tests/exit"
	"ironkv/tests/explore/search"
)

// Bounds of one check.
const (
	// controlLimit is how long a check of the tree as it is may take.
	controlLimit = 5 * time.Minute
	// A check of a mutant hangs once it took so much longer than that of the tree.
	hangFactor = 4
	hangLeast  = 15 * time.Second
	// testGrace is how much later than a test itself the process ends that hangs.
	testGrace = 5 * time.Second
	// maxStates fails a search that the mutant has made endless; the scopes need half of it at most.
	maxStates = 1 << 20
	// storyLimit is how much longer a check may take that looks for a story.
	storyLimit = 10 * time.Minute
	// simSteps are those of each run, as in make sim.
	simSteps = 4000
)

const (
	// chaosCheck is the check that needs processes, and minutes: no mutant that does not
	// name it is tried by it.
	chaosCheck = "chaos"
	// chaosSeed draws a first cluster without journals: what clients see has to be enough.
	chaosSeed = "1"
)

// Outcomes of a check other than passed.
var (
	errCaught  = errors.New("caught")
	errHangs   = errors.New("hangs")
	errCompile = errors.New("does not compile")
	// errUnknown: the check met a bound of its own, and knows nothing of the mutant.
	errUnknown = errors.New("ended without a finding")
)

// A lab runs checks.
type lab struct {
	root, temp string
	seeds      int
	states     int  // beyond which the explorer's search is incomplete
	story      bool // each check's output is printed, and the simulator looks for a story
	mu         sync.Mutex
	controls   map[string]*control
	// built are the programs and tests of the tree as it is, by what they are built of.
	built map[string]func() (bin string, err error)
}

// A control is what a check makes of the tree as it is.
type control struct {
	once sync.Once
	took time.Duration
	err  error
}

// proven runs a check of the tree once, and returns how long it took.
func (l *lab) proven(ctx context.Context, check string) (time.Duration, error) {
	l.mu.Lock()
	c := l.controls[check]
	if c == nil {
		c = &control{}
		l.controls[check] = c
	}
	l.mu.Unlock()
	c.once.Do(func() {
		found, took, err := l.try(ctx, check, "", controlLimit)
		c.took = took
		if err != nil {
			c.err = fmt.Errorf("the tree as it is fails %s (%w: %s): mend that first", check, err, found)
		}
	})
	return c.took, c.err
}

// try runs one check with an overlay, or without one. It returns nil where the check
// passes, or an error of this file and what the check found; and how long it ran.
func (l *lab) try(ctx context.Context, check, overlay string, limit time.Duration) (witness string, took time.Duration, err error) {
	what, run, where := l.commands(check, overlay, limit)
	seeded := overlay
	if check == chaosCheck {
		seeded = "" // it is for the kvd that chaos builds
	}
	bin, err := l.program(ctx, what, seeded)
	if seeded != "" {
		defer func() { _ = os.RemoveAll(filepath.Dir(bin)) }()
	}
	if err != nil {
		return "", 0, err
	}
	if l.story && overlay != "" {
		limit += storyLimit
	}
	began := time.Now()
	out, err := l.output(ctx, limit+testGrace, where, append([]string{bin}, run...)...)
	took = time.Since(began)
	if l.story && overlay != "" {
		fmt.Printf("== %s\n%s\n", check, out)
	}
	hanging := hangingTest.FindSubmatch(out)
	switch {
	case ctx.Err() != nil:
		return "", took, ctx.Err()
	case hanging != nil:
		return string(hanging[1]) + after(check, string(out), took), took, errHangs
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("no end after %v", limit.Round(time.Second)), took, errHangs
	case err == nil:
		return "", took, nil
	case metBound(check, string(out), exitCode(err)):
		return string(out), took, errUnknown
	case check == chaosCheck && exitCode(err) != exit.Safety:
		return string(out), took, fmt.Errorf("no violation of safety: %w", err)
	}
	return found(check, string(out), err) + after(check, string(out), took), took, errCaught
}

// metBound reports whether a check ended for a bound of its own: the explorer could not see
// all there is, or the simulator not decide of too many histories. Nothing was violated then.
func metBound(check, out string, code int) bool {
	switch check {
	case "explore":
		return code == exit.Failed && strings.Contains(out, search.ErrIncomplete.Error())
	case "sim":
		return code == exit.Failed
	}
	return false
}

// program builds what a check runs: with an overlay for this check, without one, of the
// tree as it is, once for all checks of a package.
func (l *lab) program(ctx context.Context, what []string, overlay string) (bin string, err error) {
	if overlay != "" {
		return l.build(ctx, append([]string{"-overlay", overlay}, what[1:]...), what[0])
	}
	key := strings.Join(what, " ")
	l.mu.Lock()
	once := l.built[key]
	if once == nil {
		once = sync.OnceValues(func() (string, error) { return l.build(ctx, what[1:], what[0]) })
		l.built[key] = once
	}
	l.mu.Unlock()
	return once()
}

// build runs go build or go test -c. Nobody debugs what it makes: without tables for that
// it is linked in half the time.
func (l *lab) build(ctx context.Context, args []string, command string) (bin string, err error) {
	dir, err := os.MkdirTemp(l.temp, "check")
	if err != nil {
		return "", err
	}
	bin = filepath.Join(dir, "bin")
	if out, err := l.output(ctx, controlLimit, l.root, slices.Concat([]string{"go", command, "-ldflags=-s -w", "-o", bin}, args)...); err != nil {
		return bin, fmt.Errorf("%w: %w\n%s", errCompile, err, out)
	}
	return bin, nil
}

// commands returns how a check is built (the go command's first word, and what follows
// its flags) and run, and where.
func (l *lab) commands(check, overlay string, limit time.Duration) (build, run []string, where string) {
	switch check {
	case "sim":
		return []string{"build", "./tests/sim"},
			[]string{"-seeds", strconv.Itoa(l.seeds), "-steps", strconv.Itoa(simSteps), "-rotate", "-shrink=" + strconv.FormatBool(l.story)}, l.root
	case "explore":
		return []string{"build", "./tests/explore"}, []string{"-max-states", strconv.Itoa(l.states)}, l.root
	}
	if check == chaosCheck {
		// The tree as it is is given one round; a fault may take more, on another machine.
		rounds := "1"
		if overlay != "" {
			rounds = "6"
		}
		return []string{"build", "./tests/chaos"},
			[]string{"-seed", chaosSeed, "-duration", "1s", "-hosts", "3", "-rounds", rounds, "-overlay", overlay}, l.root
	}
	pkg, tests, _ := strings.Cut(check, ":")
	return []string{"test", "-c", "-vet=off", pkg},
		[]string{"-test.v", "-test.short", "-test.failfast", "-test.timeout", limit.String(), "-test.run", tests}, filepath.Join(l.root, pkg)
}

// exitCode returns that of a program that ended with an error, -1 for another error.
func exitCode(err error) int {
	if ended := (*exec.ExitError)(nil); errors.As(err, &ended) {
		return ended.ExitCode()
	}
	return -1
}

func (l *lab) output(ctx context.Context, limit time.Duration, dir string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c := exec.CommandContext(ctx, args[0], args[1:]...)
	c.Dir = dir
	c.WaitDelay = time.Second
	out, err := c.CombinedOutput()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return out, err
}

var (
	hangingTest = regexp.MustCompile(`panic: test timed out after .*\n\s*running tests:\n\s*(\S+)`)
	failedTest  = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)
	passedTest  = regexp.MustCompile(`(?m)^\s*--- PASS: `)
	panicLine   = regexp.MustCompile(`(?m)^(panic: |fatal error: ).*`)
	simFailure  = regexp.MustCompile(`(?m)^(crash|safety|liveness): .*`)
	simRepeat   = regexp.MustCompile(`(?m)^repeat it: go run \./tests/sim (.*)$`)
	simRuns     = regexp.MustCompile(`(?m)^(\d+) runs, (\d+) steps`)
	violation   = regexp.MustCompile(`(?m)^VIOLATION: .*`)
	noBeginning = regexp.MustCompile(`(?m)^explore: .*`)
	statesSeen  = regexp.MustCompile(`(?m)^states +(\d+)$`)
	traceStep   = regexp.MustCompile(`^ *(\d+)  `)
	chaosFound  = regexp.MustCompile(`(?m)^cluster \d+: violation: .*`)
	scopeName   = regexp.MustCompile(`(?m)^== (\S+)`)
)

// broken returns the invariant that is violated by what a check prints, "" for none.
func broken(out string) string {
	at, name := len(out), ""
	for _, i := range invariants() {
		for _, text := range []string{i + ": ", strings.ToLower(i) + ": "} { // the simulator's kind of failure
			if j := strings.Index(out, text); j >= 0 && j < at {
				at, name = j, i
			}
		}
	}
	return name
}

// found returns the invariant, conjunct or test that failed.
func found(check, out string, err error) string {
	for _, re := range []*regexp.Regexp{simFailure, violation, noBeginning, chaosFound} {
		if m := re.FindString(out); m != "" && !strings.HasPrefix(check, "./") {
			return short(m)
		}
	}
	if m := failedTest.FindAllStringSubmatch(out, -1); m != nil {
		test := "" // the innermost: with -failfast there is one chain
		for _, failed := range m {
			test = max(test, failed[1])
		}
		if name := broken(outputOf(test, out)); name != "" {
			test += ": " + name + ": violated"
		}
		return test
	}
	if m := panicLine.FindString(out); m != "" {
		return m
	}
	return err.Error()
}

// outputOf is what a test printed, of what all did, one after the other.
func outputOf(test, out string) string {
	top, _, _ := strings.Cut(test, "/")
	_, own, known := strings.Cut(out, "=== RUN   "+top+"\n")
	if !known {
		return out
	}
	return own
}

// short leaves out of a step that is none of the protocol which one it was: the
// conjunct that fails tells more.
func short(s string) string {
	before, conjunct, ok := strings.Cut(s, "not a step of the protocol: ")
	if i := strings.Index(before, "Refinement: "); ok && i >= 0 {
		return before[:i] + "Refinement: … " + conjunct
	}
	return s
}

// after returns when it was found: at which step of a run of the simulator, behind how many
// steps of a trace and in how many states of the explorer, or behind how many tests, with
// those within tests, that had passed.
func after(check, out string, took time.Duration) string {
	switch check {
	case "sim":
		if m := simRuns.FindStringSubmatch(out); m != nil {
			where := fmt.Sprintf("\trun %s, %s steps", m[1], m[2])
			if f := simRepeat.FindStringSubmatch(out); f != nil {
				where += ": sim " + f[1]
			}
			return where
		}
	case "explore":
		if where := afterStates(out); where != "" {
			return where
		}
	case chaosCheck:
	default:
		before := out
		if at := failedTest.FindStringIndex(out); at != nil {
			before = out[:at[0]]
		}
		return fmt.Sprintf("\t%d tests passed, %.1f s", len(passedTest.FindAllString(before, -1)), took.Seconds())
	}
	return fmt.Sprintf("\t%.1f s", took.Seconds())
}

// afterStates tells of the explorer's first violation in which scope it was, behind how many
// steps, and how many states had been seen; "" where it never came to one.
func afterStates(out string) string {
	at := violation.FindStringIndex(out)
	if at == nil {
		if at = noBeginning.FindStringIndex(out); at == nil {
			return ""
		}
	}
	scopes := scopeName.FindAllStringSubmatchIndex(out[:at[0]], -1)
	if scopes == nil {
		return ""
	}
	last := scopes[len(scopes)-1]
	states, steps := "0", "0"
	if m := statesSeen.FindStringSubmatch(out[last[0]:at[0]]); m != nil {
		states = m[1]
	}
	_, trace, _ := strings.Cut(out[at[0]:], "\nafter\n")
	for line := range strings.Lines(trace) {
		m := traceStep.FindStringSubmatch(line)
		if m == nil {
			break
		}
		steps = m[1]
	}
	return fmt.Sprintf("\tscope %s, trace of %s steps, %s states", out[last[2]:last[3]], steps, states)
}

// overlay writes the overlay that puts text in the place of file.
func (l *lab) overlay(dir, file, text string) (string, error) {
	mutated := filepath.Join(dir, "mutated.go")
	if err := os.WriteFile(mutated, []byte(text), 0o600); err != nil {
		return "", err
	}
	b, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(l.root, file): mutated}})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, b, 0o600)
}
