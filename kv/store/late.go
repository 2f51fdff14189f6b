package store

import "ironkv/delegation"

// lateBite is how many entries a call of [Memory.Tidy] tells the index of: some 15 µs, about
// what a few requests take, so that nobody who comes meanwhile waits for long.
const lateBite = 64

// A late is a run of entries of which the table knows and the index does not yet: what a chunk of
// a move costs is mostly their places in the index, which are nowhere near each other, and of the
// keys of a chunk next to nobody asks in its first moments. While there is one, its keys are looked
// for in the table; whatever else has to do with them, and the next run, waits until the index is told.
type late struct {
	run  []packed // ascending
	what lateness
	// memory is that of the whole run, to be used again.
	memory []packed
}

type lateness uint8

const (
	lateAdded   lateness = iota // the index lacks them
	lateRemoved                 // it has them, and the commit that follows gives their slots back
	lateFlying                  // it has them, and their slots are a delegate's
)

// has reports whether key is one of the run, or between two of it.
func (l *late) has(key string) bool {
	return len(l.run) > 0 && key >= l.run[0].key() && key <= l.run[len(l.run)-1].key()
}

// is reports whether there is a run that is late in this way.
func (l *late) is(what lateness) bool { return len(l.run) > 0 && l.what == what }

// put makes run the one that is late, where there is none; its memory may be that of the last one.
func (l *late) put(run []packed, what lateness) { l.run, l.memory, l.what = run, run, what }

// Tidy tells the index of a few entries more that it does not know yet, if there are any.
func (m *Memory) Tidy() bool {
	if len(m.late.run) == 0 {
		return false
	}
	m.tellIndex(lateBite)
	return true
}

// settle has nothing late any more.
func (m *Memory) settle() {
	if len(m.late.run) > 0 {
		m.tellIndex(len(m.late.run))
	}
}

// tellIndex tells the index of so many entries, at most.
func (m *Memory) tellIndex(most int) {
	l := &m.late
	n := min(most, len(l.run))
	bite := l.run[:n]
	l.run = l.run[n:]
	if l.what != lateAdded {
		m.index.removeAll(bite)
	} else if !m.index.insertAll(bite) {
		m.share()
		return
	}
	clear(bite)
}

// find returns key's entry.
func (m *Memory) find(key delegation.Key) (packed, bool) {
	if m.index == nil || m.late.has(string(key)) {
		return m.now.table.get(string(key))
	}
	if r := m.index.find(m.index.hash(key), key); r != nil {
		return r.packed(), true
	}
	return packed{}, false
}
