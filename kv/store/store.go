package store

import (
	"ironkv/delegation"
	"ironkv/kv"
)

// A Store is what drives a host's memory: [kv.Store] is the machine's side of
// it, the rest is its loop's.
type Store interface {
	kv.Store
	// Load returns the state that the records add up to; nil and nil for a store
	// that has none. The caller owns it and may change it.
	Load() (*kv.State, error)
	// Commit ends the batch: everything since the last Commit, atomically, and
	// with it the counters. Reads see it at once; it is durable when Wait of the
	// Pending returns nil. A nil Pending says that there is nothing to wait for:
	// nothing was written (then the counters are not kept either, so reading
	// costs no sync), or the store does not outlive its process.
	Commit(c kv.Counters) (Pending, error)
	// Warm tells the store which keys are about to be asked for, so that it can
	// wait for the memory of all of them at once. It changes nothing.
	Warm(keys []delegation.Key)
	// Tidy does a few microseconds of what the store has put off, and reports whether
	// there was any. It changes nothing that can be read. Who has nothing else to do
	// calls it again and again; what nobody calls it for is done when it is needed.
	Tidy() bool
	// Room returns how many bytes of entries ([marshal.Entry.Size]) the store can
	// still take in, [math.MaxUint64] where it has no limit.
	Room() (uint64, error)
	// Close ends the use of the store. What was committed stays; a batch that
	// was not is dropped. Every Pending has to be waited for before.
	Close() error
}

// A Pending is a batch on its way to the disk.
type Pending interface {
	// Wait returns nil when the batch is durable. It is called once, from any
	// goroutine.
	Wait() error
}
