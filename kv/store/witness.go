package store

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"sync"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// witnessFile is the name of the witness in a data directory.
const witnessFile = "WITNESS"

// The witness's file has two places that are written in turn, so that one of
// them is whole at any time, and behind both of them the same again, so that a
// damaged testimony is known from a torn one and its copy is used. After them comes
// the place of the note. A place holds checksum, length, and what it is about in JSON.
const (
	witnessSlotBytes   = 32 << 10
	witnessSlots       = 2
	witnessCopies      = 2
	witnessHeaderBytes = 8
	noteAt             = witnessCopies * witnessSlots * witnessSlotBytes
	noteBytes          = 512 // a sector: written whole, or not at all
	// witnessReadBytes is how much of a file is read at once to be summed up.
	witnessReadBytes = 256 << 10
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A witness knows what Pebble does not check when it opens: that the manifest,
// the list of the tables, is as long as it was and unchanged (Pebble takes a
// damaged record for the end of the list, and forgets and deletes the tables
// that follow), that no log is missing, that the logs that were closed are
// whole (Pebble takes one that ends between two records for that), and that the
// newest one has at least what was in it some syncs ago. It writes down what was
// synced before anything is done that relies on it. That costs a sync for each
// change of the set of tables or logs, and one for [logSyncs] syncs of a log.
//
// Each sync of a log besides is noted, without a sync: that is there when the process
// was killed, so that the least cut in what it had synced is known. When the machine
// has crashed it may be an earlier note, and the last syncs may be cut off.
type witness struct {
	fs   vfs.FS
	path string

	mu        sync.Mutex
	file      vfs.File // nil until begin
	testimony testimony
	note      note
	newLogs   []string           // created since the directory was last synced
	closed    map[string]fileSum // logs closed since the last writing
}

// A testimony is what the witness wrote down.
type testimony struct {
	Generation uint64 // counts the writings
	// Manifests by name: that many bytes, with that checksum, were synced.
	Manifests map[string]fileSum
	// Logs that were created and not removed, by name, ascending.
	Logs []string
	// Sums of logs by name: that many bytes, with that checksum, were synced; of a
	// log that was closed, all.
	Sums map[string]fileSum
}

// A note says of one log what was synced to it.
type note struct {
	Log string
	Sum fileSum
}

// A fileSum is the length and checksum of a file's bytes so far.
type fileSum struct {
	Bytes int64
	CRC32 uint32
}

func (s *fileSum) add(p []byte) {
	s.Bytes += int64(len(p))
	s.CRC32 = crc32.Update(s.CRC32, castagnoli, p)
}

func newWitness(fs vfs.FS, dir string) *witness {
	return &witness{fs: fs, path: fs.PathJoin(dir, witnessFile),
		testimony: testimony{Manifests: map[string]fileSum{}, Sums: map[string]fileSum{}}, closed: map[string]fileSum{}}
}

// read takes up the testimony of the file. It reports false where there is no file.
func (w *witness) read() (bool, error) {
	file, err := w.fs.Open(w.path)
	if oserror.IsNotExist(err) {
		return false, nil
	}
	if err != nil {
		return false, classify("open "+w.path, err)
	}
	defer func() { _ = file.Close() }()
	b, err := io.ReadAll(file)
	if err != nil {
		return false, classify("read "+w.path, err)
	}
	found := false
	for slot := range witnessCopies * witnessSlots {
		t, err := parseTestimony(b, slot)
		if err == nil && t.Generation >= w.testimony.Generation {
			w.testimony, found = t, true
		}
	}
	if !found {
		return false, corrupt(w.path, errors.New("none of its places is readable"))
	}
	if readPlace(b, noteAt, noteBytes, &w.note) != nil {
		w.note = note{} // it never was written, or is torn
	}
	return true, nil
}

func parseTestimony(b []byte, slot int) (testimony, error) {
	t := testimony{Manifests: map[string]fileSum{}, Sums: map[string]fileSum{}}
	if err := readPlace(b, slot*witnessSlotBytes, witnessSlotBytes, &t); err != nil {
		return t, err
	}
	if t.Manifests == nil || t.Sums == nil { // it says null
		return t, errRecord
	}
	return t, nil
}

// readPlace reads what stands in a place of the file b.
func readPlace(b []byte, at, size int, to any) error {
	b = b[min(len(b), at):]
	b = b[:min(len(b), size)]
	if len(b) < witnessHeaderBytes {
		return io.ErrUnexpectedEOF
	}
	sum, n := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	b = b[witnessHeaderBytes:]
	if uint64(n) > uint64(len(b)) || crc32.Checksum(b[:n], castagnoli) != sum {
		return errRecord
	}
	return json.Unmarshal(b[:n], to)
}

// place is what readPlace reads.
func place(size int, from any) ([]byte, error) {
	text, err := json.Marshal(from)
	if err != nil {
		return nil, err
	}
	if len(text) > size-witnessHeaderBytes {
		return nil, fmt.Errorf("%s: %d bytes do not fit", witnessFile, len(text))
	}
	b := binary.BigEndian.AppendUint32(nil, crc32.Checksum(text, castagnoli))
	return append(binary.BigEndian.AppendUint32(b, uint32(len(text))), text...), nil
}

// check holds the current manifest and the logs against the testimony.
func (w *witness) check(manifest string) error {
	name := w.fs.PathBase(manifest)
	want, ok := w.testimony.Manifests[name]
	if !ok {
		return corrupt(manifest, fmt.Errorf("%s does not know it", witnessFile))
	}
	if err := w.begins(manifest, want); err != nil {
		return err
	}
	dir := w.fs.PathDir(w.path)
	for _, log := range w.testimony.Logs {
		path := w.fs.PathJoin(dir, log)
		if _, err := w.fs.Stat(path); err != nil {
			return corrupt(path, err)
		}
	}
	for _, log := range slices.Sorted(maps.Keys(w.testimony.Sums)) {
		if err := w.begins(w.fs.PathJoin(dir, log), w.testimony.Sums[log]); err != nil {
			return err
		}
	}
	if slices.Contains(w.testimony.Logs, w.note.Log) {
		return w.begins(w.fs.PathJoin(dir, w.note.Log), w.note.Sum)
	}
	return nil
}

// begins sees that a file begins with what was synced to it.
func (w *witness) begins(path string, want fileSum) error {
	file, err := w.fs.Open(path)
	if err != nil {
		return corrupt(path, err)
	}
	defer func() { _ = file.Close() }()
	hash := crc32.New(castagnoli)
	if n, err := io.CopyBuffer(hash, io.LimitReader(file, want.Bytes), make([]byte, witnessReadBytes)); err != nil {
		return classify("read "+path, err)
	} else if n < want.Bytes {
		return corrupt(path, fmt.Errorf("%d bytes of %d are there", n, want.Bytes))
	}
	if got := hash.Sum32(); got != want.CRC32 {
		return corrupt(path, fmt.Errorf("the checksum of its first %d bytes is %08x instead of %08x", want.Bytes, got, want.CRC32))
	}
	return nil
}

// begin opens the file for writing. Its full length is written once, so that a
// full disk cannot keep the witness from writing.
func (w *witness) begin() (err error) {
	if w.file, err = w.fs.OpenReadWrite(w.path, vfs.WriteCategoryUnspecified); err != nil {
		return classify("open "+w.path, err)
	}
	info, err := w.file.Stat()
	const all = noteAt + noteBytes
	if err == nil && info.Size() < all {
		if _, err = w.file.WriteAt(make([]byte, all-info.Size()), info.Size()); err == nil {
			err = w.file.Sync()
		}
	}
	if err != nil {
		return classify("write "+w.path, err)
	}
	return nil
}

func (w *witness) close() {
	if w.file != nil {
		_ = w.file.Close() // every writing was synced, but the note's
	}
}

// synced says that a manifest or a log was synced with this sum.
func (w *witness) synced(name string, s fileSum) error {
	return w.update(func(t *testimony) bool {
		if isLog(name) {
			t.Sums[filepath.Base(name)] = s
		} else {
			t.Manifests[filepath.Base(name)] = s
		}
		return true
	})
}

// logSynced says the same of a log, but only makes a note of it.
func (w *witness) logSynced(name string, s fileSum) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.file == nil {
		return nil
	}
	w.note = note{filepath.Base(name), s}
	b, err := place(noteBytes, w.note)
	if err == nil {
		_, err = w.file.WriteAt(b, noteAt)
	}
	return err
}

// logClosed says that a log was synced and closed with this sum. It is written
// down with what is next: Pebble creates the log that follows, and syncs the
// directory, before it writes to that.
func (w *witness) logClosed(name string, s fileSum) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed[filepath.Base(name)] = s
}

// created says that a log, perhaps, was created; it counts from the next sync of
// the directory, which Pebble does before it writes to the log.
func (w *witness) created(name string) {
	if isLog(name) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.newLogs = append(w.newLogs, filepath.Base(name))
	}
}

// directorySynced says that what was created is there for good.
func (w *witness) directorySynced() error {
	return w.update(func(t *testimony) bool {
		t.Logs = append(t.Logs, w.newLogs...)
		changed := len(w.newLogs) > 0
		w.newLogs = nil
		return changed
	})
}

// removed says that a file is about to be removed, or renamed.
func (w *witness) removed(name string) error {
	base := filepath.Base(name)
	return w.update(func(t *testimony) bool {
		if _, ok := t.Manifests[base]; ok {
			delete(t.Manifests, base)
			return true
		}
		_, summed := t.Sums[base]
		delete(t.Sums, base)
		delete(w.closed, base)
		n := len(t.Logs)
		t.Logs = slices.DeleteFunc(t.Logs, func(log string) bool { return log == base })
		return summed || len(t.Logs) != n
	})
}

// update changes the testimony and makes it durable.
func (w *witness) update(change func(*testimony) bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := testimony{Generation: w.testimony.Generation + 1, Manifests: maps.Clone(w.testimony.Manifests),
		Logs: slices.Clone(w.testimony.Logs), Sums: maps.Clone(w.testimony.Sums)}
	maps.Copy(t.Sums, w.closed)
	if w.file == nil || !change(&t) {
		return nil
	}
	b, err := place(witnessSlotBytes, t)
	if err != nil {
		return err
	}
	for i := range int64(witnessCopies) {
		at := (i*witnessSlots + int64(t.Generation%witnessSlots)) * witnessSlotBytes
		if _, err := w.file.WriteAt(b, at); err != nil {
			return err
		}
	}
	if err := w.file.SyncData(); err != nil {
		return err
	}
	w.testimony = t
	clear(w.closed)
	return nil
}
