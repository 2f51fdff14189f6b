package world

import (
	"encoding/binary"
	"maps"
	"slices"

	"ironkv/marshal"
)

// Encode appends the canonical encoding of everything that decides what the
// client does next: two clients with equal encodings behave alike. What became of
// operations that are no longer outstanding is not in it.
func (c *Client) Encode(b []byte) []byte {
	b = appendUint(b, c.ID, c.counter, c.nonces)
	b = appendText(b, c.Addr.String())
	for from, host := range c.Owners.Boundaries() {
		b = appendUint(appendText(b, from.String()), uint64(host))
	}
	hosts := slices.Sorted(maps.Keys(c.sessions))
	b = appendUint(b, uint64(len(hosts)))
	for _, id := range hosts {
		s := c.sessions[id]
		b = append(append(append(b, s.id[:]...), s.nonce[:]...), flag(s.open), flag(s.cookie != nil))
		if s.cookie != nil {
			b = append(b, s.cookie[:]...)
		}
		b = appendUint(b, uint64(id), uint64(s.incarnation), s.reads, s.writes)
	}
	for _, o := range c.Ops {
		b = c.encodeOp(b, o)
	}
	return b
}

func (c *Client) encodeOp(b []byte, o *Op) []byte {
	s := c.sessions[o.host]
	if s == nil {
		s = &clientSession{}
	}
	b = append(b, byte(o.Kind), flag(o.sent))
	b = appendUint(b, uint64(o.host), uint64(o.At), o.number, uint64(o.hint.Sender), uint64(o.hint.Incarnation), o.hint.Seqno)
	return appendText(b, string(marshal.Append(nil, c.request(o, s))))
}

func flag(v bool) byte {
	if v {
		return 1
	}
	return 0
}

func appendUint(b []byte, vs ...uint64) []byte {
	for _, v := range vs {
		b = binary.AppendUvarint(b, v)
	}
	return b
}

func appendText(b []byte, s string) []byte { return append(appendUint(b, uint64(len(s))), s...) }
