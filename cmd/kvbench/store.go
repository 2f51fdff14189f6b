package main

import (
	"context"
	"errors"

	"ironkv/marshal"
)

// Bounds of what can be asked for.
const (
	maxValueBytes = marshal.MaxValueBytes
	maxBatch      = 4096
)

// errMissing says that a store does not have a key that was loaded into it.
var errMissing = errors.New("a loaded key is missing")

// A store is whom a loop asks: ironkv, a peer, or the null server. All of its
// methods may be called from many goroutines.
type store interface {
	// get reads a key that is there.
	get(ctx context.Context, key []byte) error
	set(ctx context.Context, key, value []byte) error
	// batch makes a list of operations that go together; it belongs to one goroutine.
	batch() batch
	// scan reads entries from a key on, or any, where the store has no order; it
	// returns how many.
	scan(ctx context.Context, from []byte, entries int) (int, error)
	// kind names an error in few words, for counting.
	kind(err error) string
	close() error
}

// A batch is a list of operations that go together.
type batch interface {
	get(key []byte)
	set(key, value []byte)
	// do sends what was added, waits for all answers, calls each with every error,
	// and empties the list.
	do(ctx context.Context, each func(error))
}

// commonKind names errors that any store may return.
func commonKind(err error) string {
	switch {
	case errors.Is(err, errMissing):
		return "missing"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "canceled"
	}
	return "other"
}
