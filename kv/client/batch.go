package client

import (
	"context"
	"fmt"
	"sync/atomic"

	"ironkv/delegation"
)

const (
	// batchOps and batchBytes bound what a batch has on its way at one time: beyond
	// them its items wait for others to be answered. A host takes 4,096 writes of a
	// session at once, and a socket's buffer a few megabytes.
	batchOps   = 1024
	batchBytes = 8 << 20
)

// A Batch is a list of gets, writes and pages of scans that are sent together and split by
// owner. It is not atomic: each item succeeds or fails by itself, and items run
// in no particular order, those of one key included. A Batch is for one
// goroutine at a time.
type Batch struct {
	c       *Client
	items   []item
	results []Result
	waiter  *waiter
	// busy says that Do, Go or a change is under way; done that one of them was, since Reset.
	busy atomic.Bool
	done bool
}

// enter says that a call has begun that must not meet another. Misuse panics here,
// in the goroutine of who misuses it, before anything others rely on is changed.
func (b *Batch) enter(call string) {
	if !b.busy.CompareAndSwap(false, true) {
		panic("client: Batch." + call + " during another call: a Batch is for one goroutine at a time")
	}
}

func (b *Batch) leave() { b.busy.Store(false) }

// An item is a request of a batch; err says that it cannot be sent.
type item struct {
	op  op
	key []byte
	err error
}

// A Result is what became of one item of a batch, as Get, Put, Delete or Scan say it.
type Result struct {
	// Entry is what a Get found. Its Key is set in any case, but of a Scan.
	Entry Entry
	// Version is the new version that a Put made.
	Version uint64
	// Page is what a Scan read; nil where Err is not.
	Page *Page
	Err  error
}

// A Page is what a range holds from its beginning on, at one moment.
type Page struct {
	// Covered is the part of the range that the page is complete for, never empty. Where it ends
	// below the range's end, the next page begins there.
	Covered delegation.Range
	// Entries are in the order of their keys.
	Entries []Entry
}

// Batch returns an empty batch.
func (c *Client) Batch() *Batch { return &Batch{c: c, waiter: newWaiter()} }

// Len returns the number of items.
func (b *Batch) Len() int { return len(b.items) }

// Get adds a read of key. The batch uses key until Do has returned, or Go's results are there.
func (b *Batch) Get(key []byte) {
	b.enter(callAdd)
	defer b.leave()
	b.add(opGet, key).err = checkKey("get", key)
}

// Put adds a write. The batch uses key and value until then.
func (b *Batch) Put(key, value []byte, conds ...Condition) {
	b.enter(callAdd)
	defer b.leave()
	it := b.add(opSet, key)
	it.op.value = value
	if it.err = checkPut(key, value); it.err == nil {
		if it.op.cond, it.err = combine(conds); it.err != nil {
			it.err = fmt.Errorf("put %s: %w", show(key), it.err)
		}
	}
}

// Delete adds a removal. The batch uses key until Do has returned, or Go's results are there.
func (b *Batch) Delete(key []byte, conds ...Condition) {
	b.enter(callAdd)
	defer b.leave()
	it := b.add(opSet, key)
	it.op.remove = true
	if it.err = checkKey("delete", key); it.err == nil {
		if it.op.cond, it.err = combine(conds); it.err != nil {
			it.err = fmt.Errorf("delete %s: %w", show(key), it.err)
		}
	}
}

// Scan adds a read of the first page of r: what one host has of it from its beginning on, and as much as
// options, or else that host, let a page have ([PageSize], [Limit], of which the lesser holds, [KeysOnly]).
func (b *Batch) Scan(r delegation.Range, opts ...ScanOption) {
	b.enter(callAdd)
	defer b.leave()
	var o scanOptions
	for _, set := range opts {
		set(&o)
	}
	it := b.add(opScan, nil)
	it.op.rng, it.op.mode, it.op.maxBytes = r, o.mode(), clamp32(max(0, o.pageBytes))
	it.op.limit = clamp32(o.pageLimit(o.limit))
	if r.Empty() {
		it.err = fmt.Errorf("scan %v: %w", r, ErrEmptyRange)
	}
}

// callAdd is what misuse is told of those that add.
const callAdd = "Get, Put, Delete or Scan"

// add makes room for an item, where it is filled in: items are large.
func (b *Batch) add(kind opKind, key []byte) *item {
	if b.done {
		panic("client: a Batch was added to after Do or Go: Reset it first")
	}
	n := len(b.items)
	if n == cap(b.items) {
		b.items = append(b.items, item{})
	} else {
		b.items = b.items[:n+1] // empty, by Reset
	}
	it := &b.items[n]
	it.key, it.op.kind, it.op.key = key, kind, alias(key)
	return it
}

// Reset empties the batch, so that it can be filled and done again.
func (b *Batch) Reset() {
	b.enter("Reset")
	defer b.leave()
	clear(b.items)
	b.items, b.done = b.items[:0], false
}

// Do sends all items, waits until each is answered or given up, and returns one
// result for each, in the order in which they were added. A large batch is sent
// bit by bit, as answers come in. The results are valid until the next Do or Go; the
// values in them are the caller's own. A batch may be done once between Resets;
// twice, or beside another call of it, panics.
func (b *Batch) Do(ctx context.Context) []Result {
	b.begin("Do")
	return b.run(ctx)
}

// Go is Do, but returns at once: what Do would return is sent to the channel, which
// nobody has to read. Until it is there, the batch, its keys and its values are in use.
// Of two batches that go at once neither is first: a program that needs an order waits.
// As many as it likes may be under way; what one host has no room for waits in the
// client. [Client.Close] ends them with [ErrClosed], and writes already sent with
// [ErrUnknownOutcome] as well.
func (b *Batch) Go(ctx context.Context) <-chan []Result {
	b.begin("Go")
	done := make(chan []Result, 1)
	go func() { done <- b.run(ctx) }()
	return done
}

// begin says that the batch is being done.
func (b *Batch) begin(call string) {
	b.enter(call)
	if b.done {
		b.leave()
		panic("client: Batch." + call + " of a batch that was done: Reset it first, or its writes would be made again")
	}
	b.done = true
}

// run does what has begun.
func (b *Batch) run(ctx context.Context) []Result {
	defer b.leave()
	for next := 0; next < len(b.items); {
		b.c.mu.Lock()
		next = b.start(ctx, next)
		b.c.wait(b.waiter)
	}
	b.results = b.results[:0]
	for i := range b.items {
		b.results = append(b.results, b.items[i].result())
	}
	return b.results
}

// start starts items from the given one on, up to the bounds, and returns the
// first that it did not start. The waiter is then ready when half of those that
// are on their way are answered, or all if there are no more items. The caller holds
// the client's mu.
func (b *Batch) start(ctx context.Context, next int) int {
	c := b.c
	err := over(ctx)
	now := c.clock.now()
	bytes := 0
	for ; next < len(b.items) && b.waiter.left < batchOps && bytes < batchBytes; next++ {
		it := &b.items[next]
		if it.op.err = err; err != nil || it.err != nil {
			continue
		}
		bytes += len(it.op.value)
		it.op.ctx, it.op.w = ctx, b.waiter
		b.waiter.left++
		c.start(now, &it.op)
	}
	b.waiter.enough = 0
	if next < len(b.items) {
		b.waiter.enough = b.waiter.left / 2
	}
	b.waiter.ready = b.waiter.left <= b.waiter.enough
	return next
}

func (it *item) result() Result {
	r := Result{Entry: Entry{Key: it.key}, Err: it.err}
	switch {
	case it.err != nil:
	case it.op.kind == opGet:
		r.Entry, r.Err = it.op.entry(it.key)
	case it.op.kind == opScan:
		if p, err := it.op.scanned(it.op.rng); err != nil {
			r.Err = err
		} else {
			r.Page = &Page{Covered: p.covered, Entries: p.entries}
		}
	default:
		r.Version, r.Err = it.op.written(it.key)
	}
	return r
}
