package store

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

// benchStores are both stores as hosts use them; the disk's is in a directory.
func benchStores(b *testing.B) map[string]Store {
	b.Helper()
	opts := testOptions(nil)
	opts.FS, opts.MemTableBytes, opts.CacheBytes, opts.BallastBytes, opts.Window = nil, 0, 0, -1, 0
	d, err := OpenDisk(b.TempDir(), testIdentity, opts)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := d.Close(); err != nil {
			b.Fatal(err)
		}
	})
	return map[string]Store{"memory": NewMemory(MemoryOptions{}), "disk": d}
}

// BenchmarkGet reads random keys of many. Limited by the cache misses on the way
// down the tree (memory), by Pebble's levels (disk).
func BenchmarkGet(b *testing.B) {
	for _, n := range []int{1_000, 1_000_000} {
		for name, s := range benchStores(b) {
			if name == "disk" {
				n = min(n, 100_000)
			}
			fill(s, n, 128, false)
			if p, err := s.Commit(kv.Counters{}); err != nil || p != nil && p.Wait() != nil {
				b.Fatal(err)
			}
			keys := randomKeys(n)
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					s.Get(keys[i%len(keys)])
				}
			})
		}
	}
}

func randomKeys(n int) []delegation.Key {
	keys := make([]delegation.Key, 1<<16)
	for i := range keys {
		keys[i] = numbered(rand.IntN(n))
	}
	return keys
}

// BenchmarkPut replaces random entries of many, without committing.
func BenchmarkPut(b *testing.B) {
	for _, n := range []int{1_000, 1_000_000} {
		s := NewMemory(MemoryOptions{})
		fill(s, n, 128, false)
		keys, value := randomKeys(n), make([]byte, 128)
		b.Run(fmt.Sprintf("memory/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				s.Put(marshal.Entry{Key: keys[i%len(keys)], Value: value, Version: 1})
			}
		})
	}
}

// BenchmarkCommit does what a host does for batches of writes: for each a Get, a
// Put and a recorded answer, then one commit; at most two commits wait for their
// sync at a time. One operation is one batch. The disk is limited by fdatasync.
func BenchmarkCommit(b *testing.B) {
	for _, batch := range []int{1, 16, 256} {
		for name, s := range benchStores(b) {
			s.OpenSession(kv.SessionRecord{ID: marshal.SessionID{1}})
			keys, value := randomKeys(1_000_000), make([]byte, 128)
			b.Run(fmt.Sprintf("%s/%d", name, batch), func(b *testing.B) {
				b.ReportAllocs()
				number := uint64(0)
				pending := make(chan Pending, 1)
				var waiter sync.WaitGroup
				waiter.Go(func() {
					for p := range pending {
						if p != nil && p.Wait() != nil {
							b.Error("a sync failed")
						}
					}
				})
				for b.Loop() {
					for range batch {
						number++
						key := keys[number%uint64(len(keys))]
						s.Get(key)
						s.Put(marshal.Entry{Key: key, Value: value, Version: marshal.Version(number)})
						s.SetAnswer(marshal.SessionID{1}, number, number, &marshal.SetReply{Version: marshal.Version(number)})
					}
					p, err := s.Commit(kv.Counters{Step: number})
					if err != nil {
						b.Fatal(err)
					}
					pending <- p
				}
				close(pending)
				waiter.Wait()
				b.ReportMetric(float64(b.N)*float64(batch)/b.Elapsed().Seconds(), "writes/s")
			})
		}
	}
}

// BenchmarkClone clones a store and changes the clone, as an explorer does.
func BenchmarkClone(b *testing.B) {
	s := NewMemory(MemoryOptions{Records: true})
	fill(s, 10, 8, false)
	b.ReportAllocs()
	for b.Loop() {
		c := s.Clone()
		c.Put(marshal.Entry{Key: "a", Version: 1})
	}
}

// BenchmarkOpen opens a directory of a million entries that was not closed.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	opts := testOptions(nil)
	opts.FS, opts.MemTableBytes, opts.CacheBytes, opts.BallastBytes, opts.Window = nil, 0, 0, -1, 0
	s, err := OpenDisk(dir, testIdentity, opts)
	if err != nil {
		b.Fatal(err)
	}
	s.SetIdentity(kv.Identity{Host: 1, Root: 1, Incarnation: 1})
	for i := range 1_000_000 {
		s.Put(marshal.Entry{Key: numbered(i), Value: make([]byte, 128), Version: 1})
		if i%1000 == 999 {
			p, err := s.Commit(kv.Counters{Step: uint64(i)})
			if err != nil || p.Wait() != nil {
				b.Fatal(err)
			}
		}
	}
	s.witness.close()
	copied := copyDirectory(b, dir)
	for b.Loop() {
		b.StopTimer()
		one := copyDirectory(b, copied)
		b.StartTimer()
		d, err := OpenDisk(one, testIdentity, opts)
		if err != nil {
			b.Fatal(err)
		}
		if state, err := d.Load(); err != nil || state == nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := d.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// BenchmarkWarm reads a million entries in random order, 64 at a time, warmed or not.
func BenchmarkWarm(b *testing.B) {
	const n, batch = 1_000_000, 64
	s := NewMemory(MemoryOptions{})
	fill(s, n, 128, false)
	random := rand.New(rand.NewPCG(1, 2))
	keys := make([]delegation.Key, 1<<16)
	for i := range keys {
		keys[i] = numbered(random.IntN(n))
	}
	for _, warm := range []bool{false, true} {
		b.Run(fmt.Sprintf("warm=%v", warm), func(b *testing.B) {
			var value []byte
			for i := 0; b.Loop(); i++ {
				if at := i % len(keys); warm && at%batch == 0 {
					s.Warm(keys[at : at+batch])
				}
				e, _ := s.Get(keys[i%len(keys)])
				value = append(value[:0], e.Value...)
			}
			benchSink += len(value)
		})
	}
}

var benchSink int
