//go:build !unix

package ghost

import "os"

// A region is the front of a file, kept in memory and written through.
type region struct {
	bytes []byte
	file  *os.File
}

func mapRegion(f *os.File, n int) (region, error) { return region{make([]byte, n), f}, nil }

// wrote has to be called after each change of n bytes, from at on.
func (r region) wrote(at, n int) error {
	_, err := r.file.WriteAt(r.bytes[at:at+n], int64(at))
	return err
}

func (region) unmap() error { return nil }
