package marshal

import "testing"

// KeyOf finds the key of a get and of a set, of no other message, and of none
// that breaks off before it.
func TestKeyOf(t *testing.T) {
	eachMessage(t, 20, func(t *testing.T, m Message) {
		b := Append(nil, m)
		got, ok := KeyOf(b)
		switch m := m.(type) {
		case *GetRequest:
			if !ok || got != m.Key {
				t.Errorf("key %q %v of %+v", got, ok, m)
			}
		case *SetRequest:
			if !ok || got != m.Key {
				t.Errorf("key %q %v of %+v", got, ok, m)
			}
		default:
			if ok {
				t.Errorf("key %q of %T", got, m)
			}
		}
		for n := range b {
			if short, ok := KeyOf(b[:n:n]); ok && short != got {
				t.Errorf("%d of %d bytes: key %q", n, len(b), short)
			}
		}
		if n := testing.AllocsPerRun(1, func() { KeyOf(b) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

// OpensSession, IsRequest and IsDelegate tell these kinds from all others, and from no bytes at all.
func TestKindsByTheirBeginning(t *testing.T) {
	eachMessage(t, 1, func(t *testing.T, m Message) {
		var opens, request bool
		switch m.(type) { //nolint:gochecksumtype // the others are neither
		case *Hello, *Open:
			opens = true
		case *GetRequest, *SetRequest, *ScanRequest:
			request = true
		}
		b := Append(nil, m)
		_, delegate := m.(*Single)
		if OpensSession(b) != opens || IsRequest(b) != request || IsDelegate(b) != delegate {
			t.Errorf("%T: opens a session: %v, is a request: %v, is a delegate: %v", m, OpensSession(b), IsRequest(b), IsDelegate(b))
		}
	})
	if OpensSession(nil) || IsRequest(nil) || IsDelegate(nil) {
		t.Error("no bytes are some message")
	}
}
