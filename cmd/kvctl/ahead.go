package main

import (
	"context"
	"iter"

	"ironkv/delegation"
	"ironkv/kv/client"
)

// pagesAhead is how many pages are under way, or wait to be written, at most, each of another
// shard. A page has at most what its host allows (256 KiB unless its limits say otherwise), or one
// entry, of 4 MiB: so at most 32 MiB wait.
const pagesAhead = 8

// readAhead yields the entries of r as [client.Client.Scan] does, and has the next page under way
// meanwhile, and, once shards has told them, those of the shards that come next. Who takes long over
// an entry holds no host up.
func readAhead(ctx context.Context, c *client.Client, r delegation.Range, shards <-chan []client.Shard) iter.Seq2[client.Entry, error] {
	return func(yield func(client.Entry, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		a := &ahead{ctx: ctx, c: c, rest: r, shards: shards}
		for a.fill(); len(a.asked) > 0; a.fill() {
			page, err := a.next()
			if err != nil {
				yield(client.Entry{}, err)
				return
			}
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

// shardsOf sends the shards once they are known: a host that is down keeps nobody waiting.
func shardsOf(ctx context.Context, c *client.Client) <-chan []client.Shard {
	found := make(chan []client.Shard, 1)
	go func() {
		shards, _ := c.Shards(ctx) // those of a host that is down as others know them
		found <- shards
	}()
	return found
}

// ahead is how far a range is read.
type ahead struct {
	ctx    context.Context
	c      *client.Client
	rest   delegation.Range // not asked for yet
	shards <-chan []client.Shard
	bounds []delegation.Bound // where shards end, as far as is known, above rest's beginning
	asked  []piece            // in the order of their keys, up to rest
}

// A piece is a range whose first page is under way, or there.
type piece struct {
	r     delegation.Range
	first bool // it was the first of all when it was asked for
	done  <-chan []client.Result
}

func (a *ahead) ask(r delegation.Range, first bool) piece {
	b := a.c.Batch()
	b.Scan(r)
	return piece{r: r, first: first, done: b.Go(a.ctx)}
}

// fill asks for pages of what is not asked for yet, one of each shard.
func (a *ahead) fill() {
	select {
	case shards := <-a.shards:
		for _, s := range shards {
			a.bounds = append(a.bounds, s.Range.Until)
		}
	default:
	}
	for len(a.asked) < pagesAhead && !a.rest.Empty() {
		r := a.rest
		for len(a.bounds) > 0 && a.bounds[0].Compare(r.From) <= 0 {
			a.bounds = a.bounds[1:]
		}
		if len(a.bounds) > 0 && a.bounds[0].Compare(r.Until) < 0 {
			r.Until = a.bounds[0]
		}
		a.rest.From = r.Until
		a.asked = append(a.asked, a.ask(r, len(a.asked) == 0))
	}
}

// next returns the entries of the first page, and asks for the one that follows in its range.
func (a *ahead) next() ([]client.Entry, error) {
	p := a.asked[0]
	got := (<-p.done)[0]
	if got.Err != nil && !p.first && a.ctx.Err() == nil { // that was some time ago
		p = a.ask(p.r, true)
		got = (<-p.done)[0]
	}
	if got.Err != nil {
		return nil, got.Err
	}
	p.r.From = got.Page.Covered.Until
	switch {
	case p.r.Empty():
		a.asked = a.asked[1:]
	case len(a.asked) == 1: // all that is left: fill asks, by shards if they are known by now
		a.rest.From, a.asked = p.r.From, nil
	default:
		a.asked[0] = a.ask(p.r, true)
	}
	a.fill()
	return got.Page.Entries, nil
}
