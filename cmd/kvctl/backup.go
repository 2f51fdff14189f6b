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
			"backup is incomplete.\n\nWhat it holds. " + backupConsistency,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&dir, "to", "", "the `DIR` to write to; it is made where it does not exist")
	cmd.RunE = verb(func(cmd *cobra.Command, _ []string) error {
		if dir == "" {
			return usagef("--to is missing: the directory to write the backup to")
		}
		if err := emptyDir(dir); err != nil {
			return err
		}
		return a.withClient(func(ctx context.Context, c *client.Client, _ []string) error {
			return a.backup(ctx, c, dir)
		})(cmd, nil)
	})
	return cmd
}

// emptyDir makes dir, or checks that nothing is in it.
func emptyDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		if _, err := os.Stat(filepath.Join(dir, "000001.jsonl")); err == nil {
			if _, err := os.Stat(filepath.Join(dir, manifestName)); errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("%s holds a backup that was interrupted (it has no %s) and cannot be continued: remove it, or name another directory",
					dir, manifestName)
			}
		}
		return fmt.Errorf("%s is not empty: a backup goes into a directory of its own", dir)
	}
	return nil
}

func (a *app) backup(ctx context.Context, c *client.Client, dir string) error {
	m := &manifest{Format: manifestFormat, Program: programVersion(), Started: time.Now().UTC(), Consistency: backupConsistency}
	shards, err := c.Shards(ctx)
	if err != nil {
		return err
	}
	b, err := a.countedBar(ctx, c, "backup", delegation.All)
	if err != nil {
		return err
	}
	for _, s := range shards {
		if err = backupRange(ctx, c, dir, s.Range, m, b); err != nil {
			break
		}
	}
	b.done()
	if ctx.Err() != nil {
		a.warnf("the backup in %s is incomplete and cannot be continued: remove it, and begin anew", dir)
	}
	if err != nil {
		return fmt.Errorf("the backup in %s is incomplete: %w", dir, err)
	}
	m.Ended = time.Now().UTC()
	if err := m.write(dir); err != nil {
		return fmt.Errorf("the backup in %s is incomplete: %w", dir, err)
	}
	return a.printBackup(m)
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
		_, err := fmt.Fprintf(w, "backed up %s keys, %s in %s, %s\n", humanize.Comma(int64(m.Keys)), humanize.Bytes(m.Bytes),
			seconds(took), plural(len(m.Files), "file"))
		return err
	})
}

// backupRange copies a range into files, each of which holds a part of it.
func backupRange(ctx context.Context, c *client.Client, dir string, r delegation.Range, m *manifest, b *bar) error {
	var f *backupFile
	from := r.From
	finish := func(until delegation.Bound) error {
		info, err := f.finish(delegation.Range{From: from, Until: until})
		if err != nil {
			return err
		}
		m.Files = append(m.Files, info)
		m.Keys, m.Bytes = m.Keys+info.Keys, m.Bytes+info.Bytes
		from = until
		f = nil
		return nil
	}
	open := func() (err error) {
		f, err = createBackupFile(dir, fmt.Sprintf("%06d.jsonl", len(m.Files)+1))
		return err
	}
	if err := open(); err != nil {
		return err
	}
	for entry, err := range c.Scan(ctx, r) {
		if err == nil && f.length >= backupFileBytes {
			if err = finish(delegation.At(delegation.Key(entry.Key))); err == nil {
				err = open()
			}
		}
		if err == nil {
			err = f.add(entry)
		}
		if err != nil {
			if f != nil {
				_ = f.file.Close() // the backup has failed already
			}
			return err
		}
		b.add(len(entry.Key) + len(entry.Value))
	}
	return finish(r.Until)
}

// A backupFile is a file of a backup while it is written.
type backupFile struct {
	file        *os.File
	out         *bufio.Writer
	encoder     *json.Encoder
	sum         hash.Hash
	length      int64
	keys, bytes uint64
}

func createBackupFile(dir, name string) (*backupFile, error) {
	file, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
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
	f.keys++
	f.bytes += uint64(len(e.Key) + len(e.Value))
	return f.encoder.Encode(keyUTF8.entryOf(e, true))
}

func (f *backupFile) finish(r delegation.Range) (fileInfo, error) {
	err := errors.Join(f.out.Flush(), f.file.Sync(), f.file.Close())
	return fileInfo{
		Name: filepath.Base(f.file.Name()), rangeJSON: keyUTF8.rangeOf(r), Keys: f.keys, Bytes: f.bytes,
		Length: f.length, SHA256: hex.EncodeToString(f.sum.Sum(nil)),
	}, err
}
