package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"os"
	"path/filepath"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"ironkv/delegation"
	"ironkv/kv/client"
)

// backupFileBytes is the soft length of a file of a backup, in bytes.
const backupFileBytes = 256 << 20

func (a *app) backupCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "backup --to DIR",
		Short: "Copy all entries into a directory, while the cluster runs",
		Long: "Copy all entries, with their versions, into a new or empty directory, range by range,\n" +
			"while the cluster runs and shards move. The files are JSON lines as dump writes them;\n" +
			manifestName + " tells their ranges, counts and SHA-256, and is written last: without it the\n" +
			"backup is incomplete. One that was interrupted is gone on with where the same command is\n" +
			"given again; it then lasts from the first start to the last end.\n\nWhat it holds. " + backupConsistency,
		Example: "  kvctl backup --to /var/backups/ironkv/monday",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().StringVar(&dir, "to", "", "the `DIR` to write to; it is made where it does not exist")
	cmd.RunE = verb(func(cmd *cobra.Command, _ []string) error {
		if dir == "" {
			return usagef("--to is missing: the directory to write the backup to")
		}
		bk, err := openBackup(dir)
		if err != nil {
			return err
		}
		return a.withClient(func(ctx context.Context, c *client.Client, _ []string) error {
			return a.backup(ctx, c, bk)
		})(cmd, nil)
	})
	return cmd
}

// backup copies what bk does not yet have.
func (a *app) backup(ctx context.Context, c *client.Client, bk *backup) error {
	if err := bk.of(ctx, c); err != nil {
		return err
	}
	if len(bk.m.Files) > 0 {
		a.warnf("%s holds a part of a backup that was begun at %s, %s up to %s: it is gone on with", bk.dir,
			bk.m.Started.Format(time.RFC3339), plural(int(bk.m.Keys), "key"), bk.until)
	}
	if err := a.copyRest(ctx, c, bk); err != nil {
		bk.save()
		a.warnf("the backup in %s is incomplete, it has %s up to %s: the same command goes on with it", bk.dir,
			plural(int(bk.m.Keys), "key"), bk.until)
		return fmt.Errorf("the backup in %s is incomplete: %w", bk.dir, err)
	}
	if err := bk.end(); err != nil {
		return fmt.Errorf("the backup in %s is incomplete: %w; the same command goes on with it", bk.dir, err)
	}
	return a.printBackup(bk.m)
}

func (a *app) copyRest(ctx context.Context, c *client.Client, bk *backup) error {
	rest := delegation.Range{From: bk.until, Until: delegation.PosInf}
	if rest.Empty() {
		return nil
	}
	shards, err := c.Shards(ctx)
	if err != nil {
		return err
	}
	b, err := a.countedBar(ctx, c, "backup", rest)
	if err != nil {
		return err
	}
	defer b.done()
	for _, s := range shards {
		r := s.Range.Intersect(rest)
		if r.Empty() {
			continue
		}
		if err := bk.add(r, c.Scan(ctx, r), b.add); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) printBackup(m *manifest) error {
	took := m.Ended.Sub(m.Started)
	shape := struct {
		Keys    uint64  `json:"keys"`
		Bytes   uint64  `json:"bytes"`
		Seconds float64 `json:"seconds"`
		Files   int     `json:"files"`
	}{m.Keys, m.Bytes, took.Seconds(), len(m.Files)}
	return a.emit(shape, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "backed up %s, %s in %s, %s\n", plural(int(m.Keys), "key"), humanize.Bytes(m.Bytes),
			seconds(took), plural(len(m.Files), "file"))
		return err
	})
}

// A backup is a directory into which a cluster is copied, in the order of the keys.
type backup struct {
	dir string
	m   *manifest // of the files that are finished
	// until is how far these go.
	until delegation.Bound
	file  *backupFile // the one that is written, from until on; nil between two
}

// openBackup makes dir, or finds nothing in it, or a part of a backup.
func openBackup(dir string) (*backup, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	bk := &backup{dir: dir, until: delegation.NegInf}
	if len(entries) == 0 {
		bk.m = &manifest{Format: manifestFormat, Program: programVersion(), Started: time.Now().UTC(), Consistency: backupConsistency}
		return bk, nil
	}
	if m, err := readManifest(dir, manifestName); err == nil {
		return nil, fmt.Errorf("%s is not empty, it holds a whole backup, of %s: a backup goes into a directory of its own",
			dir, m.Started.Format(time.RFC3339))
	}
	bk.m, err = readManifest(dir, unfinishedName)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s is not empty: a backup goes into a directory of its own", dir)
	}
	if err != nil {
		return nil, err
	}
	for _, f := range bk.m.Files {
		if info, err := os.Stat(filepath.Join(dir, f.Name)); err != nil || info.Size() != f.Length {
			return nil, errors.Join(fmt.Errorf("%w: %s is not as it was when the backup was interrupted: remove %s, and begin anew",
				errDamaged, f.Name, dir), err)
		}
		if bk.until, err = f.until(); err != nil {
			return nil, fmt.Errorf("%w: the end of %s: %w", errDamaged, f.Name, err)
		}
	}
	return bk, nil
}

// of sees that bk is of the cluster, whose hosts are known by their incarnations, and
// that this is found out later, too.
func (bk *backup) of(ctx context.Context, c *client.Client) error {
	hosts, err := c.Hosts(ctx)
	if err != nil {
		return err
	}
	now := map[client.HostID]string{}
	for _, h := range hosts {
		if h.Err == nil {
			now[h.ID] = incarnation(h.Incarnation)
		}
	}
	for id, had := range bk.m.Hosts {
		if has, ok := now[id]; ok && has != had {
			return fmt.Errorf("%s holds a part of a backup of another cluster: host %d had the incarnation %s, and here it is %s; name another directory",
				bk.dir, id, had, has)
		}
	}
	if len(bk.m.Hosts) == 0 {
		bk.m.Hosts = now
		return bk.m.write(bk.dir, unfinishedName)
	}
	return nil
}

// add copies entries, which are those of r, into files, each of which holds a part of it.
func (bk *backup) add(r delegation.Range, entries iter.Seq2[client.Entry, error], copied func(bytes int)) error {
	for entry, err := range entries {
		if err != nil {
			return err
		}
		if bk.file != nil && bk.file.length >= backupFileBytes {
			if err := bk.finish(delegation.At(delegation.Key(entry.Key))); err != nil {
				return err
			}
		}
		if err := bk.open(); err != nil {
			return err
		}
		if err := bk.file.add(entry); err != nil {
			return err
		}
		copied(len(entry.Key) + len(entry.Value))
	}
	if err := bk.open(); err != nil { // a range without entries has a file, too
		return err
	}
	return bk.finish(r.Until)
}

// open has the next file open; one of its name was left when it was not finished.
func (bk *backup) open() (err error) {
	if bk.file != nil {
		return nil
	}
	bk.file, err = createBackupFile(bk.dir, fmt.Sprintf("%06d.jsonl", len(bk.m.Files)+1))
	return err
}

// finish ends the file that is written: all that lies below until is there now.
func (bk *backup) finish(until delegation.Bound) error {
	info, err := bk.file.finish(delegation.Range{From: bk.until, Until: until})
	bk.file = nil
	if err != nil {
		return err
	}
	m := *bk.m
	m.Files = append(m.Files, info)
	m.Keys, m.Bytes = m.Keys+info.Keys, m.Bytes+info.Bytes
	if err := m.write(bk.dir, unfinishedName); err != nil {
		return err
	}
	*bk.m, bk.until = m, until
	return nil
}

// save keeps what was copied before an error, as far as it can be: all of it, unless
// files are what fails.
func (bk *backup) save() {
	switch f := bk.file; {
	case f == nil:
	case f.keys == 0:
		_ = f.file.Close() // nothing is in it
		bk.file = nil
	default:
		_ = bk.finish(delegation.After(f.last)) // else it is as if the file had never been
	}
}

// end says that the backup is whole.
func (bk *backup) end() error {
	bk.m.Ended = time.Now().UTC()
	if err := bk.m.write(bk.dir, manifestName); err != nil {
		return err
	}
	return os.Remove(filepath.Join(bk.dir, unfinishedName))
}

// A backupFile is a file of a backup while it is written.
type backupFile struct {
	file        *os.File
	out         *bufio.Writer
	encoder     *json.Encoder
	sum         hash.Hash
	length      int64
	keys, bytes uint64
	last        delegation.Key // of the latest entry, where keys > 0
}

func createBackupFile(dir, name string) (*backupFile, error) {
	file, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	f := &backupFile{file: file, sum: sha256.New()}
	f.out = bufio.NewWriterSize(io.MultiWriter(file, f.sum), outputBuffer)
	f.encoder = newEncoder(f)
	return f, nil
}

// Write counts the file's bytes on their way.
func (f *backupFile) Write(p []byte) (int, error) {
	n, err := f.out.Write(p)
	f.length += int64(n)
	return n, err
}

func (f *backupFile) add(e client.Entry) error {
	if err := f.encoder.Encode(keyUTF8.entryOf(e, true)); err != nil {
		return err // so does finish then
	}
	f.keys++
	f.bytes += uint64(len(e.Key) + len(e.Value))
	f.last = delegation.Key(e.Key)
	return nil
}

func (f *backupFile) finish(r delegation.Range) (fileInfo, error) {
	err := errors.Join(f.out.Flush(), f.file.Sync(), f.file.Close())
	return fileInfo{
		Name: filepath.Base(f.file.Name()), rangeJSON: keyUTF8.rangeOf(r), Keys: f.keys, Bytes: f.bytes,
		Length: f.length, SHA256: hex.EncodeToString(f.sum.Sum(nil)),
	}, err
}
