package ghost

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"ironkv/kv"
)

// spillBytes is how much of a batch is kept in memory before it is written, in
// bytes: most batches are written at once.
const spillBytes = 1 << 20

// A File is a Journal on disk, of one life of one host.
type File struct {
	stream *stream
	path   string
	life   int    // of the host's state, in this directory
	buffer []byte // a record in the making: its frame, its kind, its entries
	crc    uint32 // of the record before
	writer entryWriter
	err    error // the first failure; it sticks
}

// Create makes the directory and, in it, the journal of a host that goes on from
// s under cfg. Lives of one state are numbered: host-1-00c0ffee00c0ffee-0001.journal.
// Files are readable by their owner only, since they hold the state's secret.
func Create(dir string, cfg kv.Config, s *kv.State) (*File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory for journals: %w", err)
	}
	state := filepath.Join(dir, fmt.Sprintf("host-%d-%016x", cfg.Me, uint64(s.Incarnation)))
	life, err := nextLife(state)
	if err != nil {
		return nil, err
	}
	f := &File{path: fmt.Sprintf("%s-%04d%s", state, life, suffix), life: life, writer: entryWriter{last: s.Step}}
	// It gets its name with its header: a process that is killed before that has
	// taken no step, and leaves no journal.
	out, err := os.OpenFile(f.path+unborn, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create the journal: %w", err)
	}
	f.stream, err = newStream(out)
	if err == nil {
		err = f.writeHeader(newHeader(life, cfg, s))
	}
	if err == nil {
		err = os.Rename(f.path+unborn, f.path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create the journal %s: %w", f.path, advised(err)), out.Close(), os.Remove(out.Name()))
	}
	return f, nil
}

// nextLife is a number above those of all journals that are there.
func nextLife(state string) (int, error) {
	paths, err := filepath.Glob(state + "-*" + suffix)
	if err != nil {
		return 0, fmt.Errorf("look for earlier journals: %w", err)
	}
	last := 0
	for _, path := range paths {
		if n, err := strconv.Atoi(strings.TrimSuffix(path[len(state)+1:], suffix)); err == nil {
			last = max(last, n)
		}
	}
	return last + 1, nil
}

// suffix is what the name of a journal ends with.
const suffix = ".journal"

// unborn is what the name of a journal ends with while it has no header.
const unborn = ".new"

func (f *File) writeHeader(h Header) (err error) {
	if f.buffer, err = appendHeader(append(f.buffer, make([]byte, frameBytes)...), h); err != nil {
		return fmt.Errorf("encode the header: %w", err)
	}
	f.append()
	f.publish()
	return f.err
}

// Path is the file's name.
func (f *File) Path() string { return f.path }

// First reports whether it is the first life of the host's state in its directory.
func (f *File) First() bool { return f.life == 1 }

// Observe notes a step. A failure to write shows in the next Flush.
func (f *File) Observe(now kv.Time, step uint64, in kv.Input, received []byte, out *kv.Effects, sent []byte) {
	f.begin()
	f.buffer = f.writer.step(f.buffer, now, step, &in, received, out, sent)
}

// Shed notes a request that was refused without a step.
func (f *File) Shed(request kv.Packet, sent []byte) {
	f.begin()
	f.buffer = f.writer.shed(f.buffer, request, sent)
}

// Flush ends the batch. It returns the first failure there was, and does not try
// again after one.
func (f *File) Flush(outputs int) error {
	f.begin()
	f.buffer = binary.AppendUvarint(append(f.buffer, entryEnd), uint64(outputs))
	f.append()
	f.publish()
	return f.err
}

// Durable notes that the store has synced all steps up to this one.
func (f *File) Durable(step uint64) {
	_ = f.stream.mark(durableAt, step) // without it the journal says less, nothing wrong
}

// begin makes room for an entry.
func (f *File) begin() {
	if len(f.buffer) > spillBytes {
		f.append()
	}
	if len(f.buffer) == 0 {
		f.buffer = append(f.buffer, 0, 0, 0, 0, 0, 0, 0, 0, recordEntries)
	}
}

// append makes a record of the buffer, and puts it into the stream.
func (f *File) append() {
	f.crc = frame(f.buffer, f.crc)
	if f.err == nil {
		f.fail(f.stream.append(f.buffer))
	}
	f.buffer = f.buffer[:0]
	if cap(f.buffer) > 4*spillBytes {
		f.buffer = nil
	}
}

func (f *File) publish() {
	if f.err == nil {
		f.fail(f.stream.publish())
	}
}

func (f *File) fail(err error) {
	if err != nil {
		var cause *os.PathError // names the file as it was called before it had a header
		if errors.As(err, &cause) {
			err = cause.Err
		}
		f.err = fmt.Errorf("write the journal %s: %w", f.path, advised(err))
	}
}

// advised adds what to do where there is no room.
func advised(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, errFault) {
		return fmt.Errorf("%w; make room there and start the host again, or start it without a journal", err)
	}
	return err
}

// Close marks the life as ended cleanly and closes the file. Entries of a batch
// that was not flushed are left out: nothing of them was committed or sent.
func (f *File) Close() error {
	f.buffer = append(f.buffer[:0], 0, 0, 0, 0, 0, 0, 0, 0, recordEnd)
	f.append()
	f.publish()
	err := errors.Join(f.err, f.stream.close())
	f.fail(os.ErrClosed)
	return err
}

// ReadDir returns the lives in the directories' journals: by host, then in the
// order in which they were lived. The steps are read when they are asked for.
func ReadDir(dirs ...string) ([]Life, error) {
	var lives []Life
	for _, dir := range dirs {
		paths, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
		if err != nil {
			return nil, fmt.Errorf("look for journals: %w", err)
		}
		if len(paths) == 0 {
			return nil, fmt.Errorf("no journal in %s: %w", dir, os.ErrNotExist)
		}
		for _, path := range paths {
			life, err := ReadFile(path)
			if err != nil {
				return nil, err
			}
			lives = append(lives, life)
		}
	}
	slices.SortStableFunc(lives, func(a, b Life) int {
		return cmp.Or(cmp.Compare(a.Header.Config.Me, b.Header.Config.Me), cmp.Compare(a.Header.Life, b.Header.Life))
	})
	return lives, nil
}

// ReadFile returns the life in a journal. It fails with [ErrCorrupt] where not even
// its header can be read.
func ReadFile(path string) (Life, error) {
	life, err := newLife(func(read func(*recordReader) error) error {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }() // it was only read
		info, err := file.Stat()
		if err != nil {
			return err
		}
		return readRecords(file, info.Size(), read)
	}, "journal "+path)
	life.Path = path
	return life, err
}

// newLife returns the life that open lets read, as often as it is called.
func newLife(open func(read func(*recordReader) error) error, name string) (life Life, err error) {
	err = open(func(r *recordReader) error {
		life.Header, life.Durable = r.header, r.durable
		return nil
	})
	if err != nil {
		return life, fmt.Errorf("%s: %w", name, err)
	}
	life.Batches = func(yield func(Batch, error) bool) {
		if err := open(func(r *recordReader) error { return r.batches(yield) }); err != nil {
			yield(Batch{}, err)
		}
	}
	return life, nil
}

// batches yields the file's batches, and returns what ended them early; nil where
// yield did.
func (r *recordReader) batches(yield func(Batch, error) bool) error {
	entries := entryReader{last: r.header.From}
	var batch Batch
	for {
		payload, err := r.next()
		if err != nil {
			return err
		}
		switch kind := payload[0]; kind {
		case recordEnd:
			return r.atEnd()
		case recordEntries:
			entries.rest = payload[1:]
		default:
			return fmt.Errorf("%w: a record of unknown kind %q", ErrCorrupt, kind)
		}
		for len(entries.rest) > 0 {
			ended := entries.entry(&batch)
			if entries.err != nil {
				return entries.err
			}
			if ended {
				if !yield(batch, nil) {
					return nil
				}
				batch = Batch{}
			}
		}
	}
}

// A recordReader reads a file's records one by one.
type recordReader struct {
	*streamReader
	header Header
	at     uint64 // bytes of the stream that were read
	crc    uint32 // of the record before
	buffer []byte
}

// readRecords reads a file's header, and leaves the other records to read.
func readRecords(file io.ReaderAt, size int64, read func(*recordReader) error) error {
	s, err := readStream(file, size)
	if err != nil {
		return err
	}
	r := &recordReader{streamReader: s}
	payload, err := r.next()
	if err != nil {
		return err
	}
	if r.header, err = readHeader(payload); err != nil {
		return err
	}
	return read(r)
}

// next returns the next record's payload, at least its kind; [ErrTruncated] where
// the stream ends.
func (r *recordReader) next() ([]byte, error) {
	if r.at == r.length {
		return nil, ErrTruncated
	}
	var head [frameBytes]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, r.broken("it ends within a record", err)
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n == 0 || n > maxRecordBytes {
		return nil, r.broken(fmt.Sprintf("a record of %d bytes", n), nil)
	}
	r.buffer = slices.Grow(r.buffer[:0], int(n))[:n]
	if _, err := io.ReadFull(r, r.buffer); err != nil {
		return nil, r.broken("it ends within a record", err)
	}
	if r.crc = checksum(r.crc, head[:4], r.buffer); r.crc != binary.LittleEndian.Uint32(head[4:]) {
		return nil, r.broken("a record's checksum is wrong", nil)
	}
	r.at += frameBytes + uint64(n)
	return r.buffer, nil
}

// broken says what is wrong, and where.
func (r *recordReader) broken(what string, err error) error {
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return fmt.Errorf("%w: behind %d bytes of %d: %s", ErrCorrupt, r.at, r.length, what)
}

// atEnd sees that the file holds nothing behind the stream's last record.
func (r *recordReader) atEnd() error {
	if r.at != r.length || r.rest {
		return fmt.Errorf("%w: bytes follow its end", ErrCorrupt)
	}
	return nil
}
