package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"ironkv/kv/client"
	"ironkv/marshal"
)

func (a *app) putCommand() *cobra.Command {
	var file string
	var ifVersion uint64
	var ifAbsent bool
	cmd := &cobra.Command{
		Use: "put KEY [VALUE | --file F | -]",
		Example: "  kvctl put fruit/apple red\n" +
			"  kvctl put fruit/apple green --if-version 1\n" +
			"  kvctl put photo --file photo.jpg --if-absent\n" +
			"  date | kvctl put now -\n" +
			"  kvctl put -- -key- -value-",
		Short: "Write an entry and print its new version",
		Long: "Write an entry and print its new version, a bare decimal number.\n\n" +
			"The value is the argument, the content of a file, or, for \"-\", all of stdin; an\n" +
			"empty argument is an empty value. A value has at most 4 MiB.",
		Args: cobra.RangeArgs(1, 2),
	}
	cmd.Flags().StringVar(&file, "file", "", "read the value from `FILE`")
	cmd.Flags().Uint64Var(&ifVersion, "if-version", 0, "only if the entry has this version `N`; 0: only if there is none")
	cmd.Flags().BoolVar(&ifAbsent, "if-absent", false, "only if there is no entry of this key")
	cmd.MarkFlagsMutuallyExclusive("if-version", "if-absent")
	cmd.RunE = verb(func(cmd *cobra.Command, args []string) error {
		key, err := a.keys.key(args[0])
		if err != nil {
			return err
		}
		value, err := a.readValue(args[1:], file, cmd.Flags().Changed("file"))
		if err != nil {
			return err
		}
		var conds []client.Condition
		if cmd.Flags().Changed("if-version") {
			conds = append(conds, client.IfVersion(ifVersion))
		}
		if ifAbsent {
			conds = append(conds, client.IfAbsent())
		}
		c, err := a.connect(cmd.Context())
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }()
		return a.put(cmd.Context(), c, key, value, conds)
	})
	return cmd
}

func (a *app) put(ctx context.Context, c *client.Client, key, value []byte, conds []client.Condition) error {
	version, err := c.Put(ctx, key, value, conds...)
	if err != nil {
		return err
	}
	shape := entryJSON{Version: &version}
	shape.Key, shape.Key64 = a.keys.json(key)
	return a.emit(shape, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, version)
		return err
	})
}

// readValue takes the value from where the command line says it is.
func (a *app) readValue(args []string, file string, fileGiven bool) ([]byte, error) {
	switch {
	case fileGiven && len(args) > 0:
		return nil, usagef("a value and --file: give one of them")
	case fileGiven:
		f, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("the value cannot be read: %w", err)
		}
		defer func() { _ = f.Close() }()
		return readLimited(f, file)
	case len(args) == 0:
		return nil, usagef("a value is missing: give VALUE, --file F, or - for stdin")
	case args[0] == "-":
		return readLimited(a.in, "stdin")
	case len(args[0]) > marshal.MaxValueBytes:
		return nil, tooLarge("the argument", len(args[0]))
	}
	return []byte(args[0]), nil
}

// readLimited reads all of r, but never much more than a value can be.
func readLimited(r io.Reader, name string) ([]byte, error) {
	value, err := io.ReadAll(io.LimitReader(r, marshal.MaxValueBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the value cannot be read from %s: %w", name, err)
	case len(value) > marshal.MaxValueBytes:
		return nil, tooLarge(name, len(value))
	}
	return value, nil
}

func tooLarge(name string, bytes int) error {
	return usagef("%s holds %d bytes or more, a value at most %d: %w", name, bytes, marshal.MaxValueBytes, client.ErrTooLarge)
}
