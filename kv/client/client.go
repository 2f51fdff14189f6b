package client

import (
	"context"
	"iter"

	"ironkv/delegation"
)

// A Client talks to one cluster. Make one with [Dial]; it is safe for any number
// of goroutines, and one for a whole process is enough.
type Client struct{}

// Dial connects to a cluster. One address of a living host is enough; with
// several, the first that answers counts. It fails with [ErrUnavailable] where
// none does before the deadline, and with [ErrConfig] for unusable addresses.
func Dial(ctx context.Context, addrs []string, opts ...Option) (*Client, error) {
	return nil, ErrUnavailable
}

// Close ends the client's sessions, as far as the hosts can be told, and fails
// calls that are waiting with [ErrClosed] (writes that were sent with
// [ErrUnknownOutcome] too). It may be called again, and returns nil.
func (c *Client) Close() error { return nil }

// Get returns key's entry. It fails with [ErrNotFound], or [ErrUnavailable].
func (c *Client) Get(ctx context.Context, key []byte) (Entry, error) { return Entry{}, ErrUnavailable }

// Put writes value under key and returns the new version.
func (c *Client) Put(ctx context.Context, key, value []byte, conds ...Condition) (version uint64, err error) {
	return 0, ErrUnavailable
}

// Delete removes key's entry. It fails with [ErrNotFound] where there is none.
func (c *Client) Delete(ctx context.Context, key []byte, conds ...Condition) error {
	return ErrUnavailable
}

// Scan yields the entries of r in the order of their keys.
func (c *Client) Scan(ctx context.Context, r delegation.Range, opts ...ScanOption) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) { yield(Entry{}, ErrUnavailable) }
}

// Count returns how many entries r holds, and the bytes of their keys and values.
func (c *Client) Count(ctx context.Context, r delegation.Range) (keys, bytes uint64, err error) {
	return 0, 0, ErrUnavailable
}
