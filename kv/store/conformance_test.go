package store

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/cockroachdb/pebble/v2/vfs"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

// keyOver returns a key that shares b's memory, as keys of datagrams do.
func keyOver(b []byte) delegation.Key {
	return delegation.Key(unsafe.String(unsafe.SliceData(b), len(b)))
}

// testOptions are for a small disk in memory: many logs and tables.
func testOptions(fs vfs.FS) DiskOptions {
	return DiskOptions{FS: fs, Logger: slog.New(slog.DiscardHandler), MemTableBytes: 64 << 10, Window: testWindow,
		CacheBytes: 1 << 20}
}

func openTest(t testing.TB, fs vfs.FS) *Disk {
	t.Helper()
	d, err := OpenDisk("data", testIdentity, testOptions(fs))
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return d
}

func wait(t testing.TB, p Pending) {
	t.Helper()
	if p == nil {
		return
	}
	if err := p.Wait(); err != nil {
		t.Fatalf("wait: %v", err)
	}
}

// TestConformance drives both stores with the same random operations and holds
// them against the model: reads in the middle of batches, and after each few of
// them all that is kept, restarts included.
func TestConformance(t *testing.T) {
	fs := vfs.NewMem()
	stores := map[string]struct {
		open    func(t *testing.T) Store
		restart func(t *testing.T, s Store) Store
	}{
		"memory": {
			open: func(*testing.T) Store { return NewMemory(MemoryOptions{Records: true, Window: testWindow}) },
			restart: func(_ *testing.T, s Store) Store {
				s.Put(marshal.Entry{Key: "lost"})
				s.SetPeer(3, kv.PeerRecord{Acked: 99})
				s.(*Memory).Crash()
				return s
			},
		},
		"disk": {
			open: func(t *testing.T) Store { return openTest(t, fs) },
			restart: func(t *testing.T, s Store) Store {
				s.Put(marshal.Entry{Key: "lost"})
				s.SetPeer(3, kv.PeerRecord{Acked: 99})
				if err := s.Close(); err != nil {
					t.Fatalf("close: %v", err)
				}
				return openTest(t, fs)
			},
		},
	}
	for name, kind := range stores {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(6) {
				fs = vfs.NewMem()
				d, s := newDriver(seed), kind.open(t)
				d.runs = seed%2 == 0
				if got := dump(t, s); got != "no state\n" {
					t.Fatalf("a new store has %s", got)
				}
				for i := range 150 {
					wait(t, d.batch(t, s))
					if i%10 == 9 {
						equal(t, fmt.Sprintf("seed %d batch %d", seed, i), dump(t, s), d.model.dump())
					}
					if i%50 == 49 {
						s = kind.restart(t, s)
						equal(t, fmt.Sprintf("seed %d batch %d, restarted", seed, i), dump(t, s), d.model.dump())
					}
				}
				if err := s.Close(); err != nil {
					t.Fatalf("close: %v", err)
				}
			}
		})
	}
}

// equal compares two dumps and names the first line that differs.
func equal(t testing.TB, what, got, want string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		switch {
		case i >= len(g) || i >= len(w):
			t.Fatalf("%s: the store has %d lines, should have %d, from here: %v", what, len(g), len(w), slices.Concat(g[min(i, len(g)):], w[min(i, len(w)):])[0])
		case g[i] != w[i]:
			t.Fatalf("%s: the store has\n%s\nwhere should be\n%s", what, g[i], w[i])
		}
	}
}
