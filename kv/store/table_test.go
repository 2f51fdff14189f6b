package store

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

// check tells which invariant of the table does not hold.
func (t *table) check() (err error) {
	entries, used, before := 0, uint64(0), ""
	var lows []string
	t.pages.Ascend(func(b leaf) bool {
		low := b.low
		if len(b.entries) > pageEntries || len(b.entries) == 0 && low != "" {
			err = fmt.Errorf("the page from %q has %d entries", low, len(b.entries))
		}
		for _, p := range b.entries {
			key := p.key()
			if key < low || entries > 0 && key <= before {
				err = fmt.Errorf("%q comes after %q in the page from %q", key, before, low)
			}
			entries, used, before = entries+1, used+p.size(), key
		}
		lows = append(lows, low)
		return err == nil
	})
	switch {
	case err != nil:
		return err
	case len(lows) == 0 || lows[0] != "":
		return errors.New("there is no first page")
	case entries != t.len || used != t.used:
		return fmt.Errorf("%d entries of %d bytes, counted as %d of %d", entries, used, t.len, t.used)
	}
	return nil
}

// someKey draws keys that are alike in their beginnings, in none, and in more than
// a word of them; and keys that begin with others.
func someKey(random *rand.Rand, keys int) delegation.Key {
	i := random.IntN(keys)
	switch i % 5 {
	case 0:
		return delegation.Key(fmt.Sprintf("%d", i))
	case 1:
		return delegation.Key(strings.Repeat("\x00", 1+i%40))
	case 2:
		return delegation.Key("same beginning " + strings.Repeat("b", i%7) + fmt.Sprint(i))
	}
	return numbered(i)
}

// TestTableAgreesWithAMap drives a table that grows and shrinks, by single keys,
// ranges, and runs of keys in order, with clones that go on by themselves.
func TestTableAgreesWithAMap(t *testing.T) {
	steps := 20_000
	if testing.Short() {
		steps = 6000
	}
	for seed := range uint64(4) {
		random := rand.New(rand.NewPCG(seed, 1))
		keys := []int{20, 700, 5000, 5000}[seed]
		stores := []*driven{{NewMemory(MemoryOptions{Records: seed == 3}), map[delegation.Key]marshal.Version{}}}
		for step := range steps {
			d := stores[random.IntN(len(stores))]
			d.change(random, keys, step, step%5000 < 3000)
			if step%2000 == 1999 && len(stores) < 4 {
				stores = append(stores, &driven{d.store.Clone(), maps.Clone(d.model)})
			}
			if step%1000 == 0 || keys == 20 && step%50 == 0 {
				for _, d := range stores {
					if err := d.check(); err != nil {
						t.Fatalf("seed %d step %d: %v", seed, step, err)
					}
				}
			}
		}
		for _, d := range stores {
			d.store.RemoveRange(delegation.All)
			clear(d.model)
			if err := d.check(); err != nil || d.store.now.table.pages.Len() != 1 {
				t.Errorf("seed %d: an empty table has %d pages: %v", seed, d.store.now.table.pages.Len(), err)
			}
		}
	}
}

// driven is a store beside what it should have: versions, which values follow from.
type driven struct {
	store *Memory
	model map[delegation.Key]marshal.Version
}

func valueOf(v marshal.Version) []byte {
	return []byte(strings.Repeat("v", int(v)%130) + fmt.Sprint(v))
}

func (d *driven) put(key delegation.Key, v marshal.Version) {
	d.store.Put(marshal.Entry{Key: key, Value: valueOf(v), Version: v})
	d.model[key] = v
}

// putAll puts a run of keys, of which few are there already, or, often, none: then
// as a delegate does, whose range was empty.
func (d *driven) putAll(random *rand.Rand, keys int, v marshal.Version) {
	run := map[delegation.Key]bool{}
	first := random.IntN(keys)
	for i := first; i < min(first+random.IntN(1000), keys); i++ {
		run[numbered(i)] = true
	}
	sorted := slices.Sorted(maps.Keys(run))
	if len(sorted) > 0 && random.IntN(4) > 0 {
		r := delegation.Range{From: delegation.At(sorted[0]), Until: delegation.After(sorted[len(sorted)-1])}
		d.store.RemoveRange(r)
		maps.DeleteFunc(d.model, func(k delegation.Key, _ marshal.Version) bool { return r.Contains(k) })
	}
	var entries []marshal.Entry
	for _, k := range sorted {
		entries = append(entries, marshal.Entry{Key: k, Value: valueOf(v), Version: v})
		d.model[k] = v
	}
	d.store.PutAll(entries)
}

func (d *driven) change(random *rand.Rand, keys, step int, growing bool) {
	v := marshal.Version(step)
	switch n := random.IntN(1000); {
	case n < 2 || n < 8 && !growing:
		a, b := someKey(random, keys), someKey(random, keys)
		r := delegation.Range{From: delegation.At(a), Until: delegation.At(b)}
		switch random.IntN(8) {
		case 0:
			r.From = delegation.NegInf
		case 1:
			r.Until = delegation.PosInf
		}
		d.store.RemoveRange(r)
		maps.DeleteFunc(d.model, func(k delegation.Key, _ marshal.Version) bool { return r.Contains(k) })
	case n < 10 && growing:
		first := random.IntN(keys)
		for i := first; i < min(first+600, keys); i++ {
			d.put(numbered(i), v)
		}
	case n < 20 && growing:
		d.putAll(random, keys, v)
	case (n < 800) == growing:
		d.put(someKey(random, keys), v)
	default:
		key := someKey(random, keys)
		d.store.Delete(key)
		delete(d.model, key)
	}
	if step%100 == 0 {
		_, _ = d.store.Commit(kv.Counters{Step: uint64(step)})
	}
}

// check holds the store against its model: single keys, and all of them in order.
func (d *driven) check() error {
	if err := d.store.now.table.check(); err != nil {
		return err
	}
	if x := d.store.index; x != nil {
		if err := x.check(); err != nil {
			return err
		}
	}
	wanted := slices.Sorted(maps.Keys(d.model))
	var got []delegation.Key
	var err error
	see := func(e marshal.Entry) bool {
		if d.model[e.Key] != e.Version || string(e.Value) != string(valueOf(e.Version)) {
			err = fmt.Errorf("%q has version %d and %d bytes, want version %d", e.Key, e.Version, len(e.Value), d.model[e.Key])
		}
		return err == nil
	}
	d.store.Ascend(delegation.All, func(e marshal.Entry) bool { got = append(got, e.Key); return see(e) })
	switch {
	case err != nil:
		return err
	case !slices.Equal(got, wanted):
		return fmt.Errorf("%d keys, want %d", len(got), len(wanted))
	}
	for _, k := range wanted {
		e, found := d.store.Get(k)
		if !found {
			return fmt.Errorf("%q is not found", k)
		}
		if !see(e) {
			return err
		}
		if _, found := d.store.Get(k + "\x00\x00"); found && d.model[k+"\x00\x00"] == 0 {
			return fmt.Errorf("%q is found, which is longer than what was put", k+"\x00\x00")
		}
	}
	return nil
}

func pagesOf(s *Memory) int { return s.now.table.pages.Len() }

// TestSmallPages: a table that has lost most of its entries, here and there, has as
// few pages as one that never had more.
func TestSmallPages(t *testing.T) {
	const n = 20_000
	s := NewMemory(MemoryOptions{})
	fill(s, n, 0, false)
	for i := range n {
		if i%100 != 0 {
			s.Delete(numbered(i))
		}
	}
	if most := 2 * n / 100 / minPageEntries; pagesOf(s) > most || s.Len() != n/100 {
		t.Errorf("%d entries lie in %d pages, at most %d", s.Len(), pagesOf(s), most)
	}
}

// TestAscendingKeys leave full pages behind.
func TestAscendingKeys(t *testing.T) {
	s := NewMemory(MemoryOptions{})
	fill(s, 100*pageEntries, 0, true)
	if pagesOf(s) > 101 {
		t.Errorf("%d pages, of which 100 were enough", pagesOf(s))
	}
}
