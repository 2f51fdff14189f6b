package store

import (
	"bytes"
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

// TestBytesPerEntry bounds what an entry costs beyond its key and value, for entries
// that came in scattered order, and in order, as moves bring them.
func TestBytesPerEntry(t *testing.T) {
	const n, valueBytes, most = 200_000, 128, 42
	for _, ascending := range []bool{false, true} {
		s := NewMemory(MemoryOptions{})
		before := heapBytes()
		fill(s, n, valueBytes, ascending)
		perEntry := float64(heapBytes()+s.arena.bytes()-before)/n - valueBytes - 16
		t.Logf("ascending %v: %.1f bytes per entry beyond key and value", ascending, perEntry)
		if perEntry > most {
			t.Errorf("ascending %v: %.1f bytes per entry beyond key and value, at most %d", ascending, perEntry, most)
		}
		runtime.KeepAlive(s)
	}
}

// TestBytesPerEntryBySize holds what Room counts against the memory that is taken,
// whatever the allocator's size classes make of a value.
func TestBytesPerEntryBySize(t *testing.T) {
	for _, valueBytes := range []int{0, 8, 100, 128, 500, 1 << 10, 3000, 8 << 10, 20_000, 32 << 10, 100_000, 1 << 20} {
		const limit = 1 << 40
		n := max(50_000/(1+valueBytes/100), 20)
		s := NewMemory(MemoryOptions{LimitBytes: limit})
		before := heapBytes()
		fill(s, n, valueBytes, false)
		taken := float64(heapBytes() + s.arena.bytes() - before)
		room, _ := s.Room()
		counted := float64(limit - room)
		t.Logf("values of %d bytes: %.1f bytes per entry beyond key and value, counted as %.1f",
			valueBytes, taken/float64(n)-float64(valueBytes+16), counted/float64(n)-float64(valueBytes+16))
		if counted < 0.95*taken || counted > 1.02*taken+float64(n)*slotBytes {
			t.Errorf("values of %d bytes: %.0f bytes are counted, %.0f taken", valueBytes, counted, taken)
		}
		runtime.KeepAlive(s)
	}
}

func (a *arena) bytes() uint64 { return uint64(a.touched) }

func heapBytes() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what had a finalizer goes with the second
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
	size := func(key string, valueBytes int) uint64 {
		return newArena().pack(marshal.Entry{Key: delegation.Key(key), Value: make([]byte, valueBytes)}).size()
	}
	want(limit)
	s.Put(marshal.Entry{Key: "abc", Value: make([]byte, 1000)})
	want(limit - size("abc", 1000))
	s.Put(marshal.Entry{Key: "abc", Value: make([]byte, 500)})
	want(limit - size("abc", 500))
	s.Put(marshal.Entry{Key: "d", Value: make([]byte, 2*limit)})
	want(0)
	s.Delete("d")
	s.Delete("d")
	want(limit - size("abc", 500))
	s.Put(marshal.Entry{Key: "e", Value: make([]byte, 100)})
	s.Put(marshal.Entry{Key: "f", Value: make([]byte, 200)})
	s.RemoveRange(delegation.Range{From: delegation.At("b"), Until: delegation.At("f")})
	want(limit - size("abc", 500) - size("f", 200))
	s.RemoveRange(delegation.All)
	want(limit)
}

// TestWhatAnEntryTakesStaysWhereItIs: a value that fits goes where the old one was,
// and one that would leave much unused does not.
func TestWhatAnEntryTakesStaysWhereItIs(t *testing.T) {
	for _, c := range []struct {
		first, second int
		stays         bool
	}{{128, 128, true}, {128, 120, true}, {128, 129, false}, {1010, 1060, true}, {1000, 1050, false}, {1000, 900, true}, {1000, 500, false},
		{32 << 10, 30 << 10, true}, {1 << 20, 1<<20 - 5<<10, true}, {1 << 20, 1<<20 - 100<<10, false}} {
		s := NewMemory(MemoryOptions{})
		s.Put(marshal.Entry{Key: "key:000000000001", Value: make([]byte, c.first), Version: 1})
		before, _ := s.now.table.get("key:000000000001")
		used := s.now.table.used
		value := bytes.Repeat([]byte{7}, c.second)
		s.Put(marshal.Entry{Key: "key:000000000001", Value: value, Version: 2})
		after, _ := s.now.table.get("key:000000000001")
		if e := after.entry(); !bytes.Equal(e.Value, value) || e.Version != 2 || e.Key != "key:000000000001" {
			t.Errorf("%d bytes after %d: the entry is %d bytes, version %d", c.second, c.first, len(e.Value), e.Version)
		}
		if stays := before == after; stays != c.stays || stays && used != s.now.table.used || s.now.table.used != after.size() {
			t.Errorf("%d bytes after %d: in place %v, %d bytes used, %d before", c.second, c.first, stays, s.now.table.used, used)
		}
	}
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
