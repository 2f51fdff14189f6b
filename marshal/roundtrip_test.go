package marshal

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"
)

func TestEveryMessageDecodesToItself(t *testing.T) {
	var d Decoder
	eachMessage(t, 300, func(t *testing.T, m Message) {
		b := Append(nil, m)
		shared, err := d.Decode(b)
		if err != nil {
			t.Fatalf("%+v: %v", m, err)
		}
		if !reflect.DeepEqual(shared, m) {
			t.Fatalf("decoded\n%+v, encoded was\n%+v", shared, m)
		}
		fresh, err := Decode(b)
		if err != nil || !reflect.DeepEqual(fresh, m) {
			t.Fatalf("fresh: decoded\n%+v, %v, encoded was\n%+v", fresh, err, m)
		}
		if got := Clone(m); !reflect.DeepEqual(got, m) {
			t.Fatalf("cloned\n%+v from\n%+v", got, m)
		}
	})
}

func TestAppendKeepsWhatIsThere(t *testing.T) {
	eachMessage(t, 3, func(t *testing.T, m Message) {
		want := append([]byte("before"), Append(nil, m)...)
		if got := Append([]byte("before"), m); !bytes.Equal(got, want) {
			t.Errorf("appended %x, want %x", got, want)
		}
	})
}

// A message without its end, or with something behind it, is none: a datagram
// that was cut or glued together is found out.
func TestEveryPrefixAndEveryTrailingByteFails(t *testing.T) {
	var d Decoder
	eachMessage(t, 5, func(t *testing.T, m Message) {
		b := Append(nil, m)
		for n := range b {
			if got, err := d.Decode(b[:n:n]); !errors.Is(err, ErrMalformed) || got != nil {
				t.Fatalf("%d of %d bytes: %+v, %v", n, len(b), got, err)
			}
		}
		for c := range 256 {
			_, err := d.Decode(append(b[:len(b):len(b)], byte(c)))
			var e *MalformedError
			if !errors.As(err, &e) || e.Fault != FaultTrailing || e.Offset != len(b) {
				t.Fatalf("trailing byte %#x: %v", c, err)
			}
		}
	})
}

// checkCanonical decodes any bytes: what is a message has no other encoding, and
// what is none is rejected as the documentation says.
func checkCanonical(t *testing.T, d *Decoder, b []byte) {
	t.Helper()
	m, err := d.Decode(b)
	if err != nil {
		var e *MalformedError
		if !errors.Is(err, ErrMalformed) || !errors.As(err, &e) || m != nil {
			t.Fatalf("%x: %v, %v", b, m, err)
		}
		if e.Fault == FaultNone || e.Fault >= NumFaults || e.Offset < 0 || e.Offset > len(b) || e.Error() == "" {
			t.Fatalf("%x: error without a fault or a place: %+v", b, e)
		}
		if _, err := Decode(b); err == nil {
			t.Fatalf("%x: only the decoder rejects it: %v", b, e)
		}
		return
	}
	if again := Append(nil, m); !bytes.Equal(again, b) {
		t.Fatalf("%x decodes to %+v, whose encoding is %x", b, m, again)
	}
	fresh, err := Decode(b)
	if err != nil || !reflect.DeepEqual(fresh, m) || !reflect.DeepEqual(Clone(m), m) {
		t.Fatalf("%x: decoder %+v, fresh %+v, %v", b, m, fresh, err)
	}
}

func TestFlippedBitsNeverPanic(t *testing.T) {
	var d Decoder
	eachMessage(t, 4, func(t *testing.T, m Message) {
		b := Append(nil, m)
		for i := range b {
			for bit := range 8 {
				b[i] ^= 1 << bit
				checkCanonical(t, &d, b)
				b[i] ^= 1 << bit
			}
		}
	})
}

func TestReplacedBytesNeverPanic(t *testing.T) {
	var d Decoder
	rng := rand.New(rand.NewPCG(7, 7))
	eachMessage(t, 20, func(t *testing.T, m Message) {
		b := Append(nil, m)
		for range 50 {
			i := rng.IntN(len(b))
			old := b[i]
			b[i] = byte(rng.Uint32())
			checkCanonical(t, &d, b)
			b[i] = old
		}
	})
}

// A hot message's memory is used again: nothing of the one before may remain.
func TestHotMessagesKeepNothingOfTheLast(t *testing.T) {
	for _, k := range []kind{kindGetRequest, kindSetRequest, kindGetReply, kindSetReply, kindSingle} {
		t.Run(kinds[k].name, func(t *testing.T) {
			var d Decoder
			g := newGenerator(uint64(k))
			var last Message
			for range 300 {
				m := g.message(k)
				got, err := d.Decode(Append(nil, m))
				if err != nil || !reflect.DeepEqual(got, m) {
					t.Fatalf("after\n%+v decoded\n%+v, %v, encoded was\n%+v", last, got, err, m)
				}
				last = m
			}
		})
	}
}

func TestFieldsWithoutMeaningAreNotWritten(t *testing.T) {
	h := RequestHeader{Number: 1}
	for _, c := range []struct{ have, want Message }{
		{
			&SetRequest{RequestHeader: h, Key: "k", Delete: true, Value: []byte("v")},
			&SetRequest{RequestHeader: h, Key: "k", Delete: true},
		},
		{
			&SetRequest{RequestHeader: h, Key: "k", Condition: Condition{Version: 7}},
			&SetRequest{RequestHeader: h, Key: "k"},
		},
		{
			&GetReply{RequestHeader: h, Version: 3, Value: []byte("v")},
			&GetReply{RequestHeader: h, Version: 3},
		},
		{
			&GetReply{RequestHeader: h, Found: true, Value: []byte{}},
			&GetReply{RequestHeader: h, Found: true},
		},
		{
			&ScanReply{RequestHeader: h, Entries: []Entry{}},
			&ScanReply{RequestHeader: h},
		},
	} {
		got, err := Decode(Append(nil, c.have))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%+v decoded as %+v, %v, want %+v", c.have, got, err, c.want)
		}
	}
}

func TestDelegateAlone(t *testing.T) {
	g := newGenerator(1)
	for range 100 {
		want := &g.message(kindSingle).(*Single).Delegate
		b := AppendDelegate(nil, want)
		got, err := DecodeDelegate(b)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("decoded\n%+v, %v, encoded was\n%+v", got, err, want)
		}
		for n := range b {
			if got, err := DecodeDelegate(b[:n]); !errors.Is(err, ErrMalformed) || got != nil {
				t.Fatalf("%d of %d bytes: %+v, %v", n, len(b), got, err)
			}
		}
		if _, err := DecodeDelegate(append(b, 0)); !errors.Is(err, ErrMalformed) {
			t.Fatalf("a trailing byte: %v", err)
		}
		clear(b)
		if !reflect.DeepEqual(got, want) {
			t.Fatal("the delegate shares memory with its bytes")
		}
	}
	var e *MalformedError
	if _, err := DecodeDelegate([]byte{fixarray | 3, codeNil, codeTrue, 0}); !errors.As(err, &e) || e.Fault != FaultFields {
		t.Errorf("three elements: %v", err)
	}
	if _, err := DecodeDelegate(make([]byte, MaxMessageBytes+1)); !errors.As(err, &e) || e.Fault != FaultTooLong {
		t.Errorf("longer than a message: %v", err)
	}
}
