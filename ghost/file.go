package ghost

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"ironkv/kv"
)

// spillBytes is how much of a batch is kept in memory before it is written, in
// bytes: most batches are written at once.
const spillBytes = 1 << 20

// A File is a Journal on disk, of one life of one host.
type File struct {
	out     io.WriteCloser
	path    string
	buffer  []byte // a record in the making: its frame, its kind, its steps
	scratch []byte
	last    uint64
	now     kv.Time
	err     error // the first failure; it sticks
}

// Create makes the directory and, in it, the journal of a host that goes on from
// s under cfg. Lives of one state are numbered: host-1-00c0ffee00c0ffee-0001.journal.
// Files are readable by their owner only, since they hold the state's secret.
func Create(dir string, cfg kv.Config, s *kv.State) (*File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory for journals: %w", err)
	}
	state := filepath.Join(dir, fmt.Sprintf("host-%d-%016x", cfg.Me, uint64(s.Incarnation)))
	old, err := filepath.Glob(state + "-*.journal")
	if err != nil {
		return nil, fmt.Errorf("look for earlier journals: %w", err)
	}
	f := &File{last: s.Step}
	for n := len(old) + 1; ; n++ { // higher than all that are there, also where some were removed
		f.path = fmt.Sprintf("%s-%04d.journal", state, n)
		if _, err := os.Lstat(f.path); errors.Is(err, os.ErrNotExist) {
			break
		}
	}
	// It gets its name with its header: a process that is killed before that has
	// taken no step, and leaves no journal.
	out, err := os.OpenFile(f.path+unborn, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create the journal: %w", err)
	}
	f.out = out
	err = f.writeHeader(newHeader(cfg, s))
	if err == nil {
		err = os.Rename(f.path+unborn, f.path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create the journal: %w", err), out.Close())
	}
	return f, nil
}

// unborn is what the name of a journal ends with while it has no header.
const unborn = ".new"

func (f *File) writeHeader(h Header) error {
	record, err := appendHeader(make([]byte, frameBytes), h)
	if err != nil {
		return fmt.Errorf("journal %s: encode the header: %w", f.path, err)
	}
	frame(record)
	f.write(append([]byte(journalMagic), record...))
	return f.err
}

// Path is the file's name.
func (f *File) Path() string { return f.path }

// Observe notes a step. A failure to write shows in the next Flush.
func (f *File) Observe(now kv.Time, step uint64, in kv.Input, out *kv.Effects) {
	if len(f.buffer) > spillBytes { // before the step, so that the batch's last record holds its last step
		f.writeRecord(recordSteps)
	}
	if len(f.buffer) == 0 {
		f.buffer = append(f.buffer, make([]byte, frameBytes+1)...)
	}
	s := Step{Number: step, Now: now, Input: in, Action: out.Action, Drop: out.Drop, Sends: len(out.Packets), Transfers: out.Transfers}
	s.Digest, f.scratch = digest(f.scratch, out.Packets)
	f.buffer = appendStep(f.buffer, &s, f.last, f.now)
	f.last, f.now = step, now
}

// Flush writes the batch. It returns the first failure there was, and does not
// try again after one.
func (f *File) Flush() error {
	if len(f.buffer) > 0 {
		f.writeRecord(recordBatch)
	}
	return f.err
}

func (f *File) writeRecord(kind byte) {
	f.buffer[frameBytes] = kind
	frame(f.buffer)
	f.write(f.buffer)
	f.buffer = f.buffer[:0]
}

func (f *File) write(b []byte) {
	if f.err != nil {
		return
	}
	if _, err := f.out.Write(b); err != nil {
		f.err = fmt.Errorf("write the journal: %w", err) // an os.PathError names the file
	}
}

// Close marks the life as ended cleanly and closes the file. Steps of a batch
// that was not flushed are left out: nothing of them was committed or sent.
func (f *File) Close() error {
	f.buffer = append(f.buffer[:0], make([]byte, frameBytes+1)...)
	f.writeRecord(recordEnd)
	return errors.Join(f.err, f.out.Close())
}

// ReadDir returns the lives in the directories' journals: by host, then in the
// order in which they were lived. The steps are read when they are asked for.
func ReadDir(dirs ...string) ([]Life, error) {
	var lives []Life
	for _, dir := range dirs {
		paths, err := filepath.Glob(filepath.Join(dir, "*.journal"))
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
	slices.SortStableFunc(lives, func(a, b Life) int { return int(a.Header.Config.Me) - int(b.Header.Config.Me) })
	return lives, nil
}

// ReadFile returns the life in a journal. It fails with [ErrCorrupt] or
// [ErrTruncated] where not even its header can be read.
func ReadFile(path string) (Life, error) {
	file, err := os.Open(path)
	if err != nil {
		return Life{}, fmt.Errorf("open the journal: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	r := recordReader{from: bufio.NewReader(file)}
	header, err := r.header()
	if err != nil {
		return Life{}, fmt.Errorf("journal %s: %w", path, err)
	}
	return Life{Header: header, Path: path, Steps: func(yield func(Step, error) bool) {
		if err := readSteps(path, yield); err != nil {
			yield(Step{}, fmt.Errorf("journal %s: %w", path, err))
		}
	}}, nil
}

// readSteps yields the file's steps, and returns what ended them early; nil where
// yield did.
func readSteps(path string, yield func(Step, error) bool) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	r := recordReader{from: bufio.NewReaderSize(file, spillBytes)}
	header, err := r.header()
	if err != nil {
		return err
	}
	last, now := header.From, kv.Time(0)
	for {
		payload, err := r.next()
		if err != nil {
			return err
		}
		switch kind := payload[0]; kind {
		case recordEnd:
			return r.atEnd()
		case recordSteps, recordBatch:
			steps := stepReader{rest: payload[1:]}
			for len(steps.rest) > 0 {
				s := steps.step(last, now)
				if steps.err != nil {
					return steps.err
				}
				last, now = s.Number, s.Now
				s.Ends = kind == recordBatch && len(steps.rest) == 0
				if !yield(s, nil) {
					return nil
				}
			}
		default:
			return fmt.Errorf("%w: a record of unknown kind %q", ErrCorrupt, kind)
		}
	}
}

// A recordReader reads a file's records one by one.
type recordReader struct {
	from   *bufio.Reader
	buffer []byte
}

func (r *recordReader) header() (Header, error) {
	magic := make([]byte, len(journalMagic))
	if _, err := io.ReadFull(r.from, magic); err != nil {
		return Header{}, truncated(err)
	}
	if string(magic) != journalMagic {
		return Header{}, fmt.Errorf("%w: it begins with %q, not with %q", ErrCorrupt, magic, journalMagic)
	}
	payload, err := r.next()
	if err != nil {
		return Header{}, err
	}
	return readHeader(payload)
}

// next returns the next record's payload, at least its kind.
func (r *recordReader) next() ([]byte, error) {
	var head [frameBytes]byte
	if _, err := io.ReadFull(r.from, head[:]); err != nil {
		return nil, truncated(err)
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n == 0 || n > maxRecordBytes {
		return nil, fmt.Errorf("%w: a record of %d bytes", ErrCorrupt, n)
	}
	r.buffer = slices.Grow(r.buffer[:0], int(n))[:n]
	if _, err := io.ReadFull(r.from, r.buffer); err != nil {
		return nil, truncated(err)
	}
	if checksum(head[:4], r.buffer) != binary.LittleEndian.Uint32(head[4:]) {
		return nil, fmt.Errorf("%w: a record's checksum is wrong", ErrCorrupt)
	}
	return r.buffer, nil
}

func (r *recordReader) atEnd() error {
	if _, err := r.from.ReadByte(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: bytes follow its end", ErrCorrupt)
	}
	return nil
}

func truncated(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrTruncated
	}
	return err
}
