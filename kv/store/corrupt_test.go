package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A wreck is a directory that was written batch by batch, and its history.
type wreck struct {
	fs      *vfs.MemFS
	history []string
}

// makeWreck returns one that was closed, or one whose process was killed.
func makeWreck(t *testing.T, closed bool) wreck {
	t.Helper()
	fs := vfs.NewCrashableMem()
	d, s := newDriver(8), openTest(t, fs)
	w := wreck{history: []string{d.model.dump()}}
	for range 120 {
		wait(t, d.batch(t, s))
		w.history = append(w.history, d.model.dump())
	}
	all := vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))}
	if !closed {
		w.fs = fs.CrashClone(all)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if closed {
		w.fs = fs.CrashClone(all)
	}
	return w
}

func (w wreck) copy() *vfs.MemFS {
	return w.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))})
}

// newestLog returns the log that was written last.
func (w wreck) newestLog(t *testing.T) string {
	t.Helper()
	names, err := w.fs.List("data")
	if err != nil {
		t.Fatal(err)
	}
	return slices.Max(slices.DeleteFunc(names, func(n string) bool { return !isLog(n) }))
}

func readFile(t *testing.T, fs vfs.FS, path string) []byte {
	t.Helper()
	f, err := fs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return b
}

func writeFile(t *testing.T, fs vfs.FS, path string, b []byte) {
	t.Helper()
	f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// outcome opens what is on fs and tells what became of it: "refused", "detected"
// while reading, "whole", "prefix" (an earlier batch was the last), or "wrong".
func outcome(t *testing.T, fs vfs.FS, history []string) (string, error) {
	t.Helper()
	s, err := OpenDisk("data", testIdentity, testOptions(fs))
	if err != nil {
		return "refused", err
	}
	defer func() { _ = s.Close() }()
	state, err := s.Load()
	if err != nil {
		return "detected", err
	}
	got := dumpTable(s) + describe(state)
	if err := s.fault.err(); err != nil {
		return "detected", err
	}
	switch slices.Index(history, got) {
	case -1:
		return "wrong", nil
	case len(history) - 1:
		return "whole", nil
	}
	return "prefix", nil
}

// TestDamage flips bytes in, cuts the tail of, and removes each file of a
// directory, closed or killed: it is refused, or detected by the read that meets
// it, or makes no difference. Only the newest log's end can be lost unnoticed.
func TestDamage(t *testing.T) {
	seen := map[string]int{}
	for _, closed := range []bool{true, false} {
		w := makeWreck(t, closed)
		newest := w.newestLog(t)
		names, err := w.fs.List("data")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			path := "data/" + name
			whole := readFile(t, w.fs, path)
			damages := map[string]func(fs vfs.FS) error{"remove": func(fs vfs.FS) error { return fs.Remove(path) }}
			for i := range min(len(whole), 12) {
				at := len(whole) * i / min(len(whole), 12)
				damages[fmt.Sprintf("flip %d of %d", at, len(whole))] = func(fs vfs.FS) error {
					b := slices.Clone(whole)
					b[at] ^= 0x10
					writeFile(t, fs, path, b)
					return nil
				}
				damages[fmt.Sprintf("cut to %d of %d", at, len(whole))] = func(fs vfs.FS) error {
					writeFile(t, fs, path, whole[:at])
					return nil
				}
			}
			for damage, do := range damages {
				fs := w.copy()
				if err := do(fs); err != nil {
					t.Fatal(err)
				}
				got, err := outcome(t, fs, w.history)
				kind := strings.TrimLeft(name, "0123456789")
				seen[fmt.Sprintf("closed=%v %s %s: %s", closed, kind[:min(len(kind), 8)], damage[:3], got)]++
				switch {
				case got == "prefix" && damage[:4] == "flip" && at(damage) < len(logged(readFile(t, w.fs, path)))/2:
					t.Errorf("closed %v, %s, %s: what follows the damage is forgotten", closed, damage, path)
				case got == "wrong", got == "prefix" && (closed || name != newest || damage == "remove"):
					t.Errorf("closed %v, %s, %s: %s data", closed, damage, path, got)
				case err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrFormat) &&
					!errors.Is(err, ErrWrongDirectory):
					t.Errorf("closed %v, %s, %s: unclear error %v", closed, damage, path, err)
				}
			}
		}
	}
	for _, line := range sortedCounts(seen) {
		t.Log(line)
	}
}

// at returns the offset of a damage.
func at(damage string) (n int) {
	if _, err := fmt.Sscanf(damage, "flip %d", &n); err != nil {
		panic(err)
	}
	return n
}

// logged returns the part of a log that was written.
func logged(b []byte) []byte { return bytes.TrimRight(b, "\x00") }

func sortedCounts(m map[string]int) (lines []string) {
	for what, n := range m {
		lines = append(lines, fmt.Sprintf("%s %d", what, n))
	}
	slices.Sort(lines)
	return lines
}
