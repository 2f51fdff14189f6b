package kv_test

import (
	"bytes"
	"testing"

	"ironkv/kv"
	"ironkv/marshal"
)

// The keys of a decoded message lie in the datagram's memory, where the next
// datagram comes. A recorded answer may not lie there: a repeated order was told
// a range of bytes that somebody else had sent since.
func TestRecordedRefusalOutlivesTheDatagram(t *testing.T) {
	r := newRig(t, 2, kv.Limits{})
	s := r.session(1, 1)
	r.move(1, s, 1, span("h", "x"), 2)
	order := shard(s, 2, span("k", "m"), 2)
	datagram := marshal.Append(nil, order)
	decoded, err := new(marshal.Decoder).Decode(datagram)
	if err != nil {
		t.Fatal(err)
	}
	first := marshal.Append(nil, one[*marshal.OrderReply](r, r.ask(1, decoded)))
	for i := range datagram {
		datagram[i] = '!'
	}
	if again := marshal.Append(nil, one[*marshal.OrderReply](r, r.ask(1, order))); !bytes.Equal(again, first) {
		t.Fatalf("the repeated order was answered %q, at first %q", again, first)
	}
}
