//go:build unix

package ghost

import (
	"os"
	"syscall"
)

// A region is the front of a file, mapped into memory: what is stored there is in
// the file at once, as far as other processes and the end of this one go. The file
// must not be made shorter meanwhile.
type region struct{ bytes []byte }

func mapRegion(f *os.File, n int) (region, error) {
	b, err := syscall.Mmap(int(f.Fd()), 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	return region{b}, os.NewSyscallError("mmap", err)
}

// wrote has to be called after each change of n bytes, from at on.
func (region) wrote(int, int) error { return nil }

func (r region) unmap() error { return os.NewSyscallError("munmap", syscall.Munmap(r.bytes)) }
