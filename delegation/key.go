package delegation

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// MaxKeyBytes is the greatest length of a key, in bytes (4 KiB).
const MaxKeyBytes = 4 << 10

// MaxBoundBytes is the greatest length of the key inside a [Bound]. It is one
// byte more than a key's, so that every key has a successor to end a range at.
const MaxBoundBytes = MaxKeyBytes + 1

var (
	// ErrKeyLength says that a key is empty or longer than [MaxKeyBytes].
	ErrKeyLength = errors.New("key length out of range")
	// ErrEmptyRange says that a range holds no key: its end is not above its start.
	ErrEmptyRange = errors.New("empty range")
)

// A Key is any string of 1 to [MaxKeyBytes] bytes; keys are ordered bytewise.
//
// A Key that was decoded from a datagram shares the datagram's memory: whoever
// keeps it beyond the step clones it ([Key.Clone]).
type Key string

// NewKey copies b into a key. It fails with [ErrKeyLength].
func NewKey(b []byte) (Key, error) {
	if len(b) < 1 || len(b) > MaxKeyBytes {
		return "", fmt.Errorf("%w: %d bytes, a key has 1 to %d", ErrKeyLength, len(b), MaxKeyBytes)
	}
	return Key(b), nil
}

// Clone returns a copy that shares no memory with k.
func (k Key) Clone() Key { return Key(strings.Clone(string(k))) }

// String quotes the key, so that any bytes can be read.
func (k Key) String() string { return strconv.Quote(string(k)) }

// A HostID names a host of a cluster. The zero HostID names none.
type HostID uint32

// String returns the decimal id.
func (h HostID) String() string { return strconv.FormatUint(uint64(h), 10) }

// A Bound is a point in the order of keys at which a range starts or ends:
// below all keys ([NegInf], the zero value), at a key, or above all keys
// ([PosInf]). Bounds are comparable with ==; keys at a bound lie above it.
type Bound struct {
	key string // "" for both infinities; no key is empty, so "" sorts as −∞
	inf bool   // +∞
}

// NegInf is the bound below every key; PosInf is the one above every key.
// They are the paper's KeyZero and KeyInf (Protocol/SHT/Keys.i.dfy).
var (
	NegInf = Bound{}
	PosInf = Bound{inf: true}
)

// At returns the bound just below key; [NegInf] for the empty string, which is
// no key. It shares key's memory.
func At(key Key) Bound { return Bound{key: string(key)} }

// After returns the bound just above key: the one below its successor, which is
// key followed by a zero byte.
func After(key Key) Bound { return Bound{key: string(key) + "\x00"} }

// NewBound returns the bound at b, 1 to [MaxBoundBytes] bytes, which it copies.
// It fails with [ErrKeyLength].
func NewBound(b []byte) (Bound, error) {
	if len(b) < 1 || len(b) > MaxBoundBytes {
		return Bound{}, fmt.Errorf("%w: %d bytes, a bound has 1 to %d", ErrKeyLength, len(b), MaxBoundBytes)
	}
	return Bound{key: string(b)}, nil
}

// IsNegInf reports whether b lies below all keys.
func (b Bound) IsNegInf() bool { return b == NegInf }

// IsPosInf reports whether b lies above all keys.
func (b Bound) IsPosInf() bool { return b.inf }

// Key returns the key at the bound, and false for the infinities. The key may
// be one byte longer than a key of the store.
func (b Bound) Key() (Key, bool) { return Key(b.key), b.key != "" }

// Compare orders bounds: −∞, then keys bytewise, then +∞.
func (b Bound) Compare(c Bound) int {
	switch {
	case b.inf && c.inf:
		return 0
	case b.inf:
		return 1
	case c.inf:
		return -1
	}
	return strings.Compare(b.key, c.key)
}

// Less reports whether b lies below c.
func (b Bound) Less(c Bound) bool { return b.Compare(c) < 0 }

// Clone returns a copy that shares no memory with b.
func (b Bound) Clone() Bound { return Bound{key: strings.Clone(b.key), inf: b.inf} }

// String returns "-inf", "+inf", or the quoted key.
func (b Bound) String() string {
	switch {
	case b.inf:
		return "+inf"
	case b.key == "":
		return "-inf"
	}
	return strconv.Quote(b.key)
}
