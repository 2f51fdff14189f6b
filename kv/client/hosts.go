package client

import (
	"context"
	"time"

	"ironkv/delegation"
)

// HostStatus is what a host says of itself.
type HostStatus struct {
	ID      HostID
	Address string
	// Err is set where the host did not answer; then nothing below is.
	Err error
	// Incarnation tells lives of the host's data apart; Software is the program's version.
	Incarnation uint64
	Software    string
	Uptime      time.Duration
	// Steps counts over all of the host's processes.
	Steps uint64
	// Clock is at or above every version of the host's entries.
	Clock uint64
	// Ranges are those it owns; Boundaries those of its whole map.
	Ranges, Boundaries uint64
	Sessions, Holds    uint64
	// Room is how many bytes it can still take in.
	Room    uint64
	Durable bool
	// Keys and Bytes are counted only [WithSizes].
	Keys, Bytes uint64
}

// A Shard is a widest range that is in one place: owned by a host, or in flight.
type Shard struct {
	Range delegation.Range
	// Owner claims the range; while it is in flight, Owner is 0.
	Owner HostID
	// From and To are the ends of its flight; 0 while it is owned.
	From, To HostID
	// Unknown says that the host that could tell did not answer.
	Unknown bool
	// Keys and Bytes are counted only [WithSizes], and only where it is owned.
	Keys, Bytes uint64
}

// A QueryOption changes what [Client.Hosts] and [Client.Shards] look at.
type QueryOption func(*queryOptions)

type queryOptions struct{ sizes bool }

// WithSizes counts keys and bytes too, which reads through every key.
func WithSizes() QueryOption { return func(o *queryOptions) { o.sizes = true } }

// Hosts returns the status of every host of the cluster, by id. A host that does
// not answer has its Err set; the call fails only as a whole where none can be asked.
func (c *Client) Hosts(ctx context.Context, opts ...QueryOption) ([]HostStatus, error) {
	return nil, ErrUnavailable
}

// Shards returns the partition of the keys, in their order.
func (c *Client) Shards(ctx context.Context, opts ...QueryOption) ([]Shard, error) {
	return nil, ErrUnavailable
}
