package store

import (
	"slices"
	"strings"
)

const (
	// pageEntries is the greatest number of entries of a page. By BenchmarkPut more
	// gain nothing, and each change after a clone copies a page.
	pageEntries = 256
	// pageStep is by how many entries the room of a page grows.
	pageStep = 64
	// minPageEntries is how few entries a page may have before it is joined with a
	// neighbour, and joinedEntries how many both may have together: well below a
	// full page, so that a key that comes and goes does not split and join each time.
	minPageEntries = pageEntries / 4
	joinedEntries  = pageEntries * 3 / 4
)

// A page is a short run of entries in the order of their keys.
type page struct {
	owner   *owner // the table that may change the page
	entries []packed
}

// An owner is nothing but its address.
type owner byte

// search returns where key is, or where it would be.
func (p *page) search(key string) (at int, found bool) {
	return slices.BinarySearchFunc(p.entries, key, func(e packed, key string) int { return strings.Compare(e.key(), key) })
}

// insert puts e at a place of a page that is not full.
func (p *page) insert(at int, e packed) {
	if len(p.entries) == cap(p.entries) {
		p.fit()
	}
	p.entries = slices.Insert(p.entries, at, e)
}

// remove removes the entries from one place until another.
func (p *page) remove(from, until int) {
	p.entries = slices.Delete(p.entries, from, until)
	if cap(p.entries)-len(p.entries) >= 2*pageStep {
		p.fit()
	}
}

// fit makes the memory of the page what its entries need, and room for at least one
// more in a page that is not full.
func (p *page) fit() {
	n, room := len(p.entries), pageEntries
	switch {
	case n < pageStep:
		for room = 8; room <= n; room *= 2 {
		}
	case n < pageEntries:
		room = (n/pageStep + 1) * pageStep
	}
	p.entries = append(make([]packed, 0, room), p.entries...)
}

// copied returns a copy that the owner may change.
func (p *page) copied(o *owner) *page {
	c := &page{owner: o, entries: p.entries}
	c.fit()
	return c
}
