package marshal

import (
	"bytes"
	"slices"
)

// Clone returns a message that is equal to m and shares no memory with it, nor
// with the datagram that m was decoded from. It panics where m is nil.
func Clone(m Message) Message { return m.clone() }

// Clone returns an entry that shares no memory with e.
func (e Entry) Clone() Entry {
	return Entry{Key: e.Key.Clone(), Value: bytes.Clone(e.Value), Version: e.Version}
}

// Clone returns a delegate that shares no memory with d.
func (d *Delegate) Clone() Delegate {
	return Delegate{Range: d.Range.Clone(), Clock: d.Clock, Entries: cloneEntries(d.Entries)}
}

func cloneEntries(entries []Entry) []Entry {
	c := slices.Clone(entries)
	for i := range c {
		c[i] = c[i].Clone()
	}
	return c
}

// flat copies a message that refers to no memory.
func flat[T any](m *T) *T {
	c := *m
	return &c
}
