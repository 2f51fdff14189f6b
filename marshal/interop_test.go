package marshal

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
)

// generic decodes a message with the msgpack library, which knows no message.
func generic(t *testing.T, b []byte) []any {
	t.Helper()
	r := bytes.NewReader(b)
	d := msgpack.NewDecoder(r)
	v, err := d.DecodeInterface()
	if err != nil {
		t.Fatalf("%x is not msgpack: %v", b, err)
	}
	if r.Len() != 0 {
		t.Fatalf("%x: %d bytes follow the msgpack value", b, r.Len())
	}
	elements, ok := v.([]any)
	if !ok {
		t.Fatalf("%x: a %T, want an array", b, v)
	}
	return elements
}

// compact encodes elements with the msgpack library, as short as it can.
func compact(t *testing.T, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	e := msgpack.NewEncoder(&b)
	e.UseCompactInts(true)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// widen replaces the library's numbers, of as many types as they have lengths, by
// uint64.
func widen(v any) any {
	switch x := reflect.ValueOf(v); x.Kind() {
	case reflect.Int8:
		return uint64(x.Int())
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return x.Uint()
	}
	if list, ok := v.([]any); ok {
		for i := range list {
			list[i] = widen(list[i])
		}
	}
	return v
}

// Every message is msgpack to a library that was not written with ours, and its
// shortest form is the same.
func TestMessagesAreCompactMsgpack(t *testing.T) {
	eachMessage(t, 100, func(t *testing.T, m Message) {
		b := Append(nil, m)
		elements := generic(t, b)
		if got := compact(t, elements); !bytes.Equal(got, b) {
			t.Fatalf("%+v: the library writes\n%x, ours is\n%x", m, got, b)
		}
	})
}

func TestElementsAreTheFieldsInOrder(t *testing.T) {
	n := func(v uint64) any { return v }
	session := bytes.Repeat([]byte{0xab}, 16)
	h := RequestHeader{Session: SessionID(session), Number: 300}
	for _, c := range []struct {
		m    Message
		want []any
	}{
		{
			&GetRequest{RequestHeader: h, Key: "apple"},
			[]any{n(16), session, n(300), nil, []byte("apple")},
		},
		{
			&GetRequest{RequestHeader: h, Key: "apple", Hint: Hint{Sender: 1, Incarnation: 2, Seqno: 3}},
			[]any{n(16), session, n(300), []any{n(1), n(2), n(3)}, []byte("apple")},
		},
		{
			&SetReply{RequestHeader: h, Result: SetConditionFailed, Version: 5},
			[]any{n(33), session, n(300), n(2), n(5)},
		},
		{
			&StatusReply{RequestHeader: h, Software: "v1"},
			append(append([]any{n(38), session, n(300), n(0), n(0), "v1"},
				n(0), n(0), n(0), n(0), n(0), n(0), n(0), n(0)), false),
		},
		{
			&Single{Delegate: Delegate{Clock: 4, Entries: []Entry{{Key: "k", Value: []byte("v"), Version: 3}}}},
			[]any{
				n(52), n(0), n(0), n(0), n(0), nil, nil, n(4),
				[]any{[]byte("k"), []byte("v"), n(3)},
			},
		},
	} {
		if got := widen(generic(t, Append(nil, c.m))); !reflect.DeepEqual(got, any(c.want)) {
			t.Errorf("%+v:\n got %#v\nwant %#v", c.m, got, c.want)
		}
	}
}
