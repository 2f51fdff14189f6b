package store

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"ironkv/kv"
	"ironkv/marshal"
	"ironkv/tests/faultfs"
)

// mustFail checks that a commit and all later ones fail with want, though the
// trouble is over, and that closing works.
func mustFail(t *testing.T, s *Disk, p Pending, err error, want error) {
	t.Helper()
	if err == nil && p != nil {
		err = p.Wait()
	}
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
	s.Put(marshal.Entry{Key: "later"})
	s.Get("later")
	if _, err := s.Commit(kv.Counters{Step: 9}); !errors.Is(err, want) {
		t.Fatalf("the next commit: %v, want %v", err, want)
	}
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

// TestFailedSyncSticks: one sync of the log fails, once, be it new or a reused one.
// Nothing is committed any more, the sync is not tried again, nothing changes on
// the disk, and after a restart what had been durable is there.
func TestFailedSyncSticks(t *testing.T) {
	for _, wantReused := range []bool{false, true} {
		fs := vfs.NewMem()
		var armed, reused atomic.Bool
		var after atomic.Int64
		hooked := faultfs.Inject(fs, func(op errorfs.Op) error {
			if !isLog(op.Path) {
				return nil
			}
			switch {
			case op.Kind == errorfs.OpReuseForWrite:
				reused.Store(true)
			case op.Kind == errorfs.OpFileSyncData && armed.CompareAndSwap(true, false):
				after.Store(1)
				return syscall.EIO
			case after.Load() > 0 && op.Kind.ReadOrWrite() == errorfs.OpIsWrite && op.Kind != errorfs.OpFileClose:
				after.Add(1)
			}
			return nil
		})
		d, s := newDriver(1), openTest(t, hooked)
		wait(t, d.batch(t, s))
		for n := 0; wantReused && !reused.Load(); n++ {
			if n > 10_000 {
				t.Fatal("no log is reused")
			}
			wait(t, d.batch(t, s))
		}
		kept := dump(t, s)
		armed.Store(true)
		s.Put(marshal.Entry{Key: "x", Value: []byte("y"), Version: 1 << 40})
		p, err := s.Commit(kv.Counters{Step: 1 << 40})
		mustFail(t, s, p, err, ErrFailed)
		if n := after.Load(); n != 1 {
			t.Fatalf("%d operations on logs after the failed sync", n-1)
		}
		s = openTest(t, fs)
		got := dump(t, s)
		if !strings.Contains(got, `"x"`) { // written, not synced: it may be there
			equal(t, "after the restart", got, kept)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestEveryFailureIsClean fails each kind of change of the disk at different
// times: a commit says so or the batch is durable; nothing hangs, panics or lies.
func TestEveryFailureIsClean(t *testing.T) {
	kinds := []errorfs.OpKind{errorfs.OpFileWrite, errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpCreate,
		errorfs.OpRename, errorfs.OpFileWriteAt, errorfs.OpReuseForWrite}
	for _, kind := range kinds {
		for skip := range 6 {
			fs := vfs.NewMem()
			var armed atomic.Bool
			var countdown atomic.Int64
			countdown.Store(int64(1 + 5*skip))
			s := openTest(t, faultfs.Inject(fs, func(op errorfs.Op) error {
				if op.Kind == kind && armed.Load() && countdown.Add(-1) == 0 {
					return syscall.EIO
				}
				return nil
			}))
			d := newDriver(uint64(skip))
			history, durable := []string{d.model.dump()}, 0
			armed.Store(true)
			for range 200 {
				p, err := commitOnly(t, d, s)
				if err == nil && p != nil {
					err = p.Wait()
				}
				history = append(history, d.model.dump())
				if err != nil {
					if !errors.Is(err, ErrFailed) {
						t.Fatalf("kind %d: unclear error %v", kind, err)
					}
					break
				}
				durable = len(history) - 1
			}
			if err := s.Close(); err != nil {
				t.Fatalf("kind %d: close: %v", kind, err)
			}
			c := crash{durable: int64(durable), committed: int64(len(history) - 1), where: "of a failing disk"}
			s = openTest(t, fs)
			got := dump(t, s)
			if got != history[c.committed] {
				equal(t, c.where, got, history[c.durable])
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// commitOnly is driver.batch for a store that may fail: it compares nothing.
func commitOnly(t *testing.T, d *driver, s Store) (Pending, error) {
	t.Helper()
	if d.model.identity.Host == 0 {
		d.begin(s)
	}
	d.put(s)
	d.answer(s)
	d.open(s)
	d.put(s)
	d.step++
	d.model.counters = kv.Counters{Step: d.step, Clock: d.version}
	return s.Commit(d.model.counters)
}

// TestDiskFull fills the disk behind the store's back: the ballast is given up
// and the host goes on; when that is used up too, the store fails with ErrFull,
// and nothing acknowledged is lost.
func TestDiskFull(t *testing.T) {
	fs := vfs.NewMem()
	var full, relief atomic.Bool
	hooked := faultfs.Inject(fs, func(op errorfs.Op) error {
		if op.Kind == errorfs.OpRemove && strings.HasSuffix(op.Path, ballastFile) && full.Load() {
			relief.Store(true)
		}
		if full.Load() && !relief.Load() && (op.Kind == errorfs.OpFileWrite || op.Kind == errorfs.OpCreate) {
			return syscall.ENOSPC
		}
		return nil
	})
	var free atomic.Uint64
	free.Store(1 << 40)
	opts := testOptions(hooked)
	opts.BallastBytes, opts.Free = 1<<20, func() (uint64, error) { return free.Load(), nil }
	s, err := OpenDisk("data", testIdentity, opts)
	if err != nil {
		t.Fatal(err)
	}
	room, err := s.Room()
	if want := uint64(1<<40 - headroomMemTables*64<<10); err != nil || room != want {
		t.Fatalf("room %d %v, want %d", room, err, want)
	}
	d := newDriver(2)
	wait(t, d.batch(t, s))
	free.Store(4096)
	full.Store(true)
	wait(t, d.batch(t, s))
	if !relief.Load() || s.ballast.held {
		t.Fatal("the ballast was not given up")
	}
	if room, err := s.Room(); room != 0 || err != nil {
		t.Fatalf("room %d %v on a full disk", room, err)
	}
	free.Store(1 << 40)
	full.Store(false)
	if _, err := s.Room(); err != nil || !s.ballast.held {
		t.Fatalf("the ballast is not taken back: %v", err)
	}
	wait(t, d.batch(t, s))
	kept := dump(t, s)

	s.ballast.held = false // another full disk before there was room
	relief.Store(false)
	full.Store(true)
	p, err := commitOnly(t, d, s)
	mustFail(t, s, p, err, ErrFull)
	full.Store(false)
	s = openTest(t, fs)
	equal(t, "after the disk was full", dump(t, s), kept)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestDirectoryIsOneHosts refuses a directory of another host, of another
// cluster, in use, of another format, or with other people's files.
func TestDirectoryIsOneHosts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made")
	opts := testOptions(nil)
	opts.FS, opts.BallastBytes = nil, -1
	s, err := OpenDisk(dir, testIdentity, opts)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDisk(dir, testIdentity, opts); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), dir) {
		t.Fatalf("a second one: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, other := range []DirIdentity{{Cluster: testIdentity.Cluster, Host: 2}, {Cluster: "4=d", Host: 1}} {
		_, err := OpenDisk(dir, other, opts)
		if !errors.Is(err, ErrWrongDirectory) || !strings.Contains(err.Error(), other.String()) ||
			!strings.Contains(err.Error(), testIdentity.String()) {
			t.Fatalf("%v: %v", other, err)
		}
	}
	s, err = OpenDisk(dir, testIdentity, opts)
	if err != nil {
		t.Fatalf("after the refusals: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDisk(filepath.Join(dir, "2", "data"), testIdentity, opts); !errors.Is(err, ErrWrongDirectory) ||
		!strings.Contains(err.Error(), dir) {
		t.Fatalf("a directory within a host's: %v", err)
	}
	path := filepath.Join(dir, identityFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var newer identityText
	if err := json.Unmarshal(text, &newer); err != nil {
		t.Fatal(err)
	}
	newer.Format = 2
	newer.CRC32C = newer.sum()
	if text, err = json.Marshal(newer); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDisk(dir, testIdentity, opts); !errors.Is(err, ErrFormat) {
		t.Fatalf("format 2: %v", err)
	}
	alien := t.TempDir()
	if err := os.WriteFile(filepath.Join(alien, "thesis.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDisk(alien, testIdentity, opts); !errors.Is(err, ErrWrongDirectory) {
		t.Fatalf("a directory with other files: %v", err)
	}
	if names, err := os.ReadDir(alien); err != nil || len(names) != 1 {
		t.Errorf("in somebody else's directory are now %v, %v", names, err)
	}
	for _, nowhere := range []string{"/proc/nowhere", filepath.Join(alien, "thesis.txt", "data")} {
		if _, err := OpenDisk(nowhere, testIdentity, opts); !errors.Is(err, ErrWrongDirectory) || !strings.Contains(err.Error(), "give a directory") {
			t.Errorf("%s: %v", nowhere, err)
		}
	}
}

// TestWindowGrows: answers are found again after the window was widened.
func TestWindowGrows(t *testing.T) {
	fs := vfs.NewMem()
	d, s := newDriver(4), openTest(t, fs)
	for range 60 {
		wait(t, d.batch(t, s))
	}
	for _, window := range []uint32{5 * testWindow, testWindow} {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		opts := testOptions(fs)
		opts.Window = window
		var err error
		if s, err = OpenDisk("data", testIdentity, opts); err != nil {
			t.Fatal(err)
		}
		if s.slots != 5*testWindow {
			t.Fatalf("%d slots with a window of %d", s.slots, window)
		}
		equal(t, "with another window", dump(t, s), d.model.dump())
		wait(t, d.batch(t, s))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestReadingWritesNothing: a batch without changes costs no sync.
func TestReadingWritesNothing(t *testing.T) {
	s := openTest(t, vfs.NewMem())
	s.Get("a")
	if p, err := s.Commit(kv.Counters{Step: 1}); p != nil || err != nil {
		t.Fatalf("a batch that only read: %v %v", p, err)
	}
	if room, err := s.Room(); room == 0 || room > math.MaxUint64 || err != nil {
		t.Fatalf("room %d %v", room, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestLargestEntries: the longest key and value go through, and a batch of many.
func TestLargestEntries(t *testing.T) {
	fs := vfs.NewMem()
	s := openTest(t, fs)
	key := string(make([]byte, marshal.MaxKeyBytes-1))
	for i := range 3 {
		value := make([]byte, marshal.MaxValueBytes)
		value[i] = 1
		s.Put(marshal.Entry{Key: keyOver([]byte(key + string(rune('a'+i)))), Value: value, Version: 1})
	}
	p, err := s.Commit(kv.Counters{Step: 1})
	if err != nil {
		t.Fatal(err)
	}
	wait(t, p)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openTest(t, fs)
	for i := range 3 {
		e, ok := s.Get(keyOver([]byte(key + string(rune('a'+i)))))
		if !ok || len(e.Value) != marshal.MaxValueBytes || e.Value[i] != 1 {
			t.Fatalf("entry %d: %v, %d bytes", i, ok, len(e.Value))
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestOpenOnAFullDisk: what the logs hold cannot be flushed. The host says so
// instead of waiting for ever, and goes on from there once there is room.
func TestOpenOnAFullDisk(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := openTest(t, fs)
	d := newDriver(3)
	for range 20 {
		wait(t, d.batch(t, s))
	}
	kept := dump(t, s)
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	full := faultfs.Inject(crashed.CrashClone(vfs.CrashCloneCfg{}), func(op errorfs.Op) error {
		if strings.HasSuffix(op.Path, ".sst") && (op.Kind == errorfs.OpFileWrite || op.Kind == errorfs.OpCreate) {
			return syscall.ENOSPC
		}
		return nil
	})
	if _, err := OpenDisk("data", testIdentity, testOptions(full)); !errors.Is(err, ErrFull) {
		t.Fatalf("open on a full disk: %v, want ErrFull", err)
	}
	s = openTest(t, crashed)
	equal(t, "once there is room", dump(t, s), kept)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// Compactions can wait until there is room again: to them a full disk is no fault. To
// what has to be written it is.
func TestAFullDiskIsNoFaultOfACompaction(t *testing.T) {
	fs := vfs.NewMem()
	for category, fault := range map[vfs.DiskWriteCategory]bool{"pebble-compaction": false, "pebble-memtable-flush": true} {
		f := &fence{FS: fs, down: newFault(), store: newFault(), ballast: &ballast{fs: fs}}
		err := f.change("write", "table", category, func() error { return syscall.ENOSPC })
		if err == nil || (f.down.err() != nil) != fault || (f.store.err() != nil) != fault {
			t.Errorf("%s: %v; a fault: %v, want %v", category, err, f.down.err() != nil, fault)
		}
	}
}
