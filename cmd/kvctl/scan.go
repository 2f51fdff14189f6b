package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"ironkv/delegation"
	"ironkv/kv/client"
)

// outputBuffer is how many bytes are gathered before they are written out.
const outputBuffer = 64 << 10

const scanConsistency = "Every page is one moment of its range and complete for it, while shards move, too;\n" +
	"the whole is no snapshot: writes meanwhile may be seen in a later page and not in an earlier."

func (a *app) scanCommand() *cobra.Command {
	var limits rangeFlags
	var limit int
	var keysOnly bool
	cmd := &cobra.Command{
		Use: "scan",
		Example: "  kvctl scan --prefix fruit/ --keys-only --limit 10\n" +
			"  kvctl scan --from a --until c -o json",
		Short: "Print entries in the order of their keys",
		Long: "Print entries in the order of their keys: KEY, a tab, VALUE, a newline, all bytes as they\n" +
			"are (keys as --key-format says); with -o json one object per line.\n\n" + scanConsistency,
		Args: cobra.NoArgs,
	}
	limits.add(cmd, true)
	cmd.Flags().IntVar(&limit, "limit", 0, "print at most `N` entries; 0: all")
	cmd.Flags().BoolVar(&keysOnly, "keys-only", false, "leave the values out")
	cmd.RunE = verb(func(cmd *cobra.Command, _ []string) error {
		r, err := limits.parse(cmd, a.keys)
		if err != nil {
			return err
		}
		if limit < 0 {
			return usagef("--limit %d: it must be 0 or more", limit)
		}
		var opts []client.ScanOption
		if limit > 0 {
			opts = append(opts, client.Limit(limit))
		}
		if keysOnly {
			opts = append(opts, client.KeysOnly())
		}
		return a.withClient(func(ctx context.Context, c *client.Client, _ []string) error {
			return a.scan(ctx, c, r, keysOnly, opts)
		})(cmd, nil)
	})
	return cmd
}

func (a *app) scan(ctx context.Context, c *client.Client, r delegation.Range, keysOnly bool, opts []client.ScanOption) error {
	w := bufio.NewWriterSize(a.out, outputBuffer)
	enc := newEncoder(w)
	for entry, err := range c.Scan(ctx, r, opts...) {
		if err == nil {
			err = a.printEntry(w, enc.Encode, entry, keysOnly)
		}
		if err != nil {
			_ = w.Flush() // what was read before the error is good
			return err
		}
	}
	return w.Flush()
}

func (a *app) printEntry(w io.Writer, encode func(any) error, e client.Entry, keysOnly bool) error {
	if a.output == outputJSON {
		return encode(a.keys.entryOf(e, !keysOnly))
	}
	if keysOnly {
		_, err := fmt.Fprintln(w, a.keys.encode(e.Key))
		return err
	}
	_, err := fmt.Fprintf(w, "%s\t%s\n", a.keys.encode(e.Key), e.Value)
	return err
}

func (a *app) dumpCommand() *cobra.Command {
	var limits rangeFlags
	cmd := &cobra.Command{
		Use:     "dump",
		Example: "  kvctl dump --prefix fruit/ > fruit.jsonl",
		Short:   "Write entries as JSON lines, which load reads back",
		Long: "Write entries as JSON lines to stdout: {\"key\", \"value\", \"version\"}, with \"key64\" and\n" +
			"\"value64\" in base64 where the bytes are not valid UTF-8. \"kvctl load\" reads them back bit\n" +
			"for bit. --key-format applies to the flags only. The summary goes to stderr. Pages of up to 8\n" +
			"shards are under way at once, and wait in memory, each of 256 KiB or one entry.\n\n" + scanConsistency,
		Args: cobra.NoArgs,
	}
	limits.add(cmd, true)
	cmd.RunE = verb(func(cmd *cobra.Command, _ []string) error {
		r, err := limits.parse(cmd, a.keys)
		if err != nil {
			return err
		}
		return a.withClient(func(ctx context.Context, c *client.Client, _ []string) error {
			return a.dump(ctx, c, r)
		})(cmd, nil)
	})
	return cmd
}

func (a *app) dump(ctx context.Context, c *client.Client, r delegation.Range) error {
	start := time.Now()
	w := bufio.NewWriterSize(a.out, outputBuffer)
	b, err := a.countedBar(ctx, c, "dump", r)
	if err != nil {
		return err
	}
	enc := newEncoder(w)
	var keys, bytes uint64
	for entry, err := range readAhead(ctx, c, r, shardsOf(ctx, c)) {
		if err == nil {
			err = enc.Encode(keyUTF8.entryOf(entry, true))
		}
		if err != nil {
			b.done()
			_ = w.Flush()
			return fmt.Errorf("the dump is incomplete, it ends after %s: %w", plural(int(keys), "key"), err)
		}
		keys++
		bytes += uint64(len(entry.Key) + len(entry.Value))
		b.add(len(entry.Key) + len(entry.Value))
	}
	b.done()
	if err := w.Flush(); err != nil {
		return err
	}
	a.warnf("dumped %s, %s in %s", plural(int(keys), "key"), humanize.Bytes(bytes), seconds(time.Since(start)))
	return nil
}

// countedBar is a bar of what r holds, in bytes of keys and values. Off a terminal
// nobody sees it, and nothing is counted.
func (a *app) countedBar(ctx context.Context, c *client.Client, description string, r delegation.Range) (*bar, error) {
	if !isTerminal(a.errOut) {
		return &bar{}, nil
	}
	_, bytes, err := c.Count(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("counting %v: %w", r, err)
	}
	return a.newBar(description, int64(bytes)), nil
}

// seconds prints a duration for a person: tenths are enough.
func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
