package store

import (
	"math/rand/v2"
	"testing"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

// A lateDriver does the same to a store with an index, and to one without, which tells what is right.
type lateDriver struct {
	*rand.Rand
	fast, slow *Memory
	sent       uint64
	acked      uint64
	late       map[lateness]int // how often a step began with such a run
}

func (d *lateDriver) key() int { return d.IntN(4000) }

func (d *lateDriver) entry(key int) marshal.Entry {
	value := make([]byte, d.IntN(100))
	for i := range value {
		value[i] = byte(d.Int())
	}
	return marshal.Entry{Key: numbered(key), Value: value, Version: marshal.Version(d.Uint64() >> 1)}
}

func (d *lateDriver) each(change func(s *Memory)) {
	change(d.fast)
	change(d.slow)
}

// step changes both stores in one of the ways there are.
func (d *lateDriver) step(t *testing.T) {
	if len(d.fast.late.run) > 0 {
		d.late[d.fast.late.what]++
	}
	switch key := d.key(); d.IntN(10) {
	case 0, 1:
		e := d.entry(key)
		d.each(func(s *Memory) { s.Put(e) })
	case 2:
		d.each(func(s *Memory) { s.Delete(numbered(key)) })
	case 3, 4:
		var run []marshal.Entry
		for i := range 1 + d.IntN(300) {
			run = append(run, d.entry(key+i))
		}
		d.each(func(s *Memory) { s.PutAll(run) })
	case 5, 6:
		r := delegation.Range{From: delegation.At(numbered(key)), Until: delegation.At(numbered(key + d.IntN(300)))}
		flies := d.IntN(3) > 0
		if flies {
			d.sent++
		}
		d.each(func(s *Memory) {
			s.RemoveRange(r)
			if flies {
				s.AddUnacked(2, d.sent, &marshal.Delegate{Range: r})
			}
		})
	case 7:
		if n := d.acked + uint64(d.IntN(int(d.sent-d.acked)+1)); n > d.acked {
			d.each(func(s *Memory) { s.DropUnacked(2, d.acked+1, n) })
			d.acked = n
		}
	case 8:
		d.fast.Tidy()
	case 9:
		commitBoth(t, d.fast, d.slow)
	}
}

// TestWhatIsLateCannotBeSeen: whatever is done while the index does not know of a run, gets and scans
// see what a store without an index has, no slot is used again too early, and in the end the index agrees.
func TestWhatIsLateCannotBeSeen(t *testing.T) {
	d := lateDriver{Rand: rand.New(rand.NewPCG(1, 2)), fast: NewMemory(MemoryOptions{}),
		slow: NewMemory(MemoryOptions{Records: true}), late: map[lateness]int{}}
	for i := range 6000 {
		d.step(t)
		for range 20 {
			key := numbered(d.key())
			got, found := d.fast.Get(key)
			want, exists := d.slow.Get(key)
			if found != exists || found && !sameEntry(got, want) {
				t.Fatalf("step %d, %v: %v %v, want %v %v", i, key, got, found, want, exists)
			}
		}
		if i%50 != 0 {
			continue
		}
		d.compare(t)
		for d.fast.Tidy() {
		}
		if err := d.fast.index.check(); err != nil || d.fast.index.entries() != d.fast.Len() {
			t.Fatalf("step %d: the index has %d of %d entries: %v", i, d.fast.index.entries(), d.fast.Len(), err)
		}
	}
	for what, least := range map[lateness]int{lateAdded: 100, lateRemoved: 100, lateFlying: 100} {
		if d.late[what] < least {
			t.Errorf("%d steps began with a run late in way %d, at least %d are to", d.late[what], what, least)
		}
	}
}

func sameEntry(a, b marshal.Entry) bool {
	return a.Key == b.Key && a.Version == b.Version && string(a.Value) == string(b.Value)
}

// compare holds the one store's scan against the other's.
func (d *lateDriver) compare(t *testing.T) {
	t.Helper()
	var want []marshal.Entry
	d.slow.Ascend(delegation.All, func(e marshal.Entry) bool {
		want = append(want, e)
		return true
	})
	at := 0
	d.fast.Ascend(delegation.All, func(e marshal.Entry) bool {
		if at == len(want) || !sameEntry(e, want[at]) {
			t.Fatalf("entry %d is %v", at, e)
		}
		at++
		return true
	})
	if at != len(want) {
		t.Fatalf("%d entries, want %d", at, len(want))
	}
}

// entries counts what the index has.
func (x *index) entries() (n int) {
	seen := map[*bucket]bool{}
	for i := range x.parts {
		for _, b := range x.parts[i].dir {
			if !seen[b] {
				seen[b] = true
				n += int(b.n)
			}
		}
	}
	return n
}

// TestTidyTakesBites: each as small as it says, until nothing is left.
func TestTidyTakesBites(t *testing.T) {
	s := NewMemory(MemoryOptions{})
	var run []marshal.Entry
	for i := range 3*lateBite + 1 {
		run = append(run, marshal.Entry{Key: numbered(i)})
	}
	s.PutAll(run)
	for _, want := range []int{0, lateBite, 2 * lateBite, 3 * lateBite, len(run)} {
		if n := s.index.entries(); n != want {
			t.Fatalf("the index has %d entries, want %d", n, want)
		}
		if more := s.Tidy(); more != (want < len(run)) {
			t.Fatalf("of %d entries the index has %d, and to tidy up was %v", len(run), want, more)
		}
	}
	if _, err := s.Commit(kv.Counters{}); err != nil {
		t.Fatal(err)
	}
}
