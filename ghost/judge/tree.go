package judge

import (
	"iter"
	"slices"
)

// most is how many items, or nodes below it, a node of a tree has at most: few, since
// most trees of the judge are small, and each change copies a path of nodes.
const most = 16

// A Tree is a persistent sorted set: a change returns a new Tree and leaves the
// old one as it was, in logarithmic time. That is what lets a checker keep the
// state before a step beside the state after it, and an explorer millions of
// states that differ by little. Values may be shared between goroutines.
// The zero Tree is not usable: begin with [NewTree].
type Tree[T any] struct {
	root *root[T]
}

type root[T any] struct {
	less func(a, b *T) bool
	len  int
	top  *node[T]
}

// A node is a leaf with items, or has nodes below it, all of one height and none
// empty but the top; either in order. It never changes once it is in a tree.
type node[T any] struct {
	items []T
	below []*node[T]
}

// NewTree returns the empty set, ordered by less, which changes nothing.
func NewTree[T any](less func(a, b *T) bool) Tree[T] {
	return Tree[T]{&root[T]{less: less, top: &node[T]{}}}
}

func (n *node[T]) least() *T {
	for n.below != nil {
		n = n.below[0]
	}
	return &n.items[0]
}

// find is the place of the first item that is not less than the probe, and whether it
// equals it.
func (r *root[T]) find(items []T, probe *T) (int, bool) {
	low, high := 0, len(items)
	for low < high {
		if mid := (low + high) / 2; r.less(&items[mid], probe) {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low, low < len(items) && !r.less(probe, &items[low])
}

// way is the place of the node below which the probe is, or would be.
func (r *root[T]) way(below []*node[T], probe *T) int {
	low, high := 1, len(below)
	for low < high {
		if mid := (low + high) / 2; r.less(probe, below[mid].least()) {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low - 1
}

// replaced is a copy of list with some in the place of those from i on until j.
func replaced[E any](list []E, i, j int, some ...E) []E {
	c := make([]E, 0, len(list)-(j-i)+len(some))
	return append(append(append(c, list[:i]...), some...), list[j:]...)
}

// halves are the one or two nodes that n, of which nobody knows yet, has to be.
func (n *node[T]) halves() []*node[T] {
	if half := len(n.items) / 2; len(n.items) > most {
		return []*node[T]{{items: n.items[:half:half]}, {items: n.items[half:]}}
	}
	if half := len(n.below) / 2; len(n.below) > most {
		return []*node[T]{{below: n.below[:half:half]}, {below: n.below[half:]}}
	}
	return []*node[T]{n}
}

// with returns the nodes, one or two, that are n with the item in it, and whether the
// item is one more.
func (r *root[T]) with(n *node[T], item *T) (nodes []*node[T], more bool) {
	if n.below == nil {
		i, found := r.find(n.items, item)
		j := i
		if found {
			j++
		}
		return (&node[T]{items: replaced(n.items, i, j, *item)}).halves(), !found
	}
	i := r.way(n.below, item)
	nodes, more = r.with(n.below[i], item)
	return (&node[T]{below: replaced(n.below, i, i+1, nodes...)}).halves(), more
}

// With returns the set with item in it, in the place of an equal one.
func (t Tree[T]) With(item T) Tree[T] {
	r := *t.root
	nodes, more := r.with(r.top, &item)
	if more {
		r.len++
	}
	r.top = nodes[0]
	if len(nodes) > 1 {
		r.top = &node[T]{below: nodes}
	}
	return Tree[T]{&r}
}

// WithAll returns the set with all of items in it; of equal ones, the last.
func (t Tree[T]) WithAll(items iter.Seq[T]) Tree[T] {
	if t.Len() > 0 {
		for item := range items {
			t = t.With(item)
		}
		return t
	}
	r := *t.root
	list := r.sorted(slices.Collect(items))
	r.len = len(list)
	var level []*node[T]
	for part := range slices.Chunk(list, most) {
		level = append(level, &node[T]{items: part})
	}
	for len(level) > 1 {
		var above []*node[T]
		for part := range slices.Chunk(level, most) {
			above = append(above, &node[T]{below: part})
		}
		level = above
	}
	if len(level) > 0 {
		r.top = level[0]
	}
	return Tree[T]{&r}
}

// sorted is the list in order, without those that equal one behind them.
func (r *root[T]) sorted(list []T) []T {
	ascends := true
	for i := 1; i < len(list) && ascends; i++ {
		ascends = r.less(&list[i-1], &list[i])
	}
	if ascends {
		return list
	}
	places := make([]*T, len(list))
	for i := range list {
		places[i] = &list[i]
	}
	slices.SortStableFunc(places, func(a, b *T) int {
		switch {
		case r.less(a, b):
			return -1
		case r.less(b, a):
			return 1
		}
		return 0
	})
	out := make([]T, 0, len(list))
	for i, p := range places {
		if i+1 == len(places) || r.less(p, places[i+1]) {
			out = append(out, *p)
		}
	}
	return out
}

// without returns n without what equals the item; n itself where there is none, and nil
// where nothing is left.
func (r *root[T]) without(n *node[T], item *T) *node[T] {
	if n.below == nil {
		i, found := r.find(n.items, item)
		switch {
		case !found:
			return n
		case len(n.items) == 1:
			return nil
		}
		return &node[T]{items: replaced(n.items, i, i+1)}
	}
	i := r.way(n.below, item)
	switch left := r.without(n.below[i], item); {
	case left == n.below[i]:
		return n
	case left != nil:
		return &node[T]{below: replaced(n.below, i, i+1, left)}
	case len(n.below) == 1:
		return nil
	}
	return &node[T]{below: replaced(n.below, i, i+1)}
}

// Without returns the set without what equals item.
func (t Tree[T]) Without(item T) Tree[T] {
	r := *t.root
	r.top = r.without(r.top, &item)
	if r.top == t.root.top {
		return t
	}
	if r.top == nil {
		r.top = &node[T]{}
	}
	for len(r.top.below) == 1 {
		r.top = r.top.below[0]
	}
	r.len--
	return Tree[T]{&r}
}

// Get returns what equals probe.
func (t Tree[T]) Get(probe T) (item T, found bool) {
	n := t.root.top
	for n.below != nil {
		n = n.below[t.root.way(n.below, &probe)]
	}
	i, found := t.root.find(n.items, &probe)
	if found {
		item = n.items[i]
	}
	return item, found
}

// Len is the number of items.
func (t Tree[T]) Len() int { return t.root.len }

// All yields the items in order.
func (t Tree[T]) All() iter.Seq[T] {
	return func(yield func(T) bool) { t.root.top.all(yield) }
}

func (n *node[T]) all(yield func(T) bool) bool {
	for i := range n.items {
		if !yield(n.items[i]) {
			return false
		}
	}
	for _, b := range n.below {
		if !b.all(yield) {
			return false
		}
	}
	return true
}

// From yields the items from first on, in order.
func (t Tree[T]) From(first T) iter.Seq[T] {
	return func(yield func(T) bool) { t.root.from(t.root.top, &first, yield) }
}

func (r *root[T]) from(n *node[T], first *T, yield func(T) bool) bool {
	if n.below == nil {
		i, _ := r.find(n.items, first)
		return (&node[T]{items: n.items[i:]}).all(yield)
	}
	i := r.way(n.below, first)
	return r.from(n.below[i], first, yield) && (&node[T]{below: n.below[i+1:]}).all(yield)
}

// Same reports whether the two are one value, which saves comparing them.
func (t Tree[T]) Same(o Tree[T]) bool { return t.root == o.root }

// EqualFunc reports whether the two hold as many items, each equal to its counterpart.
func (t Tree[T]) EqualFunc(o Tree[T], equal func(a, b *T) bool) bool {
	if t.Len() != o.Len() {
		return false
	}
	theirs := o.root.top.leaves(nil)
	var items []T
	for _, mine := range t.root.top.leaves(nil) {
		for i := range mine {
			for len(items) == 0 {
				items, theirs = theirs[0], theirs[1:]
			}
			if !equal(&mine[i], &items[0]) {
				return false
			}
			items = items[1:]
		}
	}
	return true
}

// leaves appends the leaves' items to list.
func (n *node[T]) leaves(list [][]T) [][]T {
	if n.below == nil {
		return append(list, n.items)
	}
	for _, b := range n.below {
		list = b.leaves(list)
	}
	return list
}
