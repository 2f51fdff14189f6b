package judge_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"ironkv/ghost/judge"
)

func TestObligation(t *testing.T) {
	r, c, s := judge.Receive, judge.Clock, judge.Send
	for _, good := range [][]judge.Kind{nil, {r}, {c}, {s}, {r, r, c, s, s}, {r, s}, {c, s}} {
		if err := judge.Obligation(good); err != nil {
			t.Errorf("%v: %v", good, err)
		}
	}
	for _, bad := range [][]judge.Kind{{s, r}, {c, r}, {c, c}, {s, c}, {r, c, s, r}, {r, c, r, s}} {
		if err := judge.Obligation(bad); !errors.Is(err, judge.ErrReduction) {
			t.Errorf("%v: got %v", bad, err)
		}
	}
}

// TestReduceAPipelinedRun commutes the run of a host that receives for its second
// step before it has sent for its first, as a host does while a commit syncs.
func TestReduceAPipelinedRun(t *testing.T) {
	e := func(host, step uint64, kind judge.Kind, packet string) judge.Event {
		return judge.Event{Host: host, Step: step, Kind: kind, Packet: packet}
	}
	run := []judge.Event{
		e(1, 1, judge.Receive, "a"), e(2, 1, judge.Clock, ""), e(1, 2, judge.Receive, "b"), e(2, 1, judge.Send, "c"),
		e(1, 1, judge.Send, "d"), e(2, 2, judge.Receive, "d"), e(1, 2, judge.Send, "e"),
	}
	want := []judge.Event{run[0], run[4], run[1], run[3], run[2], run[6], run[5]}
	got, exchanges, err := judge.Reduce(run)
	if err != nil || !reflect.DeepEqual(got, want) || exchanges != 5 {
		t.Errorf("%d exchanges, %v: %v", exchanges, err, got)
	}
}

// TestReduceRandomRuns interleaves random steps of random hosts and takes them apart again.
func TestReduceRandomRuns(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 200 {
		var queues [][]judge.Event
		for host := range uint64(3) {
			var q []judge.Event
			for step := range uint64(5) {
				for i := range random.IntN(3) {
					q = append(q, judge.Event{Host: host, Step: step, Kind: judge.Receive, Packet: fmt.Sprint("in", host, step, i)})
				}
				q = append(q, judge.Event{Host: host, Step: step, Kind: judge.Clock})
				for i := range random.IntN(3) {
					q = append(q, judge.Event{Host: host, Step: step, Kind: judge.Send, Packet: fmt.Sprint("out", host, step, i)})
				}
			}
			queues = append(queues, q)
		}
		var run []judge.Event
		for len(queues[0])+len(queues[1])+len(queues[2]) > 0 {
			if i := random.IntN(3); len(queues[i]) > 0 {
				run, queues[i] = append(run, queues[i][0]), queues[i][1:]
			}
		}
		atomic, _, err := judge.Reduce(run)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		seen := map[[2]uint64]bool{}
		for i, e := range atomic {
			id := [2]uint64{e.Host, e.Step}
			if seen[id] && (atomic[i-1].Host != e.Host || atomic[i-1].Step != e.Step) {
				t.Fatalf("round %d: step %v is torn", round, id)
			}
			seen[id] = true
		}
	}
}

func TestReduceRefuses(t *testing.T) {
	for name, run := range map[string][]judge.Event{
		"a receive after a send": {{Host: 1, Kind: judge.Send, Packet: "a"}, {Host: 1, Kind: judge.Receive, Packet: "b"}},
		"two readings":           {{Host: 1, Kind: judge.Clock}, {Host: 1, Kind: judge.Clock}},
	} {
		if _, _, err := judge.Reduce(run); !errors.Is(err, judge.ErrReduction) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheckNamesTheInvariant(t *testing.T) {
	odd := errors.New("odd")
	list := []judge.Invariant[int]{
		{Name: "Positive", Check: func(int) error { return nil }},
		{Name: "Even", Source: "arithmetic", Check: func(n int) error {
			if n%2 != 0 {
				return fmt.Errorf("%w: %d", odd, n)
			}
			return nil
		}},
	}
	if err := judge.Check(list, 2); err != nil {
		t.Error(err)
	}
	err := judge.Check(list, 3)
	var v *judge.Violation
	if !errors.As(err, &v) || v.Name != "Even" || !errors.Is(err, judge.ErrViolation) || !errors.Is(err, odd) {
		t.Errorf("got %v", err)
	}
}

func TestCoverageShowsWhatWasNeverSeen(t *testing.T) {
	c := judge.NewCoverage("b", "a")
	c.Saw("b")
	more := judge.NewCoverage()
	more.Saw("c")
	c.Add(more)
	if got := c.Never(); len(got) != 1 || got[0] != "a" || c.Count("c") != 1 {
		t.Errorf("never %v", got)
	}
	if got := strings.Join(strings.Fields(c.String()), " "); got != "a never b 1 c 1" {
		t.Error(got)
	}
}

func TestTreeIsPersistent(t *testing.T) {
	empty := judge.NewTree(func(a, b *int) bool { return *a < *b })
	list := func(t judge.Tree[int]) string { return fmt.Sprint(slices.Collect(t.All())) }
	one := empty.With(2).With(1)
	two := one.WithAll(slices.Values([]int{3, 4})).Without(1)
	if list(empty) != "[]" || list(one) != "[1 2]" || list(two) != "[2 3 4]" || two.Len() != 3 {
		t.Error(list(empty), list(one), list(two))
	}
	if got := slices.Collect(two.From(3)); fmt.Sprint(got) != "[3 4]" {
		t.Error(got)
	}
	if _, ok := one.Get(3); ok || !one.Same(one) || one.Same(two) {
		t.Error("one changed")
	}
}

// A tree is what a sorted list is, whatever was done to it, and stays so.
func TestTreeIsASortedSet(t *testing.T) {
	type pair struct{ key, value int }
	rng := rand.New(rand.NewPCG(1, 1))
	empty := judge.NewTree(func(a, b *pair) bool { return a.key < b.key })
	by := func(p pair, key int) int { return p.key - key }
	equal := func(a, b *pair) bool { return *a == *b }
	type kept struct {
		tree judge.Tree[pair]
		list []pair
	}
	var all []kept
	k := kept{tree: empty}
	for n := range 4000 {
		p := pair{rng.IntN(500), n}
		i, found := slices.BinarySearchFunc(k.list, p.key, by)
		k.list = slices.Clone(k.list)
		switch {
		case rng.IntN(20) < 11-n/500: // it grows, and then shrinks
			k.tree = k.tree.With(p)
			if !found {
				k.list = slices.Insert(k.list, i, p)
			}
			k.list[i] = p
		default:
			before := k.tree
			k.tree = k.tree.Without(p)
			if found {
				k.list = slices.Delete(k.list, i, i+1)
			} else if !k.tree.Same(before) {
				t.Fatal("a tree without what it had not is another")
			}
		}
		if n%97 == 0 || len(k.list) == 0 {
			all = append(all, k)
		}
	}
	for _, k := range all {
		if got := slices.Collect(k.tree.All()); !slices.Equal(got, k.list) || k.tree.Len() != len(k.list) {
			t.Fatalf("got %v, want %v", got, k.list)
		}
		for key := -1; key < 501; key++ {
			i, found := slices.BinarySearchFunc(k.list, key, by)
			got, ok := k.tree.Get(pair{key: key})
			if ok != found || (found && got != k.list[i]) || !slices.Equal(slices.Collect(k.tree.From(pair{key: key})), k.list[i:]) {
				t.Fatalf("at %d: got %v, %v", key, got, ok)
			}
		}
		shuffled := slices.Clone(k.list)
		rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		late := empty.WithAll(slices.Values(append([]pair{{key: 7, value: -1}}, append(shuffled, k.list...)...))).Without(pair{key: 7})
		here := k.tree.Without(pair{key: 7})
		if !late.EqualFunc(here, equal) || late.Len() > 0 && late.With(pair{key: 1000}).EqualFunc(here, equal) {
			t.Fatalf("%v made at once is not %v", slices.Collect(late.All()), slices.Collect(here.All()))
		}
	}
}
