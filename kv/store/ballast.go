package store

import (
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// ballastFile is the name of the ballast in a data directory.
const ballastFile = "BALLAST"

// A ballast is a file that only takes room. It is released when the disk is full
// all the same (the host refuses writes long before; something else filled the
// disk), so that what was accepted can still be written and the host can go on
// to refuse, to read, and to give shards away.
type ballast struct {
	fs    vfs.FS // without the fence
	path  string
	bytes int64
	// free returns the room left on the disk, in bytes.
	free func() (uint64, error)

	mu   sync.Mutex
	held bool
}

// release gives the ballast's room free; false if there is none to give.
func (b *ballast) release() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.held {
		return false
	}
	b.held = false
	return b.fs.Remove(b.path) == nil
}

// restore takes the room, where three times as much would be left.
func (b *ballast) restore() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held || b.bytes == 0 {
		return nil
	}
	free, err := b.free()
	if err != nil || free < 4*uint64(b.bytes) {
		return err
	}
	file, err := b.fs.Create(b.path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("create %s: %w", b.path, err)
	}
	err = file.Preallocate(0, b.bytes)
	if errors.Is(err, errors.ErrUnsupported) {
		_, err = file.Write(make([]byte, b.bytes))
	}
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return errors.Join(fmt.Errorf("fill %s: %w", b.path, err), b.fs.Remove(b.path))
	}
	b.held = true
	return nil
}

// drop removes a ballast that an earlier process left, so that restore sees the
// room as it is now.
func (b *ballast) drop() error {
	if err := b.fs.Remove(b.path); err != nil && !oserror.IsNotExist(err) {
		return fmt.Errorf("remove %s: %w", b.path, err)
	}
	return nil
}

// diskFree returns the room that is left for this user where dir is.
func diskFree(fs vfs.FS, dir string) func() (uint64, error) {
	return func() (uint64, error) {
		usage, err := fs.GetDiskUsage(dir)
		if errors.Is(err, vfs.ErrUnsupported) {
			return math.MaxUint64, nil
		}
		if err != nil {
			return 0, fmt.Errorf("how much room %s has: %w", dir, err)
		}
		return usage.AvailBytes, nil
	}
}
