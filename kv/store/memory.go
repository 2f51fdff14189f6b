package store

import (
	"math"
	"sync"

	"github.com/google/btree"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

const (
	// memoryOverheadBytes is what an entry is taken to cost beyond its key and
	// value, in bytes: what TestBytesPerEntry holds it to.
	memoryOverheadBytes = 64
	// tableDegree is the least number of children of a node of the table's tree;
	// a node has room for 2*tableDegree-1 entries of 8 bytes. Measured with
	// BenchmarkGet and BenchmarkPut at a million entries.
	tableDegree = 32
	// recordsDegree is the same for the tree of records, which are few.
	recordsDegree = 8
)

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

// Memory is a store in memory: entries in a google/btree, and beside it an index
// by which single keys are found.
//
// An entry that Get or Ascend has returned keeps its content until its key is
// next put; it does so for good in a store with MemoryOptions.Records, and in one
// that has been cloned. Those have no index, and never change an entry in place.
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
	// scratch is for probes, hashes for warming: of a single call.
	scratch []byte
	hashes  []uint64
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
	table   *btree.BTreeG[packed]
	used    uint64 // sum of packed.size over table
	records fold
}

func (i *image) clone() *image {
	i.cloning.Lock()
	defer i.cloning.Unlock()
	return &image{table: i.table.Clone(), used: i.used, records: i.records.clone()}
}

// NewMemory returns an empty store.
func NewMemory(opts MemoryOptions) *Memory {
	if opts.Window == 0 {
		opts.Window = kv.DefaultWindow
	}
	m := &Memory{opts: opts, now: &image{table: btree.NewG(tableDegree, packedLess)}, owned: true}
	if opts.Records {
		m.now.records = newFold(opts.Window)
		m.saved, m.owned = m.now, false
	} else {
		m.index = newIndex()
	}
	return m
}

// Clone returns a store with the same content, committed and not, in constant
// time: the two copy a piece of what they share when they first change it.
func (m *Memory) Clone() *Memory {
	m.owned, m.index = false, nil
	c := *m
	c.scratch, c.hashes = nil, nil
	return &c
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

// probe returns what finds key in the tree, until the next call.
func (m *Memory) probe(key delegation.Key) packed {
	if m.scratch == nil {
		m.scratch = make([]byte, keyAt+delegation.MaxKeyBytes)
	}
	return probe(m.scratch, string(key))
}

// Get returns key's entry, without allocating. Its value may not be changed.
func (m *Memory) Get(key delegation.Key) (marshal.Entry, bool) {
	if m.index != nil {
		if p := m.index.find(m.index.hash(key), key); p != nil {
			return p.entry(), true
		}
		return marshal.Entry{}, false
	}
	p, ok := m.now.table.Get(m.probe(key))
	if !ok {
		return marshal.Entry{}, false
	}
	return p.entry(), true
}

// Put inserts or replaces.
func (m *Memory) Put(e marshal.Entry) {
	w := m.write()
	if m.index == nil {
		w.replace(pack(e))
		return
	}
	hash := m.index.hash(e.Key)
	p := m.index.find(hash, e.Key)
	if p == nil {
		added := pack(e)
		w.replace(added)
		if !m.index.insert(hash, added) {
			m.index = nil
		}
		return
	}
	size := p.size()
	if p.overwrite(e) {
		w.used += p.size() - size // may wrap around, and back
		return
	}
	*p = pack(e)
	w.replace(*p)
}

// replace puts p into the table, in the place of what its key had.
func (i *image) replace(p packed) {
	if old, replaced := i.table.ReplaceOrInsert(p); replaced {
		i.used -= old.size()
	}
	i.used += p.size()
}

// Delete removes key's entry, if there is one.
func (m *Memory) Delete(key delegation.Key) {
	p, ok := m.now.table.Get(m.probe(key))
	if ok {
		m.remove(p)
	}
}

// remove removes p, which is in the table.
func (m *Memory) remove(p packed) {
	w := m.write()
	if m.index != nil {
		m.index.remove(m.index.hash(delegation.Key(p.key())), p)
	}
	w.table.Delete(p)
	w.used -= p.size()
}

// Ascend yields the entries of r in order.
func (m *Memory) Ascend(r delegation.Range, yield func(marshal.Entry) bool) {
	m.now.ascend(r, func(p packed) bool { return yield(p.entry()) })
}

func (i *image) ascend(r delegation.Range, yield func(packed) bool) {
	if r.Empty() {
		return
	}
	from, _ := r.From.Key() // "" for −∞, which lies below every key
	until, bounded := r.Until.Key()
	if bounded {
		i.table.AscendRange(probe(nil, string(from)), probe(nil, string(until)), yield)
		return
	}
	i.table.AscendGreaterOrEqual(probe(nil, string(from)), yield)
}

// RemoveRange removes every entry of r.
func (m *Memory) RemoveRange(r delegation.Range) {
	var doomed []packed
	var keys []delegation.Key
	m.now.ascend(r, func(p packed) bool {
		doomed, keys = append(doomed, p), append(keys, delegation.Key(p.key()))
		return true
	})
	m.Warm(keys)
	for _, p := range doomed {
		m.remove(p)
	}
}

// Warm has what finds the keys brought into the processor's cache.
func (m *Memory) Warm(keys []delegation.Key) {
	if m.index == nil {
		return
	}
	m.hashes = m.hashes[:0]
	for _, k := range keys {
		m.hashes = append(m.hashes, m.index.hash(k))
	}
	m.index.warm(m.hashes)
}

// Len is the number of entries.
func (m *Memory) Len() int { return m.now.table.Len() }

// Commit ends the batch. It returns no Pending: a crash of the process loses a
// Memory, and [Memory.Crash] goes back to here.
func (m *Memory) Commit(c kv.Counters) (Pending, error) {
	if m.opts.Records && m.dirty {
		m.write().records.counters = c
		m.saved, m.owned = m.now, false
	}
	m.dirty = false
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
	return m.opts.LimitBytes - min(m.opts.LimitBytes, m.now.used), nil
}

// Close does nothing; the store may even be used on.
func (m *Memory) Close() error { return nil }
