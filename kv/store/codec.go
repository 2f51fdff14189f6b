package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

// recordFormat is the first byte of every record but an entry's: a record that
// starts otherwise was written by another version of the program, or damaged.
const recordFormat = 1

var errRecord = errors.New("the record does not decode")

// Records are fixed fields, big-endian. Entries are the version and the value.

func appendEntryValue(b []byte, e marshal.Entry) []byte {
	return append(binary.BigEndian.AppendUint64(b, uint64(e.Version)), e.Value...)
}

func appendIdentity(b []byte, id kv.Identity) []byte {
	b = append(b, recordFormat)
	b = binary.BigEndian.AppendUint32(b, uint32(id.Host))
	b = binary.BigEndian.AppendUint32(b, uint32(id.Root))
	b = binary.BigEndian.AppendUint64(b, uint64(id.Incarnation))
	b = append(b, id.Secret[:]...)
	b = appendBool(b, id.Joined)
	b = binary.BigEndian.AppendUint64(b, id.LastSession)
	return binary.BigEndian.AppendUint64(b, id.LastMove)
}

func (r *reader) identity() (id kv.Identity) {
	id.Host, id.Root = delegation.HostID(r.u32()), delegation.HostID(r.u32())
	id.Incarnation = marshal.Incarnation(r.u64())
	copy(id.Secret[:], r.take(len(id.Secret)))
	id.Joined = r.bool()
	id.LastSession, id.LastMove = r.u64(), r.u64()
	return id
}

func appendCounters(b []byte, c kv.Counters) []byte {
	b = binary.BigEndian.AppendUint64(append(b, recordFormat), c.Step)
	return binary.BigEndian.AppendUint64(b, uint64(c.Clock))
}

func (r *reader) counters() kv.Counters {
	return kv.Counters{Step: r.u64(), Clock: marshal.Version(r.u64())}
}

func appendPeer(b []byte, p kv.PeerRecord) []byte {
	b = binary.BigEndian.AppendUint64(append(b, recordFormat), uint64(p.Incarnation))
	b = appendBool(b, p.Confirmed)
	b = binary.BigEndian.AppendUint64(b, p.Acked)
	return binary.BigEndian.AppendUint64(b, p.Received)
}

func (r *reader) peer() kv.PeerRecord {
	return kv.PeerRecord{Incarnation: marshal.Incarnation(r.u64()), Confirmed: r.bool(), Acked: r.u64(), Received: r.u64()}
}

func appendHost(b []byte, h delegation.HostID) []byte {
	return binary.BigEndian.AppendUint32(append(b, recordFormat), uint32(h))
}

func appendSession(b []byte, s kv.SessionRecord) []byte {
	b = append(append(append(b, recordFormat), s.ID[:]...), s.Nonce[:]...)
	b = binary.BigEndian.AppendUint64(b, s.Serial)
	b, _ = s.Client.AppendBinary(b) // it returns no error
	return b
}

func (r *reader) session() (s kv.SessionRecord) {
	copy(s.ID[:], r.take(len(s.ID)))
	copy(s.Nonce[:], r.take(len(s.Nonce)))
	s.Serial = r.u64()
	if client := r.take(len(r.rest)); r.err == nil && s.Client.UnmarshalBinary(client) != nil {
		r.err = errRecord
	}
	return s
}

func appendAnswer(b []byte, number, floor uint64, m marshal.Message) []byte {
	b = binary.BigEndian.AppendUint64(append(b, recordFormat), number)
	return marshal.Append(binary.BigEndian.AppendUint64(b, floor), m)
}

func (r *reader) answer() (a answer) {
	a.number, a.floor = r.u64(), r.u64()
	if r.err == nil {
		a.message, r.err = marshal.Decode(r.take(len(r.rest)))
	}
	return a
}

func appendDelegate(b []byte, d *marshal.Delegate) []byte {
	return marshal.AppendDelegate(append(b, recordFormat), d)
}

func (r *reader) delegate() (d *marshal.Delegate) {
	if r.err == nil {
		d, r.err = marshal.DecodeDelegate(r.take(len(r.rest)))
	}
	return d
}

func appendMove(b []byte, m kv.Move) []byte {
	b = binary.BigEndian.AppendUint64(append(b, recordFormat), m.Number)
	b = appendBound(appendBound(b, m.Range.From), m.Range.Until)
	b = binary.BigEndian.AppendUint32(b, uint32(m.Recipient))
	b = append(b, byte(m.Phase), byte(m.Reason))
	b = appendBool(b, m.Consented)
	b = appendBound(b, m.Cursor)
	for _, n := range []uint64{m.Rate, m.LastSeqno, m.Keys, m.Bytes, m.Chunks, uint64(m.Active)} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return b
}

func (r *reader) move() (m kv.Move) {
	m.Number = r.u64()
	m.Range = delegation.Range{From: r.bound(), Until: r.bound()}
	m.Recipient = delegation.HostID(r.u32())
	m.Phase, m.Reason = marshal.MovePhase(r.u8()), marshal.OrderReason(r.u8())
	m.Consented = r.bool()
	m.Cursor = r.bound()
	m.Rate, m.LastSeqno, m.Keys, m.Bytes, m.Chunks = r.u64(), r.u64(), r.u64(), r.u64(), r.u64()
	m.Active = kv.Time(r.u64())
	return m
}

// How a bound begins in a record; a key's length and the key follow boundAt.
const (
	boundNegInf = iota
	boundAt
	boundPosInf
)

func appendBound(b []byte, at delegation.Bound) []byte {
	switch key, ok := at.Key(); {
	case ok:
		b = binary.BigEndian.AppendUint16(append(b, boundAt), uint16(len(key)))
		return append(b, key...)
	case at.IsPosInf():
		return append(b, boundPosInf)
	}
	return append(b, boundNegInf)
}

func (r *reader) bound() delegation.Bound {
	switch r.u8() {
	case boundNegInf:
		return delegation.NegInf
	case boundPosInf:
		return delegation.PosInf
	case boundAt:
		b, err := delegation.NewBound(r.take(int(r.u16())))
		if err != nil {
			r.fail()
		}
		return b
	}
	r.fail()
	return delegation.NegInf
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// A reader takes the fields of a record one after the other. After a failure it
// returns zeros; end tells.
type reader struct {
	rest []byte
	err  error
}

// readRecord returns a reader behind the format byte.
func readRecord(b []byte) reader {
	r := reader{rest: b}
	if f := r.u8(); r.err == nil && f != recordFormat {
		r.err = fmt.Errorf("%w: format %d, this program knows %d", errRecord, f, recordFormat)
	}
	return r
}

// end returns an error if a field was missing or malformed, or bytes are left.
func (r *reader) end() error {
	if r.err == nil && len(r.rest) > 0 {
		r.err = fmt.Errorf("%w: %d bytes too many", errRecord, len(r.rest))
	}
	return r.err
}

func (r *reader) fail() {
	if r.err == nil {
		r.err = errRecord
	}
}

func (r *reader) take(n int) []byte {
	if r.err != nil || n > len(r.rest) {
		r.fail()
		return make([]byte, min(n, 8))
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) u8() uint8   { return r.take(1)[0] }
func (r *reader) u16() uint16 { return binary.BigEndian.Uint16(r.take(2)) }
func (r *reader) u32() uint32 { return binary.BigEndian.Uint32(r.take(4)) }
func (r *reader) u64() uint64 { return binary.BigEndian.Uint64(r.take(8)) }

func (r *reader) bool() bool {
	v := r.u8()
	if v > 1 {
		r.fail()
	}
	return v == 1
}
