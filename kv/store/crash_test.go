package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"ironkv/tests/faultfs"
)

// A crash is the disk as a power failure leaves it, and what has to be on it:
// one of the batches from durable to committed was the last.
type crash struct {
	fs                 *vfs.MemFS
	durable, committed int64
	where              string
}

// verify opens what a crash left and returns the number of the last batch there.
func (c crash) verify(t *testing.T, history []string) int {
	t.Helper()
	s, err := OpenDisk("data", testIdentity, testOptions(c.fs))
	if err != nil {
		t.Fatalf("open after a crash %s, batches %d to %d: %v", c.where, c.durable, c.committed, err)
	}
	got := dump(t, s)
	if err := s.Close(); err != nil {
		t.Fatalf("close after a crash %s: %v", c.where, err)
	}
	last := slices.Index(history[:c.committed+1], got)
	if last < 0 {
		equal(t, "after a crash "+c.where, got, history[c.durable])
	}
	if int64(last) < c.durable {
		t.Fatalf("after a crash %s: batch %d is the last, though %d was durable", c.where, last, c.durable)
	}
	return last
}

// TestCrashAtEveryCommit crashes after every commit, while up to three batches
// are not waited for, with all, some and none of the unsynced bytes on the disk:
// whole batches are there, up to one that is durable at the least.
func TestCrashAtEveryCommit(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	fs := vfs.NewCrashableMem()
	d, s := newDriver(3), openTest(t, fs)
	history, lasts := []string{d.model.dump()}, 0
	var pending []Pending
	for i := range int64(120) {
		pending = append(pending, d.batch(t, s))
		history = append(history, d.model.dump())
		if i == 0 || len(pending) > 3 || rng.IntN(3) == 0 {
			wait(t, pending[0])
			pending = pending[1:]
		}
		c := crash{committed: i + 1, durable: i + 1 - int64(len(pending)), where: fmt.Sprintf("after commit %d", i+1)}
		c.fs = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: int(i%3) * 50, RNG: rng})
		if int64(c.verify(t, history)) < c.committed {
			lasts++
		}
	}
	for _, p := range pending {
		wait(t, p)
	}
	if lasts == 0 {
		t.Fatal("no crash lost a batch that nobody had waited for: the test tests nothing")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestCrashAtFileOperations crashes before operations of the file system, in the
// middle of opening, logging, flushing, compacting and closing.
func TestCrashAtFileOperations(t *testing.T) {
	for seed := range uint64(4) {
		var mu sync.Mutex // guards crashes and rng: Pebble has many goroutines
		var crashes []crash
		var durable, committed atomic.Int64
		rng := rand.New(rand.NewPCG(seed, 5))
		fs := vfs.NewCrashableMem()
		hooked := faultfs.Inject(fs, func(op errorfs.Op) error {
			mu.Lock()
			defer mu.Unlock()
			if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && rng.IntN(2) == 0 && len(crashes) < 150 {
				c := crash{durable: durable.Load(), where: fmt.Sprintf("seed %d before operation %d on %s", seed, op.Kind, op.Path)}
				c.fs = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(3) * 50, RNG: rng})
				c.committed = committed.Load()
				crashes = append(crashes, c)
			}
			return nil
		})
		d, s := newDriver(seed), openTest(t, hooked)
		history, pending := []string{d.model.dump()}, []Pending(nil)
		for i := range int64(250) {
			committed.Store(i + 1) // what is being committed may be there
			p := d.batch(t, s)
			history = append(history, d.model.dump())
			pending = append(pending, p)
			if i%3 == 0 {
				for _, p := range pending {
					wait(t, p)
				}
				pending = nil
				durable.Store(i + 1)
			}
		}
		for _, p := range pending {
			wait(t, p)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		for _, c := range crashes {
			c.verify(t, history)
		}
		if len(crashes) < 20 {
			t.Fatalf("only %d crashes", len(crashes))
		}
	}
}

// TestCrashWhileOpening crashes before every operation that opening does after a
// crash, and again while that is opened: all that was durable stays.
func TestCrashWhileOpening(t *testing.T) {
	sizes := []int{1, 0, 80}
	if testing.Short() {
		sizes = sizes[:1]
	}
	for _, batches := range sizes {
		fs := vfs.NewCrashableMem()
		d, s := newDriver(9), openTest(t, fs)
		for range batches {
			wait(t, d.batch(t, s))
		}
		want := dump(t, s)
		rng := rand.New(rand.NewPCG(uint64(batches), 7))
		crashed := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rng})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		crashes := crashesWhileOpening(t, crashed, want, rng)
		if len(crashes) < 10 {
			t.Fatalf("only %d crashes", len(crashes))
		}
		for i, crashed := range crashes {
			if i%(1+len(crashes)/5) > 0 {
				openAs(t, crashed, want)
				continue
			}
			for _, again := range crashesWhileOpening(t, crashed, want, rng) {
				openAs(t, again, want)
			}
		}
	}
}

// openAs opens what is on fs, and sees that it is what it should be.
func openAs(t *testing.T, fs vfs.FS, want string) {
	t.Helper()
	s := openTest(t, fs)
	equal(t, "opened after a crash", dump(t, s), want)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// crashesWhileOpening opens a copy of what is on fs, and returns what crashes on
// the way would have left: several before a file is removed, for what was done to
// the directory since it was synced may be there in part.
func crashesWhileOpening(t *testing.T, fs *vfs.MemFS, want string, rng *rand.Rand) (crashes []*vfs.MemFS) {
	t.Helper()
	var mu sync.Mutex // guards crashes and rng: Pebble has many goroutines
	opening := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rng})
	openAs(t, faultfs.Inject(opening, func(op errorfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		n := 0
		switch {
		case op.Kind == errorfs.OpRemove:
			n = 5
		case op.Kind.ReadOrWrite() == errorfs.OpIsWrite:
			n = 1
		}
		for range n {
			crashes = append(crashes, opening.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(3) * 50, RNG: rng}))
		}
		return nil
	}), want)
	mu.Lock()
	defer mu.Unlock()
	return crashes
}
