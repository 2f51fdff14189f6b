package marshal

import (
	"bytes"
	"reflect"
	"testing"
	"unsafe"

	"ironkv/delegation"
)

// memory calls visit with the address of everything that v refers to, strings
// and slices alike, unexported fields included.
func memory(v reflect.Value, visit func(at uintptr, what reflect.Type)) {
	switch v.Kind() {
	case reflect.Pointer:
		memory(v.Elem(), visit)
	case reflect.Struct:
		for i := range v.NumField() {
			memory(v.Field(i), visit)
		}
	case reflect.String:
		if s := v.String(); s != "" {
			visit(uintptr(unsafe.Pointer(unsafe.StringData(s))), v.Type())
		}
	case reflect.Slice:
		if v.Len() > 0 {
			visit(uintptr(v.UnsafePointer()), v.Type())
		}
		for i := range v.Len() {
			memory(v.Index(i), visit)
		}
	}
}

// within reports whether b's memory contains at.
func within(b []byte, at uintptr) bool {
	start := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	return start <= at && at < start+uintptr(cap(b))
}

func isBytes(what reflect.Type) bool {
	return what.Kind() == reflect.String || what == reflect.TypeFor[[]byte]()
}

// The decoder copies no bytes; Decode and Clone share none.
func TestWhoSharesMemory(t *testing.T) {
	eachMessage(t, 50, func(t *testing.T, m Message) {
		b := Append(nil, m)
		var d Decoder
		shared, err := d.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		memory(reflect.ValueOf(shared), func(at uintptr, what reflect.Type) {
			if isBytes(what) != within(b, at) {
				t.Errorf("%T: a %v copied, or a list in the datagram", m, what)
			}
		})
		fresh, err := Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		memory(reflect.ValueOf(fresh), func(at uintptr, what reflect.Type) {
			if within(b, at) {
				t.Errorf("%T: Decode shares a %v with the bytes", m, what)
			}
		})
		inShared := map[uintptr]bool{}
		memory(reflect.ValueOf(shared), func(at uintptr, _ reflect.Type) { inShared[at] = true })
		clone := Clone(shared)
		memory(reflect.ValueOf(clone), func(at uintptr, what reflect.Type) {
			if inShared[at] || within(b, at) {
				t.Errorf("%T: the clone shares a %v", m, what)
			}
		})
		if reflect.ValueOf(clone).Pointer() == reflect.ValueOf(shared).Pointer() {
			t.Errorf("%T: the clone is the message itself", m)
		}
		clear(b)
		if !reflect.DeepEqual(clone, m) || !reflect.DeepEqual(fresh, m) {
			t.Errorf("%T: a copy changed with the bytes", m)
		}
	})
}

// Who appends to a decoded value must not write into what follows in the datagram.
func TestAppendingToADecodedValueLeavesTheDatagram(t *testing.T) {
	b := Append(nil, &SetRequest{Key: "k", Value: []byte("value"), Condition: Condition{Set: true}})
	before := bytes.Clone(b)
	m, err := new(Decoder).Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	_ = append(m.(*SetRequest).Value, "more"...)
	if !bytes.Equal(b, before) {
		t.Errorf("%x became %x", before, b)
	}
}

func TestCloneKeepsWhatIsEmpty(t *testing.T) {
	for _, m := range []Message{&GetReply{Found: true, Value: []byte{}}, &ScanReply{Entries: []Entry{}}, &ScanReply{}} {
		if got := Clone(m); !reflect.DeepEqual(got, m) {
			t.Errorf("%#v cloned as %#v", m, got)
		}
	}
	e := Entry{Key: "k", Value: []byte("v"), Version: 1}
	d := Delegate{Range: delegation.All, Clock: 2, Entries: []Entry{e}}
	clone := d.Clone()
	e.Value[0] = 'w'
	if want := "v"; string(clone.Entries[0].Value) != want || clone.Clock != 2 || clone.Range != delegation.All {
		t.Errorf("the delegate's clone became %+v", clone)
	}
}

// A host's path for requests and answers takes no memory per message.
func TestHotMessagesTakeNoMemory(t *testing.T) {
	hot := map[kind]bool{kindGetRequest: true, kindSetRequest: true, kindGetReply: true, kindSetReply: true, kindSingle: true}
	const runs = 100
	for _, m := range append(typical(2), variants()...) {
		b := Append(nil, m)
		buf := make([]byte, 0, len(b))
		if n := testing.AllocsPerRun(runs, func() { buf = Append(buf[:0], m) }); n != 0 {
			t.Errorf("appending %+v takes memory %v times", m, n)
		}
		if !hot[kind(b[1])] {
			continue
		}
		var d Decoder
		if n := testing.AllocsPerRun(runs, func() {
			if _, err := d.Decode(b); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("decoding %+v takes memory %v times", m, n)
		}
	}
}
