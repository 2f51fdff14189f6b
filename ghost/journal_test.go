package ghost_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"ironkv/delegation"
	"ironkv/ghost"
	"ironkv/kv"
	"ironkv/marshal"
)

// both tells two journals of everything.
type both [2]ghost.Journal

func (b both) Observe(now kv.Time, step uint64, in kv.Input, received []byte, out *kv.Effects, sent []byte) {
	b[0].Observe(now, step, in, received, out, sent)
	b[1].Observe(now, step, in, received, out, sent)
}

func (b both) Shed(request kv.Packet, sent []byte) {
	b[0].Shed(request, sent)
	b[1].Shed(request, sent)
}

func (b both) Flush(outputs int) error { return errors.Join(b[0].Flush(outputs), b[1].Flush(outputs)) }

func (b both) Durable(step uint64) {
	b[0].Durable(step)
	b[1].Durable(step)
}

// journaled is a cluster of n hosts with a file and a memory each.
func journaled(t testing.TB, n int) (*cluster, []*ghost.File, []*ghost.Memory) {
	c := newCluster(t, n, testLimits)
	var files []*ghost.File
	var memories []*ghost.Memory
	dir := t.TempDir()
	for i := range n {
		state := kv.NewState(c.configs[i], birth(i))
		f, err := ghost.Create(dir, c.configs[i], state)
		if err != nil {
			t.Fatal(err)
		}
		m := ghost.NewMemory(1, c.configs[i], state)
		files, memories = append(files, f), append(memories, m)
		c.journals = append(c.journals, both{f, m})
	}
	return c, files, memories
}

// traffic makes every kind of step happen: a client writes, reads, scans and
// orders a move, which goes through.
func traffic(c *cluster) *client {
	c.settle()
	cl := newClient(c, 1)
	for _, key := range []delegation.Key{"a", "b", "c", "d"} {
		cl.put(0, key, "value of "+string(key))
	}
	cl.shard(0, keyRange("b", "d"), 1)
	c.settle()
	cl.put(0, "b", "redirected")
	cl.put(1, "b", "again")
	for i := range c.hosts {
		cl.get(i, "b")
		cl.scan(i, delegation.All, marshal.ScanEntries)
		c.step(i, kv.Input{Kind: kv.InputRoom, Room: 1 << 40})
	}
	c.settle()
	return cl
}

func steps(t *testing.T, l ghost.Life) (out []ghost.Step, err error) {
	t.Helper()
	for b, e := range l.Batches {
		if e != nil {
			return out, e
		}
		out = append(out, b.Steps...)
	}
	return out, nil
}

func TestAFileHoldsWhatMemoryHolds(t *testing.T) {
	c, files, memories := journaled(t, 2)
	traffic(c)
	for i, f := range files {
		if err := errors.Join(f.Close(), memories[i].Close()); err != nil {
			t.Fatal(err)
		}
		life, err := ghost.ReadFile(f.Path())
		if err != nil {
			t.Fatal(err)
		}
		if want := memories[i].Life().Header; !reflect.DeepEqual(life.Header, want) {
			t.Errorf("header %+v, want %+v", life.Header, want)
		}
		got, err := steps(t, life)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := steps(t, memories[i].Life())
		if len(got) != len(want) || len(got) < 10 {
			t.Fatalf("%d steps, want %d", len(got), len(want))
		}
		for j := range got {
			g, w := got[j], want[j]
			w.Input.Packet.Dst = kv.Endpoint{} // whose host it is, the header says
			if gm, wm := g.Input.Packet.Msg, w.Input.Packet.Msg; gm != nil {
				if !bytes.Equal(marshal.Append(nil, gm), marshal.Append(nil, wm)) {
					t.Errorf("step %d: message %+v, want %+v", g.Number, gm, wm)
				}
				g.Input.Packet.Msg, w.Input.Packet.Msg = nil, nil
			}
			if !reflect.DeepEqual(g, w) {
				t.Errorf("step %d: %+v, want %+v", g.Number, g, w)
			}
		}
	}
}

// damaged returns what reading a journal of these bytes ends with.
func damaged(t *testing.T, b []byte) error {
	t.Helper()
	life, err := ghost.ReadBytes(b)
	if err != nil {
		return err
	}
	_, err = steps(t, life)
	return err
}

// TestDamageIsReported: a journal that was cut anywhere, or had any byte changed,
// is told from each that was written, be it of a host that was stopped or of one
// that was killed, which has no end.
func TestDamageIsReported(t *testing.T) {
	for name, c := range map[string]struct {
		puts   int // of 1,000 bytes
		stride int // looks at one byte in so many
		end    error
	}{
		"small, stopped": {0, 1, nil},
		"small, killed":  {0, 1, ghost.ErrTruncated},
		"large, stopped": {50, 23, nil}, // has whole pieces
		"large, killed":  {50, 23, ghost.ErrTruncated},
	} {
		t.Run(name, func(t *testing.T) { eachDamage(t, c.puts, c.stride, c.end) })
	}
}

func eachDamage(t *testing.T, puts, stride int, end error) {
	if testing.Short() {
		stride *= 7
	}
	c, files, _ := journaled(t, 2)
	cl := traffic(c)
	for range puts {
		cl.put(0, "a", strings.Repeat("x", 1000))
	}
	if end == nil {
		if err := files[0].Close(); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := os.ReadFile(files[0].Path())
	if err != nil {
		t.Fatal(err)
	}
	if err := damaged(t, whole); !errors.Is(err, end) {
		t.Fatal(err)
	}
	for n := 0; n < len(whole); n += stride {
		err := damaged(t, whole[:n])
		if !errors.Is(err, ghost.ErrCorrupt) {
			t.Fatalf("cut to %d of %d bytes: got %v", n, len(whole), err)
		}
		if text := err.Error(); strings.Contains(text, "cut off") && !strings.Contains(text, fmt.Sprintf(" %d bytes", n)) {
			t.Fatalf("cut to %d of %d bytes: it says %v", n, len(whole), err)
		}
	}
	slack := 0
	for n := 0; n < len(whole); n += stride {
		whole[n] ^= 1 << (n % 8)
		err := damaged(t, whole)
		whole[n] ^= 1 << (n % 8)
		switch {
		case errors.Is(err, ghost.ErrCorrupt):
		case end != nil && errors.Is(err, end):
			slack++ // what a killed host's journal has behind its stream
		default:
			t.Fatalf("a bit of byte %d turned: got %v", n, err)
		}
		if bytes.HasPrefix(whole[n:], make([]byte, 64)) {
			n += 63 // most of the file is zeros, one like the other
		}
	}
	if slack*stride > 32<<10 {
		t.Errorf("%d bytes of %d mean nothing", slack*stride, len(whole))
	}
	for i := 0; puts == 0; i++ {
		rest, ok := ghost.WithoutRecord(whole, i)
		if !ok {
			break
		}
		if err := damaged(t, rest); !errors.Is(err, ghost.ErrCorrupt) {
			t.Errorf("record %d left out: got %v", i, err)
		}
	}
	if err := damaged(t, append(whole, 0)); end == nil && !errors.Is(err, ghost.ErrCorrupt) {
		t.Errorf("a byte more: got %v", err)
	}
}

// What is wrong with a journal is told with its name, once.
func TestAJournalIsNamedOnce(t *testing.T) {
	c, files, _ := journaled(t, 1)
	c.settle()
	newClient(c, 1).put(0, "a", strings.Repeat("x", 1000))
	if err := files[0].Close(); err != nil {
		t.Fatal(err)
	}
	path := files[0].Path()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	whole[bytes.LastIndexByte(whole, 'x')] = 'y'
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	life, err := ghost.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ghost.Verify([]ghost.Life{life}, replaying); !errors.Is(err, ghost.ErrCorrupt) || strings.Count(err.Error(), path) != 1 {
		t.Errorf("got %v", err)
	}
}

// A host that is killed while it makes its journal leaves none, and the next life
// takes that number.
func TestAJournalIsThereWithItsHeaderOrNotAtAll(t *testing.T) {
	c, dir := newCluster(t, 1, testLimits), t.TempDir()
	open := func() *ghost.File {
		f, err := ghost.Create(dir, c.configs[0], c.hosts[0].State())
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	first := open()
	second := open()
	if err := os.Rename(second.Path(), second.Path()+".new"); err != nil { // as if it had been killed before
		t.Fatal(err)
	}
	if err := os.Truncate(second.Path()+".new", 3); err != nil {
		t.Fatal(err)
	}
	if lives, err := ghost.ReadDir(dir); err != nil || len(lives) != 1 || lives[0].Path != first.Path() {
		t.Errorf("%d journals, %v; want the one of %s", len(lives), err, first.Path())
	}
	third := open()
	if third.Path() != second.Path() {
		t.Errorf("the next journal is %s, want %s", third.Path(), second.Path())
	}
	for _, f := range []*ghost.File{first, second, third} {
		_ = f.Close()
	}
	if lives, err := ghost.ReadDir(dir); err != nil || len(lives) != 2 {
		t.Errorf("%d journals, %v; want 2", len(lives), err)
	}
}

// TestAKilledLifeReadsAsTruncated: what was flushed is there, what was not is
// not, and there is no end.
func TestAKilledLifeReadsAsTruncated(t *testing.T) {
	c, files, memories := journaled(t, 1)
	c.settle()
	cl := newClient(c, 1)
	cl.put(0, "a", "x")
	var out kv.Effects
	c.hosts[0].Step(c.now, kv.Input{Kind: kv.InputTimer}, &out)
	observe(c.journals[0], c.now, c.hosts[0].Counters().Step, kv.Input{Kind: kv.InputTimer}, &out)
	life, err := ghost.ReadFile(files[0].Path())
	if err != nil {
		t.Fatal(err)
	}
	for name, l := range map[string]ghost.Life{"file": life, "memory": memories[0].Life()} {
		got, err := steps(t, l)
		if !errors.Is(err, ghost.ErrTruncated) || len(got) != 3 {
			t.Errorf("%s: %d steps, %v", name, len(got), err)
		}
	}
}

// TestLivesOfOneState: each has a file of its own; ReadDir returns them in order.
func TestLivesOfOneState(t *testing.T) {
	c := newCluster(t, 2, testLimits)
	dir := t.TempDir()
	for _, i := range []int{1, 0, 0} {
		f, err := ghost.Create(dir, c.configs[i], c.hosts[i].State())
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(f.Path()); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v: a journal holds a secret", info.Mode(), err)
		}
		c.step(i, kv.Input{Kind: kv.InputTimer})
	}
	lives, err := ghost.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []uint64
	for _, l := range lives {
		got = append(got, uint64(l.Header.Config.Me)<<8|l.Header.From)
	}
	if !reflect.DeepEqual(got, []uint64{1 << 8, 1<<8 | 1, 2 << 8}) {
		t.Errorf("lives %x", got)
	}
	if _, err := ghost.ReadDir(t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an empty directory: %v", err)
	}
}

// TestAFailureToWriteStops: a failure sticks, and every Flush from then on tells it.
func TestAFailureToWriteStops(t *testing.T) {
	c := newCluster(t, 1, testLimits)
	f, err := ghost.Create(t.TempDir(), c.configs[0], c.hosts[0].State())
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	observe(f, 0, 1, kv.Input{Kind: kv.InputTimer}, &kv.Effects{})
	for range 2 {
		if err := f.Flush(0); !errors.Is(err, os.ErrClosed) {
			t.Errorf("got %v", err)
		}
	}
}
