package store

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"ironkv/delegation"
	"ironkv/marshal"
)

// check tells which invariant of the index does not hold.
func (x *index) check() error {
	if len(x.dir) != 1<<x.depth {
		return fmt.Errorf("%d places at depth %d", len(x.dir), x.depth)
	}
	for i := 0; i < len(x.dir); {
		b := x.dir[i]
		places := 1 << (x.depth - b.depth)
		if i%places != 0 {
			return fmt.Errorf("the bucket at place %d of depth %d does not begin there", i, b.depth)
		}
		for j := range places {
			if x.dir[i+j] != b {
				return fmt.Errorf("place %d is not of the bucket at %d", i+j, i)
			}
		}
		for j, r := range b.slots {
			if used := j < int(b.n); used != (r != 0) {
				return fmt.Errorf("bucket at %d: slot %d of %d", i, j, b.n)
			} else if !used {
				continue
			}
			if h := x.hash(delegation.Key(r.packed().key())); x.bucket(h) != b || b.tags[j] != uint8(h) || b.next[j] != uint8(h>>nextShift(b.depth)) {
				return fmt.Errorf("%q is in the bucket at %d", r.packed().key(), i)
			}
		}
		i += places
	}
	return nil
}

// A store with an index and one without are the same store, while it grows and
// while it shrinks, with values that grow and shrink in place; and in the end the
// index is as small as a new one.
func TestTheIndexAgreesWithTheTree(t *testing.T) {
	const keys = 3000
	random := rand.New(rand.NewPCG(1, 1))
	s, slow := NewMemory(MemoryOptions{}), NewMemory(MemoryOptions{Records: true})
	depth := uint8(0)
	for i := range 60_000 {
		key, growing := numbered(random.IntN(keys)), i%20_000 < 10_000
		if random.IntN(10) < 7 == growing {
			e := marshal.Entry{Key: key, Value: make([]byte, random.IntN(200)), Version: marshal.Version(i)}
			if len(e.Value) > 0 {
				e.Value[len(e.Value)-1] = byte(i)
			}
			s.Put(e)
			slow.Put(e)
		} else {
			s.Delete(key)
			slow.Delete(key)
		}
		got, found := s.Get(key)
		want, exists := slow.Get(key)
		if found != exists || got.Version != want.Version || string(got.Value) != string(want.Value) {
			t.Fatalf("step %d: %v %v, want %v %v", i, got, found, want, exists)
		}
		if i%1000 == 0 {
			if err := s.index.check(); err != nil {
				t.Fatalf("step %d: %v", i, err)
			}
			depth = max(depth, s.index.depth)
		}
	}
	if s.Len() != slow.Len() || depth < 6 {
		t.Errorf("%d entries, depth %d; want %d", s.Len(), depth, slow.Len())
	}
	if err := s.now.table.check(); err != nil {
		t.Error(err)
	}
	s.RemoveRange(delegation.All)
	if err := s.index.check(); err != nil || len(s.index.dir) != 1 {
		t.Errorf("an empty index has %d places: %v", len(s.index.dir), err)
	}
}

// A key that no bucket has room for makes the store go on without an index.
func TestAStoreGoesOnWithoutItsIndex(t *testing.T) {
	s := NewMemory(MemoryOptions{})
	s.index.dir[0].depth = maxIndexDepth
	s.index.dir[0].n = bucketSlots // none of which is looked at: all tags are 0
	another := pack(marshal.Entry{Key: "another"})
	for i := range s.index.dir[0].tags {
		s.index.dir[0].slots[i] = refTo(another)
	}
	s.Put(marshal.Entry{Key: "a", Value: []byte("v"), Version: 1})
	if e, found := s.Get("a"); !found || string(e.Value) != "v" || s.index != nil {
		t.Errorf("%v %v, index %v", e, found, s.index)
	}
	runtime.KeepAlive(another)
}
