package ghost

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"unsafe"
)

// A journal's file holds one stream of bytes, so laid out that a batch is in the
// kernel's hands, safe from the end of the process, without a system call:
//
//	0         journalMagic; the stream's length; the step up to which all is durable
//	tailAt    the tail: what the stream has beyond its last whole piece
//	piecesAt  its whole pieces, each of pieceBytes, aligned
//
// The first two lie in memory that is mapped to the file. A batch is copied into the
// tail, and is there once the length says so; a full tail is written behind the
// pieces, and is then begun anew. So what is behind the length, in the tail or in the
// pieces, belongs to a batch that was not ended.
const (
	journalMagic = "ironkvj3"
	lengthAt     = 8
	durableAt    = 16
	headBytes    = 24
	// pieceBytes is how much is written at once, in bytes: the cost per byte of
	// writes to a file falls to less than half from 8 KiB unaligned to here, and
	// hardly more from here on (measured on ext4, Linux 6.18).
	pieceBytes = 32 << 10
	tailAt     = pieceBytes
	piecesAt   = tailAt + pieceBytes
)

// sealed is a number below 1<<48 with a checksum, in the byte order of the file: one
// word, so that it is written as a whole or not at all.
func sealed(n uint64) uint64 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], n<<16|uint64(seal(n)))
	return binary.NativeEndian.Uint64(b[:])
}

func unsealed(b [8]byte) (uint64, error) {
	n := binary.LittleEndian.Uint64(b[:])
	if uint16(n) != seal(n>>16) {
		return 0, fmt.Errorf("%w: the checksum of a number in its head is wrong", ErrCorrupt)
	}
	return n >> 16, nil
}

// seal is the lower half of the CRC-32C of the number's six bytes. hash/crc32 would
// have them on the heap, twice for each batch.
func seal(n uint64) uint16 {
	crc := ^uint32(0)
	for range 6 {
		crc = castagnoli[byte(crc)^byte(n)] ^ crc>>8
		n >>= 8
	}
	return ^uint16(crc)
}

// A stream appends to a journal's file.
type stream struct {
	out    *os.File
	mapped region
	length uint64 // with what was not published yet
}

// newStream makes the file's head, with an empty stream behind it.
func newStream(out *os.File) (*stream, error) {
	// Written, not only reserved: the room is there whenever the mapping is used.
	if _, err := out.Write(make([]byte, piecesAt)); err != nil {
		return nil, err
	}
	mapped, err := mapRegion(out, piecesAt)
	if err != nil {
		return nil, err
	}
	s := &stream{out: out, mapped: mapped}
	copy(mapped.bytes, journalMagic)
	return s, errors.Join(mapped.wrote(0, lengthAt), s.mark(durableAt, 0), s.publish())
}

// guard, deferred by whoever touches mapped memory, makes an error of a fault there:
// somebody cut the file, or the file system could not give it the room or the bytes
// that it had promised. Without it a process ends there, without a word.
func (s *stream) guard(err *error, before bool) {
	debug.SetPanicOnFault(before)
	why := recover()
	if why == nil {
		return
	}
	first := uintptr(unsafe.Pointer(unsafe.SliceData(s.mapped.bytes)))
	if fault, ok := why.(interface{ Addr() uintptr }); !ok || fault.Addr()-first >= uintptr(len(s.mapped.bytes)) {
		panic(why)
	}
	*err = errFault
}

var errFault = errors.New("memory that is mapped to it is gone: the file was cut, or its file system is full or failing")

// append adds bytes that are there once they are published.
func (s *stream) append(b []byte) (err error) {
	defer s.guard(&err, debug.SetPanicOnFault(true))
	for len(b) > 0 {
		used := int(s.length % pieceBytes)
		n := copy(s.mapped.bytes[tailAt+used:], b)
		if err := s.mapped.wrote(tailAt+used, n); err != nil {
			return err
		}
		b = b[n:]
		s.length += uint64(n)
		if used+n == pieceBytes {
			at := piecesAt + int64(s.length) - pieceBytes
			if _, err := s.out.WriteAt(s.mapped.bytes[tailAt:], at); err != nil {
				return err
			}
		}
	}
	return nil
}

// publish makes all that was appended a part of the stream.
func (s *stream) publish() error { return s.mark(lengthAt, s.length) }

// mark sets a number of the head. Different ones may be set by different goroutines.
func (s *stream) mark(at int, n uint64) (err error) {
	defer s.guard(&err, debug.SetPanicOnFault(true))
	atomic.StoreUint64((*uint64)(unsafe.Pointer(&s.mapped.bytes[at])), sealed(n))
	return s.mapped.wrote(at, 8)
}

// close ends the stream. What the tail was used for before is cleared, so that each
// byte of the file is known.
func (s *stream) close() error {
	return errors.Join(s.clear(), s.mapped.unmap(), s.out.Close())
}

func (s *stream) clear() (err error) {
	defer s.guard(&err, debug.SetPanicOnFault(true))
	used := int(s.length % pieceBytes)
	clear(s.mapped.bytes[tailAt+used:])
	return s.mapped.wrote(tailAt+used, pieceBytes-used)
}

// A streamReader reads a stream from a journal's file.
type streamReader struct {
	*bufio.Reader
	length uint64
	// durable is the number of the step up to which all is durable.
	durable uint64
	// rest says that the file holds something behind the stream: parts of a batch that
	// was not ended, which a life that was ended cleanly leaves none of.
	rest bool
}

// readStream fails with [ErrCorrupt] where the file is shorter than its head says.
func readStream(file io.ReaderAt, size int64) (*streamReader, error) {
	r := &streamReader{}
	if size < piecesAt {
		return nil, fmt.Errorf("%w: cut off: it has only %d bytes", ErrCorrupt, size)
	}
	front := make([]byte, piecesAt)
	if _, err := io.ReadFull(io.NewSectionReader(file, 0, piecesAt), front); err != nil {
		return nil, err
	}
	if err := r.readHead(front[:tailAt]); err != nil {
		return nil, err
	}
	written, used := uint64(size-piecesAt), r.length%pieceBytes
	whole := r.length - used
	if written < whole {
		return nil, fmt.Errorf("%w: cut off: the file has %d bytes, and had %d or more", ErrCorrupt, size, piecesAt+whole)
	}
	tail := front[tailAt:]
	r.rest = written > whole || !zero(tail[used:])
	if written >= r.length { // the tail may have been begun anew
		whole, used = r.length, 0
	}
	r.Reader = bufio.NewReaderSize(io.MultiReader(io.NewSectionReader(file, piecesAt, int64(whole)), bytes.NewReader(tail[:used])), pieceBytes)
	return r, nil
}

func zero(b []byte) bool { return bytes.Count(b, []byte{0}) == len(b) }

// readHead takes apart what lies before the tail.
func (r *streamReader) readHead(head []byte) (err error) {
	if magic := string(head[:lengthAt]); magic != journalMagic {
		if strings.HasPrefix(magic, journalMagic[:lengthAt-1]) {
			return fmt.Errorf("%w: it is of format %q; this program reads format %q", ErrCorrupt, magic[lengthAt-1:], journalMagic[lengthAt-1:])
		}
		return fmt.Errorf("%w: it begins with %q, not with %q", ErrCorrupt, magic, journalMagic)
	}
	if r.length, err = unsealed([8]byte(head[lengthAt:])); err != nil {
		return err
	}
	if r.durable, err = unsealed([8]byte(head[durableAt:])); err != nil {
		return err
	}
	if !zero(head[headBytes:]) {
		return fmt.Errorf("%w: its head has bytes that mean nothing", ErrCorrupt)
	}
	return nil
}
