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
	for i := range x.parts {
		if err := x.checkPart(&x.parts[i]); err != nil {
			return fmt.Errorf("part %d: %w", i, err)
		}
	}
	return nil
}

// size is how many places all directories have, and the depth of the deepest one.
func (x *index) size() (places int, depth uint8) {
	for i := range x.parts {
		places, depth = places+len(x.parts[i].dir), max(depth, x.parts[i].depth)
	}
	return places, depth
}

func (x *index) checkPart(p *part) error {
	if len(p.dir) != 1<<(p.depth-partBits) {
		return fmt.Errorf("%d places at depth %d", len(p.dir), p.depth)
	}
	for i := 0; i < len(p.dir); {
		b := p.dir[i]
		places := 1 << (p.depth - b.depth)
		if i%places != 0 {
			return fmt.Errorf("the bucket at place %d of depth %d does not begin there", i, b.depth)
		}
		for j := range places {
			if p.dir[i+j] != b {
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
	random := rand.New(rand.NewPCG(1, 1))
	s, slow := NewMemory(MemoryOptions{}), NewMemory(MemoryOptions{Records: true})
	var keys []delegation.Key // of four parts, so that those are as deep as a great index's
	for i := 0; len(keys) < 3000; i++ {
		if key := numbered(i); s.index.hash(key)>>(64-partBits) < 4 {
			keys = append(keys, key)
		}
	}
	depth := uint8(0)
	for i := range 60_000 {
		key, growing := keys[random.IntN(len(keys))], i%20_000 < 10_000
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
			_, now := s.index.size()
			depth = max(depth, now)
		}
	}
	if s.Len() != slow.Len() || depth < partBits+5 {
		t.Errorf("%d entries, depth %d; want %d", s.Len(), depth, slow.Len())
	}
	if err := s.now.table.check(); err != nil {
		t.Error(err)
	}
	s.RemoveRange(delegation.All)
	for s.Tidy() {
	}
	places, _ := s.index.size()
	if err := s.index.check(); err != nil || places != len(s.index.parts) {
		t.Errorf("an empty index has %d places: %v", places, err)
	}
}

// No put or removal writes more of the directories than one of many: of ten million
// entries all of them are two million places.
func TestNoWritePaysForAllOfTheIndex(t *testing.T) {
	s := NewMemory(MemoryOptions{})
	for i := range 60_000 {
		s.Put(marshal.Entry{Key: numbered(i)})
	}
	places, _ := s.index.size()
	for i := range s.index.parts {
		if n := len(s.index.parts[i].dir); places < 2000 || n > places/32 {
			t.Errorf("part %d has %d of %d places", i, n, places)
		}
	}
}

// A key that no bucket has room for makes the store go on without an index.
func TestAStoreGoesOnWithoutItsIndex(t *testing.T) {
	s, another := NewMemory(MemoryOptions{}), pack(marshal.Entry{Key: "another"})
	s.fillBucket("a", another)
	s.Put(marshal.Entry{Key: "a", Value: []byte("v"), Version: 1})
	if e, found := s.Get("a"); !found || string(e.Value) != "v" || s.index != nil {
		t.Errorf("%v %v, index %v", e, found, s.index)
	}
	runtime.KeepAlive(another)
}

// Nor does it matter to whom it turns out that the index is of no use, where it learns of a key late.
func TestAStoreGoesOnWithoutItsIndexThatLearnsLate(t *testing.T) {
	run := []marshal.Entry{{Key: "a"}, {Key: "c"}}
	more := []marshal.Entry{{Key: "d"}}
	for name, change := range map[string]func(s *Memory){
		"Put":         func(s *Memory) { s.Put(marshal.Entry{Key: "b"}) },
		"PutAll":      func(s *Memory) { s.PutAll(more) },
		"Delete":      func(s *Memory) { s.Delete("c") },
		"RemoveRange": func(s *Memory) { s.RemoveRange(delegation.Range{From: delegation.At("c"), Until: delegation.PosInf}) },
		"Tidy":        func(s *Memory) { s.Tidy() },
	} {
		s, slow, another := NewMemory(MemoryOptions{}), NewMemory(MemoryOptions{Records: true}), pack(marshal.Entry{Key: "another"})
		s.fillBucket("a", another)
		for _, m := range []*Memory{s, slow} {
			m.PutAll(run)
			change(m)
		}
		for _, key := range []delegation.Key{"a", "b", "c", "d"} {
			_, found := s.Get(key)
			if _, want := slow.Get(key); found != want || s.index != nil {
				t.Errorf("%s: %q found: %v, want %v; with an index: %v", name, key, found, want, s.index != nil)
			}
		}
		runtime.KeepAlive(another)
	}
}

// fillBucket leaves no room for key in the index.
func (m *Memory) fillBucket(key delegation.Key, with packed) {
	b := m.index.bucket(m.index.hash(key))
	b.depth, b.n = maxIndexDepth, bucketSlots
	for i := range b.slots {
		b.slots[i] = refTo(with)
	}
}
