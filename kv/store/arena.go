package store

import (
	"encoding/binary"
	"runtime"
	"sync"
	"unsafe"

	"ironkv/marshal"
)

const (
	// slabBytes is the size of a slab, and where it begins a multiple of that address,
	// so that an entry's address tells its slab.
	slabBytes = 256 << 10
	// regionBytes is how much address space the system is asked for at a time. What
	// of it was never written takes no memory.
	regionBytes = 16 * slabBytes
	// leastSlot and mostSlot bound the slots; a slot is at most a sixteenth, or 8
	// bytes, larger than the next smaller one. Greater entries are the collector's.
	leastSlot = 24
	mostSlot  = 16 << 10
	// keptSlabs is how many empty slabs keep their memory, for those who come and go.
	keptSlabs = 8
)

// slotSizes are the sizes of slots, ascending, and slotClass the least that holds so
// many words of 8 bytes.
var slotSizes, slotClass = func() (sizes []uint32, class [mostSlot/8 + 1]uint8) {
	for size := uint32(leastSlot); size < mostSlot; size += max(8, size/16&^7) {
		sizes = append(sizes, size)
	}
	sizes = append(sizes, mostSlot)
	for words, c := 0, 0; words < len(class); words++ {
		if uint32(8*words) > sizes[c] {
			c++
		}
		class[words] = uint8(c)
	}
	return sizes, class
}()

// An arena is memory for the entries of one store. The collector neither looks at it
// nor frees it: whoever has an entry removed gives its slot back, and a slab without
// entries is the system's again, while a move goes on. Nobody may look at an entry
// whose slot was given back; the arena must be reachable as long as its entries are.
type arena struct {
	open    []*slab // for each size, those with a free slot
	regions *regions
	empty   []*slab // without entries, with memory
	bare    []*slab // without entries, without memory
	// touched is how much of the slabs with entries was ever used, in bytes.
	touched int
}

// regions is the address space of an arena. It outlives the arena, in others: it
// is never unmapped.
type regions struct{ list [][]byte }

// spareRegions are of arenas that are gone, without memory.
var spareRegions struct {
	sync.Mutex
	list [][]byte
}

// A slab is at the beginning of the memory that it is about. It has no room for
// pointers into the collector's memory.
type slab struct {
	prev, next *slab // in arena.open, if it has a free slot
	used       uint32
	fresh      uint32 // where the slots begin that were never used
	free       uint32 // where the slot is that was given back last, 0 for none; it begins with the next one's place
	class      uint8
}

// firstSlot is where the first slot of a slab is.
const firstSlot = uint32(unsafe.Sizeof(slab{})+7) &^ 7

func newArena() *arena {
	a := &arena{open: make([]*slab, len(slotSizes)), regions: new(regions)}
	runtime.AddCleanup(a, retire, a.regions)
	return a
}

// retire keeps address space for other arenas.
func retire(r *regions) {
	spareRegions.Lock()
	defer spareRegions.Unlock()
	for _, region := range r.list {
		discard(region)
	}
	spareRegions.list = append(spareRegions.list, r.list...)
}

// pack copies e into a slot, or, where it is great, into an allocation.
func (a *arena) pack(e marshal.Entry) packed {
	n := keyAt + len(e.Key) + len(e.Value)
	if n > mostSlot {
		return pack(e)
	}
	return lay(a.slot(slotClass[(n+7)/8]), e)
}

// slot returns a slot with any content.
func (a *arena) slot(class uint8) []byte {
	s, size := a.open[class], slotSizes[class]
	if s == nil {
		s = a.slab(class)
	}
	at := s.free
	if at != 0 {
		s.free = binary.LittleEndian.Uint32(s.slot(at, size))
	} else {
		at = s.fresh
		s.fresh += size
		a.touched += int(size)
	}
	s.used++
	if s.full(size) {
		a.unlink(s)
	}
	return s.slot(at, size)
}

// give takes the slot of an entry back, if it has one.
func (a *arena) give(p packed) {
	data := p.all()
	size := uint32(len(data))
	if size > mostSlot {
		return
	}
	at := uint32(uintptr(unsafe.Pointer(p.data)) % slabBytes)
	s := (*slab)(unsafe.Add(unsafe.Pointer(p.data), -int(at)))
	if s.full(size) {
		a.link(s)
	}
	binary.LittleEndian.PutUint32(data, s.free)
	s.free = at
	s.used--
	if s.used == 0 {
		a.drop(s)
	}
}

func (s *slab) slot(at, size uint32) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(s), at)), size)
}

func (s *slab) full(size uint32) bool { return s.free == 0 && s.fresh+size > slabBytes }

func (a *arena) link(s *slab) {
	first := a.open[s.class]
	s.prev, s.next = nil, first
	if first != nil {
		first.prev = s
	}
	a.open[s.class] = s
}

func (a *arena) unlink(s *slab) {
	if s.prev != nil {
		s.prev.next = s.next
	} else {
		a.open[s.class] = s.next
	}
	if s.next != nil {
		s.next.prev = s.prev
	}
}

// slab makes an empty slab one for a class.
func (a *arena) slab(class uint8) *slab {
	if len(a.empty)+len(a.bare) == 0 {
		a.grow()
	}
	from := &a.empty
	if len(a.empty) == 0 {
		from = &a.bare
	}
	last := len(*from) - 1
	s := (*from)[last]
	*from = (*from)[:last]
	*s = slab{class: class, fresh: firstSlot}
	a.link(s)
	return s
}

// drop ends a slab without entries.
func (a *arena) drop(s *slab) {
	a.unlink(s)
	a.touched -= int(s.fresh - firstSlot)
	if len(a.empty) < keptSlabs {
		a.empty = append(a.empty, s)
		return
	}
	discard(unsafe.Slice((*byte)(unsafe.Pointer(s)), slabBytes))
	a.bare = append(a.bare, s)
}

// grow gets a region.
func (a *arena) grow() {
	region := takeRegion()
	a.regions.list = append(a.regions.list, region)
	start := unsafe.Pointer(unsafe.SliceData(region))
	first := int(-uintptr(start) % slabBytes)
	for at := first; at+slabBytes <= len(region); at += slabBytes {
		a.bare = append(a.bare, (*slab)(unsafe.Add(start, at)))
	}
}

func takeRegion() []byte {
	spareRegions.Lock()
	defer spareRegions.Unlock()
	if last := len(spareRegions.list) - 1; last >= 0 {
		r := spareRegions.list[last]
		spareRegions.list = spareRegions.list[:last]
		return r
	}
	return reserve(regionBytes + slabBytes)
}
