//go:build unix

package hostile_test

import (
	"encoding/binary"
	"hash/crc32"
)

// The wire of package udp (its documentation has the table), as somebody writes it
// who wants to send frames that the package never would.
const (
	wireMagic     = 0xB1
	frameMessage  = 1
	frameFragment = 2
	frameAck      = 3
	framePing     = 4
	framePong     = 5
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sealed makes a valid datagram of a sender's run and frames.
func sealed(nonce uint64, frames []byte) []byte {
	b := append([]byte{wireMagic, 0, 0, 0, 0}, binary.LittleEndian.AppendUint64(nil, nonce)...)
	b = append(b, frames...)
	binary.LittleEndian.PutUint32(b[1:], crc32.Checksum(b[5:], castagnoli))
	return b
}

// fragment makes a fragment frame.
func fragment(id uint64, offset, total int, sum uint32, data []byte) []byte {
	b := binary.AppendUvarint([]byte{frameFragment}, id)
	b = binary.LittleEndian.AppendUint32(b, uint32(offset))
	b = binary.LittleEndian.AppendUint32(b, uint32(total))
	b = binary.LittleEndian.AppendUint32(b, sum)
	b = binary.AppendUvarint(b, uint64(len(data)))
	return append(b, data...)
}

// acknowledgement makes a frame that acknowledges a transmission: of each pair of numbers the second
// as many bytes, behind the first that are left out; without any, the whole.
func acknowledgement(nonce, id uint64, pairs ...uint64) []byte {
	b := binary.LittleEndian.AppendUint64([]byte{frameAck}, nonce)
	b = append(binary.AppendUvarint(b, id), byte(len(pairs)/2))
	for _, n := range pairs {
		b = binary.AppendUvarint(b, n)
	}
	return b
}
