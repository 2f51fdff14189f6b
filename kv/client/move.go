package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"ironkv/delegation"
	"ironkv/marshal"
)

// A Move describes a move of a shard: a durable job of the host that owns it.
type Move struct {
	ID MoveID
	// Range is what is to go to host To; the host of ID gives it.
	Range delegation.Range
	To    HostID
	Phase marshal.MovePhase
	// Reason says why a move failed (phases MoveStopping and MoveFailed).
	Reason marshal.OrderReason
	// Cursor is where the next chunk starts: what lies below it has been sent.
	Cursor delegation.Bound
	// Keys, Bytes and Chunks were sent so far; Unacked chunks of them have not yet
	// been acknowledged.
	Keys, Bytes, Chunks, Unacked uint64
	// Rate is the bound in bytes per second: 0 yields to clients, [RateUnlimited]
	// does not.
	Rate uint64
	// Active is the time spent on it so far.
	Active time.Duration
	// Forgotten says that the move has ended, and its host has forgotten how: Phase and
	// all else but ID are what was seen of it last, zero where nothing was. Only
	// [Client.WaitMove] returns such a Move.
	Forgotten bool
}

// Ended reports whether the move has ended, in whatever way.
func (m Move) Ended() bool { return m.Forgotten || m.Phase.Ended() }

// RateUnlimited as a rate lets a move run as fast as it can, whatever clients feel.
const RateUnlimited uint64 = marshal.RateUnlimited

const (
	// waitFirst and waitMost are between two looks at a move that is waited for:
	// soon at first, for a small move takes milliseconds.
	waitFirst = 2 * time.Millisecond
	waitMost  = 200 * time.Millisecond
	// learnPause is between two orders for a range whose owner is not found.
	learnPause = 5 * time.Millisecond
)

// A MoveOption changes what [Client.MoveShard] orders.
type MoveOption func(*moveOptions)

type moveOptions struct{ rate uint64 }

// WithRate bounds each move, in bytes per second; 0 lets it yield to clients.
func WithRate(bytesPerSecond uint64) MoveOption {
	return func(o *moveOptions) { o.rate = bytesPerSecond }
}

// Unlimited lets the moves run as fast as they can, whatever clients feel.
func Unlimited() MoveOption { return WithRate(RateUnlimited) }

// MoveShard orders that r be moved to host to, and returns the moves that do it:
// one for each piece of r that has an owner of its own. Pieces that are at host
// to already need none, so there may be none at all. The moves are durable jobs:
// they go on without the client ([Client.WaitMove] waits for one).
//
// Where a host refuses ([ErrMoveRefused]) or does not answer, MoveShard returns
// the moves that were ordered so far beside the error. Other errors:
// [ErrEmptyRange], [ErrUnknownHost], [ErrUnavailable], [ErrUnknownOutcome].
func (c *Client) MoveShard(ctx context.Context, r delegation.Range, to HostID, opts ...MoveOption) ([]MoveID, error) {
	var o moveOptions
	for _, set := range opts {
		set(&o)
	}
	if r.Empty() {
		return nil, fmt.Errorf("move %v: %w", r, ErrEmptyRange)
	}
	if !slices.Contains(c.ids(), to) {
		return nil, fmt.Errorf("move %v to host %d: %w; the hosts are %v", r, to, ErrUnknownHost, c.ids())
	}
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	var ids []MoveID
	for rest := r; !rest.Empty(); {
		id, done, err := c.moveFirst(ctx, rest, to, o.rate)
		if err != nil {
			return ids, fmt.Errorf("move %v to host %d: %w", rest, to, err)
		}
		if id != (MoveID{}) {
			ids = append(ids, id)
		}
		rest.From = done
	}
	return ids, nil
}

// moveFirst orders a first part of r moved, unless it is at host to already, and
// returns where that part ends.
func (c *Client) moveFirst(ctx context.Context, r delegation.Range, to HostID, rate uint64) (MoveID, delegation.Bound, error) {
	for tries := 0; ; tries++ {
		if tries > directRedirects { // the hosts' maps have not converged
			if err := c.sleep(ctx, learnPause<<min(tries-directRedirects, 5)); err != nil {
				return MoveID{}, r.From, errors.Join(ErrUnavailable, err)
			}
		}
		piece, owner := c.known(r)
		if owner == to { // that is hearsay
			until, err := c.there(ctx, piece, to)
			if err != nil || piece.From.Less(until) {
				return MoveID{}, until, err
			}
			continue
		}
		o := &op{kind: opShard, target: owner, rng: piece, recipient: to, rate: rate}
		c.ask(ctx, []*op{o})
		reply, err := answer[*marshal.OrderReply](o)
		switch {
		case err != nil:
			return MoveID{}, r.From, err
		case reply.Reason == marshal.OrderAccepted:
			return reply.Move, piece.Until, nil
		case reply.Reason != marshal.NotOwner:
			return MoveID{}, r.From, &RefusedError{Host: owner, Reason: reply.Reason, Move: reply.Move}
		}
		c.learn(reply.Range, reply.Owner)
	}
}

// there asks host to which part of r, from its beginning, it owns, and returns
// the end of that. Where it owns none, a read finds the owner, and teaches the
// client by the redirects that it meets.
func (c *Client) there(ctx context.Context, r delegation.Range, to HostID) (delegation.Bound, error) {
	cut, _, err := c.takeCut(ctx, to, 0)
	if err != nil {
		return r.From, err
	}
	for _, owned := range cut.owned {
		if part := owned.Intersect(r); !part.Empty() && part.From == r.From {
			return part.Until, nil
		}
	}
	o := &op{kind: opScan, rng: r, mode: marshal.ScanKeys, limit: 1}
	c.ask(ctx, []*op{o})
	return r.From, o.err
}

// known returns the first part of r that has one owner, as far as the client
// knows, and that owner.
func (c *Client) known(r delegation.Range) (delegation.Range, HostID) {
	from, _ := r.From.Key()
	c.mu.Lock()
	defer c.mu.Unlock()
	piece, owner := c.engine.route.owners.LookupRange(from)
	return piece.Intersect(r), owner
}

func (c *Client) learn(r delegation.Range, owner HostID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.engine.host(owner) != nil {
		c.engine.route.learn(c.clock.now(), r, owner, marshal.Hint{})
	}
}

// Move returns the move of this id. It fails with [ErrNoSuchMove] where its host
// has never had it, and with [ErrMoveForgotten] where it has ended and its host
// remembers it no more.
func (c *Client) Move(ctx context.Context, id MoveID) (Move, error) {
	o := &op{kind: opMoves, target: id.Host, after: max(id.Number, 1) - 1}
	c.ask(ctx, []*op{o})
	reply, err := answer[*marshal.MovesReply](o)
	switch {
	case errors.Is(err, ErrUnknownHost):
		return Move{}, fmt.Errorf("move %v: %w: no host has id %d", id, ErrNoSuchMove, id.Host)
	case err != nil:
		return Move{}, fmt.Errorf("move %v: %w", id, err)
	case id.Number == 0 || len(reply.Moves) == 0:
		return Move{}, fmt.Errorf("move %v: %w", id, ErrNoSuchMove)
	case reply.Moves[0].ID.Number > id.Number: // ids are issued in order, and only what has ended is forgotten
		return Move{}, fmt.Errorf("move %v: %w", id, ErrMoveForgotten)
	}
	return moveOf(&reply.Moves[0]), nil
}

func moveOf(m *marshal.MoveStatus) Move {
	return Move{
		ID: m.ID, Range: m.Range, To: m.Recipient, Phase: m.Phase, Reason: m.Reason, Cursor: m.Cursor,
		Keys: m.Keys, Bytes: m.Bytes, Chunks: m.Chunks, Unacked: m.Unacked, Rate: m.Rate,
		Active: time.Duration(m.ActiveMillis) * time.Millisecond,
	}
}

// Moves returns the moves that the hosts remember, by host and number: those
// that have not ended, and the last few that have. Where a host does not answer,
// it returns the others' moves beside the error.
func (c *Client) Moves(ctx context.Context) ([]Move, error) {
	var moves []Move
	var failed error
	after := map[HostID]uint64{}
	for ids := c.ids(); len(ids) > 0; {
		ops := make([]*op, len(ids))
		for i, id := range ids {
			ops[i] = &op{kind: opMoves, target: id, after: after[id]}
		}
		c.ask(ctx, ops)
		ids = nil
		for _, o := range ops {
			reply, err := answer[*marshal.MovesReply](o)
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("moves of host %d: %w", o.target, err))
				continue
			}
			for i := range reply.Moves {
				moves = append(moves, moveOf(&reply.Moves[i]))
			}
			if n := len(reply.Moves); reply.More && n > 0 {
				after[o.target] = reply.Moves[n-1].ID.Number
				ids = append(ids, o.target)
			}
		}
	}
	slices.SortFunc(moves, func(a, b Move) int {
		if a.ID.Host != b.ID.Host {
			return int(int64(a.ID.Host) - int64(b.ID.Host))
		}
		return int(int64(a.ID.Number) - int64(b.ID.Number))
	})
	return moves, failed
}

// PauseMove stops a move after the current chunk until it is resumed. It and its
// like fail with [ErrNoSuchMove], with [ErrMoveRefused] where the move has ended,
// and as a write does.
func (c *Client) PauseMove(ctx context.Context, id MoveID) error {
	return c.order(ctx, "pause", id, marshal.MovePause, 0)
}

// ResumeMove lets a paused move go on.
func (c *Client) ResumeMove(ctx context.Context, id MoveID) error {
	return c.order(ctx, "resume", id, marshal.MoveResume, 0)
}

// CancelMove ends a move after the current chunk. What has moved stays moved.
func (c *Client) CancelMove(ctx context.Context, id MoveID) error {
	return c.order(ctx, "cancel", id, marshal.MoveCancel, 0)
}

// ThrottleMove changes a move's rate; see [WithRate] and [RateUnlimited].
func (c *Client) ThrottleMove(ctx context.Context, id MoveID, rate uint64) error {
	return c.order(ctx, "throttle", id, marshal.MoveThrottle, rate)
}

func (c *Client) order(ctx context.Context, verb string, id MoveID, action marshal.MoveAction, rate uint64) error {
	o := &op{kind: opOrder, target: id.Host, move: id, action: action, rate: rate}
	c.ask(ctx, []*op{o})
	reply, err := answer[*marshal.OrderReply](o)
	switch {
	case errors.Is(err, ErrUnknownHost):
		return fmt.Errorf("%s move %v: %w: no host has id %d", verb, id, ErrNoSuchMove, id.Host)
	case err != nil:
		return fmt.Errorf("%s move %v: %w", verb, id, err)
	case reply.Reason == marshal.NoSuchMove:
		return fmt.Errorf("%s move %v: %w", verb, id, ErrNoSuchMove)
	case reply.Reason != marshal.OrderAccepted:
		return fmt.Errorf("%s move %v: %w", verb, id, &RefusedError{Host: id.Host, Reason: reply.Reason, Move: reply.Move})
	}
	return nil
}

// WaitMove returns when the move has ended, however: Phase says how, unless the
// host has forgotten it (Forgotten; then [Client.Shards] says where its keys are).
// progress, where it is not nil, is called with what the move looks like, at first
// and then a few times a second. A host that is down is waited for. Only the context
// bounds the wait; the client's timeout does not. It fails with [ErrNoSuchMove].
func (c *Client) WaitMove(ctx context.Context, id MoveID, progress func(Move)) (Move, error) {
	last := Move{ID: id}
	for pause := waitFirst; ; pause = min(2*pause, waitMost) {
		m, err := c.Move(ctx, id)
		switch {
		case errors.Is(err, ErrMoveForgotten):
			last.Forgotten = true
			return last, nil
		case err != nil && (!errors.Is(err, ErrUnavailable) || ctx.Err() != nil):
			return m, err
		case err == nil:
			last = m
			if progress != nil {
				progress(m)
			}
			if m.Phase.Ended() {
				return m, nil
			}
		}
		if err := c.sleep(ctx, pause); err != nil {
			return m, fmt.Errorf("wait for move %v: %w", id, err)
		}
	}
}

// sleep waits for d, the end of the context, or that of the client.
func (c *Client) sleep(ctx context.Context, d time.Duration) error {
	t := newTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.done:
		return ErrClosed
	}
}

// bounded gives a context without a deadline that of the client's timeout.
func (c *Client) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, c.opts.timeout)
}
