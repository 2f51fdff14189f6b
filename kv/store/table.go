package store

import (
	"strings"

	"ironkv/delegation"
)

// A table is entries in pages, which a tree finds. A page has the keys from its low
// bound on to the next page's. The first page's bound is "", below every key, and it
// always exists; any other has an entry.
//
// Tables share pages until one of them changes those: a table changes only pages of
// its owner, and copies others before. Clones have owners that are new.
type table struct {
	pages *delegation.Tree[*page] // by their low bounds
	owner *owner                  // never shared with another table that changes
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
	return &table{pages: delegation.NewTree(first), owner: first.owner}
}

// clone returns an independent copy in constant time; t may not be changed any more.
func (t *table) clone() *table {
	return &table{pages: t.pages.Clone(), owner: new(owner), len: t.len, used: t.used}
}

// floor returns the page that has key, if a page has.
func (t *table) floor(key string) leaf {
	low, p := t.pages.Floor(key)
	return leaf{low, p}
}

// own returns b's page, to be changed.
func (t *table) own(b leaf) *page {
	if b.owner != t.owner {
		b.page = b.copied(t.owner)
		t.pages.Set(b.low, b.page)
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
	t.pages.Set(strings.Clone(right.entries[0].key()), right)
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
		t.pages.Delete(b.low)
		return
	}
	t.own(b).remove(from, until)
}

// removeRange removes all entries from one key until another, "" for no end.
func (t *table) removeRange(from, until string) {
	var touched []leaf
	t.pages.Ascend(from, func(low string, p *page) bool {
		if until != "" && low >= until {
			return false
		}
		touched = append(touched, leaf{low, p})
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
			t.cut(b, first, end)
		}
	}
	t.join(from)
	t.join(until)
}

// join makes the page that has key one with its neighbour, where both are small.
func (t *table) join(key string) {
	low, right := t.pages.Floor(key)
	if len(right.entries) >= minPageEntries {
		return
	}
	at, left, ok := t.pages.Below(low)
	if !ok {
		at, left = low, right
		if low, right, ok = t.pages.Above(at); !ok {
			return
		}
	}
	if len(left.entries)+len(right.entries) > joinedEntries {
		return
	}
	into := t.own(leaf{at, left})
	into.entries = append(into.entries, right.entries...)
	into.fit()
	t.pages.Delete(low)
}

// ascend yields the entries from one key until another, "" for no end, in order.
func (t *table) ascend(from, until string, yield func(packed) bool) {
	t.pages.Ascend(from, func(low string, b *page) bool {
		n := len(b.entries)
		if n == 0 {
			return true
		}
		first, end := 0, n
		if from > low {
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
