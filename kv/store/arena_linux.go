package store

import "golang.org/x/sys/unix"

// reserve returns address space, which takes memory when it is written.
func reserve(bytes int) []byte {
	b, err := unix.Mmap(-1, 0, bytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_NORESERVE)
	if err != nil {
		return make([]byte, bytes) // it may be that a few more are found there
	}
	return b
}

// discard gives the memory of b back; what it holds afterwards is undefined.
func discard(b []byte) {
	_ = unix.Madvise(b, unix.MADV_DONTNEED) // else the memory is kept
}
