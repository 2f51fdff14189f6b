package judge

import (
	"iter"
	"sync"

	"github.com/google/btree"
)

// treeDegree is small: most trees of the judge are, and each change copies a
// path of nodes.
const treeDegree = 8

// A Tree is a persistent sorted set: a change returns a new Tree and leaves the
// old one as it was, in logarithmic time. That is what lets a checker keep the
// state before a step beside the state after it, and an explorer millions of
// states that differ by little. Values may be shared between goroutines.
// The zero Tree is not usable: begin with [NewTree].
type Tree[T any] struct {
	shared *shared[T]
}

type shared[T any] struct {
	cloning sync.Mutex // cloning changes the bookkeeping of what is shared
	tree    *btree.BTreeG[T]
}

// NewTree returns the empty set, ordered by less.
func NewTree[T any](less func(a, b T) bool) Tree[T] {
	return Tree[T]{&shared[T]{tree: btree.NewG(treeDegree, less)}}
}

func (t Tree[T]) change(f func(*btree.BTreeG[T])) Tree[T] {
	t.shared.cloning.Lock()
	c := t.shared.tree.Clone()
	t.shared.cloning.Unlock()
	f(c)
	return Tree[T]{&shared[T]{tree: c}}
}

// With returns the set with item in it, in the place of an equal one.
func (t Tree[T]) With(item T) Tree[T] {
	return t.change(func(c *btree.BTreeG[T]) { c.ReplaceOrInsert(item) })
}

// WithAll returns the set with all of items in it.
func (t Tree[T]) WithAll(items iter.Seq[T]) Tree[T] {
	return t.change(func(c *btree.BTreeG[T]) {
		for item := range items {
			c.ReplaceOrInsert(item)
		}
	})
}

// Without returns the set without what equals item.
func (t Tree[T]) Without(item T) Tree[T] {
	return t.change(func(c *btree.BTreeG[T]) { c.Delete(item) })
}

// Get returns what equals probe.
func (t Tree[T]) Get(probe T) (T, bool) { return t.shared.tree.Get(probe) }

// Len is the number of items.
func (t Tree[T]) Len() int { return t.shared.tree.Len() }

// All yields the items in order.
func (t Tree[T]) All() iter.Seq[T] {
	return func(yield func(T) bool) { t.shared.tree.Ascend(yield) }
}

// From yields the items from first on, in order.
func (t Tree[T]) From(first T) iter.Seq[T] {
	return func(yield func(T) bool) { t.shared.tree.AscendGreaterOrEqual(first, yield) }
}

// Same reports whether the two are one value, which saves comparing them.
func (t Tree[T]) Same(o Tree[T]) bool { return t.shared == o.shared }
