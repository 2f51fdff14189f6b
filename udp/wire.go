package udp

import (
	"encoding/binary"
	"hash/crc32"
)

// The wire format; doc.go has the table. Fixed-width integers are little-endian, the others are
// unsigned varints.
const (
	magic      = 0xB1 // protocol B, version 1
	sumOffset  = 1
	sumEnd     = sumOffset + 4
	headerSize = sumEnd + 8

	frameMessage  = 1
	frameFragment = 2
	frameAck      = 3
	framePing     = 4
	framePong     = 5

	// fragmentOverhead is the greatest size, in bytes, of a fragment frame without its data: kind,
	// id, offset, total, checksum, length (below 64 KiB).
	fragmentOverhead = 1 + binary.MaxVarintLen64 + 4 + 4 + 4 + 3
	// maxAckRanges bounds the ranges of one acknowledgement, so that it fits in the least datagram;
	// later ones tell of the others.
	maxAckRanges = 32
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// appendHeader begins a datagram. Its checksum is filled in by seal.
func appendHeader(b []byte, nonce uint64) []byte {
	b = append(b, magic, 0, 0, 0, 0)
	return binary.LittleEndian.AppendUint64(b, nonce)
}

// sealDatagram writes the checksum of everything behind it.
func sealDatagram(b []byte) {
	binary.LittleEndian.PutUint32(b[sumOffset:], checksum(b[sumEnd:]))
}

// checkHeader verifies magic and checksum and returns the sender's nonce and the frames.
func checkHeader(b []byte) (nonce uint64, frames []byte, drop Drop) {
	switch {
	case len(b) < headerSize:
		return 0, nil, DropShort
	case b[0] != magic:
		return 0, nil, DropMagic
	case binary.LittleEndian.Uint32(b[sumOffset:]) != checksum(b[sumEnd:]):
		return 0, nil, DropChecksum
	}
	return binary.LittleEndian.Uint64(b[sumEnd:]), b[headerSize:], dropNone
}

// frame is one decoded frame; which fields mean something depends on kind.
type frame struct {
	kind   byte
	ranges uint8  // ack: how many
	sum    uint32 // fragment: checksum of the whole message
	offset int    // fragment: where data belongs in the message
	total  int    // fragment: length of the message
	id     uint64 // fragment, ack: the transmission
	nonce  uint64 // ack: the run of the process that sent the transmission
	data   []byte // message, or fragment of it, or encoded ranges; aliases the datagram
}

// decodeFrame takes the first frame off b. It allocates nothing; f.data aliases b.
func decodeFrame(f *frame, b []byte, maxMessage int) (rest []byte, drop Drop) {
	f.kind = b[0]
	b = b[1:]
	switch f.kind {
	case frameMessage:
		return decodeData(f, b, maxMessage)
	case frameFragment:
		id, n := binary.Uvarint(b)
		if n <= 0 || len(b)-n < 12 {
			return nil, DropFrame
		}
		b = b[n:]
		offset, total := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
		if uint64(total) > uint64(maxMessage) {
			return nil, DropTooLarge
		}
		f.id, f.sum = id, binary.LittleEndian.Uint32(b[8:])
		rest, drop = decodeData(f, b[12:], maxMessage)
		if drop != dropNone {
			return nil, drop
		}
		if uint64(offset)+uint64(len(f.data)) > uint64(total) || len(f.data) == 0 && total != 0 {
			return nil, DropFrame
		}
		f.offset, f.total = int(offset), int(total)
		return rest, dropNone
	case frameAck:
		return decodeAck(f, b)
	case framePing, framePong:
		return b, dropNone
	}
	return nil, DropFrame
}

func decodeData(f *frame, b []byte, maxMessage int) (rest []byte, drop Drop) {
	length, n := binary.Uvarint(b)
	if n <= 0 || length > uint64(len(b)-n) {
		return nil, DropFrame
	}
	if length > uint64(maxMessage) {
		return nil, DropTooLarge
	}
	end := n + int(length)
	f.data = b[n:end:end]
	return b[end:], dropNone
}

func decodeAck(f *frame, b []byte) (rest []byte, drop Drop) {
	if len(b) < 8 {
		return nil, DropFrame
	}
	f.nonce = binary.LittleEndian.Uint64(b)
	id, n := binary.Uvarint(b[8:])
	if n <= 0 || len(b) < 8+n+1 {
		return nil, DropFrame
	}
	f.id, f.ranges = id, b[8+n]
	b = b[8+n+1:]
	if f.ranges > maxAckRanges {
		return nil, DropFrame
	}
	data := b
	end := 0
	for range f.ranges {
		gap, n := binary.Uvarint(b)
		if n <= 0 || gap > maxMessageLimit {
			return nil, DropFrame
		}
		length, m := binary.Uvarint(b[n:])
		if m <= 0 || length == 0 || length > maxMessageLimit {
			return nil, DropFrame
		}
		end += int(gap) + int(length)
		if end > maxMessageLimit {
			return nil, DropFrame
		}
		b = b[n+m:]
	}
	f.data = data[:len(data)-len(b)]
	return b, dropNone
}

// ackSpan takes the next span off the ranges of a checked acknowledgement; end is where the one
// before ended.
func ackSpan(b []byte, end int) (s span, rest []byte) {
	gap, n := binary.Uvarint(b)
	length, m := binary.Uvarint(b[n:])
	from := end + int(gap)
	return span{from, from + int(length)}, b[n+m:]
}

func messageSize(length int) int { return 1 + varintSize(uint64(length)) + length }

func appendMessage(b, msg []byte) []byte {
	b = append(b, frameMessage)
	b = binary.AppendUvarint(b, uint64(len(msg)))
	return append(b, msg...)
}

func fragmentSize(id uint64, length int) int {
	return 1 + varintSize(id) + 12 + varintSize(uint64(length)) + length
}

func appendFragment(b []byte, id uint64, offset, total int, sum uint32, data []byte) []byte {
	b = append(b, frameFragment)
	b = binary.AppendUvarint(b, id)
	b = binary.LittleEndian.AppendUint32(b, uint32(offset))
	b = binary.LittleEndian.AppendUint32(b, uint32(total))
	b = binary.LittleEndian.AppendUint32(b, sum)
	b = binary.AppendUvarint(b, uint64(len(data)))
	return append(b, data...)
}

// appendAck acknowledges spans of a transmission, or, without any, the whole of it.
func appendAck(b []byte, nonce, id uint64, spans []span) []byte {
	b = append(b, frameAck)
	b = binary.LittleEndian.AppendUint64(b, nonce)
	b = binary.AppendUvarint(b, id)
	b = append(b, byte(len(spans)))
	end := 0
	for _, s := range spans {
		b = binary.AppendUvarint(b, uint64(s.from-end))
		b = binary.AppendUvarint(b, uint64(s.to-s.from))
		end = s.to
	}
	return b
}

func ackSize(id uint64, spans []span) int {
	size := 1 + 8 + varintSize(id) + 1
	end := 0
	for _, s := range spans {
		size += varintSize(uint64(s.from-end)) + varintSize(uint64(s.to-s.from))
		end = s.to
	}
	return size
}

func varintSize(v uint64) int {
	n := 1
	for v >= 0x80 {
		v >>= 7
		n++
	}
	return n
}
