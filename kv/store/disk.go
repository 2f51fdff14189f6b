package store

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"ironkv/delegation"
	"ironkv/kv"
)

// Disk is a store in a directory: a Pebble database, see doc.go for its layout.
type Disk struct {
	db      *pebble.DB
	lock    *pebble.Lock
	fault   *fault
	ballast *ballast
	witness *witness
	// headroom is the room that Pebble needs beyond what is written to it.
	headroom uint64
	// slots is how many answers of a session are kept; see appendAnswerKey.
	slots uint64
	// owners is what the boundaries on the disk add up to with the changes of
	// this batch; nil until the first SetIdentity or Assign.
	owners *delegation.Map

	// table has the changes of entries since the last commit, indexed so that
	// they are read; records has all other changes, which nobody reads.
	table, records *pebble.Batch
	key, value     []byte // scratch
}

var _ Store = (*Disk)(nil)

// OpenDisk opens the store in dir, which it makes if need be, for the host id.
//
// It fails with [ErrLocked] where the directory is open already, with
// [ErrWrongDirectory] and both names where it is another host's or cluster's, or
// lies within a host's, with [ErrFormat], with [ErrCorrupt], and with [ErrFailed]
// or [ErrFull] where the disk does not do what it should. The messages say what
// to do.
func OpenDisk(dir string, id DirIdentity, opts DiskOptions) (_ *Disk, err error) {
	fs := opts.FS
	if fs == nil {
		fs = vfs.Default
		if dir, err = filepath.Abs(dir); err != nil { // locks go by name
			return nil, fmt.Errorf("%w: %w", ErrWrongDirectory, err)
		}
	}
	if err := checkParents(fs, dir); err != nil {
		return nil, err
	}
	if err := fs.MkdirAll(dir, directoryMode); err != nil {
		return nil, unusable("make "+dir, err)
	}
	if _, err := leftovers(fs, dir); errors.Is(err, ErrWrongDirectory) { // before there is a file LOCK in it
		return nil, err
	}
	lock, err := lockDirectory(fs, dir)
	if err != nil {
		return nil, err
	}
	opts = opts.withDefaults(fs, dir)
	d := &Disk{lock: lock, fault: newFault(), headroom: headroomMemTables * opts.MemTableBytes,
		ballast: &ballast{fs: fs, path: fs.PathJoin(dir, ballastFile), bytes: opts.BallastBytes, free: opts.Free},
		witness: newWitness(fs, dir)}
	if err := d.open(fs, dir, id, opts); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func lockDirectory(fs vfs.FS, dir string) (*pebble.Lock, error) {
	lock, err := pebble.LockDirectory(dir, fs)
	var system interface{ Timeout() bool } // os.PathError: the file LOCK itself cannot be opened
	if errors.As(err, &system) && !system.Timeout() {
		return nil, unusable("lock "+dir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s is open in another process, or twice in this one (%w): a host runs once",
			ErrLocked, dir, err)
	}
	return lock, nil
}

func (d *Disk) open(fs vfs.FS, dir string, id DirIdentity, opts DiskOptions) error {
	claimed, err := d.check(fs, dir, id)
	if err != nil {
		return err
	}
	if err := errors.Join(d.ballast.drop(), d.ballast.restore()); err != nil {
		return classify("ballast of "+dir, err)
	}
	if err := d.witness.begin(); err != nil {
		return err
	}
	fenced := &fence{FS: fs, down: newFault(), store: d.fault, ballast: d.ballast, witness: d.witness}
	po := opts.pebble(fenced, d.fault)
	po.Lock = d.lock
	if d.db, err = openUnless(d.fault, func() (*pebble.DB, error) { return openDatabase(dir, po) }); err != nil {
		if fault := d.fault.err(); fault != nil {
			return fault
		}
		return openError(po, dir, err)
	}
	d.table, d.records = d.db.NewIndexedBatch(), d.db.NewBatch()
	if claimed {
		return d.prepare(uint64(opts.Window))
	}
	if err := writeIdentity(fs, dir, id); err != nil {
		return classify("make "+dir, err)
	}
	// The first log of a database is of an older kind, which checkNewestLog can
	// say nothing about. A flush starts the next.
	if err := d.prepare(uint64(opts.Window)); err != nil {
		return err
	}
	return d.flush()
}

// openDatabase opens Pebble, which panics instead of returning an error over some
// damaged tables.
func openDatabase(dir string, po *pebble.Options) (db *pebble.DB, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the database panics: %v", p)
		}
	}()
	return pebble.Open(dir, po)
}

// check looks at whose the directory is, and whether its list of files is whole.
func (d *Disk) check(fs vfs.FS, dir string, id DirIdentity) (claimed bool, err error) {
	if claimed, err = checkIdentity(fs, dir, id); err != nil {
		return false, err
	}
	if !claimed {
		return false, clearUnclaimed(fs, dir)
	}
	desc, err := pebble.Peek(dir, fs)
	if err != nil {
		return false, openError(nil, dir, err)
	}
	found, err := d.witness.read()
	switch {
	case err != nil:
		return false, err
	case !found:
		return false, corrupt(d.witness.path, errMissing)
	case !desc.Exists:
		return false, corrupt(fs.PathJoin(dir, "marker.manifest.*"), errMissing)
	case desc.FormatMajorVersion == pebble.FormatDefault:
		return false, corrupt(fs.PathJoin(dir, "marker.format-version.*"), errMissing)
	}
	if err := d.witness.check(desc.ManifestFilename); err != nil {
		return false, err
	}
	return true, checkNewestLog(fs, dir)
}

// openError says of Pebble's refusal what kind it is, and of which file. One that cannot
// be made sense of, or is missing, is a corruption, also where Pebble does not say so.
// po is nil where Pebble only looked for its markers.
func openError(po *pebble.Options, dir string, err error) error {
	var system interface{ Timeout() bool } // os.PathError, syscall.Errno: the system said it
	if errors.As(err, &system) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return classify("open "+dir, err)
	}
	if m := missingTable.FindStringSubmatch(err.Error()); m != nil {
		return corrupt(filepath.Join(dir, m[1]+".sst"), errMissing)
	}
	if po != nil {
		if path := damagedOptions(po, dir); path != "" {
			return fmt.Errorf("%w: %s: %w; repair the disk, then remove this file: it holds nothing that was written to the host, "+
				"and the database makes a new one", ErrCorrupt, path, err)
		}
	}
	return corrupt(dir, err)
}

// missingTable is how Pebble says that a table is not there.
var missingTable = regexp.MustCompile(`file ([0-9]+) \(type sstable\) unknown`)

// damagedOptions returns the path of the file in which Pebble noted its options, if it
// is that which Pebble cannot make sense of.
func damagedOptions(po *pebble.Options, dir string) string {
	desc, err := pebble.Peek(dir, po.FS)
	if err != nil || desc.OptionsFilename == "" {
		return ""
	}
	file, err := po.FS.Open(desc.OptionsFilename)
	if err != nil {
		return ""
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(file)
	complete := po.Clone() // with the names that it would be compared with
	complete.EnsureDefaults()
	if err != nil || complete.CheckCompatibility(dir, string(text)) == nil {
		return ""
	}
	return desc.OptionsFilename
}

// Commit ends the batch.
func (d *Disk) Commit(c kv.Counters) (Pending, error) {
	if err := d.fault.err(); err != nil {
		return nil, fmt.Errorf("commit of step %d: %w", c.Step, err)
	}
	if d.table.Empty() && d.records.Empty() {
		return nil, nil
	}
	d.setRecord(append(d.key[:0], prefixCounters), appendCounters(d.value[:0], c))
	if !d.table.Empty() {
		if err := d.records.Apply(d.table, nil); err != nil {
			return nil, d.fail("commit", err)
		}
		d.table.Reset()
	}
	batch := d.records
	d.records = d.db.NewBatch()
	if err := d.db.ApplyNoSyncWait(batch, pebble.Sync); err != nil {
		return nil, d.fail("commit", err)
	}
	// Where Pebble gave up, it told the fault, and nobody would wake who waits.
	if err := d.fault.err(); err != nil {
		return nil, fmt.Errorf("commit of step %d: %w", c.Step, err)
	}
	return &diskPending{batch: batch, fault: d.fault, step: c.Step}, nil
}

// A diskPending waits for the sync of the log behind its batch.
type diskPending struct {
	batch *pebble.Batch
	fault *fault
	step  uint64
}

// Wait waits for the sync. That the log says it is done is half of the answer:
// see fence.
func (p *diskPending) Wait() error {
	err := p.batch.SyncWait()
	if fault := p.fault.err(); fault != nil {
		return fmt.Errorf("sync of step %d: %w", p.step, fault)
	}
	if err = errors.Join(err, p.batch.Close()); err != nil {
		return fmt.Errorf("sync of step %d: %w", p.step, p.fault.note(classify("log", err)))
	}
	return nil
}

// fail notes an error, which sticks.
func (d *Disk) fail(what string, err error) error { return d.fault.note(classify(what, err)) }

// Warm does nothing: blocks are read when they are needed.
func (d *Disk) Warm([]delegation.Key) {}

// Tidy does nothing: Pebble tidies up by itself.
func (d *Disk) Tidy() bool { return false }

// Room returns what is free on the disk beyond what Pebble needs to work: its
// logs, and the tables that it makes of them. The ballast, once released, is
// taken again as soon as there is room in plenty.
func (d *Disk) Room() (uint64, error) {
	if err := d.ballast.restore(); err != nil {
		return 0, classify("ballast", err)
	}
	free, err := d.ballast.free()
	if err != nil {
		return 0, classify("room", err)
	}
	return free - min(free, d.headroom), nil
}

// flush writes what is in memory into tables, unless the disk fails meanwhile.
func (d *Disk) flush() error {
	flushed, err := d.db.AsyncFlush()
	if err != nil {
		return err
	}
	select {
	case <-flushed:
	case <-d.fault.noted:
	}
	return nil
}

// Close writes what is in memory into tables and closes the database. It returns
// nil for a store that has failed: what it had to say, Commit said.
func (d *Disk) Close() error {
	var err error
	if d.db != nil {
		if d.table != nil {
			err = errors.Join(d.table.Close(), d.records.Close())
		}
		if d.fault.err() == nil {
			err = errors.Join(err, d.flush())
		}
		err = errors.Join(err, d.db.Close())
	}
	d.witness.close()
	err = errors.Join(err, d.lock.Close())
	if err != nil && d.fault.err() == nil {
		return classify("close", err)
	}
	return nil
}
