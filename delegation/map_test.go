package delegation

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unsafe"
)

// show writes a map as "owner from owner from owner", the key line read from
// left to right: "1 b 2 d 1" says that host 2 owns [b, d) and host 1 the rest.
func show(m *Map) string {
	var out []string
	for from, host := range m.Boundaries() {
		if key, ok := from.Key(); ok {
			out = append(out, string(key))
		}
		out = append(out, host.String())
	}
	return strings.Join(out, " ")
}

// read is the inverse of show.
func read(t *testing.T, line string) *Map {
	t.Helper()
	fields := strings.Fields(line)
	pairs := []Boundary{{From: NegInf, Host: readHost(t, fields[0])}}
	for i := 1; i < len(fields); i += 2 {
		pairs = append(pairs, Boundary{From: At(Key(fields[i])), Host: readHost(t, fields[i+1])})
	}
	m, err := MapOf(pairs)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func readHost(t *testing.T, s string) (h HostID) {
	t.Helper()
	if _, err := fmt.Sscan(s, &h); err != nil {
		t.Fatal(err)
	}
	return h
}

func span(from, until Key) Range { return Range{From: At(from), Until: At(until)} }

func TestAssign(t *testing.T) {
	until := func(k Key) Range { return Range{From: NegInf, Until: At(k)} }
	from := func(k Key) Range { return Range{From: At(k), Until: PosInf} }
	for _, c := range []struct {
		name, before string
		r            Range
		h            HostID
		after        string
	}{
		{"first split", "1", span("b", "d"), 2, "1 b 2 d 1"},
		{"from -inf", "1", until("d"), 2, "2 d 1"},
		{"to +inf", "1", from("b"), 2, "1 b 2"},
		{"everything", "1 b 2 d 3", All, 4, "4"},
		{"everything to who had some", "1 b 2 d 3", All, 2, "2"},
		{"start and end between boundaries", "1 b 2 f 3", span("c", "e"), 4, "1 b 2 c 4 e 2 f 3"},
		{"start on a boundary", "1 b 2 f 3", span("b", "e"), 4, "1 b 4 e 2 f 3"},
		{"end on a boundary", "1 b 2 f 3", span("c", "f"), 4, "1 b 2 c 4 f 3"},
		{"both on boundaries", "1 b 2 f 3", span("b", "f"), 4, "1 b 4 f 3"},
		{"last range from a boundary", "1 b 2 f 3", from("f"), 4, "1 b 2 f 4"},
		{"inside the last range", "1 b 2 f 3", from("g"), 4, "1 b 2 f 3 g 4"},
		{"first range up to a boundary", "1 b 2 f 3", until("b"), 4, "4 b 2 f 3"},
		{"merge left", "1 b 2 f 3", span("b", "d"), 1, "1 d 2 f 3"},
		{"merge right", "1 b 2 f 3", span("d", "f"), 3, "1 b 2 d 3"},
		{"merge left and right", "1 b 2 f 1", span("b", "f"), 1, "1"},
		{"merge right at -inf", "1 b 2 f 3", until("b"), 2, "2 f 3"},
		{"merge left at +inf", "1 b 2 f 3", from("f"), 2, "1 b 2"},
		{"inside its own range", "1 b 2 f 3", span("c", "e"), 2, "1 b 2 f 3"},
		{"exactly its own range", "1 b 2 f 3", span("b", "f"), 2, "1 b 2 f 3"},
		{"own range and more to the right", "1 b 2 f 3", span("c", "g"), 2, "1 b 2 g 3"},
		{"own range and more to the left", "1 c 2 f 3", span("b", "d"), 2, "1 b 2 f 3"},
		{"own range on both ends", "1 b 2 d 3 f 2 h 1", span("c", "g"), 2, "1 b 2 h 1"},
		{"covering many", "1 b 2 c 3 d 2 e 3 f 1", span("a", "g"), 4, "1 a 4 g 1"},
		{"covering many, from and to boundaries", "1 b 2 c 3 d 2 e 3 f 1", span("b", "f"), 4, "1 b 4 f 1"},
		{"covering many, merging both", "1 b 2 c 3 d 2 e 3 f 1", span("a", "g"), 1, "1"},
		{"one key", "1", Single("k"), 2, "1 k 2 k\x00 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := read(t, c.before)
			if err := m.Assign(c.r, c.h); err != nil {
				t.Fatal(err)
			}
			if got := show(m); got != c.after {
				t.Errorf("%s, %v to %v: got %q, want %q", c.before, c.r, c.h, got, c.after)
			}
			if err := m.Check(); err != nil {
				t.Error(err)
			}
			if !m.OwnsAll(c.r, c.h) {
				t.Errorf("host %v does not own %v after it was assigned", c.h, c.r)
			}
		})
	}
}

func TestAssignRefuses(t *testing.T) {
	long := Bound{key: strings.Repeat("k", MaxBoundBytes+1)}
	for _, c := range []struct {
		name string
		r    Range
		h    HostID
		want error
	}{
		{"zero range", Range{}, 2, ErrEmptyRange},
		{"end at start", span("c", "c"), 2, ErrEmptyRange},
		{"end below start", span("d", "c"), 2, ErrEmptyRange},
		{"inverted infinities", Range{From: PosInf, Until: NegInf}, 2, ErrEmptyRange},
		{"above everything", Range{From: PosInf, Until: PosInf}, 2, ErrEmptyRange},
		{"no host", span("c", "d"), 0, ErrNoHost},
		{"start too long", Range{From: long, Until: PosInf}, 2, ErrKeyLength},
		{"end too long", Range{From: NegInf, Until: long}, 2, ErrKeyLength},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := read(t, "1 b 2")
			if err := m.Assign(c.r, c.h); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if got := show(m); got != "1 b 2" {
				t.Errorf("a refused assignment changed the map to %q", got)
			}
		})
	}
}

// A bound of a datagram is only borrowed: the datagram's memory is used again.
func TestMapKeepsNoBorrowedMemory(t *testing.T) {
	buf := []byte("bbdd")
	borrowed := func(i int) Bound { return Bound{key: unsafe.String(&buf[i], 2)} }
	m := NewMap(1)
	if err := m.Assign(Range{From: borrowed(0), Until: borrowed(2)}, 2); err != nil {
		t.Fatal(err)
	}
	of, err := MapOf([]Boundary{{NegInf, 1}, {borrowed(0), 2}, {borrowed(2), 1}})
	if err != nil {
		t.Fatal(err)
	}
	copy(buf, "zzaa")
	if got := show(m); got != "1 bb 2 dd 1" {
		t.Errorf("Assign kept borrowed memory: %q", got)
	}
	if got := show(of); got != "1 bb 2 dd 1" {
		t.Errorf("MapOf kept borrowed memory: %q", got)
	}
	// An existing boundary that gets a new owner keeps its own memory, too.
	copy(buf, "bbdd")
	if err := m.Assign(Range{From: borrowed(0), Until: borrowed(2)}, 3); err != nil {
		t.Fatal(err)
	}
	copy(buf, "zzaa")
	if got := show(m); got != "1 bb 3 dd 1" {
		t.Errorf("Assign on boundaries kept borrowed memory: %q", got)
	}
}

func TestOwnsAllOfNothing(t *testing.T) {
	m := NewMap(1)
	for _, r := range []Range{{}, span("c", "c"), span("d", "c"), {From: PosInf, Until: PosInf}} {
		if m.OwnsAll(r, 1) {
			t.Errorf("host 1 owns all of the empty range %v", r)
		}
	}
	if !m.OwnsAll(All, 1) || m.OwnsAll(All, 2) {
		t.Error("the root host does not own everything, or another does")
	}
}

func TestRangesFromPosInf(t *testing.T) {
	if got := collect(read(t, "1 b 2").RangesFrom(PosInf)); len(got) != 0 {
		t.Errorf("ranges above +inf: %v", got)
	}
}

// A loop that is left early must not be resumed.
func TestIteratorsStop(t *testing.T) {
	m := read(t, "1 b 2 d 1 f 2")
	for n := 1; n <= m.Len(); n++ {
		seen := 0
		for range m.Ranges() {
			if seen++; seen == n {
				break
			}
		}
		if seen != n {
			t.Errorf("Ranges left after %d yielded %d", n, seen)
		}
		seen = 0
		for range m.Boundaries() {
			if seen++; seen == n {
				break
			}
		}
		if seen != n {
			t.Errorf("Boundaries left after %d yielded %d", n, seen)
		}
	}
	seen := 0
	for range m.RangesOf(1) {
		seen++
		break
	}
	if seen != 1 {
		t.Errorf("RangesOf left after 1 yielded %d", seen)
	}
}

func TestCloneIsIndependent(t *testing.T) {
	const original = "1 b 2 d 1"
	m := read(t, original)
	c := m.Clone()
	if !m.Equal(c) {
		t.Fatal("a clone differs from its original")
	}
	if err := c.Assign(All, 3); err != nil {
		t.Fatal(err)
	}
	if got := show(m); got != original {
		t.Errorf("a change of the clone made the original %q", got)
	}
	d := m.Clone()
	if err := m.Assign(span("c", "e"), 3); err != nil {
		t.Fatal(err)
	}
	if got := show(d); got != original {
		t.Errorf("a change of the original made the clone %q", got)
	}
	if m.Equal(d) || m.Equal(c) {
		t.Error("different maps are equal")
	}
}

func TestEqual(t *testing.T) {
	lines := []string{"1", "2", "1 b 2", "1 c 2", "1 b 3", "2 b 1", "1 b 2 d 1"}
	for i, a := range lines {
		for j, b := range lines {
			if got := read(t, a).Equal(read(t, b)); got != (i == j) {
				t.Errorf("Equal of %q and %q is %v", a, b, got)
			}
		}
	}
}

func TestMapOfRefuses(t *testing.T) {
	long := Bound{key: strings.Repeat("k", MaxBoundBytes+1)}
	for _, c := range []struct {
		name  string
		pairs []Boundary
		says  string
	}{
		{"nothing", nil, "no boundary"},
		{"no -inf", []Boundary{{At("a"), 1}}, `first boundary is "a"`},
		{"+inf alone", []Boundary{{PosInf, 1}}, "first boundary is +inf"},
		{"+inf", []Boundary{{NegInf, 1}, {PosInf, 2}}, "boundary at +inf"},
		{"twice the same", []Boundary{{NegInf, 1}, {At("b"), 2}, {At("b"), 1}}, `"b" does not lie above`},
		{"twice -inf", []Boundary{{NegInf, 1}, {NegInf, 2}}, "-inf does not lie above"},
		{"descending", []Boundary{{NegInf, 1}, {At("c"), 2}, {At("b"), 1}}, `"b" does not lie above`},
		{"not canonical", []Boundary{{NegInf, 1}, {At("b"), 2}, {At("c"), 2}}, "both belong to host 2"},
		{"no host first", []Boundary{{NegInf, 0}}, "no host"},
		{"no host", []Boundary{{NegInf, 1}, {At("b"), 0}}, "no host"},
		{"too long", []Boundary{{NegInf, 1}, {long, 2}}, "4098 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := MapOf(c.pairs)
			if !errors.Is(err, ErrInvalidMap) || !strings.Contains(fmt.Sprint(err), c.says) || m != nil {
				t.Errorf("got %v, want ErrInvalidMap that says %q", err, c.says)
			}
		})
	}
}

// Check must be able to fail: break each invariant behind the map's back.
func TestCheckFindsBrokenMaps(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*Map)
		says  string
	}{
		{"total", func(m *Map) { m.root.keys[0] = "a" }, "no owner"},
		{"never empty", func(m *Map) { m.root.column = column{} }, "no boundary"},
		{"sorted", func(m *Map) { m.root.keys[1] = "x" }, `"d" does not lie above`},
		{"canonical", func(m *Map) { m.set(boundary{"c", 2}) }, "both belong to host 2"},
		{"hosts", func(m *Map) { m.set(boundary{"c", 0}) }, "no host"},
		{"lengths", func(m *Map) { m.set(boundary{strings.Repeat("z", MaxBoundBytes+1), 3}) }, "4098 bytes"},
		{"made", func(m *Map) { *m = Map{} }, "zero Map"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := read(t, "1 b 2 d 1")
			c.spoil(m)
			err := m.Check()
			if !errors.Is(err, ErrInvalidMap) || !strings.Contains(fmt.Sprint(err), c.says) {
				t.Errorf("got %v, want ErrInvalidMap that says %q", err, c.says)
			}
		})
	}
}

func TestNewMapOfNobodyPanics(t *testing.T) {
	defer func() {
		if r := recover(); !strings.Contains(fmt.Sprint(r), "MapComplete") {
			t.Errorf("recovered %v, want a panic that names the invariant", r)
		}
	}()
	NewMap(0)
}

// words returns all strings of 1 to n letters of the alphabet.
func words(alphabet string, n int) (out []string) {
	level := []string{""}
	for range n {
		var next []string
		for _, w := range level {
			for i := range len(alphabet) {
				next = append(next, w+alphabet[i:i+1])
			}
		}
		out, level = append(out, next...), next
	}
	return out
}

// randomRange draws a range between points or infinities; it may be empty.
func randomRange(rng *rand.Rand, points []string) Range {
	draw := func(inf Bound) Bound {
		if rng.IntN(12) == 0 {
			return inf
		}
		return At(Key(points[rng.IntN(len(points))]))
	}
	return Range{From: draw(NegInf), Until: draw(PosInf)}
}

// TestMapAgainstModel holds the map against the obvious one after each of many
// random assignments, over all short keys of the three hardest bytes.
func TestMapAgainstModel(t *testing.T) {
	points := words("\x00a\xff", 4)
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 0))
			m, s := NewMap(1), newSlowMap(points, 1)
			var clone *Map
			var cloned []Boundary
			for range 200 {
				if rng.IntN(20) == 0 {
					clone, cloned = m.Clone(), s.boundaries()
				}
				r, h := randomRange(rng, points), HostID(1+rng.IntN(4))
				err := m.Assign(r, h)
				if errors.Is(err, ErrEmptyRange) != r.Empty() {
					t.Fatalf("Assign(%v) is %v", r, err)
				}
				s.assign(r, h)
				from := randomRange(rng, points).From
				judge(t, m, s, from, HostID(1+rng.IntN(4)), randomRange(rng, points))
			}
			if clone != nil {
				want, err := MapOf(cloned)
				if err != nil || !clone.Equal(want) {
					t.Errorf("a clone changed with its original, or: %v", err)
				}
			}
		})
	}
}

// TestLargeMapAgainstModel does the same with enough boundaries that the tree
// has several levels, splits and merges its nodes, and shares them with clones.
func TestLargeMapAgainstModel(t *testing.T) {
	points := words("abcdefghijklmnop", 3)
	rng := rand.New(rand.NewPCG(7, 7))
	m, s := NewMap(1), newSlowMap(points, 1)
	largest := 0
	for step := range 8_000 {
		r, h := randomRange(rng, s.points), HostID(1+rng.IntN(100))
		if at := rng.IntN(len(s.points) - 3); step < 4_000 || rng.IntN(50) > 0 {
			// Mostly short ranges, so that the map grows before the long ones cut it.
			r = span(Key(s.points[at]), Key(s.points[at+1+rng.IntN(2)]))
		}
		if r.Empty() {
			continue
		}
		before := m.Clone()
		if err := m.Assign(r, h); err != nil {
			t.Fatal(err)
		}
		if m.Equal(before) != s.ownsAll(r, h) {
			t.Fatalf("step %d: assigning %v to %v changed the clone, or did not change the map", step, r, h)
		}
		s.assign(r, h)
		largest = max(largest, m.Len())
		if step%400 == 0 || step == 7_999 {
			judge(t, m, s, r.From, h, r)
		}
	}
	if err := m.check(); err != nil {
		t.Error(err)
	}
	if largest < 16*maxItems {
		t.Errorf("the map never had more than %d boundaries: too few to test the tree", largest)
	}
}

// A step of a host asks the map for every request, and must not pay for it in
// garbage; nor does an assignment that changes nothing copy what a clone shares.
func TestNothingChangesNothingAllocated(t *testing.T) {
	m := NewMap(1)
	for i := range 1_000 {
		if err := m.Assign(Single(benchKey(2*i)), 2); err != nil {
			t.Fatal(err)
		}
	}
	key := benchKey(500)
	own, inside := Single(key), span(benchKey(1)+"/a", benchKey(1)+"/b")
	clone := testing.AllocsPerRun(100, func() { cloneSink = m.Clone() })
	for _, c := range []struct {
		name string
		want float64
		call func()
	}{
		{"Lookup", 0, func() { benchSink = m.Lookup(key) }},
		{"LookupRange", 0, func() { _, benchSink = m.LookupRange(key) }},
		{"OwnsAll", 0, func() { _ = m.OwnsAll(own, 2) }},
		{"Assign exactly what it owns", clone, func() { cloneSink = m.Clone(); _ = cloneSink.Assign(own, 2) }},
		{"Assign inside of what it owns", clone, func() { cloneSink = m.Clone(); _ = cloneSink.Assign(inside, 1) }},
	} {
		if n := testing.AllocsPerRun(100, c.call); n != c.want {
			t.Errorf("%s allocates %v times, want %v", c.name, n, c.want)
		}
	}
}
