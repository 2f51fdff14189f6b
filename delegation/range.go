package delegation

import "fmt"

// A Range is the half-open set of keys from From (included) until Until
// (excluded). The zero Range is empty. Ranges are comparable with ==, but empty
// ranges are of many kinds: ask [Range.Empty].
type Range struct {
	From, Until Bound
}

// All is the range of every key.
var All = Range{From: NegInf, Until: PosInf}

// NewRange returns [from, until). It fails with [ErrEmptyRange] where until is
// not above from.
func NewRange(from, until Bound) (Range, error) {
	r := Range{From: from, Until: until}
	if r.Empty() {
		return Range{}, fmt.Errorf("%w: %v", ErrEmptyRange, r)
	}
	return r, nil
}

// Single returns the range that holds key alone.
func Single(key Key) Range { return Range{From: At(key), Until: After(key)} }

// Prefix returns the range of all keys that begin with p; all keys for "". A
// prefix longer than [MaxKeyBytes] begins no key, and what takes the range
// refuses its bounds.
func Prefix(p []byte) Range {
	for n := len(p); n > 0; n-- {
		if p[n-1] != 0xff {
			end := append([]byte(nil), p[:n]...)
			end[n-1]++
			return Range{From: Bound{key: string(p)}, Until: Bound{key: string(end)}}
		}
	}
	return Range{From: Bound{key: string(p)}, Until: PosInf}
}

// Empty reports whether r's end is not above its start, so that r holds nothing.
// A range that is not empty may still hold no key of a valid length: so do
// [−∞, "\x00") and what lies between a key of [MaxKeyBytes] bytes followed by a
// zero byte and the next bound. They are ranges like any other, and have owners.
func (r Range) Empty() bool { return !r.From.Less(r.Until) }

// Contains reports whether key lies in r.
func (r Range) Contains(key Key) bool {
	return r.From.key <= string(key) && !r.From.inf && (r.Until.inf || string(key) < r.Until.key)
}

// Covers reports whether every key of s lies in r.
func (r Range) Covers(s Range) bool {
	return s.Empty() || (r.From.Compare(s.From) <= 0 && s.Until.Compare(r.Until) <= 0)
}

// Overlaps reports whether some key lies in both.
func (r Range) Overlaps(s Range) bool { return !r.Intersect(s).Empty() }

// Intersect returns the keys that lie in both; the zero Range where none does.
func (r Range) Intersect(s Range) Range {
	out := r
	if out.From.Less(s.From) {
		out.From = s.From
	}
	if s.Until.Less(out.Until) {
		out.Until = s.Until
	}
	if out.Empty() {
		return Range{}
	}
	return out
}

// Clone returns a copy that shares no memory with r.
func (r Range) Clone() Range { return Range{From: r.From.Clone(), Until: r.Until.Clone()} }

// String returns the range as [from, until).
func (r Range) String() string { return fmt.Sprintf("[%v, %v)", r.From, r.Until) }
