//go:build linux && !plainudp

package udp

import "testing"

// TestSegments: one message of the kernel's holds datagrams of one size to one address, of which only
// the last may be shorter, up to the kernel's limits.
func TestSegments(t *testing.T) {
	list := func(dst int, sizes ...int) (out []outgoing) {
		for _, n := range sizes {
			out = append(out, outgoing{address(dst), make([]byte, n)})
		}
		return out
	}
	many := make([]int, 100)
	for i := range many {
		many[i] = 900
	}
	for _, c := range []struct {
		name string
		list []outgoing
		want int
	}{
		{"alone", list(1, 500), 1},
		{"equal", list(1, 500, 500, 500), 3},
		{"the last one shorter", list(1, 500, 500, 100), 3},
		{"nothing behind a shorter one", list(1, 500, 100, 100), 2},
		{"none longer", list(1, 500, 600), 1},
		{"another address", append(list(1, 500, 500), list(2, 500)...), 2},
		{"segments", list(1, many...), maxSegments},
		{"bytes", list(1, 30_000, 30_000, 30_000), 2},
	} {
		if got := segments(c.list, sendVectors); got != c.want {
			t.Errorf("%s: %d, not %d", c.name, got, c.want)
		}
	}
}
