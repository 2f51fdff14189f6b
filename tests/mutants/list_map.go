package main

// mapMutants are faults of ranges and of the delegation map.
var mapMutants = []mutant{
	{
		name: "map-lookup-below", file: "delegation/map.go",
		before: "	leaf, i := m.find(string(key))\n	return leaf.entries[i].host\n",
		after:  "	b, _ := m.below(string(key))\n	return b.host\n",
		breaks: "a key at a boundary belongs to the range above",
	},
	{
		name: "map-lookup-range-end", file: "delegation/map.go",
		before: "	if high, ok := m.above(string(key)); ok {\n", after: "	if high, ok := m.above(low.key); ok && high.key != string(key)+\"\\x00\" {\n",
		breaks: "a redirect names the whole range, and no more",
	},
	{
		name: "map-owns-all-of-first", file: "delegation/map.go",
		before: "	_, ok := m.firstInside(r)\n	return !ok\n", after: "	return true\n",
		breaks: "all of a range is owned, not only its beginning",
	},
	{
		name: "map-owns-all-from", file: "delegation/map.go",
		before: "if r.Empty() || m.floor(r.From.key).host != h {", after: "if r.Empty() {",
		breaks: "the beginning of a range is owned, too",
	},
	{
		name: "map-owns-nothing", file: "delegation/map.go",
		before: "if r.Empty() || m.floor(r.From.key).host != h {", after: "if m.floor(r.From.key).host != h {",
		breaks: "nobody owns an empty range",
	},
	{
		name: "map-left-not-merged", file: "delegation/map.go",
		before: "		left = below.host\n", after: "		_ = below\n",
		breaks: "neighbours of one owner are one range, at the low end",
	},
	{
		name: "map-left-is-floor", file: "delegation/map.go",
		before: "if below, ok := m.below(r.From.key); ok {", after: "if below := m.floor(r.From.key); !r.From.IsNegInf() {",
		breaks: "the owner below a range is that of the keys below it, not of its first",
	},
	{
		name: "map-right-is-below", file: "delegation/map.go",
		before: "		right = m.floor(r.Until.key).host\n", after: "		b, _ := m.below(r.Until.key)\n		right = b.host\n",
		breaks: "the owner above a range stays, also where a boundary was there",
	},
	{
		name: "map-right-after-change", file: "delegation/map.go",
		before: "	if !r.Until.inf {\n		m.put(boundary{key: r.Until.key, host: right}, h)\n	}\n	return nil\n",
		after:  "	if !r.Until.inf {\n		right = m.floor(r.Until.key).host\n		m.put(boundary{key: r.Until.key, host: right}, h)\n	}\n	return nil\n",
		breaks: "the keys above a range keep their owner",
	},
	{
		name: "map-right-not-merged", file: "delegation/map.go",
		before: "m.put(boundary{key: r.Until.key, host: right}, h)", after: "m.put(boundary{key: r.Until.key, host: right}, 0)",
		breaks: "neighbours of one owner are one range, at the high end",
	},
	{
		name: "map-until-included", file: "delegation/map.go",
		before: "return b, ok && (r.Until.inf || b.key < r.Until.key)", after: "return b, ok && (r.Until.inf || b.key <= r.Until.key)",
		breaks: "a boundary at the end of a range is not inside it",
	},
	{
		name: "map-infinity-forgotten", file: "delegation/map.go",
		before: "return b, ok && (r.Until.inf || b.key < r.Until.key)", after: "return b, ok && b.key < r.Until.key",
		breaks: "a range that is open above swallows every boundary in it",
	},
	{
		name: "map-above-includes", file: "delegation/tree.go",
		before: "	if i := n.floor(key, 0) + 1; i < len(n.keys) {\n", after: "	if i := n.floor(key, 0); i < len(n.keys) {\n",
		breaks: "what lies above a bound lies strictly above it", hangs: true,
	},
	{
		name: "map-below-includes", file: "delegation/tree.go",
		before: "		if n.keys[i] == key {\n			i--", after: "		if false {\n			i--",
		breaks: "what lies below a bound lies strictly below it",
	},
	{
		name: "map-merge-keeps-boundary", file: "delegation/map.go",
		before: "		if exists {\n			m.delete(b.key)\n		}\n		return\n", after: "		return\n",
		breaks: "a boundary between two ranges that became one goes",
	},
	{
		name: "map-old-owner-kept", file: "delegation/map.go",
		before: "	case exists && old.host == b.host:\n", after: "	case exists:\n",
		breaks: "a boundary that stays has its new owner",
	},
	{
		name: "map-key-aliases", file: "delegation/map.go",
		before: "b.key = strings.Clone(b.key)", after: "b.key = strings.TrimSpace(b.key)",
		breaks: "what the map keeps shares no memory with a datagram",
	},
	{
		name: "map-ranges-from-not-clipped", file: "delegation/boundaries.go",
		before: "		open.key = from.key\n", after: "",
		breaks: "ranges from a bound on begin at the bound",
	},
	{
		name: "map-ranges-without-last", file: "delegation/boundaries.go",
		before: "		if more {\n", after: "		if more && open.key == from.key {\n",
		breaks: "the last range is a range too",
	},
	{
		name: "column-prefix-not-checked", file: "delegation/column.go",
		before: "if len(key) < n || !c.leads(key, known) {", after: "if len(key) < n {",
		breaks: "words compare only what follows the same prefix",
	},
	{
		name: "column-all-below", file: "delegation/column.go",
		before: "		if key < c.prefix {\n", after: "		if key < c.prefix && len(key) >= n {\n",
		breaks: "a key that the prefix begins with lies below all that have the prefix",
	},
	{
		name: "column-run-not-compared", file: "delegation/column.go",
		before: "if i == 0 || c.words[i] != w {", after: "if i >= 0 {",
		breaks: "equal words do not make equal keys",
	},
	{
		name: "column-rest-not-compared", file: "delegation/column.go",
		before: "own == r && uint8(r) == longRest && c.keys[i] > key", after: "false",
		breaks: "nor do equal words and rests",
	},
	{
		name: "column-rest-without-length", file: "delegation/column.go",
		before: "	return word(s[wordBytes:])&^0xff | uint64(min(len(s), longRest))\n", after: "	return word(s[wordBytes:])&^0xff | longRest - 1\n",
		breaks: "keys that differ in zero bytes at their ends are different keys",
	},
	{
		name: "column-ending-of-old-prefix", file: "delegation/column.go",
		before: "	if n := len(c.prefix); n >= wordBytes {\n", after: "	if n := len(c.prefix); n >= wordBytes && c.ending == 0 {\n",
		breaks: "where the prefix changes, so does what is kept of its end",
	},
	{
		name: "column-too-much-known", file: "delegation/column.go",
		before: "if n < wordBytes || known < n-wordBytes {", after: "if n < wordBytes {",
		breaks: "the end of a prefix says nothing of what is before it",
	},
	{
		name: "column-run-of-one", file: "delegation/column.go",
		before: "		low = lastAtMost(c.words, w-1)\n", after: "		low = i - 1\n",
		breaks: "any number of keys may have one word",
	},
	{
		name: "column-words-of-old-prefix", file: "delegation/column.go",
		before: "if len(c.prefix) != old {", after: "if len(c.prefix) > old {",
		breaks: "where the prefix changes, all words do",
	},
	{
		name: "column-end-not-settled", file: "delegation/column.go",
		before: "if i <= 1 || i >= last {", after: "if i <= 1 {",
		breaks: "the last key has the prefix, too",
	},
	{
		name: "tree-first-child-known", file: "delegation/tree.go",
		before: "if i > 0 && i < len(n.children)-1 {", after: "if i < len(n.children)-1 {",
		breaks: "what begins with a node's first key need not have its prefix",
	},
	{
		name: "tree-last-child-known", file: "delegation/tree.go",
		before: "if i > 0 && i < len(n.children)-1 {", after: "if i > 0 {",
		breaks: "what lies above a node's last key need not have its prefix",
	},
	{
		name: "tree-split-off-by-one", file: "delegation/tree.go",
		before: "column{keys: slices.Clone(n.keys[half:]), entries: slices.Clone(n.entries[half:])}", after: "column{keys: slices.Clone(n.keys[half+1:]), entries: slices.Clone(n.entries[half+1:])}",
		breaks: "a node that is split loses no boundary",
	},
	{
		name: "tree-shared-node-changed", file: "delegation/tree.go",
		before: "	if n.owner == t.owner {\n", after: "	if n.owner != nil {\n",
		breaks: "a node that a clone shares is copied before it changes",
	},
	{
		name: "tree-original-keeps-nodes", file: "delegation/tree.go",
		before: "	t.owner = &owners[0]\n", after: "",
		breaks: "after a clone the original may not change what they share, either",
	},
	{
		name: "tree-first-key-stale", file: "delegation/tree.go",
		before: "		n.rename(i, child.keys[0])\n	}\n	if len(child", after: "	}\n	if len(child",
		breaks: "a node is known by its first key, also after that was removed",
	},
	{
		name: "tree-halves-not-renamed", file: "delegation/tree.go",
		before: "		n.rename(i, n.children[i].keys[0])\n", after: "",
		breaks: "boundaries that went to the node on the left are found there",
	},
	{
		name: "tree-never-joined", file: "delegation/tree.go",
		before: "	if len(child.keys) < minItems {\n", after: "	if len(child.keys) < 2 {\n",
		breaks: "a map that shrank is as small as one that never was larger",
	},
	{
		name: "range-contains-end", file: "delegation/range.go",
		before: "string(key) < r.Until.key)", after: "string(key) <= r.Until.key)",
		breaks: "a range does not contain its end",
	},
	{
		name: "range-without-start", file: "delegation/range.go",
		before: "return r.From.key <= string(key)", after: "return r.From.key < string(key)",
		breaks: "a range contains its start",
	},
	{
		name: "range-covers-longer", file: "delegation/range.go",
		before: "(r.From.Compare(s.From) <= 0 && s.Until.Compare(r.Until) <= 0)", after: "r.From.Compare(s.From) <= 0",
		breaks: "what is covered ends in the range, too",
	},
	{
		name: "range-intersection-start", file: "delegation/range.go",
		before: "	if out.From.Less(s.From) {\n", after: "	if s.From.Less(out.From) {\n",
		breaks: "what two ranges share begins at the later start",
	},
}
