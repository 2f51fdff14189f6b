package ghost

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// ReadBytes is ReadFile of a file with these bytes.
func ReadBytes(b []byte) (Life, error) {
	return newLife(func(read func(*recordReader) error) error {
		return readRecords(bytes.NewReader(b), int64(len(b)), read)
	}, "bytes")
}

// WithoutRecord leaves the i-th record out of a file that has no whole piece. It
// reports false where that is the last, or is not there.
func WithoutRecord(b []byte, i int) ([]byte, bool) {
	b = slices.Clone(b)
	length, err := unsealed([8]byte(b[lengthAt:]))
	if err != nil {
		panic(err)
	}
	at := tailAt
	size := func() int { return frameBytes + int(binary.LittleEndian.Uint32(b[at:])) }
	for range i {
		at += size()
	}
	cut := size()
	if at+cut >= tailAt+int(length) {
		return nil, false
	}
	copy(b[at:], b[at+cut:])
	binary.NativeEndian.PutUint64(b[lengthAt:], sealed(length-uint64(cut)))
	return b, true
}

// Bytes is the length of the stream.
func (f *File) Bytes() uint64 { return f.stream.length }

// Apart returns the head of a file that has no whole piece, and its stream; Together
// makes a file of them, with all lengths and checksums made right where mend says so.
func Apart(b []byte) (head, stream []byte) {
	length, err := unsealed([8]byte(b[lengthAt:]))
	if err != nil {
		panic(err)
	}
	return b[:headBytes], b[tailAt : tailAt+length]
}

// Together is the inverse of [Apart].
func Together(head, stream []byte, mend bool) []byte {
	b := make([]byte, piecesAt)
	copy(b[:tailAt], head)
	if mend {
		stream = slices.Clone(stream)
		crc := uint32(0)
		for rest := stream; len(rest) > frameBytes; {
			n := min(int(binary.LittleEndian.Uint32(rest))%(1<<20)+frameBytes, len(rest))
			crc = frame(rest[:n], crc)
			rest = rest[n:]
		}
		copy(b, journalMagic)
		binary.NativeEndian.PutUint64(b[lengthAt:], sealed(uint64(len(stream))))
		binary.NativeEndian.PutUint64(b[durableAt:], sealed(0))
	}
	copy(b[tailAt:], stream[len(stream)/pieceBytes*pieceBytes:])
	return append(b, stream[:len(stream)/pieceBytes*pieceBytes]...)
}
