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

// WithoutRecord leaves the i-th record out of a file that has no whole piece.
func WithoutRecord(b []byte, i int) []byte {
	b = slices.Clone(b)
	at := tailAt
	size := func() int { return frameBytes + int(binary.LittleEndian.Uint32(b[at:])) }
	for range i {
		at += size()
	}
	cut := size()
	copy(b[at:], b[at+cut:])
	length, err := unsealed([8]byte(b[lengthAt:]))
	if err != nil {
		panic(err)
	}
	binary.NativeEndian.PutUint64(b[lengthAt:], sealed(length-uint64(cut)))
	return b
}
