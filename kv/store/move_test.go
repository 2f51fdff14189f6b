package store

import (
	"runtime"
	"testing"

	"ironkv/delegation"
	"ironkv/marshal"
)

// chunkEntries is how many entries of 128 bytes a chunk of a move has.
const chunkEntries = 900

// nextChunk is what a move does at its giver: it reads some entries from a key on, and
// removes their range.
func nextChunk(s Store, from delegation.Bound, n int) ([]marshal.Entry, delegation.Bound) {
	r := delegation.Range{From: from, Until: delegation.PosInf}
	entries := make([]marshal.Entry, 0, n)
	s.Ascend(r, func(e marshal.Entry) bool {
		if len(entries) == n {
			r.Until = delegation.At(e.Key).Clone()
			return false
		}
		entries = append(entries, e)
		return true
	})
	s.RemoveRange(r)
	return entries, r.Until
}

// BenchmarkMove moves a million entries from one store to another, chunk by chunk; one
// operation is one entry. Limited by cache misses in the indexes of both.
func BenchmarkMove(b *testing.B) {
	giver, taker := NewMemory(MemoryOptions{}), NewMemory(MemoryOptions{})
	fill(giver, 1_000_000, 128, false)
	b.ReportAllocs()
	from := delegation.NegInf
	for done := 0; done < b.N; {
		var entries []marshal.Entry
		entries, from = nextChunk(giver, from, chunkEntries)
		giver.AddUnacked(2, 1, nil)
		taker.PutAll(entries)
		giver.DropUnacked(2, 1, 1)
		commitBoth(b, giver, taker)
		if done += len(entries); from == delegation.PosInf {
			giver, taker, from = taker, giver, delegation.NegInf
		}
	}
}

// TestWhatAMoveAllocates: of the collector a move takes memory for pages and the index,
// and not for each entry, where they arrive, and next to none where they leave; and it
// leaves full pages behind.
func TestWhatAMoveAllocates(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector, for which tests are short, allocates more")
	}
	const chunks, entries = 60, 60 * chunkEntries
	given, taken := uint64(entries), uint64(entries)
	var taker *Memory
	for range 3 { // what others of the process allocate meanwhile only adds
		var g, k uint64
		g, k, taker = moveAllocations(t, chunks)
		given, taken = min(given, g), min(taken, k)
	}
	t.Logf("%.3f allocations for each entry given, %.3f for each taken", float64(given)/entries, float64(taken)/entries)
	if given > entries/50 || taken > entries/8 {
		t.Errorf("%d allocations for %d entries given and %d taken", given, entries, taken)
	}
	if most := entries/pageEntries + 2; pagesOf(taker) > most {
		t.Errorf("%d entries taken lie in %d pages, at most %d", entries, pagesOf(taker), most)
	}
}

// moveAllocations moves chunks from one store to another and returns how many allocations
// that took where they left, and where they arrived.
func moveAllocations(t *testing.T, chunks int) (given, taken uint64, taker *Memory) {
	t.Helper()
	giver, taker := NewMemory(MemoryOptions{}), NewMemory(MemoryOptions{})
	fill(giver, (chunks+1)*chunkEntries, 128, false)
	from := delegation.NegInf
	for range chunks {
		var entries []marshal.Entry
		given += mallocs(func() { entries, from = nextChunk(giver, from, chunkEntries) })
		taken += mallocs(func() { taker.PutAll(entries) })
		giver.AddUnacked(2, 1, nil)
		giver.DropUnacked(2, 1, 1)
		commitBoth(t, giver, taker)
	}
	return given, taken, taker
}

// mallocs returns how many objects f allocates.
func mallocs(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.Mallocs - before.Mallocs
}
