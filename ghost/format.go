package ghost

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

// What a stream holds is records:
//
//	length  4 bytes, little-endian   of the payload
//	crc     4 bytes, little-endian   CRC-32C of length and payload, begun with the crc before
//	payload                          a kind byte, then what it says
//
// So no record can be changed, left out, doubled or put elsewhere, also not one of
// another journal. The first is the header, the last of a life that ended cleanly
// the end. Between them are entries: steps, requests that were shed, and, where a
// batch is complete, its end. A batch has as many records as it needs.
const (
	frameBytes = 8
	// maxRecordBytes bounds a record, so that a damaged length is found before
	// memory is taken for it: a spilled batch and the longest message.
	maxRecordBytes = 16 << 20
)

// The kinds of records.
const (
	recordHeader  byte = 'H' // Header as JSON
	recordEntries byte = 'B' // entries
	recordEnd     byte = 'E' // the life ended cleanly
)

// An entry begins with a byte: what it is, and of a step what it has beyond what
// the step before it leads to expect.
const (
	entryPacket byte = iota // a step with a packet
	entryTimer              // a step with a timer
	entryRoom               // a step with news of room
	entryShed               // a request that was shed
	entryEnd                // a batch ends
	entryAgain              // a step with a packet, a part of which is as before
	entryMask   byte = 7
	// hasNumber: its number is not the next, hasTime: nor its clock reading the same,
	// hasSource: nor whom it is from; hasOne: exactly one packet is sent; hasMore: a
	// reason for dropping, or ranges that changed hands.
	hasNumber byte = 1 << 3
	hasTime   byte = 1 << 4
	hasSource byte = 1 << 5
	hasOne    byte = 1 << 6
	hasMore   byte = 1 << 7
)

// Bytes of a message that are left out of its entry where they are those of the latest
// message that has as many: a request's session. Of the journal of a client's reads that
// is half.
const (
	againFrom  = 2
	againUntil = 20
)

var (
	// ErrCorrupt says that a journal holds bytes that were not written so, or was cut.
	ErrCorrupt = errors.New("journal corrupt")
	// ErrTruncated says that a journal has no end: its host was killed, or is still
	// running. One that was cut is corrupt.
	ErrTruncated = errors.New("journal truncated")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Digest is the CRC-32C of the packets' bytes, in order, and then of where they go,
// but for a single one that goes back to src; 0 for none. src is whom the step's
// packet came from, zero for other inputs.
func Digest(src kv.Endpoint, packets []kv.Packet) uint32 {
	var b []byte
	for i := range packets {
		b = marshal.Append(b, packets[i].Msg)
	}
	return digest(src, packets, b)
}

// digest is [Digest] of packets whose bytes are sent.
func digest(src kv.Endpoint, packets []kv.Packet, sent []byte) uint32 {
	sum := crc32.Checksum(sent, castagnoli)
	if len(packets) == 1 && packets[0].Dst == src {
		return sum // most are replies, and are to cost little
	}
	var ends []byte
	for i := range packets {
		ends = appendEndpoint(ends, packets[i].Dst)
	}
	return crc32.Update(sum, castagnoli, ends)
}

// frame fills in the frame that record, from its first byte on, has been given room
// for, and returns its crc; before is that of the record before it.
func frame(record []byte, before uint32) uint32 {
	binary.LittleEndian.PutUint32(record, uint32(len(record)-frameBytes))
	crc := checksum(before, record[:4], record[frameBytes:])
	binary.LittleEndian.PutUint32(record[4:], crc)
	return crc
}

func checksum(before uint32, length, payload []byte) uint32 {
	return crc32.Update(crc32.Update(before, castagnoli, length), castagnoli, payload)
}

// hostHeader is the header as it is written.
type hostHeader struct {
	Life        int
	Config      kv.Config
	Incarnation marshal.Incarnation
	Secret      []byte
	From        uint64
}

func appendHeader(b []byte, h Header) ([]byte, error) {
	text, err := json.Marshal(hostHeader{h.Life, h.Config, h.Incarnation, h.Secret[:], h.From})
	return append(append(b, recordHeader), text...), err
}

func readHeader(payload []byte) (h Header, err error) {
	var w hostHeader
	if len(payload) == 0 || payload[0] != recordHeader {
		return h, fmt.Errorf("%w: the first record is no header", ErrCorrupt)
	}
	if err := json.Unmarshal(payload[1:], &w); err != nil {
		return h, fmt.Errorf("%w: header: %w", ErrCorrupt, err)
	}
	if len(w.Secret) != len(h.Secret) {
		return h, fmt.Errorf("%w: header: a secret of %d bytes", ErrCorrupt, len(w.Secret))
	}
	h = Header{Life: w.Life, Config: w.Config, Incarnation: w.Incarnation, From: w.From}
	copy(h.Secret[:], w.Secret)
	return h, nil
}

// An entryWriter encodes entries, each as what is new since the one before it.
type entryWriter struct {
	last   uint64  // number of the step before
	now    kv.Time // its clock reading
	from   kv.Endpoint
	source []byte // from, as appendEndpoint writes it
	part   [againUntil - againFrom]byte
}

func (w *entryWriter) step(b []byte, now kv.Time, step uint64, in *kv.Input, received []byte, out *kv.Effects, sent []byte) []byte {
	head := len(b)
	lead := entryOf[in.Kind]
	b = append(b, 0, byte(out.Action))
	if step != w.last+1 {
		lead |= hasNumber
		b = binary.AppendUvarint(b, step)
	}
	if now != w.now {
		lead |= hasTime
		b = binary.AppendVarint(b, int64(now-w.now))
	}
	w.last, w.now = step, now
	switch in.Kind {
	case kv.InputPacket:
		if w.sourceIs(in.Packet.Src) {
			lead |= hasSource
			b = append(b, w.source...)
		}
		again := false
		if b, again = w.message(b, received); again {
			lead += entryAgain - entryPacket
		}
	case kv.InputRoom:
		b = binary.AppendUvarint(b, in.Room)
	case kv.InputTimer:
	}
	if len(out.Packets) == 1 {
		lead |= hasOne
	} else {
		b = binary.AppendUvarint(b, uint64(len(out.Packets)))
	}
	if len(out.Packets) > 0 {
		b = binary.LittleEndian.AppendUint32(b, digest(in.Packet.Src, out.Packets, sent))
	}
	if out.Drop != kv.DropNone || len(out.Transfers) > 0 {
		lead |= hasMore
		b = appendTransfers(append(b, byte(out.Drop)), out.Transfers)
	}
	b[head] = lead
	return b
}

// entryOf is the first byte of a step's entry.
var entryOf = [...]byte{kv.InputPacket: entryPacket, kv.InputTimer: entryTimer, kv.InputRoom: entryRoom}

// sourceIs reports whether the source is another than before.
func (w *entryWriter) sourceIs(e kv.Endpoint) bool {
	if e == w.from && len(w.source) > 0 {
		return false
	}
	w.from = e
	w.source = appendEndpoint(w.source[:0], e)
	return true
}

// message writes what was received, without the part that may be again that of the
// message before. It reports whether it was.
func (w *entryWriter) message(b, received []byte) (_ []byte, again bool) {
	if len(received) >= againUntil {
		if part := [againUntil - againFrom]byte(received[againFrom:]); part == w.part {
			again = true
		} else {
			w.part = part
		}
	}
	b = binary.AppendUvarint(b, uint64(len(received)))
	if !again {
		return append(b, received...), false
	}
	return append(append(b, received[:againFrom]...), received[againUntil:]...), true
}

// shed encodes that a request was refused without a step; sent is the refusal.
func (w *entryWriter) shed(b []byte, request kv.Packet, sent []byte) []byte {
	lead, at := entryShed, len(b)
	b = append(b, 0)
	if w.sourceIs(request.Src) {
		lead |= hasSource
		b = append(b, w.source...)
	}
	b[at] = lead
	body := len(b)
	b = append(b, 0, 0, 0, 0)
	if m, ok := request.Msg.(*marshal.SetRequest); ok { // what it would have set does not matter
		bare := *m
		bare.Value = nil
		request.Msg = &bare
	}
	b = marshal.Append(b, request.Msg)
	binary.LittleEndian.PutUint32(b[body:], uint32(len(b)-body-4))
	return binary.LittleEndian.AppendUint32(b, digest(request.Src, []kv.Packet{{Dst: request.Src}}, sent))
}

func appendTransfers(b []byte, transfers []kv.Transfer) []byte {
	b = binary.AppendUvarint(b, uint64(len(transfers)))
	for _, t := range transfers {
		taken := byte(0)
		if t.Taken {
			taken = 1
		}
		b = append(b, taken)
		b = binary.AppendUvarint(b, uint64(t.Peer))
		b = binary.AppendUvarint(b, t.Seqno)
		b = appendBound(appendBound(b, t.Range.From), t.Range.Until)
	}
	return b
}

// appendEndpoint writes a host's id, or 0 and a client's address.
func appendEndpoint(b []byte, e kv.Endpoint) []byte {
	b = binary.AppendUvarint(b, uint64(e.Host))
	if e.Host != 0 {
		return b
	}
	at := len(b)
	b = append(b, 0)
	if !e.Client.IsValid() {
		return b
	}
	b, _ = e.Client.AppendBinary(b) // it never fails
	b[at] = byte(len(b) - at - 1)
	return b
}

// appendBound writes 0 for −∞, 1 for +∞, and else 2 and the key.
func appendBound(b []byte, bound delegation.Bound) []byte {
	key, ok := bound.Key()
	switch {
	case ok:
		b = binary.AppendUvarint(append(b, 2), uint64(len(key)))
		return append(b, key...)
	case bound.IsPosInf():
		return append(b, 1)
	}
	return append(b, 0)
}
