package store

import (
	"testing"

	"ironkv/delegation"
	"ironkv/marshal"
)

// Warming changes nothing, of keys that are there and of keys that are not, with
// an index and without.
func TestWarmChangesNothing(t *testing.T) {
	for _, records := range []bool{false, true} {
		s := NewMemory(MemoryOptions{Records: records})
		fill(s, 100, 10, false)
		for range 2 {
			s.Warm([]delegation.Key{numbered(1), "absent", numbered(99), numbered(1)})
			s.Warm(nil)
		}
		n := 0
		s.Ascend(delegation.All, func(e marshal.Entry) bool {
			if e.Key != numbered(n) || e.Version != 1 {
				t.Errorf("entry %d is %q, version %d", n, e.Key, e.Version)
			}
			n++
			return true
		})
		if n != 100 {
			t.Errorf("%d entries", n)
		}
	}
}
