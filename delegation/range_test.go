package delegation

import (
	"errors"
	"strings"
	"testing"
)

func TestNewRange(t *testing.T) {
	for _, c := range []struct {
		from, until Bound
		ok          bool
	}{
		{NegInf, PosInf, true},
		{NegInf, At("a"), true},
		{At("a"), PosInf, true},
		{At("a"), After("a"), true},
		{At("a"), At("a"), false},
		{At("b"), At("a"), false},
		{NegInf, NegInf, false},
		{PosInf, PosInf, false},
		{PosInf, At("a"), false},
		{At("a"), NegInf, false},
	} {
		r, err := NewRange(c.from, c.until)
		switch {
		case c.ok && (err != nil || r != Range{c.from, c.until} || r.Empty()):
			t.Errorf("[%v, %v): %v, %v", c.from, c.until, r, err)
		case !c.ok && (!errors.Is(err, ErrEmptyRange) || !Range{c.from, c.until}.Empty()):
			t.Errorf("[%v, %v) is empty, but the error is %v", c.from, c.until, err)
		}
	}
}

func TestPrefix(t *testing.T) {
	for _, c := range []struct {
		prefix string
		want   Range
	}{
		{"", All},
		{"a", span("a", "b")},
		{"ab", span("ab", "ac")},
		{"a\x00", span("a\x00", "a\x01")},
		{"a\xfe", span("a\xfe", "a\xff")},
		{"a\xff", span("a\xff", "b")},
		{"a\xff\xff", span("a\xff\xff", "b")},
		{"\xfe\xff", span("\xfe\xff", "\xff")},
		{"\xff", Range{At("\xff"), PosInf}},
		{"\xff\xff", Range{At("\xff\xff"), PosInf}},
	} {
		p := []byte(c.prefix)
		got := Prefix(p)
		if got != c.want {
			t.Errorf("Prefix(%q) is %v, want %v", c.prefix, got, c.want)
		}
		if string(p) != c.prefix {
			t.Errorf("Prefix(%q) changed its argument to %q", c.prefix, p)
		}
		for _, k := range words("\x00ab\xfe\xff", 4) {
			if got.Contains(Key(k)) != strings.HasPrefix(k, c.prefix) {
				t.Errorf("Prefix(%q) contains %q: %v", c.prefix, k, got.Contains(Key(k)))
			}
		}
	}
}

func TestContains(t *testing.T) {
	longest := Key(strings.Repeat("m", MaxKeyBytes))
	for _, c := range []struct {
		r    Range
		key  Key
		want bool
	}{
		{All, "\x00", true},
		{All, longest, true},
		{Range{}, "a", false},
		{span("b", "d"), "a", false},
		{span("b", "d"), "b", true},
		{span("b", "d"), "c\xff", true},
		{span("b", "d"), "d", false},
		{span("d", "b"), "c", false},
		{Range{PosInf, PosInf}, "a", false},
		{Range{NegInf, NegInf}, "a", false},
		{Single("b"), "b", true},
		{Single("b"), "b\x00", false},
		{Single(longest), longest, true},
		{Single(longest), longest[:MaxKeyBytes-1], false},
		{Range{After(longest), PosInf}, longest, false},
		{Range{NegInf, At(longest)}, longest, false},
		{Range{NegInf, After(longest)}, longest, true},
	} {
		if got := c.r.Contains(c.key); got != c.want {
			t.Errorf("%.60v contains %.10v: %v", c.r, c.key, got)
		}
	}
}

// TestRangeAlgebra holds Contains, Covers, Overlaps and Intersect against their
// definitions by keys, for all pairs of ranges over a few bounds.
func TestRangeAlgebra(t *testing.T) {
	bounds := []Bound{NegInf, PosInf}
	keys := words("\x00a\xff", 2)
	for _, k := range keys {
		bounds = append(bounds, At(Key(k)))
	}
	// Every bound is a point, and nothing lies between two neighbouring points, so
	// a range is empty exactly if no point lies in it.
	points := append([]string{""}, keys...)
	var ranges []Range
	for _, from := range bounds {
		for _, until := range bounds {
			ranges = append(ranges, Range{from, until})
		}
	}
	for _, r := range ranges {
		for _, s := range ranges {
			common, missing := 0, 0
			both := r.Intersect(s)
			for _, p := range points {
				inR, inS := slowContains(r, p), slowContains(s, p)
				if inR && inS {
					common++
				}
				if inS && !inR {
					missing++
				}
				if slowContains(both, p) != (inR && inS) {
					t.Fatalf("the intersection of %v and %v is %v", r, s, both)
				}
			}
			if both.Empty() && both != (Range{}) {
				t.Fatalf("%v and %v meet in nothing, as %v instead of the zero Range", r, s, both)
			}
			if r.Overlaps(s) != (common > 0) {
				t.Fatalf("%v overlaps %v: %v", r, s, r.Overlaps(s))
			}
			if r.Covers(s) != (missing == 0) {
				t.Fatalf("%v covers %v: %v", r, s, r.Covers(s))
			}
		}
		for _, k := range keys {
			if r.Contains(Key(k)) != slowContains(r, k) {
				t.Fatalf("%v contains %q: %v", r, k, r.Contains(Key(k)))
			}
		}
	}
}
