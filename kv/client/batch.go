package client

import "context"

// A Batch is a list of gets and writes that are sent together. It is not atomic:
// each item succeeds or fails by itself, and items run in no particular order,
// also those of one key. A Batch is for one goroutine.
type Batch struct{ items []Result }

// A Result is what became of one item of a batch.
type Result struct {
	// Entry is what a Get found; Key is set in any case.
	Entry Entry
	// Version is the new version that a Put made.
	Version uint64
	Err     error
}

// Batch returns an empty batch.
func (c *Client) Batch() *Batch { return &Batch{} }

// Len returns the number of items.
func (b *Batch) Len() int { return len(b.items) }

// Get adds a read of key. The batch keeps key until Do returns.
func (b *Batch) Get(key []byte) {}

// Put adds a write. The batch keeps key and value until Do returns.
func (b *Batch) Put(key, value []byte, conds ...Condition) {}

// Delete adds a removal. The batch keeps key until Do returns.
func (b *Batch) Delete(key []byte, conds ...Condition) {}

// Reset empties the batch, so that it can be filled and done again.
func (b *Batch) Reset() { b.items = b.items[:0] }

// Do sends all items, waits for all of their answers, and returns one result
// for each, in the order in which they were added. The results are valid until
// the next Reset or Do.
func (b *Batch) Do(ctx context.Context) []Result { return b.items }
