package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"ironkv/delegation"
	"ironkv/kv/client"
	"ironkv/marshal"
)

func (a *app) shardMoveCommand() *cobra.Command {
	var limits rangeFlags
	var to uint32
	var rate string
	var async bool
	cmd := &cobra.Command{
		Use: "move --to ID [--from KEY] [--until KEY]",
		Example: "  kvctl shard move --from m --to 2\n" +
			"  kvctl shard move --from fruit/ --until fruit0 --to 3 --rate 8MB --async\n" +
			"  kvctl shard move --to 1",
		Short: "Move a range of keys to a host, while it is in use",
		Long: "Move a range of keys to a host, while clients read and write it. Parts that other hosts\n" +
			"own are moves of their own; parts that the host has already stay.\n\n" +
			"The moves are durable jobs of the hosts: kvctl only waits for them. Ctrl-C detaches (exit\n" +
			"code 1: the wait did not end) and the moves go on; look at them with \"kvctl move\".",
		Args: cobra.NoArgs,
	}
	limits.add(cmd, false)
	cmd.Flags().Uint32Var(&to, "to", 0, "the `ID` of the host that is to own the range")
	cmd.Flags().StringVar(&rate, "rate", "yield", rateHelp)
	cmd.Flags().BoolVar(&async, "async", false, "do not wait: print the ids of the moves")
	cmd.RunE = verb(func(cmd *cobra.Command, _ []string) error {
		r, err := limits.parse(cmd, a.keys)
		if err != nil {
			return err
		}
		if to == 0 {
			return usagef("--to is missing: the id of a host, as \"kvctl host ls\" lists them")
		}
		bytesPerSecond, err := parseRate(rate)
		if err != nil {
			return err
		}
		return a.withClient(func(ctx context.Context, c *client.Client, _ []string) error {
			return a.moveShard(ctx, c, r, client.HostID(to), bytesPerSecond, async)
		})(cmd, nil)
	})
	return cmd
}

const rateHelp = "the greatest speed in bytes per second (`RATE`: 5000000, 5MB, 5MiB), \"yield\" to give way to clients, " +
	"or \"unlimited\" for full speed whatever clients feel; the first chunk goes at once"

// parseRate reads a rate: bytes per second, "yield" (0) or "unlimited".
func parseRate(s string) (uint64, error) {
	switch strings.ToLower(s) {
	case "yield":
		return 0, nil
	case "unlimited":
		return client.RateUnlimited, nil
	}
	rate, err := humanize.ParseBytes(strings.TrimSuffix(s, "/s"))
	if err != nil || rate == 0 {
		return 0, usagef("the rate %q is no number of bytes per second above 0 (such as 5MB), nor yield, nor unlimited", s)
	}
	return rate, nil
}

// rateText is the inverse of parseRate, for a person.
func rateText(rate uint64) string {
	switch rate {
	case 0:
		return "yield"
	case client.RateUnlimited:
		return "unlimited"
	}
	return humanize.Bytes(rate) + "/s"
}

func (a *app) moveShard(ctx context.Context, c *client.Client, r delegation.Range, to client.HostID, rate uint64, async bool) error {
	var total moveTotals
	if !async && isTerminal(a.errOut) {
		var err error
		if total.keys, total.bytes, err = c.Count(ctx, r); err != nil {
			return fmt.Errorf("counting %v: %w", r, err)
		}
	}
	start := time.Now()
	ids, err := c.MoveShard(ctx, r, to, client.WithRate(rate))
	if err != nil {
		for _, id := range ids {
			a.warnf("move %v was accepted and goes on", id)
		}
		return err
	}
	switch {
	case len(ids) == 0:
		a.warnf("nothing to move: host %d owns all of %v", to, r)
		return a.emit(movedJSON{Moves: []moveJSON{}}, func(io.Writer) error { return nil })
	case async:
		return a.printIDs(ids)
	}
	moves, err := a.waitMoves(ctx, c, ids, total)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(moves, func(m client.Move) bool { return m.Forgotten }) {
		return a.printMoved(moves, time.Since(start))
	}
	return errors.Join(a.printMoved(moves, time.Since(start)), a.checkArrived(ctx, c, r, to))
}

// checkArrived sees that host to owns all of r, where moves of it have been forgotten.
func (a *app) checkArrived(ctx context.Context, c *client.Client, r delegation.Range, to client.HostID) error {
	shards, err := c.Shards(ctx)
	for _, s := range shards {
		if part := s.Range.Intersect(r); !part.Empty() && s.Owner != to {
			return errors.Join(fmt.Errorf("the moves have ended, and host %d does not own [%s, %s): its place is %s", to,
				a.keys.bound(part.From), a.keys.bound(part.Until), whereabouts(s)), err)
		}
	}
	return nil
}

func (a *app) printIDs(ids []client.MoveID) error {
	shape := struct {
		IDs []string `json:"ids"`
	}{IDs: []string{}}
	for _, id := range ids {
		shape.IDs = append(shape.IDs, id.String())
	}
	return a.emit(shape, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, strings.Join(shape.IDs, "\n"))
		return err
	})
}

// moveTotals is what there was to move when the order was given.
type moveTotals struct{ keys, bytes uint64 }

// waitMoves waits until all of ids have ended, and shows how far they are.
func (a *app) waitMoves(ctx context.Context, c *client.Client, ids []client.MoveID, total moveTotals) ([]client.Move, error) {
	watch := &moveWatch{bar: a.newBar("move", int64(total.bytes)), total: total, moves: make([]client.Move, len(ids))}
	waits, waitCtx := errgroup.WithContext(ctx)
	for i, id := range ids {
		waits.Go(func() error {
			m, err := c.WaitMove(waitCtx, id, func(m client.Move) { watch.update(i, m) })
			if err != nil {
				return err
			}
			watch.update(i, m)
			return nil
		})
	}
	var silence sync.WaitGroup
	silence.Go(func() { a.watchSilence(waitCtx, c, ids, watch) })
	err := waits.Wait() // ends waitCtx
	silence.Wait()
	watch.bar.done()
	if err == nil {
		return watch.moves, nil
	}
	return nil, detached(ctx, ids, err)
}

// silenceInterval is between two looks at whether the hosts of moves that are waited
// for answer.
const silenceInterval = 2 * time.Second

// watchSilence says once of each host that does not answer that a move waits for it.
func (a *app) watchSilence(ctx context.Context, c *client.Client, ids []client.MoveID, watch *moveWatch) {
	told := map[client.HostID]bool{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(silenceInterval):
		}
		silent, err := silentHosts(ctx, c)
		if err != nil {
			continue
		}
		maps.DeleteFunc(told, func(id client.HostID, _ bool) bool { return !slices.Contains(silent, id) })
		for i, id := range ids {
			m := watch.seen(i)
			for _, host := range []client.HostID{id.Host, m.To} {
				if m.Ended() || told[host] || !slices.Contains(silent, host) {
					continue
				}
				told[host] = true
				a.warnf("move %v waits: host %d does not answer; the move goes on when it does (Ctrl-C ends only the wait, \"kvctl move cancel %v\" the move)",
					id, host, id)
			}
		}
	}
}

// silentHosts returns the hosts that do not answer, by id.
func silentHosts(ctx context.Context, c *client.Client) ([]client.HostID, error) {
	hosts, err := c.Hosts(ctx)
	var silent []client.HostID
	for _, h := range hosts {
		if h.Err != nil {
			silent = append(silent, h.ID)
		}
	}
	return silent, errors.Join(err, ctx.Err())
}

// waitsFor says which host an unfinished move waits for because it does not answer,
// "" for none.
func waitsFor(ctx context.Context, c *client.Client, m client.Move) (string, error) {
	if m.Ended() || m.Phase == marshal.MovePaused {
		return "", nil
	}
	silent, err := silentHosts(ctx, c)
	if err != nil || !slices.Contains(silent, m.To) {
		return "", err
	}
	return fmt.Sprintf("waits for host %d, which does not answer", m.To), nil
}

// detached says that the moves go on though nobody waits for them.
func detached(ctx context.Context, ids []client.MoveID, err error) error {
	var show []string
	for _, id := range ids {
		show = append(show, "kvctl move show "+id.String())
	}
	where := strings.Join(show, "; ")
	if ctx.Err() != nil {
		return fmt.Errorf("%w, the hosts go on with it; look with: %s", errDetached, where)
	}
	if errors.Is(err, client.ErrNoSuchMove) {
		return err
	}
	return fmt.Errorf("waiting ended, the moves go on by themselves (look with: %s): %w", where, err)
}

// A moveWatch puts several moves into one bar.
type moveWatch struct {
	mu    sync.Mutex
	bar   *bar
	total moveTotals
	moves []client.Move
}

func (w *moveWatch) update(i int, m client.Move) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.moves[i] = m
	var keys, bytes uint64
	ended, phase := 0, m.Phase
	for _, m := range w.moves {
		keys, bytes = keys+m.Keys, bytes+m.Bytes
		if m.Ended() {
			ended++
		} else if m.ID.Host != 0 {
			phase = m.Phase
		}
	}
	count := ""
	if len(w.moves) > 1 {
		count = fmt.Sprintf("%d/%d ", ended, len(w.moves))
	}
	left := max(w.total.keys, keys) - keys
	w.bar.describef("%s%v, %s keys done, %s left", count, phase, humanize.Comma(int64(keys)), humanize.Comma(int64(left)))
	w.bar.set(int64(min(bytes, w.total.bytes)))
}

// seen is what the move looked like last.
func (w *moveWatch) seen(i int) client.Move {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.moves[i]
}

type movedJSON struct {
	Moves   []moveJSON `json:"moves"`
	Keys    uint64     `json:"keys"`
	Bytes   uint64     `json:"bytes"`
	Seconds float64    `json:"seconds"`
}

// printMoved prints what became of the moves; one that was not done is an error,
// and one that its host has forgotten is not.
func (a *app) printMoved(moves []client.Move, took time.Duration) error {
	shape := movedJSON{Seconds: took.Seconds()}
	var failed []error
	forgotten := 0
	for _, m := range moves {
		shape.Moves = append(shape.Moves, a.moveOf(m))
		shape.Keys, shape.Bytes = shape.Keys+m.Keys, shape.Bytes+m.Bytes
		switch {
		case m.Forgotten:
			forgotten++
		case m.Phase != marshal.MoveDone:
			failed = append(failed, fmt.Errorf("%s", a.ending(m)))
		}
	}
	err := a.emit(shape, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "moved %s, %s in %s\n", plural(int(shape.Keys), "key"), humanize.Bytes(shape.Bytes), seconds(took))
		return err
	})
	if forgotten > 0 {
		a.warnf("of %s %d ended so long ago that the host has forgotten how: not in these figures", plural(len(moves), "move"), forgotten)
	}
	return errors.Join(append(failed, err)...)
}

// ending says how a move ended, and what it moved.
func (a *app) ending(m client.Move) string {
	if m.Forgotten {
		return fmt.Sprintf("move %v: %v", m.ID, client.ErrMoveForgotten)
	}
	var s strings.Builder
	fmt.Fprintf(&s, "move %v is %v", m.ID, m.Phase)
	if m.Reason != marshal.OrderAccepted {
		fmt.Fprintf(&s, " (%v)", m.Reason)
	}
	if moved := movedOf(m); !moved.Empty() {
		fmt.Fprintf(&s, ": [%s, %s) has moved to host %d and stays there, %s, %s", a.keys.bound(moved.From), a.keys.bound(moved.Until),
			m.To, plural(int(m.Keys), "key"), humanize.Bytes(m.Bytes))
	} else {
		s.WriteString(": nothing has moved")
	}
	if left := leftOf(m); m.Phase != marshal.MoveDone && !left.Empty() {
		fmt.Fprintf(&s, "; [%s, %s) stays at host %s", a.keys.bound(left.From), a.keys.bound(left.Until), strconv.FormatUint(uint64(m.ID.Host), 10))
	}
	return s.String()
}
