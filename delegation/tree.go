package delegation

import "slices"

// maxItems is the greatest number of items of a node. By BenchmarkLookup, lookups
// gain a quarter from 64 to 128 at 100 boundaries and a fifth at a million; by
// BenchmarkClone, the first change after a clone, which copies a node for each
// level, pays half as much again.
const maxItems = 128

// minItems is the least number of items of a node that is not the root. It is
// well below the half of a node that was split, so that a boundary that comes
// and goes does not split and join nodes each time.
const minItems = maxItems / 4

// assignAdds is how many boundaries an [Map.Assign] adds at most: a node that is
// copied because it is about to change has room for them.
const assignAdds = 2

// A tree is the boundaries of a [Map], the first of which is −∞: a B+ tree whose
// nodes are columns. The prefix of a node grows longer on the way down, so that
// the words of a column tell its keys apart wherever they begin to differ.
//
// Trees share nodes until one of them changes those: a tree changes only nodes
// of its owner, and copies others before. Clones have owners that are new.
type tree struct {
	root  *node
	count int    // boundaries
	owner *owner // never shared with another tree
}

// An owner is nothing but its address.
type owner byte

// A node is a leaf, whose items are boundaries, or an inner node, whose items are
// the first keys of its children, and hosts zero. All leaves are equally deep.
type node struct {
	children []*node // nil in a leaf; else children[i].keys[0] == keys[i]
	column
	owner *owner // the tree that may change the node
}

// newTree returns the tree of one boundary.
func newTree(b boundary) tree {
	t := tree{count: 1, owner: new(owner)}
	t.root = &node{owner: t.owner, column: column{keys: []string{b.key}, entries: []entry{{host: b.host}}, words: []uint64{0}}}
	return t
}

// clone returns an independent copy in constant time.
func (t *tree) clone() tree {
	owners := new([2]owner)
	t.owner = &owners[0]
	return tree{root: t.root, count: t.count, owner: &owners[1]}
}

// floor returns the boundary at or below key: the one whose host owns it. There
// is always one, since the first is −∞.
func (t *tree) floor(key string) boundary {
	n, i := t.find(key)
	return n.at(i)
}

// find returns where that boundary is.
func (t *tree) find(key string) (leaf *node, i int) {
	n := t.root
	known := 0
	for n.children != nil {
		i := n.floor(key, known)
		if i > 0 && i < len(n.children)-1 {
			known = max(known, len(n.prefix)) // of all that lies between two keys that have it
		}
		n = n.children[i]
	}
	return n, n.floor(key, known)
}

// get returns the boundary at key.
func (t *tree) get(key string) (b boundary, ok bool) {
	b = t.floor(key)
	return b, b.key == key
}

// below returns the last boundary strictly below key.
func (t *tree) below(key string) (b boundary, ok bool) {
	if key == "" {
		return boundary{}, false
	}
	for n := t.root; ; {
		i := n.floor(key, 0)
		if n.keys[i] == key {
			i-- // never below 0: the parent's item would have been key, too
		}
		if n.children == nil {
			return n.at(i), true
		}
		n = n.children[i]
	}
}

// above returns the first boundary strictly above key.
func (t *tree) above(key string) (b boundary, ok bool) {
	n := t.root
	var next *node // holds the keys just above those of n
	for n.children != nil {
		i := n.floor(key, 0)
		if i+1 < len(n.children) {
			next = n.children[i+1]
		}
		n = n.children[i]
	}
	if i := n.floor(key, 0) + 1; i < len(n.keys) {
		return n.at(i), true
	}
	if next == nil {
		return boundary{}, false
	}
	for next.children != nil {
		next = next.children[0]
	}
	return next.at(0), true
}

// ascend yields the boundary at or below key and all above it, in their order,
// while yield returns true.
func (t *tree) ascend(key string, yield func(boundary) bool) { t.root.ascend(key, yield) }

func (n *node) ascend(key string, yield func(boundary) bool) bool {
	for i := n.floor(key, 0); i < len(n.keys); i++ {
		if n.children == nil && !yield(n.at(i)) ||
			n.children != nil && !n.children[i].ascend(max(key, n.keys[i]), yield) {
			return false
		}
	}
	return true
}

// set makes b a boundary, in place of one at the same key if there is one.
func (t *tree) set(b boundary) {
	t.root = t.own(t.root)
	right := t.setIn(t.root, b)
	if right == nil {
		return
	}
	left := t.root
	t.root = &node{owner: t.owner, children: []*node{left, right}}
	t.root.keys = []string{left.keys[0], right.keys[0]}
	t.root.entries = make([]entry, 2)
	t.root.rebuild()
}

// setIn does the work of set below n. Where n becomes too large it keeps the lower
// half, and the other is returned.
func (t *tree) setIn(n *node, b boundary) (right *node) {
	i := n.floor(b.key, 0)
	switch {
	case n.children != nil:
		more := t.setIn(t.ownChild(n, i), b)
		if more == nil {
			return nil
		}
		n.insert(i+1, boundary{key: more.keys[0]})
		n.children = slices.Insert(n.children, i+1, more)
	case n.keys[i] == b.key:
		n.entries[i].host = b.host
		return nil
	default:
		n.insert(i+1, b)
		t.count++
	}
	if len(n.keys) <= maxItems {
		return nil
	}
	return t.split(n)
}

// delete removes the boundary at key, which there is, and which is not −∞.
func (t *tree) delete(key string) {
	t.root = t.own(t.root)
	t.deleteIn(t.root, key)
	t.count--
	if len(t.root.children) == 1 {
		t.root = t.root.children[0]
	}
}

// deleteIn does the work of delete below n.
func (t *tree) deleteIn(n *node, key string) {
	i := n.floor(key, 0)
	if n.children == nil {
		n.remove(i)
		return
	}
	child := t.ownChild(n, i)
	t.deleteIn(child, key)
	if n.keys[i] == key {
		n.rename(i, child.keys[0])
	}
	if len(child.keys) < minItems {
		t.join(n, max(i, 1))
	}
}

// join makes one node of the children i-1 and i of n, or, where that were too
// large, two of equal size.
func (t *tree) join(n *node, i int) {
	left, right := t.ownChild(n, i-1), n.children[i]
	left.keys = append(left.keys, right.keys...)
	left.entries = append(left.entries, right.entries...)
	left.children = append(left.children, right.children...)
	if len(left.keys) > maxItems {
		n.children[i] = t.split(left)
		n.rename(i, n.children[i].keys[0])
		return
	}
	left.rebuild()
	n.remove(i)
	n.children = slices.Delete(n.children, i, i+1)
}

// split leaves the lower half of n in n and returns the upper half.
func (t *tree) split(n *node) (right *node) {
	half := len(n.keys) / 2
	right = &node{owner: t.owner, column: column{keys: slices.Clone(n.keys[half:]), entries: slices.Clone(n.entries[half:])}}
	n.keys = slices.Delete(n.keys, half, len(n.keys))
	n.entries = n.entries[:half]
	if n.children != nil {
		right.children = slices.Clone(n.children[half:])
		n.children = slices.Delete(n.children, half, len(n.children))
	}
	n.rebuild()
	right.rebuild()
	return right
}

// own returns n, or a copy where it is not t's to change.
func (t *tree) own(n *node) *node {
	if n.owner == t.owner {
		return n
	}
	return &node{
		owner:    t.owner,
		children: slices.Clone(n.children),
		column: column{
			ending:  n.ending,
			prefix:  n.prefix,
			keys:    append(make([]string, 0, len(n.keys)+assignAdds), n.keys...),
			entries: append(make([]entry, 0, len(n.entries)+assignAdds), n.entries...),
			words:   append(make([]uint64, 0, len(n.words)+assignAdds), n.words...),
		},
	}
}

// ownChild makes the child i of n, which is t's to change, t's own, too.
func (t *tree) ownChild(n *node, i int) *node {
	n.children[i] = t.own(n.children[i])
	return n.children[i]
}
