package marshal

import (
	"encoding/binary"
	"math"
	"unsafe"

	"ironkv/delegation"
)

// Numbers of elements of what is written flat within a message or a list.
const (
	hintElements       = 3
	entryElements      = 3
	memberElements     = 2
	rangeElements      = 2
	moveStatusElements = 14
	peerElements       = 5
	inFlightElements   = 4
)

// Least encoded lengths of the items of lists, in bytes: a list that promises
// more items than the bytes left can hold is rejected before memory is taken.
const (
	entryMinBytes      = 3 + 2 + 1 // a key of one byte, an empty value, a version
	memberMinBytes     = memberElements
	rangeMinBytes      = rangeElements
	moveStatusMinBytes = moveStatusElements
	peerMinBytes       = peerElements
	inFlightMinBytes   = inFlightElements
)

// A reader takes a message's elements off its bytes, one after the other. It
// keeps the first fault; from then on every element reads as zero, so that the
// messages' methods need not ask after each.
type reader struct {
	b []byte
	i int // the next element's offset; len(b) after a fault

	fault Fault
	field string // of the fault
	at    int    // offset of the fault
}

// fail notes a fault of the element that begins at the present offset.
func (r *reader) fail(f Fault, field string) {
	if r.fault == FaultNone {
		r.fault, r.field, r.at = f, field, r.i
	}
	r.i = len(r.b)
}

// text returns the bytes as a string without copying them. It is the only
// place of the package where strings come to share a datagram's memory: such a
// string changes when the datagram's buffer is used again.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// more reports whether an element begins at the present offset, and with what.
func (r *reader) more(field string) (byte, bool) {
	if r.i >= len(r.b) {
		r.fail(FaultTruncated, field)
		return 0, false
	}
	return r.b[r.i], true
}

// null reads nil, if that comes next.
func (r *reader) null() bool {
	if r.i < len(r.b) && r.b[r.i] == codeNil {
		r.i++
		return true
	}
	return false
}

func (r *reader) uint(field string) uint64 {
	if r.i < len(r.b) && r.b[r.i] < fixintEnd {
		r.i++
		return uint64(r.b[r.i-1])
	}
	return r.longUint(field)
}

// longUint reads a number of more than one byte; least is the smallest number
// for which there is no shorter encoding.
func (r *reader) longUint(field string) uint64 {
	code, ok := r.more(field)
	if !ok {
		return 0
	}
	rest := r.b[r.i+1:]
	var v, least uint64
	var n int
	switch {
	case code == codeUint8 && len(rest) >= 1:
		v, least, n = uint64(rest[0]), fixintEnd, 1
	case code == codeUint16 && len(rest) >= 2:
		v, least, n = uint64(binary.BigEndian.Uint16(rest)), math.MaxUint8+1, 2
	case code == codeUint32 && len(rest) >= 4:
		v, least, n = uint64(binary.BigEndian.Uint32(rest)), math.MaxUint16+1, 4
	case code == codeUint64 && len(rest) >= 8:
		v, least, n = binary.BigEndian.Uint64(rest), math.MaxUint32+1, 8
	case code >= codeUint8 && code <= codeUint64:
		r.fail(FaultTruncated, field)
		return 0
	default:
		r.fail(FaultType, field)
		return 0
	}
	if v < least {
		r.fail(FaultNotCanonical, field)
		return 0
	}
	r.i += 1 + n
	return v
}

// uintTo reads a number of at most limit.
func (r *reader) uintTo(field string, limit uint64) uint64 {
	at := r.i
	v := r.uint(field)
	if v > limit {
		r.i = at
		r.fail(FaultOutOfRange, field)
		return 0
	}
	return v
}

func (r *reader) uint32(field string) uint32 { return uint32(r.uintTo(field, math.MaxUint32)) }

// enum reads a value of an enumeration of count values.
func (r *reader) enum(field string, count uint8) uint8 {
	return uint8(r.uintTo(field, uint64(count-1)))
}

func (r *reader) bool(field string) bool {
	code, ok := r.more(field)
	switch {
	case !ok:
		return false
	case code != codeTrue && code != codeFalse:
		r.fail(FaultType, field)
		return false
	}
	r.i++
	return code == codeTrue
}

// take reads n bytes behind a header of head bytes, where at least least are
// needed for a header of this form, and at most limit are allowed.
func (r *reader) take(field string, head, n, least, limit int) []byte {
	start := r.i + head
	switch {
	case n > limit:
		r.fail(FaultTooLong, field)
		return nil
	case n < least:
		r.fail(FaultNotCanonical, field)
		return nil
	case n > len(r.b)-start:
		r.fail(FaultTruncated, field)
		return nil
	}
	r.i = start + n
	return r.b[start:r.i:r.i]
}

// bin reads at most limit bytes, which stay where they are.
func (r *reader) bin(field string, limit int) []byte {
	code, ok := r.more(field)
	if !ok {
		return nil
	}
	rest := r.b[r.i+1:]
	switch {
	case code == codeBin8 && len(rest) >= 1:
		return r.take(field, 2, int(rest[0]), 0, limit)
	case code == codeBin16 && len(rest) >= 2:
		return r.take(field, 3, int(binary.BigEndian.Uint16(rest)), math.MaxUint8+1, limit)
	case code == codeBin32 && len(rest) >= 4:
		return r.take(field, 5, int(binary.BigEndian.Uint32(rest)), math.MaxUint16+1, limit)
	case code >= codeBin8 && code <= codeBin32:
		r.fail(FaultTruncated, field)
	default:
		r.fail(FaultType, field)
	}
	return nil
}

// value reads a value; an empty one reads as nil.
func (r *reader) value(field string) []byte {
	v := r.bin(field, MaxValueBytes)
	if len(v) == 0 {
		return nil
	}
	return v
}

func (r *reader) id(field string) (id [idBytes]byte) {
	if rest := r.b[r.i:]; len(rest) >= 2+idBytes && rest[0] == codeBin8 && rest[1] == idBytes {
		r.i += 2 + idBytes
		return [idBytes]byte(rest[2:])
	}
	at := r.i
	if v := r.bin(field, idBytes); len(v) != idBytes && r.fault == FaultNone {
		r.i = at
		r.fail(FaultTooShort, field)
	}
	return id
}

// text reads a text for people of at most limit bytes.
func (r *reader) text(field string, limit int) string {
	code, ok := r.more(field)
	if !ok {
		return ""
	}
	rest := r.b[r.i+1:]
	switch {
	case code >= fixstr && code < fixstr+fixstrEnd:
		return text(r.take(field, 1, int(code-fixstr), 0, limit))
	case code == codeStr8 && len(rest) >= 1:
		return text(r.take(field, 2, int(rest[0]), fixstrEnd, limit))
	case code == codeStr16 && len(rest) >= 2:
		return text(r.take(field, 3, int(binary.BigEndian.Uint16(rest)), math.MaxUint8+1, limit))
	case code == codeStr8 || code == codeStr16:
		r.fail(FaultTruncated, field)
	default:
		r.fail(FaultType, field)
	}
	return ""
}

// key reads a key or a bound's key: 1 to limit bytes.
func (r *reader) key(field string, limit int) delegation.Key {
	at := r.i
	v := r.bin(field, limit)
	if len(v) == 0 && r.fault == FaultNone {
		r.i = at
		r.fail(FaultTooShort, field)
	}
	return delegation.Key(text(v))
}

// array reads an array's header.
func (r *reader) array(field string) int {
	code, ok := r.more(field)
	if !ok {
		return 0
	}
	rest := r.b[r.i+1:]
	var n, least, head int
	switch {
	case code >= fixarray && code < fixarray+fixarrayEnd:
		n, least, head = int(code-fixarray), 0, 1
	case code == codeArray16 && len(rest) >= 2:
		n, least, head = int(binary.BigEndian.Uint16(rest)), fixarrayEnd, 3
	case code == codeArray32 && len(rest) >= 4:
		n, least, head = int(binary.BigEndian.Uint32(rest)), math.MaxUint16+1, 5
	case code == codeArray16 || code == codeArray32:
		r.fail(FaultTruncated, field)
		return 0
	default:
		r.fail(FaultType, field)
		return 0
	}
	if n < least {
		r.fail(FaultNotCanonical, field)
		return 0
	}
	r.i += head
	return n
}

// list opens a list of at most limit items, each of so many elements, written
// flat, and of at least minBytes bytes. It returns the number of items.
func (r *reader) list(field string, elements, minBytes, limit int) int {
	at := r.i
	n := r.array(field)
	items := n / elements
	var fault Fault
	switch {
	case items > limit:
		fault = FaultTooLong
	case n%elements != 0:
		fault = FaultFields
	case items*minBytes > len(r.b)-r.i:
		fault = FaultTruncated
	default:
		return items
	}
	r.i = at
	r.fail(fault, field)
	return 0
}
