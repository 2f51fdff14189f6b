package delegation

// A Tree holds values at keys in their order: what a [Map] is held in, for whoever
// keeps something else by the low bounds of ranges. One value is at "", below every
// key, so that each key has one at or below it. A Tree keeps the keys that it is given.
//
// The zero Tree is not usable. Calls that only read may run concurrently with one
// another; the others may not run concurrently with any call on the same Tree.
type Tree[V any] struct{ tree[V] }

// NewTree returns the tree that has a value at "" alone.
func NewTree[V any](first V) *Tree[V] { return &Tree[V]{newTree(first)} }

// Floor returns the last value at or below key, and where it is.
func (t *Tree[V]) Floor(key string) (at string, v V) {
	found := t.floor(key)
	return found.key, found.value
}

// Below returns the last value strictly below key, and where it is.
func (t *Tree[V]) Below(key string) (at string, v V, ok bool) {
	found, ok := t.below(key)
	return found.key, found.value, ok
}

// Above returns the first value strictly above key, and where it is.
func (t *Tree[V]) Above(key string) (at string, v V, ok bool) {
	found, ok := t.above(key)
	return found.key, found.value, ok
}

// Ascend yields the value at or below key and all above it, in their order, while
// yield returns true. The tree may not be changed meanwhile.
func (t *Tree[V]) Ascend(key string, yield func(at string, v V) bool) {
	t.ascend(key, func(i item[V]) bool { return yield(i.key, i.value) })
}

// Set puts a value at key, in place of the one that is there.
func (t *Tree[V]) Set(key string, v V) { t.set(item[V]{key, v}) }

// Delete removes the value at key, which there is, and which is not "".
func (t *Tree[V]) Delete(key string) { t.delete(key) }

// Len returns how many values there are: at least 1.
func (t *Tree[V]) Len() int { return t.count }

// Clone returns an independent copy in constant time: the two share nodes until one
// of them changes those.
func (t *Tree[V]) Clone() *Tree[V] { return &Tree[V]{t.clone()} }
