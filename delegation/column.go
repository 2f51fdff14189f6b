package delegation

import (
	"math/bits"
	"slices"
)

// wordBytes is how many bytes of a key a column compares at once.
const wordBytes = 8

// A column is boundaries in ascending order, laid out so that a search touches
// little memory: what all keys but the first begin with is kept once, and the
// [wordBytes] bytes that follow it in each key lie side by side as numbers. Only
// where these are equal does a search look at what follows, of which the next bytes are
// numbers as well, and only where those are equal, too, at a key itself.
//
// The first key takes no part in that, for it may be −∞, which shares nothing
// with any other. Invariants, which hold between any two calls:
//
//   - keys are strictly ascending;
//   - prefix is the longest that keys[1:] have in common: what the first and
//     the last of them have in common; "" where there is one key at most;
//   - words[i] is [word] of what follows the prefix in keys[i], and entries[i].rest
//     is [rest] of it, for i ≥ 1; words[0] and entries[0].rest mean nothing;
//   - ending is [word] of the last [wordBytes] bytes of the prefix, if it has as many.
type column struct {
	ending  uint64
	prefix  string // shares memory with one of the keys
	words   []uint64
	entries []entry // as long as words, and so are keys
	keys    []string
}

// An entry is what a search needs of the boundary that it finds, as a rule.
type entry struct {
	rest uint64
	host HostID
}

func (c *column) at(i int) boundary { return boundary{key: c.keys[i], host: c.entries[i].host} }

// word returns the first [wordBytes] bytes of s as a number, so that numbers are
// ordered as strings are, but for ties: a shorter s is padded with zero bytes,
// and then "a" and "a\x00" are the same number.
func word(s string) (w uint64) {
	if len(s) >= wordBytes {
		return uint64(s[7]) | uint64(s[6])<<8 | uint64(s[5])<<16 | uint64(s[4])<<24 |
			uint64(s[3])<<32 | uint64(s[2])<<40 | uint64(s[1])<<48 | uint64(s[0])<<56
	}
	for i := range len(s) {
		w |= uint64(s[i]) << (56 - 8*i)
	}
	return w
}

// rest tells strings apart whose words are equal: numbers are ordered as strings are,
// but for ties, which are of strings of longRest bytes or more. It is made of the 7
// bytes after the word and of the length.
func rest(s string) uint64 {
	if len(s) <= wordBytes {
		return uint64(len(s))
	}
	return word(s[wordBytes:])&^0xff | uint64(min(len(s), longRest))
}

// longRest is from how many bytes on [rest] does not tell the length.
const longRest = 2 * wordBytes

// leads reports whether key, which is as long as the prefix at least, begins with it;
// known is as for floor. The prefix itself lies far from the column: that its last
// bytes are kept spares a look at it.
func (c *column) leads(key string, known int) bool {
	n := len(c.prefix)
	if n < wordBytes || known < n-wordBytes {
		return key[:n] == c.prefix
	}
	return word(key[n-wordBytes:]) == c.ending
}

// above reports whether the key at place i lies above key, which has a word that is
// equal after the prefix, and r as its rest.
func (c *column) above(i int, key string, r uint64) bool {
	own := c.entries[i].rest
	return own > r || own == r && uint8(r) == longRest && c.keys[i] > key
}

// floor returns the place of the last item at or below key, which the first item
// is: 0 where no other is. The caller knows that key and all keys here but the first
// have the first known bytes in common.
func (c *column) floor(key string, known int) int {
	n := len(c.prefix)
	if len(key) < n || !c.leads(key, known) {
		// Then key lies below all keys that begin with prefix, or above them all.
		if key < c.prefix {
			return 0
		}
		return len(c.keys) - 1
	}
	w := word(key[n:])
	i := lastAtMost(c.words, w)
	if i == 0 || c.words[i] != w {
		return i
	}
	r := rest(key[n:])
	if !c.above(i, key, r) {
		return i
	}
	// The answer lies in the run of words that are equal to w, or just below it.
	low := 0
	if w > 0 {
		low = lastAtMost(c.words, w-1)
	}
	for low+1 < i {
		if middle := (low + i) / 2; c.above(middle, key, r) {
			i = middle
		} else {
			low = middle
		}
	}
	return low
}

// stride is the distance, in words, of those that a search looks at first: two
// cache lines of 64 bytes. By BenchmarkLookup that is a seventh faster at a million
// boundaries than halving from the beginning, and nowhere slower.
const stride = 16

// lastAtMost returns the place of the last of the ascending words that is w or
// below, 0 where none is. It does not look at words[0], and has no branch that
// depends on the words: half of those would be predicted wrong. The loads of the
// first loop do not wait for one another, which counts where words are not cached.
func lastAtMost(words []uint64, w uint64) int {
	i := 0
	for j := stride; j < len(words); j += stride {
		_, above := bits.Sub64(w, words[j], 0) // 1 where the word is above w
		i += stride & (int(above) - 1)
	}
	for n := min(stride, len(words)-i); n > 1; {
		half := n >> 1
		_, above := bits.Sub64(w, words[i+half], 0)
		i += half & (int(above) - 1)
		n -= half
	}
	return i
}

// insert makes b the item at place i ≥ 1, where it belongs.
func (c *column) insert(i int, b boundary) {
	c.keys = slices.Insert(c.keys, i, b.key)
	c.words = slices.Insert(c.words, i, 0)
	c.entries = slices.Insert(c.entries, i, entry{host: b.host})
	c.settle(i)
}

// remove takes the item at place i out.
func (c *column) remove(i int) {
	c.keys = slices.Delete(c.keys, i, i+1)
	c.words = slices.Delete(c.words, i, i+1)
	c.entries = slices.Delete(c.entries, i, i+1)
	c.settle(i)
}

// rename gives the item at place i another key that belongs there.
func (c *column) rename(i int, key string) {
	c.keys[i] = key
	c.settle(i)
}

// settle restores prefix and words after the item at place i came, went or got
// another key. All words change with the prefix, and the prefix only where the
// item was one of the two that define it.
func (c *column) settle(i int) {
	last := len(c.keys) - 1
	if i <= 1 || i >= last {
		old := len(c.prefix)
		c.begin()
		if len(c.prefix) != old {
			c.spell()
			return
		}
	}
	if i >= 1 && i <= last {
		c.spellOne(i)
	}
}

// rebuild restores prefix and words after any change of keys.
func (c *column) rebuild() {
	c.begin()
	c.words = slices.Grow(c.words[:0], len(c.keys))[:len(c.keys)]
	c.spell()
}

// begin sets the prefix and its ending.
func (c *column) begin() {
	c.prefix = c.common()
	if n := len(c.prefix); n >= wordBytes {
		c.ending = word(c.prefix[n-wordBytes:])
	}
}

// common returns what all keys but the first begin with.
func (c *column) common() string {
	if len(c.keys) < 2 {
		return ""
	}
	first, last := c.keys[1], c.keys[len(c.keys)-1]
	n := 0
	for n < len(first) && n < len(last) && first[n] == last[n] {
		n++
	}
	return first[:n]
}

// spell sets words and rests of all keys.
func (c *column) spell() {
	for i := 1; i < len(c.keys); i++ {
		c.spellOne(i)
	}
}

// spellOne sets the word and the rest of the key at place i ≥ 1.
func (c *column) spellOne(i int) {
	s := c.keys[i][len(c.prefix):]
	c.words[i], c.entries[i].rest = word(s), rest(s)
}
