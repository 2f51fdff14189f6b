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
