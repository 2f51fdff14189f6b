package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"ironkv/tests/faultfs"
)

// How the writing of a directory ended: in order, by a kill, by a kill while a log had
// been closed and what it holds stood in no table yet, or by a loss of power, which
// leaves no note of the witness.
const (
	endClosed   = "closed"
	endKilled   = "killed"
	endFlushing = "flushing"
	endPower    = "without power"
)

// A wreck is a directory that was written batch by batch, and its history.
type wreck struct {
	end     string
	fs      *vfs.MemFS
	history []string
	// vouched is how much of the newest log the witness vouches for, in bytes.
	vouched int64
}

// makeWreck returns a directory of so many batches, whose memory tables, and with
// them its logs, take so many bytes.
func makeWreck(t *testing.T, end string, batches int, memTableBytes uint64) wreck {
	t.Helper()
	var hold atomic.Bool
	fs, held := vfs.NewCrashableMem(), make(chan struct{})
	opts := testOptions(faultfs.Inject(fs, func(op errorfs.Op) error {
		if hold.Load() && op.Kind == errorfs.OpCreate && strings.HasSuffix(op.Path, ".sst") {
			<-held
		}
		return nil
	}))
	opts.MemTableBytes = memTableBytes
	s, err := OpenDisk("data", testIdentity, opts)
	if err != nil {
		t.Fatal(err)
	}
	hold.Store(end == endFlushing)
	d := newDriver(8)
	w := wreck{end: end, history: []string{d.model.dump()}}
	for range batches {
		wait(t, d.batch(t, s))
		w.history = append(w.history, d.model.dump())
	}
	if end == endFlushing && s.db.Metrics().MemTable.Count < 2 {
		t.Fatal("no log was closed while its entries were in no table: the test tests nothing")
	}
	if end != endClosed {
		w.fs = fs.CrashClone(allBytes())
		if end == endPower {
			whole := readFile(t, w.fs, "data/"+witnessFile)
			clear(whole[noteAt:])
			writeFile(t, w.fs, "data/"+witnessFile, whole)
		}
		w.vouched = s.witness.vouched(w.newestLog(t), end == endPower)
	}
	close(held)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if end == endClosed {
		w.fs = fs.CrashClone(allBytes())
	}
	return w
}

// vouched returns how many bytes of a log the witness vouches for, with or without its
// note.
func (w *witness) vouched(log string, withoutNote bool) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	bytes := w.testimony.Sums[log].Bytes
	if !withoutNote && w.note.Log == log {
		bytes = max(bytes, w.note.Sum.Bytes)
	}
	return bytes
}

// allBytes is a crash that loses nothing.
func allBytes() vfs.CrashCloneCfg {
	return vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))}
}

func (w wreck) copy() *vfs.MemFS { return w.fs.CrashClone(allBytes()) }

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
// while reading, "whole", "prefix" (an earlier batch was the last), or "wrong"; and how
// many batches it lacks where it is a prefix.
func outcome(t *testing.T, fs vfs.FS, history []string) (what string, lacks int, err error) {
	t.Helper()
	s, err := OpenDisk("data", testIdentity, testOptions(fs))
	if err != nil {
		return "refused", 0, err
	}
	defer func() { _ = s.Close() }()
	state, err := s.Load()
	if err != nil {
		return "detected", 0, err
	}
	got := dumpTable(s) + describe(state)
	if err := s.fault.err(); err != nil {
		return "detected", 0, err
	}
	switch last := slices.Index(history, got); last {
	case -1:
		return "wrong", 0, nil
	case len(history) - 1:
		return "whole", 0, nil
	default:
		return "prefix", len(history) - 1 - last, nil
	}
}

// A damage is done to a file from the byte at: "flip" a bit there, "cut" off what
// follows, or "remove" all of it.
type damage struct {
	what string
	at   int
}

func (d damage) do(t *testing.T, fs vfs.FS, path string) {
	t.Helper()
	b := readFile(t, fs, path)
	switch d.what {
	case "flip":
		b[d.at] ^= 0x10
		writeFile(t, fs, path, b)
	case "cut":
		writeFile(t, fs, path, b[:d.at])
	case "remove":
		if err := fs.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// damagesOf returns what may become of a file: damage all over it and, where it
// is a log, an end between any two records.
func (w wreck) damagesOf(t *testing.T, name string) []damage {
	t.Helper()
	b := readFile(t, w.fs, "data/"+name)
	list := []damage{{what: "remove"}}
	for i := range min(len(b), 12) {
		at := len(b) * i / min(len(b), 12)
		list = append(list, damage{"flip", at}, damage{"cut", at})
	}
	if isLog(name) {
		for _, at := range recordEnds(t, name, b) {
			list = append(list, damage{"cut", at})
		}
	}
	return list
}

// recordEnds returns where the records of a log end.
func recordEnds(t *testing.T, name string, b []byte) (ends []int) {
	t.Helper()
	number, err := strconv.ParseUint(strings.TrimSuffix(name, ".log"), 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; ; {
		c, ok := chunkAt(b, at, uint32(number))
		switch {
		case ok && c.trail:
			return ends
		case ok:
			at = c.end
			ends = append(ends, at)
		default:
			if at = (at/logBlockBytes + 1) * logBlockBytes; at >= len(b) || len(ends) == 0 || at-ends[len(ends)-1] >= syncHeader {
				return ends
			}
		}
	}
}

// mayForget reports whether damage of a file may pass for what a crash of the machine
// leaves: the end of the newest log is gone, for which the witness does not vouch.
func (w wreck) mayForget(t *testing.T, name string, d damage) bool {
	t.Helper()
	if w.end == endClosed || name != w.newestLog(t) || d.what == "remove" || int64(d.at) < w.vouched {
		return false
	}
	return d.what == "cut" || d.at >= len(logged(readFile(t, w.fs, "data/"+name)))/2
}

// suffer damages a copy of the wreck and says what became of it.
func (w wreck) suffer(t *testing.T, name string, d damage) string {
	t.Helper()
	fs := w.copy()
	d.do(t, fs, "data/"+name)
	got, lacks, err := outcome(t, fs, w.history)
	switch {
	case got == "wrong", got == "prefix" && !w.mayForget(t, name, d):
		t.Errorf("%s, %v, %s: %s data", w.end, d, name, got)
	case lacks >= logSyncs: // a batch is a sync
		t.Errorf("%s, %v, %s: the last %d batches are gone unnoticed", w.end, d, name, lacks)
	case err != nil && !errors.Is(err, ErrCorrupt):
		t.Errorf("%s, %v, %s: unclear error %v", w.end, d, name, err)
	case err != nil && (!strings.Contains(err.Error(), nameInErrors(name)) || !strings.Contains(err.Error(), remedy(name))):
		t.Errorf("%s, %v, %s: the error does not name the file, and what to do: %v", w.end, d, name, err)
	}
	return got
}

// nameInErrors is how errors name a file of the directory: of a marker, part of whose
// name is what it says, only the beginning is known when it is gone.
func nameInErrors(name string) string {
	if isMarker(name) {
		parts := strings.SplitN(name, ".", 3)
		name = parts[0] + "." + parts[1] + "."
	}
	return "data/" + name
}

// remedy is what errors about a file tell the operator to do.
func remedy(name string) string {
	if strings.HasPrefix(name, "OPTIONS-") {
		return "remove this file"
	}
	return "fill a fresh cluster from a backup with kvctl restore"
}

// TestDamage flips bits in, cuts the tail of, and removes each file of a
// directory, however its writing ended: it is refused, or detected by the read
// that meets it, or makes no difference. Only when power was lost can the newest log's
// end be lost unnoticed.
func TestDamage(t *testing.T) {
	seen, outcomes := map[string]int{}, map[string]int{}
	for _, end := range []string{endClosed, endKilled, endFlushing, endPower} {
		w := makeWreck(t, end, 120, 64<<10)
		names, err := w.fs.List("data")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			kind := strings.TrimLeft(name, "0123456789")
			kind = kind[:min(len(kind), 8)]
			for _, d := range w.damagesOf(t, name) {
				got := w.suffer(t, name, d)
				seen[fmt.Sprintf("%s %s %s: %s", end, kind, d.what, got)]++
				outcomes[kind+": "+got]++
			}
		}
	}
	for _, must := range []string{
		".log: refused", ".sst: refused", ".sst: detected", "MANIFEST: refused", "marker.m: refused", "marker.f: refused",
		"IRONKV: refused", "WITNESS: refused", "WITNESS: whole", "OPTIONS-: refused", "OPTIONS-: whole",
	} {
		if outcomes[must] == 0 {
			t.Errorf("%s: never seen", must)
		}
	}
	for _, line := range sortedCounts(seen) {
		t.Log(line)
	}
}

// TestDamageOfALongLog: of the newest log, too, only the end can be lost unnoticed
// that was written since the witness was told of it; after a kill, nothing.
func TestDamageOfALongLog(t *testing.T) {
	killed := makeWreck(t, endKilled, 2*logSyncs+20, 4<<20)
	name := killed.newestLog(t)
	ends := recordEnds(t, name, readFile(t, killed.fs, "data/"+name))
	if last := int64(ends[len(ends)-1]); killed.vouched != last {
		t.Fatalf("after a kill the witness vouches for %d bytes of %d", killed.vouched, last)
	}
	for _, at := range ends[len(ends)-20:] {
		for _, d := range []damage{{"cut", at - 1}, {"flip", at - 1}} {
			if got := killed.suffer(t, name, d); got != "refused" {
				t.Errorf("after a kill, %v: %s", d, got)
			}
		}
	}
	w := makeWreck(t, endPower, 2*logSyncs+20, 4<<20)
	name = w.newestLog(t)
	fs := w.copy()
	damage{"cut", int(w.vouched)}.do(t, fs, "data/"+name)
	got, lacks, err := outcome(t, fs, w.history)
	if got != "prefix" || lacks <= 0 || lacks >= logSyncs {
		t.Fatalf("cut off behind what the witness vouches for: %s, without the last %d batches, %v; want fewer than %d", got, lacks, err, logSyncs)
	}
	seen := map[string]int{}
	for i, at := range recordEnds(t, name, readFile(t, w.fs, "data/"+name)) {
		if near := at >= int(w.vouched)-1000 && at < int(w.vouched)+1000; near || i%16 == 0 {
			for _, d := range []damage{{"cut", at}, {"cut", at - 1}, {"flip", at - 1}} {
				seen[fmt.Sprintf("%s: vouched %v: %s", d.what, int64(d.at) < w.vouched, w.suffer(t, name, d))]++
			}
		}
	}
	if seen["cut: vouched false: prefix"] == 0 {
		t.Error("nothing behind what is vouched for was cut off: the test tests nothing")
	}
	for _, line := range sortedCounts(seen) {
		t.Log(line)
	}
}

// TestRecordsStandUnderTheirKeys: a record whose key has a byte more or less than it
// should, or that is another's, is a corruption. The keys of entries and boundaries may be any.
func TestRecordsStandUnderTheirKeys(t *testing.T) {
	w, seen := makeWreck(t, endClosed, 120, 64<<10), map[byte]bool{}
	for key, value := range records(t, w.copy()) {
		if seen[key[0]] || key[0] == prefixEntry || key[0] == prefixOwner {
			continue
		}
		seen[key[0]] = true
		wrong := []string{key + "x"}
		if len(key) > 1 {
			wrong = append(wrong, key[:len(key)-1])
		}
		if len(key) > 1 && key[0] != prefixPeer { // whose record does not say whose it is
			wrong = append(wrong, key[:len(key)-1]+string(key[len(key)-1]^0x40))
		}
		for _, other := range wrong {
			fs := w.copy()
			s, err := OpenDisk("data", testIdentity, testOptions(fs))
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(s.db.Set([]byte(other), []byte(value), pebble.Sync), s.Close()); err != nil {
				t.Fatal(err)
			}
			if got, _, err := outcome(t, fs, w.history); !errors.Is(err, ErrCorrupt) {
				t.Errorf("the record %q under the key %q: %s, %v", key, other, got, err)
			}
		}
	}
	if len(seen) != 8 {
		t.Errorf("records of %d kinds, want 8", len(seen))
	}
}

// records returns the records that are on fs, by their keys in the database.
func records(t *testing.T, fs vfs.FS) map[string]string {
	t.Helper()
	s, err := OpenDisk("data", testIdentity, testOptions(fs))
	if err != nil {
		t.Fatal(err)
	}
	it, err := s.db.NewIter(nil)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for ok := it.First(); ok; ok = it.Next() {
		all[string(it.Key())] = string(it.Value())
	}
	if err := errors.Join(it.Error(), it.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestWitnessIsThereTwice: where one place of the witness is damaged, it says what
// it would have said; where both copies are, an earlier writing stands, as after a
// crash; and where none is left, the directory is refused.
func TestWitnessIsThereTwice(t *testing.T) {
	w := makeWreck(t, endKilled, 20, 64<<10)
	generation := func(damaged ...int) (uint64, error) {
		fs := w.copy()
		for _, slot := range damaged {
			damage{"flip", slot*witnessSlotBytes + witnessHeaderBytes + 5}.do(t, fs, "data/"+witnessFile)
		}
		witness := newWitness(fs, "data")
		found, err := witness.read()
		if err == nil && !found {
			t.Fatal("there is no witness")
		}
		return witness.testimony.Generation, err
	}
	newest, err := generation()
	if err != nil {
		t.Fatal(err)
	}
	for slot := range witnessCopies * witnessSlots {
		if g, err := generation(slot); err != nil || g != newest {
			t.Errorf("place %d damaged: generation %d instead of %d, %v", slot, g, newest, err)
		}
	}
	at := int(newest % witnessSlots)
	if g, err := generation(at, at+witnessSlots); err != nil || g != newest-1 {
		t.Errorf("both copies damaged: generation %d instead of %d, %v", g, newest-1, err)
	}
	if _, err := generation(0, 1, 2, 3); !errors.Is(err, ErrCorrupt) {
		t.Errorf("all places damaged: %v", err)
	}
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
