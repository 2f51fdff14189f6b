package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"ironkv/delegation"
	"ironkv/kv/client"
	"ironkv/marshal"
)

func (a *app) moveCommand() *cobra.Command {
	return group("move", "List, watch, pause, resume, throttle and cancel moves",
		a.moveListCommand(), a.moveShowCommand(),
		a.moveOrderCommand("pause", "Stop a move after the current chunk until it is resumed", (*client.Client).PauseMove),
		a.moveOrderCommand("resume", "Let a paused move go on", (*client.Client).ResumeMove),
		a.moveCancelCommand(), a.moveThrottleCommand(), a.moveWaitCommand())
}

// movedOf is the part of a move's range that has been given away; leftOf the rest.
func movedOf(m client.Move) delegation.Range {
	return delegation.Range{From: m.Range.From, Until: m.Cursor}
}

func leftOf(m client.Move) delegation.Range {
	return delegation.Range{From: m.Cursor, Until: m.Range.Until}
}

type moveJSON struct {
	ID string `json:"id"`
	rangeJSON
	Source    client.HostID `json:"source"`
	Recipient client.HostID `json:"recipient"`
	Phase     string        `json:"phase"`
	Reason    string        `json:"reason,omitempty"`
	Moved     *rangeJSON    `json:"moved"`
	Left      *rangeJSON    `json:"left"`
	Keys      uint64        `json:"keys"`
	Bytes     uint64        `json:"bytes"`
	Chunks    uint64        `json:"chunks"`
	Unacked   uint64        `json:"unacked"`
	// Rate is -1 for unlimited.
	Rate    int64   `json:"rate"`
	Seconds float64 `json:"seconds"`
	// KeysLeft, BytesLeft and ETA are told by show alone, of a move that has not ended.
	KeysLeft  *uint64  `json:"keys_left,omitempty"`
	BytesLeft *uint64  `json:"bytes_left,omitempty"`
	ETA       *float64 `json:"eta_seconds,omitempty"`
}

func (a *app) moveOf(m client.Move) moveJSON {
	out := moveJSON{
		ID: m.ID.String(), rangeJSON: a.keys.rangeOf(m.Range), Source: m.ID.Host, Recipient: m.To, Phase: m.Phase.String(),
		Keys: m.Keys, Bytes: m.Bytes, Chunks: m.Chunks, Unacked: m.Unacked, Rate: int64(m.Rate), Seconds: m.Active.Seconds(),
	}
	if m.Forgotten {
		out.Phase = "forgotten"
	}
	if m.Reason != marshal.OrderAccepted {
		out.Reason = m.Reason.String()
	}
	if r := movedOf(m); !r.Empty() {
		j := a.keys.rangeOf(r)
		out.Moved = &j
	}
	if r := leftOf(m); !r.Empty() {
		j := a.keys.rangeOf(r)
		out.Left = &j
	}
	return out
}

func (a *app) moveListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "ls",
		Short: "List the moves that the hosts remember",
		Args:  cobra.NoArgs,
		RunE: a.withClient(func(ctx context.Context, c *client.Client, _ []string) error {
			moves, missing := c.Moves(ctx) // some, where a host does not answer
			shape := struct {
				Moves []moveJSON `json:"moves"`
			}{Moves: []moveJSON{}}
			var rows []table.Row
			for _, m := range moves {
				shape.Moves = append(shape.Moves, a.moveOf(m))
				phase := m.Phase.String()
				if m.Reason != marshal.OrderAccepted {
					phase += ": " + m.Reason.String()
				}
				rows = append(rows, table.Row{
					m.ID, a.keys.bound(m.Range.From), a.keys.bound(m.Range.Until), m.ID.Host, m.To, phase,
					humanize.Comma(int64(m.Keys)), humanize.Bytes(m.Bytes), rateText(m.Rate), seconds(m.Active),
				})
			}
			return errors.Join(missing, a.emit(shape, func(w io.Writer) error {
				header := table.Row{"id", "from", "until", "source", "to", "phase", "keys", "bytes", "rate", "time"}
				return printTable(w, header, []int{4, 5, 7, 8, 9, 10}, rows)
			}))
		}),
	}
}

func (a *app) moveShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Show a move: what is done, what is left, speed and ETA",
		Args:  cobra.ExactArgs(1),
		RunE: a.withMove(func(ctx context.Context, c *client.Client, id client.MoveID) error {
			m, err := c.Move(ctx, id)
			if err != nil {
				return err
			}
			j := a.moveOf(m)
			waits, err := waitsFor(ctx, c, m)
			if err != nil {
				return err
			}
			j.Reason = cmp.Or(j.Reason, waits)
			if left := leftOf(m); !m.Phase.Ended() && !left.Empty() {
				keys, bytes, err := c.Count(ctx, left)
				if err != nil {
					return fmt.Errorf("counting what is left: %w", err)
				}
				j.KeysLeft, j.BytesLeft = &keys, &bytes
				if eta, ok := etaOf(m, bytes); ok {
					j.ETA = &eta
				}
			}
			return a.emit(j, func(w io.Writer) error { return a.printMove(w, m, j) })
		}),
	}
}

// etaOf extrapolates the seconds that a running move still takes.
func etaOf(m client.Move, bytesLeft uint64) (float64, bool) {
	if m.Phase == marshal.MovePaused || m.Bytes == 0 || m.Active < time.Millisecond {
		return 0, false
	}
	return float64(bytesLeft) / (float64(m.Bytes) / m.Active.Seconds()), true
}

func (a *app) printMove(w io.Writer, m client.Move, j moveJSON) error {
	var page strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&page, "%-8s%s\n", name, fmt.Sprintf(format, args...))
	}
	phase := j.Phase
	if j.Reason != "" {
		phase += ": " + j.Reason
	}
	line("id", "%s", j.ID)
	line("range", "[%s, %s)", a.keys.bound(m.Range.From), a.keys.bound(m.Range.Until))
	line("hosts", "%d to %d", j.Source, j.Recipient)
	line("phase", "%s", phase)
	line("done", "%s, %s, in %d chunks, %d of them unacknowledged", plural(int(j.Keys), "key"), humanize.Bytes(j.Bytes), j.Chunks, j.Unacked)
	if j.KeysLeft != nil {
		line("left", "%s, %s", plural(int(*j.KeysLeft), "key"), humanize.Bytes(*j.BytesLeft))
	}
	line("limit", "%s", rateText(m.Rate))
	if m.Active >= time.Millisecond {
		line("speed", "%s/s on average", humanize.Bytes(uint64(float64(m.Bytes)/m.Active.Seconds())))
	}
	line("time", "%s", seconds(m.Active))
	if j.ETA != nil {
		line("eta", "%.1f s", *j.ETA)
	}
	_, err := io.WriteString(w, page.String())
	return err
}

// withMove is a verb whose first argument is a move.
func (a *app) withMove(f func(ctx context.Context, c *client.Client, id client.MoveID) error) func(*cobra.Command, []string) error {
	return verb(func(cmd *cobra.Command, args []string) error {
		id, err := client.ParseMoveID(args[0])
		if err != nil {
			return usageError{err}
		}
		return a.withClient(func(ctx context.Context, c *client.Client, _ []string) error {
			return f(ctx, c, id)
		})(cmd, nil)
	})
}

func (a *app) moveOrderCommand(use, short string, order func(*client.Client, context.Context, client.MoveID) error) *cobra.Command {
	return &cobra.Command{
		Use: use + " ID", Short: short, Args: cobra.ExactArgs(1),
		RunE: a.withMove(func(ctx context.Context, c *client.Client, id client.MoveID) error {
			if err := order(c, ctx, id); err != nil {
				return err
			}
			return a.showBriefly(ctx, c, id)
		}),
	}
}

// showBriefly prints a move after an order to it.
func (a *app) showBriefly(ctx context.Context, c *client.Client, id client.MoveID) error {
	m, err := c.Move(ctx, id)
	if err != nil {
		return fmt.Errorf("the order was accepted, but the move cannot be shown: %w", err)
	}
	return a.emit(a.moveOf(m), func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "move %v: %v, %s, %s, rate %s\n", id, m.Phase, plural(int(m.Keys), "key"),
			humanize.Bytes(m.Bytes), rateText(m.Rate))
		return err
	})
}

func (a *app) moveCancelCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "cancel ID",
		Short: "End a move after the current chunk: what has moved stays moved",
		Args:  cobra.ExactArgs(1),
		RunE: a.withMove(func(ctx context.Context, c *client.Client, id client.MoveID) error {
			if err := c.CancelMove(ctx, id); err != nil {
				return err
			}
			m, err := c.WaitMove(ctx, id, nil)
			if err != nil {
				return detached(ctx, []client.MoveID{id}, err)
			}
			return a.emit(a.moveOf(m), func(w io.Writer) error {
				_, err := fmt.Fprintln(w, a.ending(m))
				return err
			})
		}),
	}
}

func (a *app) moveThrottleCommand() *cobra.Command {
	return &cobra.Command{
		Use: "throttle ID RATE",
		Example: "  kvctl move throttle 1-3 8MB\n" +
			"  kvctl move throttle 1-3 unlimited",
		Short: "Change the speed of a move",
		Long:  "Change the speed of a move. RATE is bytes per second (5000000, 5MB, 5MiB), \"yield\", or \"unlimited\".",
		Args:  cobra.ExactArgs(2),
		RunE: verb(func(cmd *cobra.Command, args []string) error {
			rate, err := parseRate(args[1])
			if err != nil {
				return err
			}
			return a.withMove(func(ctx context.Context, c *client.Client, id client.MoveID) error {
				if err := c.ThrottleMove(ctx, id, rate); err != nil {
					return err
				}
				return a.showBriefly(ctx, c, id)
			})(cmd, args)
		}),
	}
}

func (a *app) moveWaitCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "wait ID...",
		Example: "  kvctl move wait 1-3 2-1",
		Short:   "Wait for moves as shard move does",
		Long: "Wait for moves as shard move does. A move that ended so long ago that its host has forgotten\n" +
			"it (the last 64 are remembered) counts as ended; how it ended nobody knows any more.",
		Args: cobra.MinimumNArgs(1),
		RunE: verb(func(cmd *cobra.Command, args []string) error {
			var ids []client.MoveID
			for _, arg := range args {
				id, err := client.ParseMoveID(arg)
				if err != nil {
					return usageError{err}
				}
				ids = append(ids, id)
			}
			return a.withClient(func(ctx context.Context, c *client.Client, _ []string) error {
				total, err := a.remaining(ctx, c, ids)
				if err != nil {
					return err
				}
				moves, err := a.waitMoves(ctx, c, ids, total)
				if err != nil {
					return err
				}
				var took time.Duration // by the moves, of which nobody knows how long they have been waited for
				for _, m := range moves {
					took = max(took, m.Active)
				}
				return a.printMoved(moves, took)
			})(cmd, nil)
		}),
	}
}

// remaining sums what moves have done and have left, for a bar over them.
func (a *app) remaining(ctx context.Context, c *client.Client, ids []client.MoveID) (moveTotals, error) {
	var total moveTotals
	if !isTerminal(a.errOut) {
		return total, nil
	}
	for _, id := range ids {
		m, err := c.Move(ctx, id)
		if errors.Is(err, client.ErrMoveForgotten) {
			continue
		}
		if err != nil {
			return total, err
		}
		total.keys, total.bytes = total.keys+m.Keys, total.bytes+m.Bytes
		if left := leftOf(m); !m.Phase.Ended() && !left.Empty() {
			keys, bytes, err := c.Count(ctx, left)
			if err != nil {
				return total, err
			}
			total.keys, total.bytes = total.keys+keys, total.bytes+bytes
		}
	}
	return total, nil
}
