package store

import (
	"bytes"
	"hash/maphash"
	"unsafe"

	"ironkv/delegation"
)

const (
	// bucketSlots makes a bucket fill an allocation of 256 bytes.
	bucketSlots = 25
	// partBits of a hash say in which part of the index it is: of ten million entries the
	// directory of one is 64 KiB, and all of it 16 MiB, which takes 14 ms to make.
	partBits = 8
	// maxIndexDepth bounds the directories. A bucket of that depth that is full has
	// more entries of one 32-bit prefix than chance ever brings together.
	maxIndexDepth = 32
)

// An index finds an entry by its key with a handful of cache misses, where the
// tree takes some for each of its levels. It is an extendible hash table (R. Fagin
// et al., Extendible Hashing, TODS 4(3), 1979): buckets split one at a time, and the
// directory doubles part by part, so that no single write pays for the growth of the
// whole; nor does the removal of the last entries write all of it again and again.
//
// Which bucket an entry is in depends on a random seed, what a caller sees does not.
type index struct {
	seed maphash.Seed
	// parts are by the top partBits of the hashes.
	parts [1 << partBits]part
	// hashes is of a single call.
	hashes []uint64
	// warmed means nothing: that it is written keeps loads whose only use is that of
	// warm from being dropped as useless.
	warmed uint8
	likely []packed // scratch of warm
}

// A part has 1<<(depth-partBits) places; the bucket of a key is at the top depth bits of its
// hash but for those of the part. A bucket of depth d stands in 1<<(depth-d) neighbouring places.
type part struct {
	dir   []*bucket
	depth uint8      // from partBits on
	only  [1]*bucket // is dir where there is one bucket
}

// reduce makes b all that the part has.
func (p *part) reduce(b *bucket) {
	p.only[0] = b
	p.dir, p.depth = p.only[:], partBits
}

// A bucket holds the entries whose hashes begin with the same depth bits.
type bucket struct {
	depth uint8
	n     uint8 // slots that are used, from the first on
	// tags are the low bytes of the hashes: the slots that are worth a look.
	tags [bucketSlots]uint8
	// next are the bits of the hashes from nextShift(depth) on: by them the bucket is
	// split, as a rule, without a look at its entries.
	next  [bucketSlots]uint8
	slots [bucketSlots]ref
}

// A ref is the address of an entry that the table has: the collector, which finds it
// there, need not look through the index, which is as large.
type ref uintptr

func refTo(p packed) ref { return ref(unsafe.Pointer(p.data)) }

func (r ref) packed() packed { return *(*packed)(unsafe.Pointer(&r)) }

// nextShift is where those 8 bits of a hash lie, as a shift to the right, that a bucket
// of that depth keeps: the bit by which it would be split is among them. They are others
// from depth 4, 12, 20 and 28 on; a few million entries have buckets of depth 13 to 19.
func nextShift(depth uint8) uint8 { return 60 - (depth+4)&^7 }

func newIndex() *index {
	x := &index{seed: maphash.MakeSeed()}
	for i := range x.parts {
		x.parts[i].reduce(&bucket{depth: partBits})
	}
	return x
}

func (x *index) hash(key delegation.Key) uint64 { return maphash.String(x.seed, string(key)) }

func (x *index) part(hash uint64) *part { return &x.parts[hash>>(64-partBits)] }

// place is where in the directory hash leads.
func (p *part) place(hash uint64) uint64 { return hash << partBits >> (64 + partBits - p.depth) }

func (x *index) bucket(hash uint64) *bucket {
	p := x.part(hash)
	return p.dir[p.place(hash)]
}

// find returns the slot of key, or nil; it is good until the index is changed.
func (x *index) find(hash uint64, key delegation.Key) *ref {
	b := x.bucket(hash)
	for i := 0; ; i++ {
		next := bytes.IndexByte(b.tags[i:b.n], uint8(hash))
		if next < 0 {
			return nil
		}
		if i += next; b.slots[i].packed().key() == string(key) {
			return &b.slots[i]
		}
	}
}

// insert adds an entry whose key is not there yet. It reports false, and the
// index is of no use any more, where it would have to be deeper than it may.
func (x *index) insert(hash uint64, p packed) bool {
	b := x.bucket(hash)
	for ; b.n == bucketSlots; b = x.bucket(hash) {
		if b.depth == maxIndexDepth {
			return false
		}
		x.split(hash, b)
	}
	b.add(hash, p)
	return true
}

func (b *bucket) add(hash uint64, p packed) {
	b.append(uint8(hash), uint8(hash>>nextShift(b.depth)), refTo(p))
}

func (b *bucket) append(tag, next uint8, r ref) {
	b.tags[b.n], b.next[b.n], b.slots[b.n] = tag, next, r
	b.n++
}

// drop empties a slot.
func (b *bucket) drop(i int) {
	b.n--
	b.tags[i], b.next[i], b.slots[i] = b.tags[b.n], b.next[b.n], b.slots[b.n]
	b.slots[b.n] = 0
}

// setDepth makes b one of another depth, which may keep other bits of the hashes.
func (x *index) setDepth(b *bucket, depth uint8) {
	shift := nextShift(depth)
	if shift != nextShift(b.depth) {
		for _, r := range b.slots[:b.n] {
			x.warmed += *r.packed().data // all of them together, as warm does
		}
		for i, r := range b.slots[:b.n] {
			b.next[i] = uint8(x.hash(delegation.Key(r.packed().key())) >> shift)
		}
	}
	b.depth = depth
}

// split divides b, which is where hash leads, by the next bit of the hashes.
func (x *index) split(hash uint64, b *bucket) {
	p := x.part(hash)
	if b.depth == p.depth {
		wider := make([]*bucket, 2*len(p.dir))
		for i, old := range p.dir {
			wider[2*i], wider[2*i+1] = old, old
		}
		p.dir, p.depth, p.only[0] = wider, p.depth+1, nil
	}
	places := 1 << (p.depth - b.depth)
	first := int(p.place(hash)) &^ (places - 1)
	bit := 63 - b.depth - nextShift(b.depth)
	other := &bucket{depth: b.depth}
	for i := int(b.n) - 1; i >= 0; i-- {
		if b.next[i]>>bit&1 == 1 {
			other.append(b.tags[i], b.next[i], b.slots[i])
			b.drop(i)
		}
	}
	x.setDepth(other, b.depth+1)
	x.setDepth(b, b.depth+1)
	for i := places / 2; i < places; i++ {
		p.dir[first+i] = other
	}
}

// remove removes p, which is there. Two neighbours that have become small become
// one again, and an empty part is as small as a new one.
func (x *index) remove(hash uint64, p packed) {
	b := x.bucket(hash)
	i := bytes.IndexByte(b.tags[:b.n], uint8(hash))
	for b.slots[i] != refTo(p) {
		i += 1 + bytes.IndexByte(b.tags[i+1:b.n], uint8(hash))
	}
	b.drop(i)
	if b.n == bucketSlots/4 { // of two buddies the one that becomes as small last finds the other so
		x.merge(hash, b)
	}
}

// insertAll is insert for many: their buckets are waited for together, as by warm.
func (x *index) insertAll(run []packed) bool {
	x.hashRun(run)
	x.warmBuckets()
	for i, p := range run {
		if !x.insert(x.hashes[i], p) {
			return false
		}
	}
	return true
}

// removeAll is remove for many. The entries, unlike their buckets, were read just before.
func (x *index) removeAll(run []packed) {
	x.hashRun(run)
	x.warmBuckets()
	for _, h := range x.hashes {
		b := x.bucket(h)
		if i := bytes.IndexByte(b.tags[:b.n], uint8(h)); i >= 0 {
			x.warmed += uint8(b.slots[i] + b.slots[b.n-1])
		}
	}
	for i, p := range run {
		x.remove(x.hashes[i], p)
	}
}

func (x *index) hashRun(run []packed) {
	x.hashes = x.hashes[:0]
	for _, p := range run {
		x.hashes = append(x.hashes, x.hash(delegation.Key(p.key())))
	}
}

// warmKeys has what finds the keys brought into the processor's cache.
func (x *index) warmKeys(keys []delegation.Key) {
	x.hashes = x.hashes[:0]
	for _, k := range keys {
		x.hashes = append(x.hashes, x.hash(k))
	}
	x.warm()
}

// warm has the buckets of the present hashes brought into the processor's cache, and
// the entries that they are probably of: the loads of one loop do not depend on each
// other, so they wait for memory together.
func (x *index) warm() {
	x.warmBuckets()
	x.likely = x.likely[:0]
	for _, h := range x.hashes {
		b := x.bucket(h)
		if i := bytes.IndexByte(b.tags[:b.n], uint8(h)); i >= 0 {
			p := b.slots[i].packed()
			x.warmed += *p.data
			x.likely = append(x.likely, p)
		}
	}
	for _, p := range x.likely {
		data := p.all()
		for at := cacheLine; at < min(len(data), warmBytes); at += cacheLine {
			x.warmed += data[at]
		}
	}
	clear(x.likely)
}

const (
	// cacheLine is the size of what a load brings into the cache, in bytes, on the
	// machines there are, and warmBytes how much of an entry warm brings: what the
	// processor fetches ahead by itself begins with the next line or two.
	cacheLine = 64
	warmBytes = 512
)

func (x *index) warmBuckets() {
	for _, h := range x.hashes {
		x.warmed += x.bucket(h).n
	}
}

func (x *index) merge(hash uint64, b *bucket) {
	p := x.part(hash)
	for b.depth > partBits {
		places := 1 << (p.depth - b.depth)
		first := int(p.place(hash)) &^ (places - 1)
		buddy := p.dir[first^places]
		if buddy.depth != b.depth || int(buddy.n)+int(b.n) > bucketSlots/2 {
			return
		}
		for i := range buddy.n {
			b.append(buddy.tags[i], buddy.next[i], buddy.slots[i])
		}
		x.setDepth(b, b.depth-1)
		first &^= places
		for i := range 2 * places {
			p.dir[first+i] = b
		}
	}
	if p.depth > partBits {
		p.reduce(b)
	}
}
