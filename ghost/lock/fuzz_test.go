package lock

import (
	"bytes"
	"testing"
)

// FuzzDecode: a datagram of any bytes is no message, and changes nothing at a host, or is
// the one encoding of what it is read as.
func FuzzDecode(f *testing.F) {
	f.Add(uint8(0), Encode(Message{Transfer, 2}))
	f.Add(uint8(1), Encode(Message{Locked, 2}))
	f.Add(uint8(200), Encode(Message{Transfer, 1<<64 - 1}))
	f.Add(uint8(0), []byte("lock"))
	f.Fuzz(func(t *testing.T, src uint8, b []byte) {
		m, ok := Decode(b)
		if ok && !bytes.Equal(Encode(m), b) {
			t.Fatalf("%x is read as %v, whose encoding is %x", b, m, Encode(m))
		}
		h := NewHost(1, 3, 9)
		before := *h
		sent := h.Receive(NodeID(src), b)
		if (!ok || m.Kind != Transfer) && (*h != before || len(sent) > 0) {
			t.Fatalf("%x from %d: %+v became %+v, sent %v", b, src, before, *h, sent)
		}
	})
}
