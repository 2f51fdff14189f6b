package delegation

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

// A slowMap is the obvious delegation map, by which the fast one is judged: an
// owner for each point of a finite universe that contains every bound in use.
// Between two neighbouring points no owner can change, so it says all there is.
type slowMap struct {
	points []string // ascending; the first is "", which stands for −∞
	owners []HostID // owners[i] owns points[i] and all keys up to points[i+1]
}

func newSlowMap(points []string, root HostID) *slowMap {
	points = append([]string{""}, points...)
	slices.Sort(points)
	points = slices.Compact(points)
	return &slowMap{points: points, owners: slices.Repeat([]HostID{root}, len(points))}
}

func (s *slowMap) assign(r Range, h HostID) {
	for i, p := range s.points {
		if slowContains(r, p) {
			s.owners[i] = h
		}
	}
}

func (s *slowMap) ownsAll(r Range, h HostID) bool {
	some := false
	for i, p := range s.points {
		if slowContains(r, p) {
			some = true
			if s.owners[i] != h {
				return false
			}
		}
	}
	return some
}

// slowContains is the definition of a half-open range, case by case.
func slowContains(r Range, point string) bool {
	from, fromKey := r.From.Key()
	until, untilKey := r.Until.Key()
	above := r.From == NegInf || fromKey && point >= string(from)
	below := r.Until == PosInf || untilKey && point < string(until)
	return above && below
}

// boundaries returns the places where the owner changes.
func (s *slowMap) boundaries() []Boundary {
	var out []Boundary
	for i, p := range s.points {
		if i == 0 || s.owners[i] != s.owners[i-1] {
			out = append(out, Boundary{From: At(Key(p)), Host: s.owners[i]})
		}
	}
	return out
}

// An owned is what iterators over ranges yield.
type owned struct {
	r Range
	h HostID
}

// rangesFrom returns the maximal ranges at and above from, clipped.
func (s *slowMap) rangesFrom(from Bound) []owned {
	var out []owned
	all := s.boundaries()
	for i, b := range all {
		r := Range{From: b.From, Until: PosInf}
		if i+1 < len(all) {
			r.Until = all[i+1].From
		}
		if clipped := r.Intersect(Range{From: from, Until: PosInf}); !clipped.Empty() {
			out = append(out, owned{clipped, b.Host})
		}
	}
	return out
}

// judge fails the test unless m is the same function as s, by every way of
// asking. The rest of a map's answers depend on from, h and r.
func judge(t *testing.T, m *Map, s *slowMap, from Bound, h HostID, r Range) {
	t.Helper()
	if err := errors.Join(m.Check(), m.check()); err != nil {
		t.Fatal(err)
	}
	var boundaries []Boundary
	for b, host := range m.Boundaries() {
		boundaries = append(boundaries, Boundary{From: b, Host: host})
	}
	equal(t, "Boundaries", boundaries, s.boundaries())
	if m.Len() != len(boundaries) {
		t.Fatalf("Len is %d, want %d", m.Len(), len(boundaries))
	}
	all := s.rangesFrom(NegInf)
	equal(t, "Ranges", collect(m.Ranges()), all)
	equal(t, fmt.Sprint("RangesFrom ", from), collect(m.RangesFrom(from)), s.rangesFrom(from))
	at := 0
	for i, p := range s.points {
		for !slowContains(all[at].r, p) {
			at++
		}
		if got := m.Lookup(Key(p)); got != s.owners[i] {
			t.Fatalf("Lookup(%q) is host %v, want %v", p, got, s.owners[i])
		}
		if got, host := m.LookupRange(Key(p)); got != all[at].r || host != all[at].h {
			t.Fatalf("LookupRange(%q) is %v of host %v, want %v", p, got, host, all[at])
		}
	}
	mine := slices.DeleteFunc(all, func(o owned) bool { return o.h != h })
	var got []owned
	for r := range m.RangesOf(h) {
		got = append(got, owned{r, h})
	}
	equal(t, fmt.Sprint("RangesOf ", h), got, mine)
	if got, want := m.OwnsAll(r, h), s.ownsAll(r, h); got != want {
		t.Fatalf("OwnsAll(%v, %v) is %v, want %v in %v", r, h, got, want, boundaries)
	}
	rebuilt, err := MapOf(boundaries)
	if err != nil || !rebuilt.Equal(m) {
		t.Fatalf("MapOf(Boundaries) is another map, or an error: %v", err)
	}
}

func collect(seq func(func(Range, HostID) bool)) (out []owned) {
	for r, h := range seq {
		out = append(out, owned{r, h})
	}
	return out
}

func equal[T comparable](t *testing.T, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s:\n got %v\nwant %v", what, got, want)
	}
}
