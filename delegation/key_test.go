package delegation

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

func TestNewKeyLengths(t *testing.T) {
	for _, c := range []struct {
		bytes         int
		key, bound    bool
		keyNeedsError error
	}{
		{0, false, false, ErrKeyLength},
		{1, true, true, nil},
		{4_096, true, true, nil},
		{4_097, false, true, ErrKeyLength},
		{4_098, false, false, ErrKeyLength},
	} {
		b := bytes.Repeat([]byte{0xff}, c.bytes)
		key, err := NewKey(b)
		if !errors.Is(err, c.keyNeedsError) || c.key && string(key) != string(b) {
			t.Errorf("NewKey of %d bytes: %v", c.bytes, err)
		}
		bound, err := NewBound(b)
		if c.bound != (err == nil) || !c.bound && !errors.Is(err, ErrKeyLength) {
			t.Errorf("NewBound of %d bytes: %v", c.bytes, err)
		}
		if at, ok := bound.Key(); ok != c.bound || c.bound && string(at) != string(b) {
			t.Errorf("the bound of %d bytes has key %.10q, %v", c.bytes, string(at), ok)
		}
	}
}

// Constructors copy, and clones share nothing, so that a datagram's memory can
// be used again.
func TestCopies(t *testing.T) {
	buf := []byte("abc")
	key, err := NewKey(buf)
	if err != nil {
		t.Fatal(err)
	}
	bound, err := NewBound(buf)
	if err != nil {
		t.Fatal(err)
	}
	shared := Key(unsafe.String(&buf[0], len(buf)))
	keyClone, boundClone, rangeClone := shared.Clone(), At(shared).Clone(), span(shared, shared).Clone()
	buf[0] = 'X'
	if key != "abc" || bound != At("abc") {
		t.Error("a constructor kept its caller's bytes")
	}
	if keyClone != "abc" || boundClone != At("abc") || rangeClone != span("abc", "abc") {
		t.Error("a clone shares memory with its original")
	}
	for _, b := range []Bound{NegInf, PosInf, At("k")} {
		if b.Clone() != b {
			t.Errorf("the clone of %v is %v", b, b.Clone())
		}
	}
}

func TestBoundOrder(t *testing.T) {
	ascending := []Bound{
		NegInf, At("\x00"), At("\x00\x00"), At("\x01"), At("a"), After("a"), At("a\x00\x00"), At("a\x01"),
		At("aa"), At("b"), At("\xff"), After("\xff"), At("\xff\xff"), PosInf,
	}
	for i, a := range ascending {
		for j, b := range ascending {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got := a.Compare(b); got != want {
				t.Errorf("%v.Compare(%v) is %d, want %d", a, b, got, want)
			}
			if a.Less(b) != (want < 0) {
				t.Errorf("%v.Less(%v) is %v", a, b, a.Less(b))
			}
			if (a == b) != (want == 0) {
				t.Errorf("%v == %v is %v", a, b, a == b)
			}
		}
	}
	if !slices.IsSortedFunc(ascending, Bound.Compare) {
		t.Error("Compare is no ordering for slices")
	}
}

func TestBoundKinds(t *testing.T) {
	for _, c := range []struct {
		b        Bound
		neg, pos bool
		key      Key
		has      bool
		text     string
	}{
		{Bound{}, true, false, "", false, "-inf"},
		{NegInf, true, false, "", false, "-inf"},
		{At(""), true, false, "", false, "-inf"},
		{PosInf, false, true, "", false, "+inf"},
		{At("-inf"), false, false, "-inf", true, `"-inf"`},
		{After("a"), false, false, "a\x00", true, `"a\x00"`},
	} {
		key, has := c.b.Key()
		if c.b.IsNegInf() != c.neg || c.b.IsPosInf() != c.pos || key != c.key || has != c.has {
			t.Errorf("%v: IsNegInf %v, IsPosInf %v, Key %v, %v", c.b, c.b.IsNegInf(), c.b.IsPosInf(), key, has)
		}
		if c.b.String() != c.text {
			t.Errorf("got %s, want %s", c.b, c.text)
		}
	}
}

// The bound after the longest key is the longest bound, and is accepted.
func TestAfterLongestKey(t *testing.T) {
	longest := Key(strings.Repeat("\xff", MaxKeyBytes))
	after, _ := After(longest).Key()
	if _, err := NewBound([]byte(after)); err != nil {
		t.Error(err)
	}
	m := NewMap(1)
	if err := m.Assign(Single(longest), 2); err != nil {
		t.Fatal(err)
	}
	if m.Lookup(longest) != 2 || m.Lookup(longest[:MaxKeyBytes-1]) != 1 || m.Len() != 3 {
		t.Error("the longest key alone cannot be assigned")
	}
}

func TestStrings(t *testing.T) {
	if got := Key("a\x00\xff").String(); got != `"a\x00\xff"` {
		t.Errorf("a key shows as %s", got)
	}
	if got := HostID(4_294_967_295).String(); got != "4294967295" {
		t.Errorf("a host shows as %s", got)
	}
	if got := (Range{From: NegInf, Until: At("b")}).String(); got != `[-inf, "b")` {
		t.Errorf("a range shows as %s", got)
	}
}
