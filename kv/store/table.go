package store

import (
	"slices"
	"strings"

	"github.com/google/btree"
)

// pagesDegree is the least number of children of a node of a tree of pages.
const pagesDegree = 16

// A table is entries in pages, which a tree finds. A page has the keys from its low
// bound on to the next page's. The first page's bound is "", below every key, and it
// always exists; any other has an entry.
//
// Tables share pages until one of them changes those: a table changes only pages of
// its owner, and copies others before. Clones have owners that are new.
type table struct {
	pages *btree.BTreeG[leaf] // by their low bounds
	owner *owner              // never shared with another table that changes
	len   int
	used  uint64 // sum of packed.size
}

// A leaf is a page with its low bound.
type leaf struct {
	low string
	*page
}

func newTable() *table {
	first := &page{owner: new(owner)}
	t := &table{pages: btree.NewG(pagesDegree, func(a, b leaf) bool { return a.low < b.low }), owner: first.owner}
	t.pages.ReplaceOrInsert(leaf{page: first})
	return t
}

// clone returns an independent copy in constant time; t may not be changed any more.
func (t *table) clone() *table {
	return &table{pages: t.pages.Clone(), owner: new(owner), len: t.len, used: t.used}
}

// floor returns the page that has key, if a page has.
func (t *table) floor(key string) (found leaf) {
	t.pages.DescendLessOrEqual(leaf{low: key}, func(b leaf) bool {
		found = b
		return false
	})
	return found
}

// next returns the page behind b.
func (t *table) next(b leaf) (found leaf, ok bool) {
	t.pages.AscendGreaterOrEqual(b, func(n leaf) bool {
		found, ok = n, n.low != b.low
		return !ok
	})
	return found, ok
}

// previous returns the page before b.
func (t *table) previous(b leaf) (found leaf, ok bool) {
	t.pages.DescendLessOrEqual(b, func(n leaf) bool {
		found, ok = n, n.low != b.low
		return !ok
	})
	return found, ok
}

// own returns b's page, to be changed.
func (t *table) own(b leaf) *page {
	if b.owner != t.owner {
		b.page = b.copied(t.owner)
		t.pages.ReplaceOrInsert(b)
	}
	return b.page
}

// get returns key's entry.
func (t *table) get(key string) (packed, bool) {
	b := t.floor(key)
	if i, found := b.search(key); found {
		return b.entries[i], true
	}
	return packed{}, false
}

// put inserts p, or replaces what its key had.
func (t *table) put(p packed) {
	b := t.floor(p.key())
	i, found := b.search(p.key())
	t.used += p.size()
	if found {
		t.used -= b.entries[i].size()
		t.own(b).entries[i] = p
		return
	}
	t.len++
	t.insert(b, i, p)
}

// insert puts p into b's page, or a page that is split off it. Keys that come in
// their order leave full pages behind.
func (t *table) insert(b leaf, at int, p packed) {
	into := t.own(b)
	if len(into.entries) < pageEntries {
		into.insert(at, p)
		return
	}
	cut := pageEntries / 2
	if at == pageEntries {
		cut = at
	}
	right := (&page{entries: into.entries[cut:]}).copied(t.owner)
	into.remove(cut, pageEntries)
	if at < cut {
		into.insert(at, p)
	} else {
		right.insert(at-cut, p)
	}
	t.pages.ReplaceOrInsert(leaf{strings.Clone(right.entries[0].key()), right})
}

// putRun inserts entries whose keys ascend, and between whose first and last there is
// no other entry.
func (t *table) putRun(run []packed) {
	for _, p := range run {
		t.used += p.size()
	}
	t.len += len(run)
	for len(run) > 0 {
		b, n := t.floor(run[0].key()), len(run)
		if next, ok := t.next(b); ok { // which may begin below its first entry
			n, _ = (&page{entries: run}).search(next.low)
		}
		t.insertRun(b, run[:n])
		run = run[n:]
	}
}

// insertRun puts entries into b's page: as many as it holds, the rest and what was
// behind them into pages of their own.
func (t *table) insertRun(b leaf, run []packed) {
	at, _ := b.search(run[0].key())
	into := t.own(b)
	rest := append(run[:len(run):len(run)], into.entries[at:]...)
	fill := min(pageEntries-at, len(rest))
	into.entries = append(into.entries[:at], rest[:fill]...)
	into.fit()
	for rest := range slices.Chunk(rest[fill:], pageEntries) {
		right := (&page{entries: rest}).copied(t.owner)
		t.pages.ReplaceOrInsert(leaf{strings.Clone(rest[0].key()), right})
	}
}

// remove removes key's entry, if there is one.
func (t *table) remove(key string) {
	b := t.floor(key)
	if i, found := b.search(key); found {
		t.cut(b, i, i+1)
		t.join(key)
	}
}

// cut removes the entries of b's page from one place until another.
func (t *table) cut(b leaf, from, until int) {
	for _, e := range b.entries[from:until] {
		t.used -= e.size()
	}
	t.len -= until - from
	if until-from == len(b.entries) && b.low != "" {
		t.pages.Delete(b)
		return
	}
	t.own(b).remove(from, until)
}

// removeRange removes all entries from one key until another, "" for no end, and
// shows them to see before, page by page.
func (t *table) removeRange(from, until string, see func([]packed)) {
	var touched []leaf
	t.pages.AscendGreaterOrEqual(t.floor(from), func(b leaf) bool {
		if until != "" && b.low >= until {
			return false
		}
		touched = append(touched, b)
		return true
	})
	for i, b := range touched {
		first, end := 0, len(b.entries)
		if i == 0 {
			first, _ = b.search(from)
		}
		if until != "" && i == len(touched)-1 {
			end, _ = b.search(until)
		}
		if first < end {
			see(b.entries[first:end])
			t.cut(b, first, end)
		}
	}
	t.join(from)
	t.join(until)
}

// join makes the page that has key one with its neighbour, where both are small.
func (t *table) join(key string) {
	right := t.floor(key)
	if len(right.entries) >= minPageEntries {
		return
	}
	left, ok := t.previous(right)
	if !ok {
		left = right
		if right, ok = t.next(left); !ok {
			return
		}
	}
	if len(left.entries)+len(right.entries) > joinedEntries {
		return
	}
	into := t.own(left)
	into.entries = append(into.entries, right.entries...)
	into.fit()
	t.pages.Delete(right)
}

// ascend yields the entries from one key until another, "" for no end, in order.
func (t *table) ascend(from, until string, yield func(packed) bool) {
	t.pages.AscendGreaterOrEqual(t.floor(from), func(b leaf) bool {
		n := len(b.entries)
		if n == 0 {
			return true
		}
		first, end := 0, n
		if from > b.low {
			first, _ = b.search(from)
		}
		if until != "" && b.entries[n-1].key() >= until {
			end, _ = b.search(until)
		}
		for _, e := range b.entries[first:max(first, end)] {
			if !yield(e) {
				return false
			}
		}
		return end == n
	})
}
