package store

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"testing"
	"unsafe"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

// TestSlots: for every size there is a slot, hardly larger than that.
func TestSlots(t *testing.T) {
	for n := 1; n <= mostSlot; n++ {
		size := int(slotSizes[slotClass[(n+7)/8]])
		if size < n || n >= leastSlot && size > n+max(15, n/16+8) {
			t.Fatalf("%d bytes get a slot of %d", n, size)
		}
	}
}

// TestArena: what lies in slots does not change while others come and go, and in the
// end nothing is left.
func TestArena(t *testing.T) {
	const rounds, most = 40_000, 3000
	random := rand.New(rand.NewPCG(1, 2))
	a := newArena()
	type item struct {
		packed packed
		value  []byte
	}
	var items []item
	drop := func(i int) {
		if e := items[i].packed.entry(); !bytes.Equal(e.Value, items[i].value) || e.Key != "key" || e.Version != 7 {
			t.Fatalf("an entry became %d bytes, key %q, version %d", len(e.Value), e.Key, e.Version)
		}
		a.give(items[i].packed)
		items[i] = items[len(items)-1]
		items = items[:len(items)-1]
	}
	for range rounds {
		if len(items) < most && random.IntN(5) > 1 {
			value := bytes.Repeat([]byte{byte(random.Int())}, random.IntN(600)*random.IntN(40))
			items = append(items, item{a.pack(marshal.Entry{Key: "key", Value: value, Version: 7}), value})
		} else if len(items) > 0 {
			drop(random.IntN(len(items)))
		}
	}
	for len(items) > 0 {
		drop(len(items) - 1)
	}
	slabs := len(a.empty) + len(a.bare)
	if a.touched != 0 || slabs < len(a.regions.list)*(regionBytes/slabBytes) {
		t.Errorf("%d bytes are touched, and %d slabs of %d regions empty", a.touched, slabs, len(a.regions.list))
	}
	for class, s := range a.open {
		if s != nil {
			t.Errorf("a slab for %d bytes has room, and no entry", slotSizes[class])
		}
	}
	runtime.KeepAlive(a)
}

// TestEmptySlabsAreTheSystemsAgain: more than a few do not keep their memory, which
// reads as zero then.
func TestEmptySlabsAreTheSystemsAgain(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("here the collector has it")
	}
	const slabs = 3 * keptSlabs
	a := newArena()
	value := bytes.Repeat([]byte{0xff}, 1000)
	var all []packed
	for range slabs * slabBytes / len(value) {
		all = append(all, a.pack(marshal.Entry{Key: "key", Value: value}))
	}
	for _, p := range all {
		a.give(p)
	}
	untouched := make([]byte, slabBytes)
	for i, s := range a.bare {
		if !bytes.Equal(unsafe.Slice((*byte)(unsafe.Pointer(s)), slabBytes), untouched) {
			t.Errorf("slab %d of %d that are empty keeps its memory", i, len(a.bare))
		}
	}
	if len(a.empty) != keptSlabs {
		t.Errorf("%d empty slabs keep their memory, %d may", len(a.empty), keptSlabs)
	}
	runtime.KeepAlive(a)
}

// TestAMoveTakesNoMemory: while entries move to and fro, two stores together hold little
// more than before: what has left one is its neither as memory nor as address space.
func TestAMoveTakesNoMemory(t *testing.T) {
	const entries, moves, flying = 20 * chunkEntries, 4, 4
	giver, taker := NewMemory(MemoryOptions{}), NewMemory(MemoryOptions{})
	fill(giver, entries, 128, true)
	before, regions := giver.arena.touched, 0
	for move := range moves {
		from, seqno := delegation.NegInf, uint64(0)
		for from != delegation.PosInf {
			var chunk []marshal.Entry
			chunk, from = nextChunk(giver, from, chunkEntries)
			seqno++
			giver.AddUnacked(2, seqno, nil)
			if seqno > flying {
				giver.DropUnacked(2, seqno-flying, seqno-flying)
			}
			taker.PutAll(chunk)
			commitBoth(t, giver, taker)
			most := before + flying*before/20 + 3*slabBytes
			if now := giver.arena.touched + taker.arena.touched; now > most {
				t.Fatalf("move %d, chunk %d: %d bytes are held, at most %d of %d", move, seqno, now, most, before)
			}
		}
		giver.DropUnacked(2, seqno-flying, seqno)
		commitBoth(t, giver, taker)
		if giver.arena.touched != 0 || len(giver.flying) != 0 {
			t.Fatalf("move %d: who gave all still holds %d bytes, and of %d delegates", move, giver.arena.touched, len(giver.flying))
		}
		giver, taker = taker, giver
		if move == 1 {
			regions = len(giver.arena.regions.list) + len(taker.arena.regions.list)
		}
	}
	if now := len(giver.arena.regions.list) + len(taker.arena.regions.list); now != regions {
		t.Errorf("address space grew from %d to %d regions", regions, now)
	}
}

func commitBoth(tb testing.TB, stores ...Store) {
	tb.Helper()
	for _, s := range stores {
		if _, err := s.Commit(kv.Counters{}); err != nil {
			tb.Fatal(err)
		}
	}
}

// TestADelegatesEntriesStay: a delegate that may have to be sent again has its entries
// until it is acknowledged and the store has committed; what else was removed is there
// until the commit.
func TestADelegatesEntriesStay(t *testing.T) {
	const n = 500
	s := NewMemory(MemoryOptions{})
	fill(s, 2*n, 128, true)
	half := delegation.At(numbered(n))
	var kept []marshal.Entry
	s.Ascend(delegation.Range{From: half, Until: delegation.PosInf}, func(e marshal.Entry) bool {
		kept = append(kept, e)
		return true
	})
	s.RemoveRange(delegation.Range{From: half, Until: delegation.PosInf})
	check := func(when string) {
		t.Helper()
		for i, e := range kept {
			if e.Key != numbered(n+i) || len(e.Value) != 128 || e.Value[0] != 0 || e.Version != 1 {
				t.Fatalf("%s: entry %d became %q, %v, version %d", when, i, e.Key, e.Value[:1], e.Version)
			}
		}
	}
	overwrite := func(round byte) {
		for i := range n {
			key := delegation.Key(bytes.Repeat([]byte{round}, 16))
			s.Put(marshal.Entry{Key: key + numbered(i), Value: bytes.Repeat([]byte{round}, 112), Version: 9})
		}
	}
	overwrite('a')
	check("before the commit")
	s.AddUnacked(2, 1, nil)
	for _, round := range []byte("bcd") {
		commitBoth(t, s)
		overwrite(round)
		check("unacknowledged")
	}
	s.DropUnacked(2, 1, 1)
	overwrite('e')
	check("acknowledged, before the commit")
}

// TestMovesAndWritesAgreeWithAModel: two stores give ranges to each other while keys are
// written and deleted, with delegates that are acknowledged late, and commits in between.
// Both have what a map has, and an unacknowledged delegate what it was made of.
func TestMovesAndWritesAgreeWithAModel(t *testing.T) {
	const keys, steps = 2000, 6000
	random := rand.New(rand.NewPCG(5, 8))
	type delegate struct{ have, want []marshal.Entry }
	type side struct {
		*Memory
		model       map[delegation.Key]marshal.Entry
		sent, acked uint64
		unacked     []delegate
	}
	sides := [2]*side{}
	for i := range sides {
		sides[i] = &side{Memory: NewMemory(MemoryOptions{}), model: map[delegation.Key]marshal.Entry{}}
	}
	same := func(a, b marshal.Entry) bool {
		return a.Key == b.Key && a.Version == b.Version && bytes.Equal(a.Value, b.Value)
	}
	for step := range steps {
		s, other := sides[step%2], sides[1-step%2]
		key := numbered(random.IntN(keys))
		switch random.IntN(8) {
		case 0, 1, 2, 3:
			e := marshal.Entry{Key: key, Value: bytes.Repeat([]byte{byte(step)}, random.IntN(60)*random.IntN(60)), Version: marshal.Version(step)}
			s.Put(e)
			s.model[key] = e
		case 4:
			s.Delete(key)
			delete(s.model, key)
		case 5:
			r := delegation.Range{From: delegation.At(key), Until: delegation.At(numbered(random.IntN(keys)))}
			if r.Empty() {
				break
			}
			var d delegate
			s.Ascend(r, func(e marshal.Entry) bool {
				d.have, d.want = append(d.have, e), append(d.want, s.model[e.Key])
				return len(d.have) < 300
			})
			if len(d.have) == 0 {
				break
			}
			r.Until = delegation.At(d.have[len(d.have)-1].Key.Clone() + "\x00")
			s.RemoveRange(r)
			s.sent++
			s.AddUnacked(2, s.sent, nil)
			s.unacked = append(s.unacked, d)
			other.PutAll(d.have)
			for _, e := range d.want {
				delete(s.model, e.Key)
				other.model[e.Key] = e
			}
		case 6:
			if n := random.IntN(len(s.unacked) + 1); n > 0 {
				s.DropUnacked(2, s.acked+1, s.acked+uint64(n))
				s.acked += uint64(n)
				s.unacked = s.unacked[n:]
			}
		case 7:
			commitBoth(t, s)
		}
		if e, found := s.Get(key); found != (s.model[key].Key != "") || found && !same(e, s.model[key]) {
			t.Fatalf("step %d: %q is %v, %v, want %v", step, key, found, e.Version, s.model[key].Version)
		}
		for _, d := range s.unacked {
			for i := range d.have {
				if !same(d.have[i], d.want[i]) {
					t.Fatalf("step %d: an unacknowledged delegate's %q became %q, version %d", step, d.want[i].Key, d.have[i].Key, d.have[i].Version)
				}
			}
		}
	}
	for _, s := range sides {
		n := 0
		s.Ascend(delegation.All, func(e marshal.Entry) bool {
			n++
			if !same(e, s.model[e.Key]) {
				t.Errorf("%q is not what was put last", e.Key)
			}
			return true
		})
		if n != len(s.model) || s.sent < 100 {
			t.Errorf("%d entries, want %d; %d delegates", n, len(s.model), s.sent)
		}
		if err := s.index.check(); err != nil {
			t.Error(err)
		}
	}
}

// TestAddressSpaceIsUsedAgain: what an arena had is another's, and reads as zero.
func TestAddressSpaceIsUsedAgain(t *testing.T) {
	a := newArena()
	p := a.pack(marshal.Entry{Key: "key", Value: make([]byte, 100), Version: 1<<64 - 1})
	retire(&regions{list: a.regions.list})
	had := a.regions.list[len(a.regions.list)-1]
	a.regions.list = nil // which a's own end would give away again
	b := newArena()
	for found := false; !found; { // among those of arenas of other tests
		spareRegions.Lock()
		left := len(spareRegions.list)
		spareRegions.Unlock()
		if left == 0 {
			t.Fatal("the address space is lost")
		}
		b.grow()
		found = unsafe.SliceData(b.regions.list[len(b.regions.list)-1]) == unsafe.SliceData(had)
	}
	if runtime.GOOS == "linux" && *p.data != 0 {
		t.Error("it keeps its memory")
	}
	runtime.KeepAlive(b)
}
