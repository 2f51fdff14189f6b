package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"ironkv/tests/exit"
)

// Exit codes.
const (
	exitSurvivor = 1
	exitFault    = 2 // of the list or of the tree
)

// witnessWidth is how much of a witness a line of the table shows, in bytes.
const witnessWidth = 150

func main() {
	only := flag.String("only", "", "only mutants whose names this regular expression matches")
	by := flag.String("by", "", "only mutants that this check is tried on first")
	part := flag.String("part", "1/1", "k/n: every n-th mutant from the k-th on")
	seeds := flag.Int("seeds", 60, "how many seeds the simulator tries")
	parallel := flag.Int("parallel", 2, "how many mutants are tried at once")
	story := flag.Bool("story", false, "print what the checks print, one mutant at a time; the simulator looks for a short story (minutes)")
	names := flag.Bool("list", false, "list the mutants")
	exit.Parse()
	list, err := choose(all(), *only, *by, *part)
	if err == nil && (flag.NArg() > 0 || *seeds < 1 || *parallel < 1) {
		err = errors.New("-seeds and -parallel are 1 or more, and nothing follows the flags")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(exit.Usage)
	}
	if *names {
		for _, m := range list {
			fmt.Printf("%s\t%s\t%s\t%s\n", m.name, m.file, strings.Join(m.checks(), " "), m.breaks)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	if *story {
		*parallel = 1
	}
	code, err := run(ctx, list, *seeds, *parallel, *story)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
	}
	os.Exit(code)
}

// choose returns the part of a list that the flags name. What chaos has to find is in no
// part, but for who names it: it comes to see a fault by chance, and mostly does.
func choose(list []mutant, only, by, part string) ([]mutant, error) {
	var k, n int
	if _, err := fmt.Sscanf(part, "%d/%d", &k, &n); err != nil || k < 1 || k > n {
		return nil, fmt.Errorf("-part %s: it is k/n with 1 <= k <= n", part)
	}
	names, err := regexp.Compile(only)
	if err != nil {
		return nil, fmt.Errorf("-only: %w", err)
	}
	var chosen []mutant
	for i, m := range list {
		if names.MatchString(m.name) && i%n == k-1 && (by == "" || m.checks()[0] == by) && (m.by != chaosCheck || only != "") {
			chosen = append(chosen, m)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no mutant of part %s matches %q and is tried by %q first; -list tells them", part, only, by)
	}
	return chosen, nil
}

// run tries the mutants and prints the table, in order.
func run(ctx context.Context, list []mutant, seeds, parallel int, story bool) (int, error) {
	began := time.Now()
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return exitFault, fmt.Errorf("find the module's root: %w", err)
	}
	root := strings.TrimSpace(string(out))
	if err := checkList(root, list); err != nil {
		return exitFault, err
	}
	temp, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return exitFault, err
	}
	defer func() { _ = os.RemoveAll(temp) }()
	l := &lab{root: root, temp: temp, seeds: seeds, states: maxStates, story: story, controls: map[string]*control{}, built: map[string]func() (string, error){}}
	verdicts := make([]chan verdict, len(list))
	next := make(chan int)
	var workers sync.WaitGroup
	for i := range verdicts {
		verdicts[i] = make(chan verdict, 1)
	}
	for range parallel {
		workers.Go(func() {
			for i := range next {
				verdicts[i] <- l.judge(ctx, &list[i])
			}
		})
	}
	go func() {
		defer close(next)
		for i := range list {
			next <- i
		}
	}()
	code, survivors, caught := 0, 0, map[string]int{}
	for i := range list {
		v := <-verdicts[i]
		if v.err != nil {
			code = exitFault
			fmt.Printf("%-34s ERROR %v\n", list[i].name, v.err)
			continue
		}
		if v.by == "" {
			survivors++
			fmt.Printf("%-34s SURVIVED %s\n", list[i].name, strings.Join(list[i].checks(), ", "))
			continue
		}
		caught[v.by]++
		note := ""
		if first := list[i].checks()[0]; v.by != first {
			note = " (" + first + " passed)"
		}
		fmt.Printf("%-34s %s%s\t%s\n", list[i].name, v.by, note, v.witness)
	}
	workers.Wait()
	fmt.Printf("\n%d mutants, %d survived; caught by:", len(list), survivors)
	for _, check := range slices.Sorted(maps.Keys(caught)) {
		fmt.Printf(" %s %d,", check, caught[check])
	}
	fmt.Printf(" in %.0f s\n", time.Since(began).Seconds())
	if !story {
		fmt.Println("to see how one is caught, as a story where there is one: go run ./tests/mutants -story -only '^NAME$'")
	}
	if code == 0 && survivors > 0 {
		code = exitSurvivor
	}
	return code, nil
}

// A verdict is what became of a mutant.
type verdict struct {
	by, witness string // the check that caught it, and what it found
	err         error  // the list or the tree is at fault
}

// judge tries a mutant's checks in turn.
func (l *lab) judge(ctx context.Context, m *mutant) verdict {
	text, err := m.apply(l.root)
	if err != nil {
		return verdict{err: err}
	}
	dir, err := os.MkdirTemp(l.temp, "mutant")
	if err != nil {
		return verdict{err: err}
	}
	defer func() { _ = os.RemoveAll(dir) }()
	overlay, err := l.overlay(dir, filepath.FromSlash(m.file), text)
	if err != nil {
		return verdict{err: err}
	}
	for _, check := range m.checks() {
		took, err := l.proven(ctx, check)
		if err != nil {
			return verdict{err: err}
		}
		witness, _, err := l.try(ctx, check, overlay, hangLeast+hangFactor*took)
		switch {
		case m.names != "" && errors.Is(err, errCaught) && broken(witness) != m.names:
			return verdict{err: fmt.Errorf("%s finds something else than a violation of %s: %s", check, m.names, witness)}
		case errors.Is(err, errCaught), errors.Is(err, errHangs) && m.hangs:
			return verdict{by: check, witness: clip(witness)}
		case errors.Is(err, errHangs):
			return verdict{err: fmt.Errorf("%s hangs: mark the mutant so if that is what it does", check)}
		case errors.Is(err, errUnknown): // it has caught nothing
		case err != nil:
			return verdict{err: fmt.Errorf("%s: %w\n%s", check, err, witness)}
		}
	}
	return verdict{}
}

// clip shortens what stands before the last tab to witnessWidth.
func clip(s string) string {
	i := strings.LastIndexByte(s, '\t')
	if i < 0 || i <= witnessWidth {
		return s
	}
	return s[:witnessWidth] + "…" + s[i:]
}
