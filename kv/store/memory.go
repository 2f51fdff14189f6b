package store

import (
	"math"
	"sync"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

// recordsDegree is the least number of children of a node of a tree of records.
const recordsDegree = 8

// MemoryOptions adjust a [Memory]. The zero value suits a volatile host.
type MemoryOptions struct {
	// LimitBytes bounds the memory of entries, as [Memory.Room] counts it; 0 for
	// no limit. The store itself refuses nothing: the host does, by its room.
	LimitBytes uint64
	// Records keeps the records and the last commit, so that [Memory.Load] and
	// [Memory.Crash] work: a disk for simulations. Without it records are dropped.
	Records bool
	// Window is the greatest distance of two numbers of a session that are both
	// needed, in numbers; 0 for [kv.DefaultWindow].
	Window uint32
}

// Memory is a store in memory: entries in pages, by the order of their keys, and
// beside them an index by which single keys are found.
//
// An entry that Get or Ascend has returned keeps its content until its key is next put,
// or the commit that follows on its removal, or, where it is a delegate's, on DropUnacked;
// it does so for good in a store with MemoryOptions.Records, and in one that has been
// cloned. Those have no index, never change an entry in place, and leave what was
// removed to the collector.
//
// Two Memory values never share what can change, so different ones may be used
// by different goroutines also where one is a [Memory.Clone] of the other.
type Memory struct {
	opts MemoryOptions
	// now is what reads see; it may be changed only while owned is true.
	now   *image
	owned bool
	// index holds the entries of now's table, or is nil: then nothing is changed
	// in place.
	index *index
	// arena has the entries of a store with an index, but for great ones; in a clone it
	// is kept because they may be there.
	arena *arena
	// gone are entries that were removed since the last commit, and flying those that
	// were by the time that a delegate was given to AddUnacked, whose they may be. Both
	// are looked at until the commit, or the commit after DropUnacked.
	gone   []packed
	flying map[flight][]packed
	// late is what the index does not know yet.
	late late
	// saved is what a crash goes back to. Kept only with MemoryOptions.Records.
	saved *image
	// dirty says that something was written since the last commit.
	dirty bool
}

var _ Store = (*Memory)(nil)

// An image is a state of the whole store. Once two parties refer to it (a clone,
// or a commit and what follows it), it never changes again.
type image struct {
	// cloning guards the trees' bookkeeping of shared nodes, which copying an
	// image changes: clones of one image may be made at the same time.
	cloning sync.Mutex
	table   *table
	records fold
}

func (i *image) clone() *image {
	i.cloning.Lock()
	defer i.cloning.Unlock()
	return &image{table: i.table.clone(), records: i.records.clone()}
}

// NewMemory returns an empty store.
func NewMemory(opts MemoryOptions) *Memory {
	if opts.Window == 0 {
		opts.Window = kv.DefaultWindow
	}
	m := &Memory{opts: opts, now: &image{table: newTable()}, owned: true}
	if opts.Records {
		m.now.records = newFold(opts.Window)
		m.saved, m.owned = m.now, false
	} else {
		m.index, m.arena, m.flying = newIndex(), newArena(), map[flight][]packed{}
	}
	return m
}

// A flight names a delegate that is not acknowledged.
type flight struct {
	to    delegation.HostID
	seqno uint64
}

// Clone returns a store with the same content, committed and not, in constant
// time: the two copy a piece of what they share when they first change it.
func (m *Memory) Clone() *Memory {
	m.owned = false
	m.share()
	c := *m
	return &c
}

// share has entries stay as they are for good, since others may look at them.
func (m *Memory) share() {
	m.index, m.gone, m.flying, m.late = nil, nil, nil, late{}
}

// pack copies e into memory of the store.
func (m *Memory) pack(e marshal.Entry) packed {
	if m.index == nil {
		return pack(e)
	}
	return m.arena.pack(e)
}

// Crash forgets everything since the last Commit, as a durable store does when
// its host's process is killed. Without MemoryOptions.Records it panics: what
// such a store forgets in a crash is everything.
func (m *Memory) Crash() {
	if m.saved == nil {
		panic("store.Memory.Crash: the store was made without MemoryOptions.Records")
	}
	m.now, m.owned, m.dirty = m.saved, false, false
}

// write returns the image for a change.
func (m *Memory) write() *image {
	if !m.owned {
		m.now, m.owned = m.now.clone(), true
	}
	m.dirty = true
	return m.now
}

// Get returns key's entry, without allocating. Its value may not be changed.
func (m *Memory) Get(key delegation.Key) (marshal.Entry, bool) {
	if p, ok := m.find(key); ok {
		return p.entry(), true
	}
	return marshal.Entry{}, false
}

// Put inserts or replaces.
func (m *Memory) Put(e marshal.Entry) {
	w := m.write()
	if m.late.has(string(e.Key)) {
		if p, ok := w.table.get(string(e.Key)); ok && p.overwrite(e) {
			return
		}
		m.settle()
	}
	if m.index == nil {
		w.table.put(m.pack(e))
		return
	}
	hash := m.index.hash(e.Key)
	old := m.index.find(hash, e.Key)
	if old != nil && old.packed().overwrite(e) {
		return // the memory that it takes is the same
	}
	fresh := m.pack(e)
	w.table.put(fresh)
	switch {
	case old != nil:
		m.gone = append(m.gone, old.packed())
		*old = refTo(fresh)
	case !m.index.insert(hash, fresh):
		m.share()
	}
}

// PutAll puts each of the entries, in their order. Those that belong between two
// neighbours become pages at once, and nothing is looked for.
func (m *Memory) PutAll(entries []marshal.Entry) {
	if !m.fits(entries) {
		for _, e := range entries {
			m.Put(e)
		}
		return
	}
	m.settle()
	w := m.write()
	run := m.late.memory[:0]
	for _, e := range entries {
		run = append(run, m.pack(e))
	}
	w.table.putRun(run)
	if m.index == nil {
		clear(run)
		m.late.memory = run
		return
	}
	m.late.put(run, lateAdded)
}

// fits reports whether the keys of entries, of which there are some, ascend, and no
// entry lies between the first and the last.
func (m *Memory) fits(entries []marshal.Entry) bool {
	if len(entries) == 0 {
		return false
	}
	for i := range entries[1:] {
		if entries[i].Key >= entries[i+1].Key {
			return false
		}
	}
	vacant := true
	last := string(entries[len(entries)-1].Key)
	m.now.table.ascend(string(entries[0].Key), "", func(p packed) bool {
		vacant = p.key() > last
		return false
	})
	return vacant
}

// Delete removes key's entry, if there is one.
func (m *Memory) Delete(key delegation.Key) {
	p, ok := m.find(key)
	if !ok {
		return
	}
	if m.late.has(string(key)) {
		m.settle()
	}
	if m.index != nil {
		m.index.remove(m.index.hash(key), p)
		m.gone = append(m.gone, p)
	}
	m.write().table.remove(string(key))
}

// Ascend yields the entries of r in order.
func (m *Memory) Ascend(r delegation.Range, yield func(marshal.Entry) bool) {
	if from, until, ok := ends(r); ok {
		m.now.table.ascend(from, until, func(p packed) bool { return yield(p.entry()) })
	}
}

// ends returns the keys between which r lies: "" for −∞, which is below every key,
// and "" for +∞. It reports false for a range that is empty.
func ends(r delegation.Range) (from, until string, ok bool) {
	first, _ := r.From.Key()
	end, _ := r.Until.Key()
	return string(first), string(end), !r.Empty()
}

// RemoveRange removes every entry of r.
func (m *Memory) RemoveRange(r delegation.Range) {
	from, until, ok := ends(r)
	if !ok {
		return
	}
	m.settle()
	first := len(m.gone)
	m.write().table.removeRange(from, until, func(run []packed) {
		if m.index != nil {
			m.gone = append(m.gone, run...)
		}
	})
	if m.index != nil {
		m.late.put(append(m.late.memory[:0], m.gone[first:]...), lateRemoved)
	}
}

// Warm has what finds the keys brought into the processor's cache.
func (m *Memory) Warm(keys []delegation.Key) {
	if m.index != nil {
		m.index.warmKeys(keys)
	}
}

// Len is the number of entries.
func (m *Memory) Len() int { return m.now.table.len }

// Commit ends the batch. It returns no Pending: a crash of the process loses a
// Memory, and [Memory.Crash] goes back to here.
func (m *Memory) Commit(c kv.Counters) (Pending, error) {
	if m.opts.Records && m.dirty {
		m.write().records.counters = c
		m.saved, m.owned = m.now, false
	}
	m.dirty = false
	if m.late.is(lateRemoved) {
		m.settle()
	}
	for _, p := range m.gone {
		m.arena.give(p)
	}
	m.gone = m.gone[:0]
	return nil, nil
}

// Load returns the state that the records add up to. Without
// MemoryOptions.Records there is none.
func (m *Memory) Load() (*kv.State, error) {
	if !m.opts.Records {
		return nil, nil
	}
	m.now.cloning.Lock() // the state's map is a clone of the image's
	defer m.now.cloning.Unlock()
	return m.now.records.load(), nil
}

// Room returns what is left of MemoryOptions.LimitBytes.
func (m *Memory) Room() (uint64, error) {
	if m.opts.LimitBytes == 0 {
		return math.MaxUint64, nil
	}
	return m.opts.LimitBytes - min(m.opts.LimitBytes, m.now.table.used), nil
}

// Close does nothing; the store may even be used on.
func (m *Memory) Close() error { return nil }
