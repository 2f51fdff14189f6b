package ghost

import "bytes"

// ReadBytes is ReadFile of a file with these bytes.
func ReadBytes(b []byte) (Life, error) {
	return newLife(func(read func(*recordReader) error) error {
		return readRecords(bytes.NewReader(b), int64(len(b)), read)
	}, "bytes")
}
