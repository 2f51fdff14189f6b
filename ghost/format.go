package ghost

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"net/netip"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

// The journal's file format, version 1. A file is [journalMagic], then records:
//
//	length  4 bytes, little-endian   of the payload
//	crc     4 bytes, little-endian   CRC-32C of length and payload
//	payload                          a kind byte, then what it says
//
// The first record is the header, the last of a life that ended cleanly the end.
// Steps lie in records of their own kind, a batch in as many as it needs; the
// last of a batch has the kind that says so.
const (
	journalMagic = "ironkvj1"
	frameBytes   = 8
	// maxRecordBytes bounds a record, so that a damaged length is found before
	// memory is taken for it: a spilled batch and the longest message.
	maxRecordBytes = 16 << 20
)

// The kinds of records.
const (
	recordHeader byte = 'H' // Header as JSON
	recordSteps  byte = 'S' // steps of a batch that goes on
	recordBatch  byte = 'B' // steps, with which a batch ends
	recordEnd    byte = 'E' // the life ended cleanly
)

var (
	// ErrCorrupt says that a journal holds bytes that were not written so.
	ErrCorrupt = errors.New("journal corrupt")
	// ErrTruncated says that a journal ends before its life did: the process was
	// killed, or the file was cut.
	ErrTruncated = errors.New("journal truncated")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Digest is the CRC-32C of the packets' ends and bytes, in order; 0 for none.
func Digest(packets []kv.Packet) uint32 {
	d, _ := digest(nil, packets)
	return d
}

// digest reuses scratch, and returns it for the next time.
func digest(scratch []byte, packets []kv.Packet) (uint32, []byte) {
	sum := uint32(0)
	for i := range packets {
		scratch = appendEndpoint(scratch[:0], packets[i].Dst)
		scratch = marshal.Append(scratch, packets[i].Msg)
		sum = crc32.Update(sum, castagnoli, scratch)
	}
	return sum, scratch
}

// frame fills in the frame that record, from its first byte on, has been given
// room for.
func frame(record []byte) {
	binary.LittleEndian.PutUint32(record, uint32(len(record)-frameBytes))
	binary.LittleEndian.PutUint32(record[4:], checksum(record[:4], record[frameBytes:]))
}

func checksum(length, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(length, castagnoli), castagnoli, payload)
}

// hostHeader is the header as it is written.
type hostHeader struct {
	Config      kv.Config
	Incarnation marshal.Incarnation
	Secret      []byte
	From        uint64
}

func appendHeader(b []byte, h Header) ([]byte, error) {
	text, err := json.Marshal(hostHeader{h.Config, h.Incarnation, h.Secret[:], h.From})
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
	h = Header{Config: w.Config, Incarnation: w.Incarnation, From: w.From}
	copy(h.Secret[:], w.Secret)
	return h, nil
}

// appendStep encodes s; last and before are the number and the clock reading of
// the step before it in the file.
func appendStep(b []byte, s *Step, last uint64, before kv.Time) []byte {
	b = binary.AppendUvarint(b, s.Number-last)
	b = binary.AppendVarint(b, int64(s.Now-before))
	b = append(b, byte(s.Input.Kind), byte(s.Action), byte(s.Drop))
	switch s.Input.Kind {
	case kv.InputPacket:
		b = appendEndpoint(b, s.Input.Packet.Src)
		at := len(b)
		b = append(b, 0, 0, 0, 0)
		b = marshal.Append(b, s.Input.Packet.Msg)
		binary.LittleEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	case kv.InputRoom:
		b = binary.AppendUvarint(b, s.Input.Room)
	case kv.InputTimer:
	}
	b = binary.AppendUvarint(b, uint64(s.Sends))
	b = binary.LittleEndian.AppendUint32(b, s.Digest)
	b = binary.AppendUvarint(b, uint64(len(s.Transfers)))
	for _, t := range s.Transfers {
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

// A stepReader takes apart the payload of a record of steps. Its first failure
// sticks, and everything reads as zero from then on.
type stepReader struct {
	rest []byte
	err  error
}

func (r *stepReader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: a step's %s cannot be read", ErrCorrupt, what)
	}
	r.rest = nil
}

func (r *stepReader) bytes(n int, what string) []byte {
	if r.err != nil || n < 0 || n > len(r.rest) {
		r.fail(what)
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *stepReader) byte(what string) byte {
	if b := r.bytes(1, what); b != nil {
		return b[0]
	}
	return 0
}

func (r *stepReader) uvarint(what string) uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fail(what)
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *stepReader) uint32(what string) uint32 {
	if b := r.bytes(4, what); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *stepReader) step(last uint64, before kv.Time) (s Step) {
	s.Number = last + r.uvarint("number")
	elapsed, n := binary.Varint(r.rest)
	if n <= 0 {
		r.fail("time")
		return s
	}
	r.rest = r.rest[n:]
	s.Now = before + kv.Time(elapsed)
	s.Input.Kind, s.Action, s.Drop = kv.InputKind(r.byte("kind")), kv.Action(r.byte("action")), kv.DropReason(r.byte("drop"))
	switch s.Input.Kind {
	case kv.InputPacket:
		s.Input.Packet.Src = r.endpoint()
		msg, err := marshal.Decode(r.bytes(int(r.uint32("message length")), "message"))
		if err != nil {
			r.fail("message")
			return s
		}
		s.Input.Packet.Msg = msg
	case kv.InputRoom:
		s.Input.Room = r.uvarint("room")
	case kv.InputTimer:
	default:
		r.fail("kind")
	}
	s.Sends = int(r.uvarint("sends"))
	s.Digest = r.uint32("digest")
	for range r.uvarint("transfers") {
		if r.err != nil {
			break
		}
		t := kv.Transfer{Taken: r.byte("transfer") == 1, Peer: delegation.HostID(r.uvarint("peer")), Seqno: r.uvarint("number")}
		t.Range = delegation.Range{From: r.bound(), Until: r.bound()}
		s.Transfers = append(s.Transfers, t)
	}
	return s
}

func (r *stepReader) endpoint() (e kv.Endpoint) {
	if e.Host = delegation.HostID(r.uvarint("host")); e.Host != 0 {
		return e
	}
	if b := r.bytes(int(r.byte("address length")), "address"); len(b) > 0 {
		var addr netip.AddrPort
		if err := addr.UnmarshalBinary(b); err != nil {
			r.fail("address")
		}
		e.Client = addr
	}
	return e
}

func (r *stepReader) bound() delegation.Bound {
	switch r.byte("bound") {
	case 0:
		return delegation.NegInf
	case 1:
		return delegation.PosInf
	}
	bound, err := delegation.NewBound(r.bytes(int(r.uvarint("bound length")), "bound"))
	if err != nil {
		r.fail("bound")
	}
	return bound
}
