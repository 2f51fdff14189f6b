package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"ironkv/kv/client"
)

func (a *app) shardCommand() *cobra.Command {
	return group("shard", "List the ranges of keys, and move them", a.shardListCommand(), a.shardMoveCommand())
}

func (a *app) shardListCommand() *cobra.Command {
	var noSizes bool
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List every range with its owner, size, and moves",
		Long: "List every range with its owner, the keys and bytes in it, and the unfinished moves\n" +
			"that cover it. Together the ranges are all keys, each once.",
		Args: cobra.NoArgs,
	}
	cmd.Flags().BoolVar(&noSizes, "no-sizes", false, "do not count keys and bytes, which reads through all keys")
	cmd.RunE = a.withClient(func(ctx context.Context, c *client.Client, _ []string) error {
		shards, err := c.Shards(ctx, sizes(noSizes)...)
		if len(shards) == 0 {
			return err
		}
		moves, movesErr := c.Moves(ctx)
		if movesErr != nil {
			a.warnf("not all moves are known: %v", movesErr)
		}
		// Where a host does not answer, the rest is worth seeing.
		return errors.Join(err, a.printShards(shards, moves, noSizes))
	})
	return cmd
}

func sizes(no bool) []client.QueryOption {
	if no {
		return nil
	}
	return []client.QueryOption{client.WithSizes()}
}

type shardJSON struct {
	rangeJSON
	Owner  client.HostID `json:"owner"`
	Keys   *uint64       `json:"keys,omitempty"`
	Bytes  *uint64       `json:"bytes,omitempty"`
	Flight *flightJSON   `json:"in_flight,omitempty"`
	Moves  []string      `json:"moves"`
}

// flightJSON is a delegate on its way.
type flightJSON struct {
	From client.HostID `json:"from"`
	To   client.HostID `json:"to"`
}

func (a *app) shardOf(s client.Shard) shardJSON {
	out := shardJSON{rangeJSON: a.keys.rangeOf(s.Range), Owner: s.Owner, Moves: []string{}}
	if s.To != 0 {
		out.Flight = &flightJSON{From: s.From, To: s.To}
	}
	return out
}

func (a *app) printShards(shards []client.Shard, moves []client.Move, noSizes bool) error {
	shape := struct {
		Shards []shardJSON `json:"shards"`
	}{Shards: []shardJSON{}}
	var rows []table.Row
	var keys, bytes uint64
	for _, s := range shards {
		j := a.shardOf(s)
		moving := movesOver(moves, s)
		j.Moves = append(j.Moves, moving...)
		row := table.Row{a.keys.bound(s.Range.From), a.keys.bound(s.Range.Until), whereabouts(s)}
		if !noSizes && s.Owner != 0 {
			j.Keys, j.Bytes = &s.Keys, &s.Bytes
			keys, bytes = keys+s.Keys, bytes+s.Bytes
			row = append(row, humanize.Comma(int64(s.Keys)), humanize.Bytes(s.Bytes))
		} else {
			row = append(row, "-", "-")
		}
		shape.Shards = append(shape.Shards, j)
		rows = append(rows, append(row, strings.Join(moving, ", ")))
	}
	return a.emit(shape, func(w io.Writer) error {
		if err := printTable(w, table.Row{"from", "until", "owner", "keys", "bytes", "moves"}, []int{4, 5}, rows); err != nil {
			return err
		}
		say(a.errOut, "%s", plural(len(shards), "range"))
		if !noSizes {
			say(a.errOut, ", %s, %s", plural(int(keys), "key"), humanize.Bytes(bytes))
			if slices.ContainsFunc(shards, func(s client.Shard) bool { return s.Owner == 0 }) {
				say(a.errOut, " beside what is in flight or unknown")
			}
		}
		say(a.errOut, "\n")
		return nil
	})
}

// movesOver names the unfinished moves that still have keys of s to give.
func movesOver(moves []client.Move, s client.Shard) []string {
	var out []string
	for _, m := range moves {
		if !m.Phase.Ended() && m.ID.Host == s.Owner && leftOf(m).Overlaps(s.Range) {
			out = append(out, fmt.Sprintf("%v to %d (%v)", m.ID, m.To, m.Phase))
		}
	}
	return out
}

// whereabouts says in words where a shard is.
func whereabouts(s client.Shard) string {
	switch {
	case s.Owner != 0:
		return strconv.FormatUint(uint64(s.Owner), 10)
	case s.To != 0:
		return fmt.Sprintf("in flight %d to %d", s.From, s.To)
	}
	return "unknown"
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return humanize.Comma(int64(n)) + " " + noun + "s"
}
