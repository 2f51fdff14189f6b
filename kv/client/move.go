package client

import (
	"context"
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
	// Reason says why a move failed (Phase MoveFailed, or MoveStopping on the way there).
	Reason marshal.OrderReason
	// Cursor is where the next chunk starts: what lies below it has been sent.
	Cursor delegation.Bound
	// Keys and Bytes were sent so far, in Chunks; Unacked of those are on their way.
	Keys, Bytes, Chunks, Unacked uint64
	// Rate is the bound in bytes per second: 0 yields to clients, [RateUnlimited] does not.
	Rate uint64
	// Active is the time spent on it so far.
	Active time.Duration
}

// RateUnlimited as a rate lets a move run as fast as it can, whatever clients feel.
const RateUnlimited = marshal.RateUnlimited

// A MoveOption changes what [Client.MoveShard] orders.
type MoveOption func(*moveOptions)

type moveOptions struct{ rate uint64 }

// WithRate bounds the moves, in bytes per second; 0 lets them yield to clients.
func WithRate(bytesPerSecond uint64) MoveOption {
	return func(o *moveOptions) { o.rate = bytesPerSecond }
}

// Unlimited lets the moves run as fast as they can, whatever clients feel.
func Unlimited() MoveOption { return WithRate(RateUnlimited) }

// MoveShard orders that r be moved to host to.
func (c *Client) MoveShard(ctx context.Context, r delegation.Range, to HostID, opts ...MoveOption) ([]MoveID, error) {
	return nil, ErrUnavailable
}

// Move returns the move of this id. It fails with [ErrNoSuchMove].
func (c *Client) Move(ctx context.Context, id MoveID) (Move, error) { return Move{}, ErrUnavailable }

// Moves returns the moves that the hosts remember, by host and number.
func (c *Client) Moves(ctx context.Context) ([]Move, error) { return nil, ErrUnavailable }

// PauseMove stops a move after the current chunk until it is resumed.
func (c *Client) PauseMove(ctx context.Context, id MoveID) error { return ErrUnavailable }

// ResumeMove lets a paused move go on.
func (c *Client) ResumeMove(ctx context.Context, id MoveID) error { return ErrUnavailable }

// CancelMove ends a move after the current chunk: what has moved stays moved.
func (c *Client) CancelMove(ctx context.Context, id MoveID) error { return ErrUnavailable }

// ThrottleMove changes a move's rate, as [WithRate] says it.
func (c *Client) ThrottleMove(ctx context.Context, id MoveID, rate uint64) error {
	return ErrUnavailable
}

// WaitMove returns when the move has ended; progress, where it is not nil, is
// called with what the move looks like, a few times a second.
func (c *Client) WaitMove(ctx context.Context, id MoveID, progress func(Move)) (Move, error) {
	return Move{}, ErrUnavailable
}
