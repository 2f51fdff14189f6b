package ghost

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

// An entryReader takes apart the entries that an entryWriter wrote. Its first
// failure sticks, and everything reads as zero from then on.
type entryReader struct {
	rest []byte
	err  error
	last uint64
	now  kv.Time
	from kv.Endpoint
	part [againUntil - againFrom]byte
}

func (r *entryReader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: an entry's %s cannot be read", ErrCorrupt, what)
	}
	r.rest = nil
}

func (r *entryReader) bytes(n uint64, what string) []byte {
	if r.err != nil || n > uint64(len(r.rest)) {
		r.fail(what)
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *entryReader) byte(what string) byte {
	if b := r.bytes(1, what); b != nil {
		return b[0]
	}
	return 0
}

func (r *entryReader) uvarint(what string) uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fail(what)
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// maxOutputs bounds the messages of one batch, far above what a host sends.
const maxOutputs = 1 << 24

func (r *entryReader) count(what string) int {
	n := r.uvarint(what)
	if n > maxOutputs {
		r.fail(what)
		return 0
	}
	return int(n)
}

func (r *entryReader) uint32(what string) uint32 {
	if b := r.bytes(4, what); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// entry reads the next entry into the batch. It reports true where that ended it.
func (r *entryReader) entry(b *Batch) (ended bool) {
	lead := r.byte("kind")
	switch kind := lead & entryMask; kind {
	case entryPacket, entryAgain, entryTimer, entryRoom:
		b.Steps = append(b.Steps, r.step(lead))
	case entryShed:
		b.Shed = append(b.Shed, r.shed(lead))
	case entryEnd:
		b.Outputs = r.count("outputs")
		return r.err == nil
	default:
		r.fail("kind")
	}
	return false
}

func (r *entryReader) step(lead byte) (s Step) {
	s.Action = kv.Action(r.byte("action"))
	r.last++
	if lead&hasNumber != 0 {
		r.last = r.uvarint("number")
	}
	if lead&hasTime != 0 {
		elapsed, n := binary.Varint(r.rest)
		if n <= 0 {
			r.fail("time")
			return s
		}
		r.rest = r.rest[n:]
		r.now += kv.Time(elapsed)
	}
	s.Number, s.Now = r.last, r.now
	switch lead & entryMask {
	case entryPacket, entryAgain:
		s.Input.Packet.Src = r.source(lead)
		s.Input.Packet.Msg = r.message(lead)
	case entryTimer:
		s.Input.Kind = kv.InputTimer
	case entryRoom:
		s.Input.Kind, s.Input.Room = kv.InputRoom, r.uvarint("room")
	}
	s.Sends = 1
	if lead&hasOne == 0 {
		s.Sends = r.count("sends")
	}
	if s.Sends != 0 {
		s.Digest = r.uint32("digest")
	}
	if lead&hasMore != 0 {
		s.Drop = kv.DropReason(r.byte("drop"))
		s.Transfers = r.transfers()
	}
	return s
}

func (r *entryReader) shed(lead byte) (s Shed) {
	s.Request.Src = r.source(lead)
	s.Request.Msg = r.decode(r.bytes(uint64(r.uint32("message length")), "message"))
	s.Digest = r.uint32("digest")
	return s
}

func (r *entryReader) source(lead byte) kv.Endpoint {
	if lead&hasSource != 0 {
		r.from = r.endpoint()
	}
	return r.from
}

func (r *entryReader) message(lead byte) marshal.Message {
	n := r.uvarint("message length")
	if lead&entryMask != entryAgain {
		b := r.bytes(n, "message")
		if len(b) >= againUntil {
			copy(r.part[:], b[againFrom:])
		}
		return r.decode(b)
	}
	if n < againUntil {
		r.fail("message length")
		return nil
	}
	b := r.bytes(n-uint64(len(r.part)), "message")
	if b == nil {
		return nil
	}
	return r.decode(slices.Concat(b[:againFrom], r.part[:], b[againFrom:]))
}

func (r *entryReader) decode(b []byte) marshal.Message {
	m, err := marshal.Decode(b)
	if err != nil {
		r.fail("message")
		return nil
	}
	return m
}

func (r *entryReader) transfers() (out []kv.Transfer) {
	for range r.uvarint("transfers") {
		if r.err != nil {
			return out
		}
		t := kv.Transfer{Taken: r.byte("transfer") == 1, Peer: delegation.HostID(r.uvarint("peer")), Seqno: r.uvarint("number")}
		t.Range = delegation.Range{From: r.bound(), Until: r.bound()}
		out = append(out, t)
	}
	return out
}

func (r *entryReader) endpoint() (e kv.Endpoint) {
	if e.Host = delegation.HostID(r.uvarint("host")); e.Host != 0 {
		return e
	}
	if b := r.bytes(uint64(r.byte("address length")), "address"); len(b) > 0 {
		var addr netip.AddrPort
		if err := addr.UnmarshalBinary(b); err != nil {
			r.fail("address")
		}
		e.Client = addr
	}
	return e
}

func (r *entryReader) bound() delegation.Bound {
	switch r.byte("bound") {
	case 0:
		return delegation.NegInf
	case 1:
		return delegation.PosInf
	}
	bound, err := delegation.NewBound(r.bytes(r.uvarint("bound length"), "bound"))
	if err != nil {
		r.fail("bound")
	}
	return bound
}
