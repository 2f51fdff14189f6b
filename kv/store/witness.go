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
// them is whole at any time: checksum, length, and a testimony in JSON.
const (
	witnessSlotBytes   = 32 << 10
	witnessHeaderBytes = 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A witness knows what Pebble does not check when it opens: that the manifest,
// the list of the tables, is as long as it was and unchanged (Pebble takes a
// damaged record for the end of the list, and forgets and deletes the tables
// that follow), and that no log is missing. It writes down what was synced
// before anything is done that relies on it. That costs a sync for each change
// of the set of tables or logs, none for a commit.
type witness struct {
	fs   vfs.FS
	path string

	mu        sync.Mutex
	file      vfs.File // nil until begin
	testimony testimony
	newLogs   []string // created since the directory was last synced
}

// A testimony is what the witness wrote down.
type testimony struct {
	Generation uint64 // counts the writings
	// Manifests by name: that many bytes, with that checksum, were synced.
	Manifests map[string]manifestSum
	// Logs that were created and not removed, by name, ascending.
	Logs []string
}

// A manifestSum is the length and checksum of a manifest's bytes so far.
type manifestSum struct {
	Bytes int64
	CRC32 uint32
}

func (s *manifestSum) add(p []byte) {
	s.Bytes += int64(len(p))
	s.CRC32 = crc32.Update(s.CRC32, castagnoli, p)
}

func newWitness(fs vfs.FS, dir string) *witness {
	return &witness{fs: fs, path: fs.PathJoin(dir, witnessFile),
		testimony: testimony{Manifests: map[string]manifestSum{}}}
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
	for slot := range 2 {
		t, err := parseTestimony(b, slot)
		if err == nil && t.Generation >= w.testimony.Generation {
			w.testimony, found = t, true
		}
	}
	if !found {
		return false, corrupt(w.path, errors.New("neither of its two places is readable"))
	}
	return true, nil
}

func parseTestimony(b []byte, slot int) (t testimony, err error) {
	b = b[min(len(b), slot*witnessSlotBytes):]
	b = b[:min(len(b), witnessSlotBytes)]
	if len(b) < witnessHeaderBytes {
		return t, io.ErrUnexpectedEOF
	}
	sum, n := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	b = b[witnessHeaderBytes:]
	if uint64(n) > uint64(len(b)) || crc32.Checksum(b[:n], castagnoli) != sum {
		return t, errRecord
	}
	return t, json.Unmarshal(b[:n], &t)
}

// check holds the current manifest and the logs against the testimony.
func (w *witness) check(manifest string) error {
	name := w.fs.PathBase(manifest)
	want, ok := w.testimony.Manifests[name]
	if !ok {
		return corrupt(manifest, fmt.Errorf("%s does not know it", witnessFile))
	}
	file, err := w.fs.Open(manifest)
	if err != nil {
		return corrupt(manifest, err)
	}
	defer func() { _ = file.Close() }()
	b := make([]byte, want.Bytes)
	if n, err := io.ReadFull(file, b); err != nil {
		return corrupt(manifest, fmt.Errorf("%d bytes of %d are there", n, want.Bytes))
	}
	if got := crc32.Checksum(b, castagnoli); got != want.CRC32 {
		return corrupt(manifest, fmt.Errorf("its checksum is %08x instead of %08x", got, want.CRC32))
	}
	for _, log := range w.testimony.Logs {
		path := w.fs.PathJoin(w.fs.PathDir(w.path), log)
		if _, err := w.fs.Stat(path); err != nil {
			return corrupt(path, err)
		}
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
	if err == nil && info.Size() < 2*witnessSlotBytes {
		if _, err = w.file.WriteAt(make([]byte, 2*witnessSlotBytes-info.Size()), info.Size()); err == nil {
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
		_ = w.file.Close() // every writing was synced
	}
}

// synced says that a manifest was synced with this sum.
func (w *witness) synced(name string, s manifestSum) error {
	return w.update(func(t *testimony) bool {
		t.Manifests[filepath.Base(name)] = s
		return true
	})
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
		n := len(t.Logs)
		t.Logs = slices.DeleteFunc(t.Logs, func(log string) bool { return log == base })
		return len(t.Logs) != n
	})
}

// update changes the testimony and makes it durable.
func (w *witness) update(change func(*testimony) bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := testimony{Generation: w.testimony.Generation + 1, Manifests: maps.Clone(w.testimony.Manifests),
		Logs: slices.Clone(w.testimony.Logs)}
	if w.file == nil || !change(&t) {
		return nil
	}
	text, err := json.Marshal(t)
	if err != nil {
		return err
	}
	if len(text) > witnessSlotBytes-witnessHeaderBytes {
		return fmt.Errorf("%s: %d bytes do not fit", witnessFile, len(text))
	}
	b := binary.BigEndian.AppendUint32(nil, crc32.Checksum(text, castagnoli))
	b = append(binary.BigEndian.AppendUint32(b, uint32(len(text))), text...)
	if _, err := w.file.WriteAt(b, int64(t.Generation%2)*witnessSlotBytes); err != nil {
		return err
	}
	if err := w.file.SyncData(); err != nil {
		return err
	}
	w.testimony = t
	return nil
}
