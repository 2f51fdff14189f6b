package store

import (
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// What can be wrong with a disk. Every error of this package wraps one of them.
var (
	// ErrLocked says that another process, or another Disk of this one, has the
	// directory open.
	ErrLocked = errors.New("data directory in use")
	// ErrWrongDirectory says that a directory belongs to another host or another
	// cluster, holds something else altogether, or cannot be one.
	ErrWrongDirectory = errors.New("wrong data directory")
	// ErrFormat says that the directory was written in another format.
	ErrFormat = errors.New("data directory of another format")
	// ErrCorrupt says that what is on the disk is not what was written there.
	ErrCorrupt = errors.New("data directory corrupted")
	// ErrFull says that the disk had no room left, not even the ballast.
	ErrFull = errors.New("disk full")
	// ErrFailed says that reading, writing or syncing failed, so that the store
	// cannot say any more what is durable.
	ErrFailed = errors.New("disk failed")
)

// A fault is the first error of a store, from whichever goroutine; it stays.
type fault struct {
	first atomic.Pointer[error]
	noted chan struct{} // closed when there is one
}

func newFault() *fault { return &fault{noted: make(chan struct{})} }

// note keeps err if it is the first, and returns the one that is kept.
func (f *fault) note(err error) error {
	if f.first.CompareAndSwap(nil, &err) {
		close(f.noted)
	}
	return *f.first.Load()
}

// err returns the error that is kept, or nil.
func (f *fault) err() error {
	if p := f.first.Load(); p != nil {
		return *p
	}
	return nil
}

// classify wraps an error of the disk in the sentinel that names its kind.
func classify(what string, err error) error {
	for _, known := range []error{ErrLocked, ErrWrongDirectory, ErrFormat, ErrCorrupt, ErrFull, ErrFailed} {
		if errors.Is(err, known) {
			return err
		}
	}
	switch {
	case pebble.IsCorruptionError(err):
		return corrupt(what, err)
	case vfs.IsNoSpaceError(err):
		return fmt.Errorf("%w: %s: %w; make room and start the host again, nothing acknowledged is lost", ErrFull, what, err)
	}
	return fmt.Errorf("%w: %s: %w; check the disk, then start the host again: it goes on from what is durable",
		ErrFailed, what, err)
}

// unusable is classify for what is done to a directory before anything is in it: it may
// just be no place for one.
func unusable(what string, err error) error {
	for _, no := range []error{fs.ErrPermission, fs.ErrNotExist, syscall.ENOTDIR, syscall.EROFS} {
		if errors.Is(err, no) {
			return fmt.Errorf("%w: %s: %w; give a directory that this user may make, or write to", ErrWrongDirectory, what, err)
		}
	}
	return classify(what, err)
}

// corrupt says that what (a file or a record) is damaged, and how.
func corrupt(what string, err error) error {
	return fmt.Errorf("%w: %s: %w; the host must not go on from it, nor from an older copy of the directory, which lacks "+
		"writes that were acknowledged: repair the disk, then fill a fresh cluster from a backup with kvctl restore", ErrCorrupt, what, err)
}
