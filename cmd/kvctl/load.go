package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"ironkv/delegation"
	"ironkv/kv/client"
	"ironkv/marshal"
)

// maxNamesShown bounds how many skipped names are printed as text, all of them are in JSON.
const maxNamesShown = 20

func (a *app) loadCommand() *cobra.Command {
	var o loadOptions
	cmd := &cobra.Command{
		Use:   "load DIR|FILE.jsonl|FILE.tsv|-",
		Short: "Write many entries in parallel",
		Long: "Write many entries in parallel, over what is there.\n\n" +
			"A directory: every regular file below it, key = its path from there with slashes, value =\n" +
			"its content. A .jsonl file (or \"-\", stdin): a JSON object per line, as dump writes them. A\n" +
			".tsv file: KEY, a tab, VALUE per line, all bytes as they are, the key as --key-format says.\n\n" +
			"What the store cannot take (a value beyond 4 MiB, a key beyond 4 KiB or without a byte) is\n" +
			"skipped and reported, and makes the exit code 1 unless --skip-large is given. A write whose\n" +
			"outcome is unknown is made again: load only ever writes the same value under a key. Where a\n" +
			"key stands in a file twice, the later one wins.",
		Example: "  kvctl load ./photos --prefix photos/\n" +
			"  kvctl load entries.jsonl\n" +
			"  printf 'k\\tv\\n' | kvctl load - --format tsv",
		Args: cobra.ExactArgs(1),
	}
	cmd.Flags().StringVar(&o.prefix, "prefix", "", "put `PREFIX` before every key")
	cmd.Flags().StringVar(&o.format, "format", "", "read the file as jsonl or tsv, whatever its name")
	cmd.Flags().IntVar(&o.parallel, "parallel", defaultParallel, "write `N` batches at a time")
	cmd.Flags().BoolVar(&o.skipLarge, "skip-large", false, "skipping what the store cannot take (too large, or an empty key) is no failure")
	cmd.RunE = verb(func(cmd *cobra.Command, args []string) error {
		if o.parallel < 1 || o.parallel > maxParallel {
			return usagef("--parallel %d: 1 to %d", o.parallel, maxParallel)
		}
		src, err := a.openSource(args[0], o)
		if err != nil {
			return err
		}
		defer src.close()
		return a.withClient(func(ctx context.Context, c *client.Client, _ []string) error {
			return a.load(ctx, c, src, o)
		})(cmd, nil)
	})
	return cmd
}

type loadOptions struct {
	prefix, format string
	parallel       int
	skipLarge      bool
}

// A source yields items and tells how many bytes of it have been read.
type source struct {
	name  string
	total int64 // bytes; -1 where nobody knows
	// each calls emit with every item, and skip with what cannot be one; both may be
	// called from several goroutines. read is told of bytes as they are read.
	each  func(ctx context.Context, emit func(item) error, skip func(name, reason string), read func(bytes int)) error
	close func()
}

func (a *app) openSource(name string, o loadOptions) (*source, error) {
	prefix, err := a.keys.decode(o.prefix)
	if err != nil {
		return nil, err
	}
	format := o.format
	switch format {
	case "":
		format = strings.TrimPrefix(filepath.Ext(name), ".")
	case "jsonl", "tsv":
	default:
		return nil, usagef("--format %q: one of jsonl, tsv", format)
	}
	if name == "-" {
		if o.format == "" {
			format = "jsonl"
		}
		parse, err := a.lineParser(name, format)
		if err != nil {
			return nil, err
		}
		return lineSource("stdin", a.in, -1, prefix, parse, func() {}), nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return dirSource(name, prefix, o.parallel)
	}
	parse, err := a.lineParser(name, format)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	return lineSource(name, f, info.Size(), prefix, parse, func() { _ = f.Close() }), nil
}

type lineParser func(line []byte) (item, bool, error)

func (a *app) lineParser(name, format string) (lineParser, error) {
	switch format {
	case "jsonl":
		return parseJSONLine, nil
	case "tsv":
		return a.keys.parseTSVLine, nil
	}
	return nil, usagef("%s is neither a directory, nor .jsonl, nor .tsv: say --format jsonl or --format tsv", name)
}

func lineSource(name string, r io.Reader, total int64, prefix []byte, parse lineParser, closeFile func()) *source {
	return &source{name: name, total: total, close: closeFile, each: func(_ context.Context, emit func(item) error, _ func(string, string), read func(int)) error {
		return eachLine(r, func(number int, line []byte) error {
			read(len(line) + 1)
			it, ok, err := parse(line)
			it.name = fmt.Sprintf("%s:%d", name, number)
			if err != nil {
				return fmt.Errorf("%s: %w", it.name, err)
			}
			if !ok {
				return nil
			}
			it.key = append(prefix[:len(prefix):len(prefix)], it.key...)
			return emit(it)
		})
	}}
}

// dirSource lists a directory's files at once, so that the bar knows the total.
func dirSource(dir string, prefix []byte, parallel int) (*source, error) {
	type file struct {
		path, key string
		size      int64
		regular   bool
	}
	var files []file
	var total int64
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		files = append(files, file{path, string(prefix) + filepath.ToSlash(rel), info.Size(), d.Type().IsRegular()})
		if d.Type().IsRegular() {
			total += info.Size()
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", dir, err)
	}
	each := func(ctx context.Context, emit func(item) error, skip func(string, string), read func(int)) error {
		readers, ctx := errgroup.WithContext(ctx)
		readers.SetLimit(parallel)
		for _, f := range files {
			if ctx.Err() != nil {
				break
			}
			if !f.regular {
				skip(f.path, "no regular file")
				continue
			}
			if f.size > marshal.MaxValueBytes { // not even read
				read(int(f.size))
				skip(f.path, largeValue(f.size))
				continue
			}
			readers.Go(func() error {
				value, err := readFile(f.path)
				if err != nil {
					return err
				}
				read(len(value))
				return emit(item{key: []byte(f.key), value: value, name: f.path})
			})
		}
		return readers.Wait()
	}
	return &source{name: dir, total: total, each: each, close: func() {}}, nil
}

// readFile reads a file, and of one that has grown little more than a value can be.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, marshal.MaxValueBytes+1))
}

func largeValue(bytes int64) string {
	return fmt.Sprintf("%s bytes, a value has at most %s", humanize.Comma(bytes), humanize.Comma(marshal.MaxValueBytes))
}

func (a *app) load(ctx context.Context, c *client.Client, src *source, o loadOptions) error {
	start := time.Now()
	b := a.newBar("load", src.total)
	w := newWriter(ctx, c, o.parallel)
	err := src.each(w.ctx, func(it item) error {
		if reason := unfit(it); reason != "" {
			w.skip(it.name, reason)
			return nil
		}
		return w.put(it)
	}, w.skip, b.add)
	err = w.finish(err)
	b.done()
	result := w.result(time.Since(start))
	if ctx.Err() != nil {
		a.warnf("%s of %s are written: the same command writes the rest, and these again", plural(int(result.Keys), "key"), src.name)
	}
	if err != nil {
		return fmt.Errorf("loading %s stopped after %s: %w", src.name, plural(int(result.Keys), "key"), err)
	}
	return errors.Join(a.printLoaded("loaded", result), skipped(result.Skipped, o.skipLarge))
}

// unfit says why the store cannot take an item, or "".
func unfit(it item) string {
	switch {
	case len(it.value) > marshal.MaxValueBytes:
		return largeValue(int64(len(it.value)))
	case len(it.key) < 1 || len(it.key) > delegation.MaxKeyBytes:
		return fmt.Sprintf("a key of %d bytes, a key has 1 to %d", len(it.key), delegation.MaxKeyBytes)
	}
	return ""
}

// skipped is the error that says that something was left out.
func skipped(items []skippedJSON, allowed bool) error {
	if len(items) == 0 || allowed {
		return nil
	}
	return fmt.Errorf("%s skipped, the rest is loaded; --skip-large makes that no failure", plural(len(items), "item"))
}

func (a *app) printLoaded(verbed string, r loadedJSON) error {
	for i, s := range r.Skipped {
		if i == maxNamesShown {
			a.warnf("and %d more", len(r.Skipped)-i)
			break
		}
		a.warnf("skipped %s: %s", s.Name, s.Reason)
	}
	return a.emit(r, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s %s, %s in %.1f s (%s/s), %d skipped\n", verbed, plural(int(r.Keys), "key"),
			humanize.Bytes(r.Bytes), r.Seconds, humanize.Bytes(uint64(float64(r.Bytes)/max(r.Seconds, 1e-9))), len(r.Skipped))
		return err
	})
}
