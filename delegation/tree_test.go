package delegation

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
)

// check returns what is wrong with the invariants of t and its nodes, all of them.
func (t *tree) check() error {
	if t.root.children != nil && len(t.root.children) < 2 {
		return fmt.Errorf("a root of %d children", len(t.root.children))
	}
	if key := t.root.keys[0]; key != "" {
		return fmt.Errorf("the first boundary is %q", key)
	}
	count, _, err := t.root.check(t.root, "", false)
	if err == nil && count != t.count {
		return fmt.Errorf("%d boundaries, count is %d", count, t.count)
	}
	return err
}

// check returns how many boundaries lie below n, and how many levels; until, if
// there is an end, is where those of the next node begin.
func (n *node) check(root *node, until string, end bool) (count, depth int, err error) {
	switch size := len(n.keys); {
	case n != root && size < minItems || size > maxItems:
		return 0, 0, fmt.Errorf("a node of %d items", size)
	case n.children != nil && len(n.children) != size:
		return 0, 0, fmt.Errorf("%d items for %d children", size, len(n.children))
	}
	if err := n.column.check(); err != nil {
		return 0, 0, err
	}
	if last := n.keys[len(n.keys)-1]; end && last >= until {
		return 0, 0, fmt.Errorf("%q is not below %q, where the next node begins", last, until)
	}
	if n.children == nil {
		return len(n.keys), 1, nil
	}
	for i, child := range n.children {
		if child.keys[0] != n.keys[i] {
			return 0, 0, fmt.Errorf("a child that begins with %q is under %q", child.keys[0], n.keys[i])
		}
		until, end := until, end
		if i+1 < len(n.keys) {
			until, end = n.keys[i+1], true
		}
		m, d, err := child.check(root, until, end)
		if err != nil {
			return 0, 0, err
		}
		if i > 0 && d != depth {
			return 0, 0, fmt.Errorf("leaves %d and %d levels below a node", d, depth)
		}
		count, depth = count+m, d
	}
	return count, depth + 1, nil
}

// check is the invariants of a column, said in the simplest words.
func (c *column) check() error {
	if len(c.words) != len(c.keys) || len(c.entries) != len(c.keys) {
		return fmt.Errorf("%d words and %d hosts for %d keys", len(c.words), len(c.entries), len(c.keys))
	}
	longest := ""
	for i, key := range c.keys {
		if i == 1 {
			longest = key
		}
		for i > 0 && !strings.HasPrefix(key, longest) {
			longest = longest[:len(longest)-1]
		}
		if i > 0 && c.keys[i-1] >= key {
			return fmt.Errorf("%q comes before %q", c.keys[i-1], key)
		}
	}
	if c.prefix != longest {
		return fmt.Errorf("the prefix is %q, want %q", c.prefix, longest)
	}
	if n := len(longest); n >= wordBytes && c.ending != number(longest[n-wordBytes:]) {
		return fmt.Errorf("the prefix %q ends with %x", longest, c.ending)
	}
	for i, key := range c.keys {
		after := strings.TrimPrefix(key, longest)
		if want := number(after); i > 0 && c.words[i] != want {
			return fmt.Errorf("the word of %q after %q is %x, want %x", key, longest, c.words[i], want)
		}
		long := after + strings.Repeat("\x00", longRest)
		if want := number(long[wordBytes:longRest-1] + string(rune(min(len(after), longRest)))); i > 0 && c.entries[i].rest != want {
			return fmt.Errorf("the rest of %q after %q is %x, want %x", key, longest, c.entries[i].rest, want)
		}
	}
	return nil
}

// number is the first bytes of s, and zero bytes behind it, as a number.
func number(s string) (n uint64) {
	for _, char := range []byte((s + strings.Repeat("\x00", wordBytes))[:wordBytes]) {
		n = n<<8 | uint64(char)
	}
	return n
}

// families are kinds of keys, each hard in its own way, by a number.
var families = map[string]func(i int) string{
	"numbers":     func(i int) string { return string(benchKey(i)) },
	"nested":      func(i int) string { return strings.Repeat("k", i%800+1) },
	"zero bytes":  func(i int) string { return "a" + strings.Repeat("\x00", i%40) + strings.Repeat("b", i/40%2) },
	"high bytes":  func(i int) string { return strings.Repeat("\xff", i%30) + "\xfe" + strings.Repeat("\x00", i/30%20) },
	"4 KiB":       func(i int) string { return strings.Repeat("x", MaxKeyBytes-5) + fmt.Sprintf("%05d", i%900) },
	"4 KiB apart": func(i int) string { return fmt.Sprintf("%d", i%9) + strings.Repeat("x", MaxKeyBytes-2-i/9%50) },
	"equal words": func(i int) string { return fmt.Sprintf("%d/a long word %d", i%3, i) },
	"tables": func(i int) string {
		return []string{"orders/", "o", "user/0000000000", "\x00", "\xff\xff"}[i%5] + fmt.Sprint(i)
	},
}

// draw draws a key of a family: some are one byte longer than a key may be.
func draw(rng *rand.Rand, family func(int) string) string {
	key := family(rng.IntN(4_000))
	switch {
	case key == "" || rng.IntN(8) == 0:
		key += "\x00"
	case rng.IntN(8) == 0 && len(key) > 1:
		key = key[:len(key)-1]
	}
	return key
}

// A flat is what a tree is judged by: its boundaries in a slice.
type flat []boundary

// at returns the place of the last boundary at or below key.
func (f flat) at(key string) int {
	i, ok := slices.BinarySearchFunc(f, key, func(b boundary, key string) int { return strings.Compare(b.key, key) })
	if ok {
		return i
	}
	return i - 1
}

// judgeTree holds what t says about key against f.
func judgeTree(t *testing.T, tr *tree, f flat, key string) {
	t.Helper()
	i := f.at(key)
	if got := tr.floor(key); got != f[i] {
		t.Fatalf("floor(%q) is %v, want %v", key, got, f[i])
	}
	got, ok := tr.above(key)
	if ok != (i+1 < len(f)) || ok && got != f[i+1] {
		t.Fatalf("above(%q) is %v, %v after %v", key, got, ok, f[i])
	}
	below := i
	if f[i].key == key {
		below--
	}
	got, ok = tr.below(key)
	if ok != (below >= 0) || ok && got != f[below] {
		t.Fatalf("below(%q) is %v, %v", key, got, ok)
	}
	n := 0
	tr.ascend(key, func(b boundary) bool {
		if b != f[i+n] {
			t.Fatalf("ascend(%q) yields %v as number %d, want %v", key, b, n, f[i+n])
		}
		n++
		return n < 100
	})
	if want := min(100, len(f)-i); n != want {
		t.Fatalf("ascend(%q) yields %d boundaries, want %d", key, n, want)
	}
}

// Each family grows, shrinks, and grows again; the tree is checked after each
// change and asked about keys that are boundaries, about their neighbours, and
// about keys of the other families. Clones stay what they were.
func TestTreeAgainstSlice(t *testing.T) {
	for name, family := range families {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, uint64(len(name))))
			tr, f := newTree(boundary{host: 1}), flat{{host: 1}}
			var clone tree
			var cloned flat
			for step := range 3_000 {
				key := draw(rng, family)
				// By turns mostly boundaries come, and mostly they go.
				if step/750%2 == 1 && rng.IntN(8) > 0 {
					key = f[rng.IntN(len(f))].key
				}
				i := f.at(key)
				switch {
				case f[i].key != key:
					f = slices.Insert(f, i+1, boundary{key, HostID(step + 2)})
					tr.set(f[i+1])
				case key == "" || rng.IntN(8) == 0:
					f[i].host = HostID(step + 2)
					tr.set(f[i])
				default:
					f = slices.Delete(f, i, i+1)
					tr.delete(key)
				}
				if err := tr.check(); err != nil {
					t.Fatalf("step %d, %q: %v", step, key, err)
				}
				judgeTree(t, &tr, f, key)
				judgeTree(t, &tr, f, draw(rng, family))
				for _, other := range families {
					judgeTree(t, &tr, f, draw(rng, other))
				}
				if step%150 == 0 {
					same(t, &clone, cloned)
					clone, cloned = tr.clone(), slices.Clone(f)
				}
			}
			same(t, &clone, cloned)
		})
	}
}

// What lies under a node's first or last key need not begin as its other keys do: there
// a prefix that ends as a key does, and begins otherwise, is none of that key's.
func TestPrefixesThatEndAlike(t *testing.T) {
	group := func(prefix string, first rune, n int) (keys []string) {
		for i := range n {
			keys = append(keys, prefix+string([]rune{first + rune(i/32), '0' + rune(i%32)}))
		}
		return keys
	}
	for n := range 3 * maxItems {
		for _, keys := range [][]string{
			append(group("aa12345678", '0', n), group("mm", 'A', 3*maxItems)...),
			append(group("mm", 1, n), group("zz12345678", '0', maxItems*3/4)...),
		} {
			tr, f := newTree(boundary{host: 1}), flat{{host: 1}}
			for i, key := range keys {
				f = append(f, boundary{key, HostID(i + 2)})
				tr.set(f[i+1])
			}
			judgeTree(t, &tr, f, "mm123456781")
		}
	}
}

// A tree of three levels and more grows and shrinks again, in any order, until it
// is as small as it was.
func TestTreeGrowsAndShrinks(t *testing.T) {
	const size = 20_000
	for seed := range uint64(2) {
		rng := rand.New(rand.NewPCG(seed, 0))
		tr, f := newTree(boundary{host: 1}), flat{{host: 1}}
		for i := range size {
			f = append(f, boundary{string(benchKey(i)), HostID(i + 2)})
		}
		order := rng.Perm(size)
		if seed == 0 {
			slices.Sort(order)
		}
		for _, i := range order {
			tr.set(f[i+1])
		}
		if tr.root.children == nil || tr.root.children[0].children == nil {
			t.Fatalf("%d boundaries in fewer than three levels", size)
		}
		same(t, &tr, f)
		for n, i := range rng.Perm(size) {
			tr.delete(f[i+1].key)
			if n%1000 == 0 || n > size-300 {
				if err := tr.check(); err != nil {
					t.Fatalf("seed %d, after %d deletions: %v", seed, n, err)
				}
			}
		}
		same(t, &tr, f[:1])
	}
}

// same fails the test unless the tree has exactly the boundaries of f.
func same(t *testing.T, tr *tree, f flat) {
	t.Helper()
	if tr.root == nil {
		return
	}
	var got flat
	tr.ascend("", func(b boundary) bool {
		got = append(got, b)
		return true
	})
	if !slices.Equal(got, f) {
		t.Fatalf("a clone changed: %d boundaries, want the %d that it had", len(got), len(f))
	}
	if err := tr.check(); err != nil {
		t.Fatalf("a clone: %v", err)
	}
}

// Maps that share nodes are read and changed at once, which the race detector
// watches: nobody changes what another can see.
func TestClonesChangeWhileOthersRead(t *testing.T) {
	m := NewMap(1)
	for i := range 2_000 {
		if err := m.Assign(Single(benchKey(2*i)), HostID(2+i%3)); err != nil {
			t.Fatal(err)
		}
	}
	want := slices.Collect(m.RangesOf(2))
	var done sync.WaitGroup
	for i := range 4 {
		mine, seed := m.Clone(), uint64(i)
		done.Go(func() {
			rng := rand.New(rand.NewPCG(seed, 0))
			for range 500 {
				r := span(benchKey(rng.IntN(4_000)), benchKey(rng.IntN(4_000)))
				if err := mine.Assign(r, 9); err != nil && !errors.Is(err, ErrEmptyRange) {
					t.Error(err)
				}
				mine = mine.Clone()
			}
		})
	}
	done.Go(func() {
		for i := range 4_000 {
			if h := m.Lookup(benchKey(i)); h == 9 {
				t.Errorf("Lookup(%v) is host 9, which only clones know", benchKey(i))
			}
		}
		if !slices.Equal(slices.Collect(m.RangesOf(2)), want) {
			t.Error("the ranges of host 2 changed")
		}
	})
	done.Wait()
	if err := m.check(); err != nil {
		t.Error(err)
	}
}
