package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ironkv/delegation"
	"ironkv/marshal"
)

// HostStatus is what a host says of itself.
type HostStatus struct {
	ID      HostID
	Address string
	// Err is set where the host did not answer; then nothing below is.
	Err error
	// Incarnation tells lives of the host's data apart.
	Incarnation uint64
	// Software is the program's version; Uptime is the process's.
	Software string
	Uptime   time.Duration
	// Steps counts over all of the host's processes.
	Steps uint64
	// Clock is at or above every version of the host's entries.
	Clock uint64
	// Ranges counts those it owns; Boundaries those of its whole map.
	Ranges, Boundaries uint64
	Sessions, Holds    uint64
	// Room is how many bytes it can still take in, its reserve included; the greatest
	// number where nothing bounds it.
	Room uint64
	// Durable says that its data outlives the process.
	Durable bool
	// Keys and Bytes are counted only [WithSizes].
	Keys, Bytes uint64
}

// A Shard is a widest range that is in one place: owned by a host, or in flight.
type Shard struct {
	Range delegation.Range
	// Owner is the host that claims the range; 0 while it is in flight or unknown.
	Owner HostID
	// From and To are the ends of its flight; 0 while it is owned.
	From, To HostID
	// Unknown says that no host that answered claims the range.
	Unknown bool
	// Keys and Bytes are counted only [WithSizes], and only where it is owned.
	Keys, Bytes uint64
}

// A QueryOption changes what [Client.Hosts] and [Client.Shards] look at.
type QueryOption func(*queryOptions)

type queryOptions struct{ sizes bool }

// WithSizes counts keys and bytes too, which makes the hosts walk over every key.
func WithSizes() QueryOption { return func(o *queryOptions) { o.sizes = true } }

func queryOf(opts []QueryOption) (o queryOptions) {
	for _, set := range opts {
		set(&o)
	}
	return o
}

// Hosts returns the status of every host of the cluster, by id. A host that does
// not answer in time has its Err set; the call itself fails only where sizes
// were asked for and could not be counted, beside what it knows.
func (c *Client) Hosts(ctx context.Context, opts ...QueryOption) ([]HostStatus, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	var list []HostStatus
	patient, stop := patience(ctx)
	defer stop()
	for _, o := range c.askAll(patient, c.ids(), func() *op { return &op{kind: opStatus} }) {
		st := HostStatus{ID: o.target}
		if o.host != nil {
			st.Address = o.host.addr.String()
		}
		m, err := answer[*marshal.StatusReply](o)
		if err != nil {
			st.Err = fmt.Errorf("status of host %d: %w", o.target, err)
			list = append(list, st)
			continue
		}
		st.Incarnation, st.Software, st.Uptime = uint64(m.Incarnation), m.Software, time.Duration(m.UptimeMillis)*time.Millisecond
		st.Steps, st.Clock, st.Ranges, st.Boundaries = m.Steps, uint64(m.Clock), m.Ranges, m.Boundaries
		st.Sessions, st.Holds, st.Room, st.Durable = m.Sessions, m.Holds, m.Room, m.Durable
		list = append(list, st)
	}
	if !queryOf(opts).sizes {
		return list, nil
	}
	shards, err := c.Shards(ctx, WithSizes())
	for _, s := range shards {
		for i := range list {
			if list[i].ID == s.Owner {
				list[i].Keys += s.Keys
				list[i].Bytes += s.Bytes
			}
		}
	}
	return list, err
}

// Shards returns the partition of the keys, in their order: every widest range
// with its owner, or the ends of its flight. It is what the hosts said at about
// one moment; [Client.Audit] says it of exactly one, with proof. What a host
// that does not answer may own is marked Unknown, and an error that is
// [ErrUnavailable] names the host beside the rest.
func (c *Client) Shards(ctx context.Context, opts ...QueryOption) ([]Shard, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	a := newAudit(c)
	a.take(ctx, a.members, 0)
	for range sightTries {
		again := a.behind()
		if len(again) == 0 {
			break
		}
		a.take(ctx, again, 0)
	}
	shards := partition(a.claims())
	err := a.unreachable()
	if !queryOf(opts).sizes {
		return shards, err
	}
	for i := range shards {
		s := &shards[i]
		if s.Owner == 0 {
			continue
		}
		keys, bytes, failed := c.Count(ctx, s.Range)
		if failed != nil {
			return shards, errors.Join(err, failed)
		}
		s.Keys, s.Bytes = keys, bytes
	}
	return shards, err
}

// sightTries is how often Shards asks hosts again whose answer is older than
// another's; what then still does not fit together is shown as it is.
const sightTries = 8
