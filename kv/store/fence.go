package store

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Pebble starts flushes and compactions that fail again at once; so they fail
// after a pause: fullPause where a compaction finds the disk full, downPause where
// the fence is down, and it is a matter of moments until the store is closed.
//
// openPause is how long opening the database may go on behind a fence that is down.
const (
	fullPause = time.Second
	downPause = 10 * time.Millisecond
	openPause = time.Second
)

// logSyncs is after how many syncs of a log the witness writes down, durably, how far
// it was synced: a hundredth of the syncs more, and so many can be cut off a newest
// log before it is known from what a crash of the machine leaves.
const logSyncs = 128

// A fence stands between Pebble and the file system. Pebble ends the process
// when its log or manifest cannot be written; a fence lets it go on in memory,
// where it may do what it likes: after the first failed sync or write nothing
// changes on the disk any more. So a failure is to the disk what a crash is, no
// failed sync is tried again, and the host stops in its own way.
//
// Logs, for whose failures Pebble panics with a lock in its hand, are lied about:
// to Pebble their writes and syncs succeed for ever, and whoever waits for a sync
// asks the store's fault besides (diskPending.Wait).
//
// A full disk gets one more try after the ballast is released. Compactions, which
// can wait, may fail for lack of room without being a fault.
//
// It keeps the witness, too.
type fence struct {
	vfs.FS
	// down is the first failure to change the disk; nothing changes after it.
	down *fault
	// store is the fault of the store as a whole.
	store   *fault
	ballast *ballast
	witness *witness
}

// fail takes the fence down.
func (f *fence) fail(what, name string, err error) error {
	return f.store.note(f.down.note(classify(what+" "+name, err)))
}

// change does what changes the disk, unless the fence is down, and notes its
// error. A full disk is tried twice.
func (f *fence) change(what, name string, category vfs.DiskWriteCategory, do func() error) error {
	if err := f.down.err(); err != nil {
		return err
	}
	err := do()
	if vfs.IsNoSpaceError(err) && f.ballast.release() {
		err = do()
	}
	switch {
	case err == nil:
		return nil
	case vfs.IsNoSpaceError(err) && strings.Contains(string(category), "compaction"):
		time.Sleep(fullPause)
		return err
	}
	return f.fail(what, name, err)
}

// openUnless opens the database, or gives up on the fault: behind a fence that is
// down Pebble would wait for ever for what its logs hold to be flushed, trying
// again and again. What is given up changes nothing on the disk any more; it
// keeps its goroutine, and the lock of the directory, until the process ends.
func openUnless(f *fault, open func() (*pebble.DB, error)) (*pebble.DB, error) {
	type opened struct {
		db  *pebble.DB
		err error
	}
	done := make(chan opened, 1)
	go func() {
		db, err := open()
		done <- opened{db, err}
	}()
	select {
	case o := <-done:
		return o.db, o.err
	case <-f.noted:
	}
	select {
	case o := <-done: // as a rule Pebble says so, too, and closes what it opened
		return o.db, o.err
	case <-time.After(openPause):
		return nil, f.err()
	}
}

func (f *fence) wrap(name string, category vfs.DiskWriteCategory, file vfs.File) vfs.File {
	w := &fencedFile{File: file, fence: f, name: name, category: category, silent: isLog(name)}
	switch {
	case isManifest(name):
		w.sum, w.testifyEvery = new(fileSum), 1
	case isLog(name):
		w.sum, w.testifyEvery = new(fileSum), logSyncs
	}
	return w
}

// newLog returns a log for writing, or, where it could not be made, one that is
// nowhere.
func (f *fence) newLog(name string, category vfs.DiskWriteCategory, file vfs.File, err error) (vfs.File, error) {
	if err == nil {
		f.witness.created(name)
		return f.wrap(name, category, file), nil
	}
	nowhere, failed := vfs.NewMem().Create("log", category)
	if failed != nil {
		return nil, err
	}
	return f.wrap(name, category, nowhere), nil
}

// settle syncs the directory of a marker that is about to be created or removed:
// the new marker may not be there without what it names, and the old one not be
// gone without the new one, which Pebble leaves to the file system.
func (f *fence) settle(name string) error {
	if !isMarker(name) {
		return nil
	}
	if err := f.down.err(); err != nil {
		return err
	}
	dir := f.PathDir(name)
	if err := syncDirectory(f.FS, dir); err != nil {
		return f.fail("sync", dir, err)
	}
	return nil
}

// Create creates a file for writing.
func (f *fence) Create(name string, category vfs.DiskWriteCategory) (file vfs.File, err error) {
	if err := f.settle(name); err != nil {
		time.Sleep(downPause)
		return nil, err
	}
	err = f.change("create", name, category, func() (err error) {
		file, err = f.FS.Create(name, category)
		return err
	})
	if isLog(name) {
		return f.newLog(name, category, file, err)
	}
	if err != nil {
		time.Sleep(downPause)
		return nil, err
	}
	return f.wrap(name, category, file), nil
}

// OpenReadWrite opens a file for writing.
func (f *fence) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (file vfs.File, err error) {
	err = f.change("open", name, category, func() (err error) {
		file, err = f.FS.OpenReadWrite(name, category, opts...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return f.wrap(name, category, file), nil
}

// ReuseForWrite makes a log of an old one.
func (f *fence) ReuseForWrite(old, name string, category vfs.DiskWriteCategory) (file vfs.File, err error) {
	err = f.change("reuse", old, category, func() (err error) {
		if err := f.witness.removed(old); err != nil {
			return err
		}
		file, err = f.FS.ReuseForWrite(old, name, category)
		return err
	})
	return f.newLog(name, category, file, err)
}

// OpenDir opens a directory for syncing.
func (f *fence) OpenDir(name string) (vfs.File, error) {
	file, err := f.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &fencedFile{File: file, fence: f, name: name, directory: true, silent: true}, nil
}

// Remove removes a file. That it is not there is no fault.
func (f *fence) Remove(name string) error {
	if err := f.down.err(); err != nil {
		return err
	}
	if err := f.settle(name); err != nil {
		return err
	}
	if err := f.witness.removed(name); err != nil {
		return f.fail("remove", name, err)
	}
	return f.FS.Remove(name)
}

// RemoveAll removes a file, or a directory and what is in it.
func (f *fence) RemoveAll(name string) error {
	if err := f.down.err(); err != nil {
		return err
	}
	return f.FS.RemoveAll(name)
}

// Rename renames a file.
func (f *fence) Rename(old, name string) error {
	return f.change("rename", old, "", func() error { return f.FS.Rename(old, name) })
}

// Link links a file.
func (f *fence) Link(old, name string) error {
	return f.change("link", old, "", func() error { return f.FS.Link(old, name) })
}

// MkdirAll makes a directory.
func (f *fence) MkdirAll(dir string, perm os.FileMode) error {
	return f.change("make directory", dir, "", func() error { return f.FS.MkdirAll(dir, perm) })
}

// Unwrap returns the file system below.
func (f *fence) Unwrap() vfs.FS { return f.FS }

// A fencedFile is a file that was opened through a fence to be written or synced.
type fencedFile struct {
	vfs.File
	fence    *fence
	name     string
	category vfs.DiskWriteCategory
	sum      *fileSum // of a manifest or log; else nil
	// syncs counts those of a file with a sum; the witness is told of every so
	// many.
	syncs, testifyEvery int
	// directory says that the file is the data directory.
	directory bool
	// silent says that failures are noted, but not told: of logs, and of the
	// directory, which is synced when a log is made.
	silent bool
}

// tell returns what Pebble is told of an error.
func (f *fencedFile) tell(err error) error {
	if f.silent {
		return nil
	}
	return err
}

// Write appends p; the second try of a full disk goes on where the first ended.
func (f *fencedFile) Write(p []byte) (n int, err error) {
	var sum fileSum
	if f.sum != nil {
		sum = *f.sum
		sum.add(p) // now: a file may change what it is given to write
	}
	err = f.fence.change("write", f.name, f.category, func() error {
		m, err := f.File.Write(p[n:])
		n += m
		if err == nil && n < len(p) {
			return io.ErrShortWrite
		}
		return err
	})
	if err == nil && f.sum != nil {
		*f.sum = sum
	}
	if f.silent {
		return len(p), nil
	}
	return n, err
}

// WriteAt writes p at an offset.
func (f *fencedFile) WriteAt(p []byte, at int64) (n int, err error) {
	err = f.fence.change("write", f.name, f.category, func() (err error) {
		n, err = f.File.WriteAt(p, at)
		return err
	})
	return n, err
}

// sync does a sync of any kind, and never again after one has failed: what it
// left on the disk nobody knows.
func (f *fencedFile) sync(do func() error) error {
	if err := f.fence.down.err(); err != nil {
		return err
	}
	if err := do(); err != nil {
		return f.fence.fail("sync", f.name, err)
	}
	return nil
}

// testify tells the witness of what was just synced.
func (f *fencedFile) testify(err error) error {
	switch {
	case err != nil:
		return f.tell(err)
	case f.directory:
		err = f.fence.witness.directorySynced()
	case f.sum != nil:
		if f.syncs++; f.syncs%f.testifyEvery == 0 {
			err = f.fence.witness.synced(f.name, *f.sum)
		} else {
			err = f.fence.witness.logSynced(f.name, *f.sum)
		}
	}
	if err != nil {
		return f.tell(f.fence.fail("write", f.fence.witness.path, err))
	}
	return nil
}

// Sync makes data and metadata durable.
func (f *fencedFile) Sync() error { return f.testify(f.sync(f.File.Sync)) }

// SyncData makes data durable.
func (f *fencedFile) SyncData() error { return f.testify(f.sync(f.File.SyncData)) }

// Close closes the file. Pebble syncs a log before it does.
func (f *fencedFile) Close() error {
	if f.sum != nil && isLog(f.name) && f.fence.down.err() == nil {
		f.fence.witness.logClosed(f.name, *f.sum)
	}
	return f.File.Close()
}

// SyncTo starts making a prefix durable.
func (f *fencedFile) SyncTo(length int64) (full bool, err error) {
	err = f.sync(func() (err error) {
		full, err = f.File.SyncTo(length)
		return err
	})
	return full, f.tell(err)
}

// Preallocate reserves room; it is a wish, so that there is none is no error.
func (f *fencedFile) Preallocate(offset, length int64) error {
	if err := f.fence.down.err(); err != nil {
		return err
	}
	err := f.File.Preallocate(offset, length)
	if vfs.IsNoSpaceError(err) || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}

// isMarker reports whether name is that of a file which names another.
func isMarker(name string) bool { return strings.HasPrefix(filepath.Base(name), "marker.") }

func isManifest(name string) bool { return strings.HasPrefix(filepath.Base(name), "MANIFEST-") }

// isLog reports whether name is a write-ahead log's.
func isLog(name string) bool { return strings.HasSuffix(name, ".log") }
