package udp

import "slices"

// span is the bytes from..to-1 of a message.
type span struct{ from, to int }

// spans is the set of bytes that have arrived: sorted, disjoint, no two adjacent.
type spans []span

// spanResult says what adding a span came to.
type spanResult uint8

const (
	spanAdded     spanResult = iota
	spanDuplicate            // all of it was there
	spanOverlap              // a part of it was there: no honest sender cuts a message two ways
	spanTooMany              // the set would have too many pieces
)

// add adds s, which is not empty, unless the set would then have more than limit pieces.
// at is the index of the piece that now holds s.
func (set *spans) add(s span, limit int) (at int, result spanResult) {
	list := *set
	at, _ = slices.BinarySearchFunc(list, s.from, func(e span, from int) int { return e.to - from })
	// list[at] is the first piece that ends at s.from or later.
	left, right := false, false
	next := at
	if at < len(list) && list[at].to == s.from {
		left = true
		next++
	} else if at < len(list) && list[at].from <= s.from && s.to <= list[at].to {
		return at, spanDuplicate
	}
	if next < len(list) {
		if list[next].from < s.to {
			return at, spanOverlap
		}
		right = list[next].from == s.to
	}
	switch {
	case left && right:
		list[at].to = list[next].to
		*set = slices.Delete(list, next, next+1)
	case left:
		list[at].to = s.to
	case right:
		list[at].from = s.from
	case len(list) >= limit:
		return at, spanTooMany
	default:
		*set = slices.Insert(list, at, s)
	}
	return at, spanAdded
}

// around returns at most n pieces, among them the one at index i, and those before it first.
func (set spans) around(i, n int) []span {
	end := min(len(set), max(i+1, n))
	return set[max(0, end-n):end]
}
