package store

import (
	"fmt"
	"math"
	"runtime"
	"sync"
	"testing"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

// fill puts n entries of a 16-byte key and a value of the given length, in
// scattered order or ascending.
func fill(s Store, n, valueBytes int, ascending bool) {
	value := make([]byte, valueBytes)
	for i := range n {
		k := i
		if !ascending {
			k = i * 700_001 % n // a prime: each once
		}
		s.Put(marshal.Entry{Key: numbered(k), Value: value, Version: 1})
	}
}

func numbered(i int) delegation.Key { return delegation.Key(fmt.Sprintf("key:%012d", i)) }

// TestBytesPerEntry holds what an entry costs beyond its key and value under the
// number that Room counts with, for entries that came in scattered order and (the
// worst case for the tree, whose nodes stay half empty) in order.
func TestBytesPerEntry(t *testing.T) {
	const n, valueBytes = 200_000, 128
	for _, ascending := range []bool{false, true} {
		s := NewMemory(MemoryOptions{})
		before := heapBytes()
		fill(s, n, valueBytes, ascending)
		perEntry := float64(heapBytes()-before)/n - valueBytes - 16
		t.Logf("ascending %v: %.1f bytes per entry beyond key and value", ascending, perEntry)
		if perEntry > memoryOverheadBytes {
			t.Errorf("ascending %v: %.1f bytes per entry beyond key and value, at most %d", ascending, perEntry, memoryOverheadBytes)
		}
		runtime.KeepAlive(s)
	}
}

func heapBytes() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestGetDoesNotAllocate(t *testing.T) {
	s := NewMemory(MemoryOptions{})
	fill(s, 10_000, 128, false)
	key, absent := numbered(77), delegation.Key("absent")
	if n := testing.AllocsPerRun(100, func() {
		if _, ok := s.Get(key); !ok {
			t.Fatal("not found")
		}
		s.Get(absent)
	}); n != 0 {
		t.Fatalf("Get allocates %v times", n)
	}
	e := marshal.Entry{Key: key, Value: make([]byte, 128), Version: 2}
	if n := testing.AllocsPerRun(100, func() { s.Put(e) }); n > 1 {
		t.Fatalf("a Put that replaces allocates %v times", n)
	}
}

// TestValuesStay: what was returned keeps its content until its key is put again,
// and for good where the store may have shared it.
func TestValuesStay(t *testing.T) {
	cloned := NewMemory(MemoryOptions{})
	cloned.Clone()
	for name, s := range map[string]*Memory{
		"volatile": NewMemory(MemoryOptions{}), "with records": NewMemory(MemoryOptions{Records: true}), "cloned": cloned,
	} {
		s.Put(marshal.Entry{Key: "a", Value: []byte("one"), Version: 1})
		e, _ := s.Get("a")
		if name != "volatile" {
			s.Put(marshal.Entry{Key: "a", Value: []byte("two"), Version: 2})
		}
		s.Delete("a")
		s.Put(marshal.Entry{Key: "a", Value: []byte("new"), Version: 3})
		if string(e.Value) != "one" || e.Version != 1 || e.Key != "a" {
			t.Errorf("%s: the entry became %v", name, e)
		}
		if cap(e.Value) != len(e.Value) {
			t.Errorf("%s: an append to the value would overwrite what follows", name)
		}
	}
}

// TestCloneIsIndependent clones, in the middle of batches too, and goes on with
// both: each has its own entries, records and commits. Clones of one store are
// driven on several goroutines at once.
func TestCloneIsIndependent(t *testing.T) {
	d, s := newDriver(1), NewMemory(MemoryOptions{Records: true, Window: testWindow})
	for range 30 {
		d.batch(t, s)
	}
	committed := d.model.dump()
	s.Put(marshal.Entry{Key: "uncommitted", Version: 1})
	s.SetPeer(2, kv.PeerRecord{Acked: 1 << 40})
	s.Assign(delegation.All, 3)
	uncommitted := dump(t, s)
	clones := make([]*Memory, 8)
	for i := range clones {
		clones[i] = s.Clone()
	}
	var done sync.WaitGroup
	for i, c := range clones {
		done.Go(func() {
			if _, err := c.Load(); err != nil {
				t.Error(err)
			}
			for j := range 20 {
				c.Put(marshal.Entry{Key: numbered(j), Version: marshal.Version(i)})
				c.SetPeer(3, kv.PeerRecord{Received: uint64(i)})
				c.Assign(delegation.Single(numbered(i)), 2)
				if j%5 == 4 {
					if _, err := c.Commit(kv.Counters{Step: uint64(j)}); err != nil {
						t.Error(err)
					}
				}
				c = c.Clone()
			}
			if _, ok := c.Get("uncommitted"); !ok {
				t.Error("the clone misses an entry")
			}
		})
	}
	done.Wait()
	equal(t, "the original after its clones' writes", dump(t, s), uncommitted)
	c := s.Clone()
	s.Crash()
	equal(t, "the original after its crash", dump(t, s), committed)
	equal(t, "a clone after its original's crash", dump(t, c), uncommitted)
	c.Crash()
	equal(t, "a clone after its own crash", dump(t, c), committed)
}

// TestMemoryRoom: the room shrinks with entries, returns when they go, and never
// wraps.
func TestMemoryRoom(t *testing.T) {
	if room, err := NewMemory(MemoryOptions{}).Room(); room != math.MaxUint64 || err != nil {
		t.Fatalf("without a limit: %d %v", room, err)
	}
	const limit = 10_000
	s := NewMemory(MemoryOptions{LimitBytes: limit})
	want := func(room uint64) {
		t.Helper()
		if got, err := s.Room(); got != room || err != nil {
			t.Fatalf("room %d %v, want %d", got, err, room)
		}
	}
	want(limit)
	s.Put(marshal.Entry{Key: "abc", Value: make([]byte, 1000)})
	want(limit - 1003 - memoryOverheadBytes)
	s.Put(marshal.Entry{Key: "abc", Value: make([]byte, 500)})
	want(limit - 503 - memoryOverheadBytes)
	s.Put(marshal.Entry{Key: "d", Value: make([]byte, 2*limit)})
	want(0)
	s.Delete("d")
	s.Delete("d")
	want(limit - 503 - memoryOverheadBytes)
	s.RemoveRange(delegation.All)
	want(limit)
}

// TestVolatileMemoryKeepsNoRecords: without records there is nothing to load.
func TestVolatileMemoryKeepsNoRecords(t *testing.T) {
	d, s := newDriver(1), NewMemory(MemoryOptions{Window: testWindow})
	for range 20 {
		d.batch(t, s)
	}
	if state, err := s.Load(); state != nil || err != nil {
		t.Fatalf("loaded %v %v", state, err)
	}
	defer func() {
		if recover() == nil {
			t.Fatal("such a store cannot crash")
		}
	}()
	s.Crash()
}
