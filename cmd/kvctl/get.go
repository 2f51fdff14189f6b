package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"ironkv/kv/client"
)

func (a *app) getCommand() *cobra.Command {
	return &cobra.Command{
		Use: "get KEY",
		Example: "  kvctl get fruit/apple\n" +
			"  kvctl get --key-format hex 00ff\n" +
			"  kvctl get -o json fruit/apple",
		Short: "Print the value of a key",
		Long: "Print the value of a key: exactly its bytes, and on a terminal a final newline.\n" +
			"With -o json: key, value and version.",
		Args: cobra.ExactArgs(1),
		RunE: a.withKey(func(ctx context.Context, c *client.Client, key []byte) error {
			entry, err := c.Get(ctx, key)
			if err != nil {
				return err
			}
			entry.Key = key
			return a.emit(a.keys.entryOf(entry, true), func(w io.Writer) error {
				if _, err := w.Write(entry.Value); err != nil {
					return err
				}
				if !isTerminal(a.out) {
					return nil
				}
				_, err := fmt.Fprintln(w)
				return err
			})
		}),
	}
}

func (a *app) delCommand() *cobra.Command {
	var ifVersion uint64
	cmd := &cobra.Command{
		Use: "del KEY",
		Example: "  kvctl del fruit/apple\n" +
			"  kvctl del fruit/apple --if-version 7",
		Short: "Remove an entry",
		Long:  "Remove an entry. Exit code 3: there is none.",
		Args:  cobra.ExactArgs(1),
	}
	cmd.Flags().Uint64Var(&ifVersion, "if-version", 0, "only if the entry has this version `N`")
	cmd.RunE = a.withKey(func(ctx context.Context, c *client.Client, key []byte) error {
		var conds []client.Condition
		if cmd.Flags().Changed("if-version") {
			conds = append(conds, client.IfVersion(ifVersion))
		}
		if err := c.Delete(ctx, key, conds...); err != nil {
			return err
		}
		shape := entryJSON{Deleted: true}
		shape.Key, shape.Key64 = a.keys.json(key)
		return a.emit(shape, func(io.Writer) error { return nil })
	})
	return cmd
}

// withKey is a verb whose one argument is a key; it is read before the cluster is asked.
func (a *app) withKey(f func(ctx context.Context, c *client.Client, key []byte) error) func(*cobra.Command, []string) error {
	return verb(func(cmd *cobra.Command, args []string) error {
		key, err := a.keys.key(args[0])
		if err != nil {
			return err
		}
		c, err := a.connect(cmd.Context())
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }() // the verb has its own errors
		return f(cmd.Context(), c, key)
	})
}
