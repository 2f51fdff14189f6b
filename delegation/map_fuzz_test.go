package delegation

import (
	"errors"
	"slices"
	"testing"
)

// FuzzAssign reads its input as assignments (a host, then two lengths, then the
// bytes of two bounds) and holds the map against the model after each.
func FuzzAssign(f *testing.F) {
	f.Add([]byte("\x02\x01\x01bd\x01\x01\x01cd"))
	f.Add([]byte("\x02\x00\x00\x03\x01\x00a\x02\x00\x01a\x01\x02\x02a\x00a\xff"))
	f.Add([]byte("\x00\x01\x01ab\x01\x01\x01ba"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > 512 {
			in = in[:512]
		}
		assignments := readAssignments(in)
		var points []string
		for _, a := range assignments {
			points = append(points, a.r.From.key, a.r.Until.key)
		}
		m, s := NewMap(1), newSlowMap(points, 1)
		for _, a := range assignments {
			err := m.Assign(a.r, a.h)
			if (err != nil) != (a.r.Empty() || a.h == 0) {
				t.Fatalf("Assign(%v, %v) is %v", a.r, a.h, err)
			}
			if err == nil {
				s.assign(a.r, a.h)
			}
			judge(t, m, s, a.r.From, a.h, a.r)
		}
	})
}

func readAssignments(in []byte) (out []owned) {
	for len(in) >= 3 {
		h, n, m := HostID(in[0]%5), int(in[1]%8), int(in[2]%8)
		in = in[3:]
		n = min(n, len(in))
		m = min(m, len(in)-n)
		r := Range{From: At(Key(in[:n])), Until: At(Key(in[n : n+m]))}
		if m == 0 {
			r.Until = PosInf
		}
		out, in = append(out, owned{r, h}), in[n+m:]
	}
	return out
}

// FuzzMapOf takes any boundaries: either they are refused, or they are the map.
func FuzzMapOf(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x02\x01\x00b\x01\x01\x00d"))
	f.Add([]byte("\x01\x00\x00\x01\x01\x00b"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var pairs []Boundary
		for _, a := range readAssignments(in) {
			pairs = append(pairs, Boundary{From: a.r.From, Host: a.h})
		}
		m, err := MapOf(pairs)
		if err != nil {
			if !errors.Is(err, ErrInvalidMap) {
				t.Fatalf("%v is not ErrInvalidMap", err)
			}
			return
		}
		var got []Boundary
		for from, host := range m.Boundaries() {
			got = append(got, Boundary{from, host})
		}
		if err := m.Check(); err != nil || !slices.Equal(got, pairs) {
			t.Fatalf("got %v and %v, want %v", got, err, pairs)
		}
	})
}
