package marshal

import (
	"encoding/binary"
	"math"

	"ironkv/delegation"
)

// Formats of msgpack that the messages use
// (https://github.com/msgpack/msgpack/blob/master/spec.md#formats).
const (
	fixintEnd   = 0x80 // below it, a byte is the number itself
	fixarray    = 0x90 // or'ed with the count
	fixarrayEnd = 16
	fixstr      = 0xa0 // or'ed with the length
	fixstrEnd   = 32
	codeNil     = 0xc0
	codeFalse   = 0xc2
	codeTrue    = 0xc3
	codeBin8    = 0xc4
	codeBin16   = 0xc5
	codeBin32   = 0xc6
	codeUint8   = 0xcc
	codeUint16  = 0xcd
	codeUint32  = 0xce
	codeUint64  = 0xcf
	codeStr8    = 0xd9
	codeStr16   = 0xda
	codeArray16 = 0xdc
	codeArray32 = 0xdd
)

// idBytes is the length of a session id, a nonce and a cookie, in bytes.
const idBytes = 16

// appendOpening starts the array of a message.
func appendOpening(b []byte, k kind) []byte {
	return append(b, fixarray|kinds[k].elements, byte(k))
}

func appendUint(b []byte, v uint64) []byte {
	if v < fixintEnd {
		return append(b, byte(v))
	}
	return appendLongUint(b, v)
}

func appendLongUint(b []byte, v uint64) []byte {
	switch {
	case v <= math.MaxUint8:
		return append(b, codeUint8, byte(v))
	case v <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, codeUint16), uint16(v))
	case v <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, codeUint32), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(b, codeUint64), v)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, codeTrue)
	}
	return append(b, codeFalse)
}

// appendBin appends the bytes of a key or a value.
func appendBin[T ~string | ~[]byte](b []byte, v T) []byte {
	switch n := len(v); {
	case n <= math.MaxUint8:
		b = append(b, codeBin8, byte(n))
	case n <= math.MaxUint16:
		b = binary.BigEndian.AppendUint16(append(b, codeBin16), uint16(n))
	default:
		b = binary.BigEndian.AppendUint32(append(b, codeBin32), uint32(n))
	}
	return append(b, v...)
}

func appendID(b []byte, id [idBytes]byte) []byte {
	return append(append(b, codeBin8, idBytes), id[:]...)
}

// appendText appends a text for people; [MaxTextBytes] fits in 16 bits.
func appendText(b []byte, s string) []byte {
	switch n := len(s); {
	case n < fixstrEnd:
		b = append(b, fixstr|byte(n))
	case n <= math.MaxUint8:
		b = append(b, codeStr8, byte(n))
	default:
		b = binary.BigEndian.AppendUint16(append(b, codeStr16), uint16(n))
	}
	return append(b, s...)
}

// appendList opens a list of n items whose elements follow one another, flat:
// an array within it would cost each item a byte.
func appendList(b []byte, n, elements int) []byte {
	switch n *= elements; {
	case n < fixarrayEnd:
		return append(b, fixarray|byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, codeArray16), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(b, codeArray32), uint32(n))
}

// appendBound appends nil for −∞, true for +∞, else the key.
func appendBound(b []byte, v delegation.Bound) []byte {
	if v.IsPosInf() {
		return append(b, codeTrue)
	}
	key, ok := v.Key()
	if !ok {
		return append(b, codeNil)
	}
	return appendBin(b, key)
}

func appendRange(b []byte, r delegation.Range) []byte {
	return appendBound(appendBound(b, r.From), r.Until)
}

// appendHint appends nil for the zero Hint, which nearly every request has.
func appendHint(b []byte, h *Hint) []byte {
	if *h == (Hint{}) {
		return append(b, codeNil)
	}
	b = append(b, fixarray|hintElements)
	b = appendUint(b, uint64(h.Sender))
	b = appendUint(b, uint64(h.Incarnation))
	return appendUint(b, h.Seqno)
}

func appendMoveID(b []byte, m MoveID) []byte {
	return appendUint(appendUint(b, uint64(m.Host)), m.Number)
}

func appendRequestHeader(b []byte, h *RequestHeader) []byte {
	return appendUint(appendID(b, h.Session), h.Number)
}

func appendWriteHeader(b []byte, h *WriteHeader) []byte {
	b = appendUint(b, h.Floor)
	b = appendUint(b, h.Operation.Client)
	return appendUint(b, h.Operation.Counter)
}

func appendPeerHeader(b []byte, h *PeerHeader) []byte {
	b = appendUint(b, uint64(h.From))
	b = appendUint(b, uint64(h.FromIncarnation))
	return appendUint(b, uint64(h.ToIncarnation))
}

func appendEntries(b []byte, entries []Entry) []byte {
	b = appendList(b, len(entries), entryElements)
	for i := range entries {
		e := &entries[i]
		b = appendBin(b, e.Key)
		b = appendBin(b, e.Value)
		b = appendUint(b, uint64(e.Version))
	}
	return b
}
