package client

import (
	"context"
	"fmt"
	"iter"

	"ironkv/delegation"
	"ironkv/marshal"
)

// A ScanOption changes what [Client.Scan] reads.
type ScanOption func(*scanOptions)

type scanOptions struct {
	keysOnly    bool
	limit       int
	pageEntries int
	pageBytes   int
}

func (o *scanOptions) mode() marshal.ScanMode {
	if o.keysOnly {
		return marshal.ScanKeys
	}
	return marshal.ScanEntries
}

// pageLimit is how many entries a page may have where left are still wanted; 0 or less, and 0 as
// the result, is no limit.
func (o *scanOptions) pageLimit(left int) int {
	limit := max(0, o.pageEntries)
	if left > 0 && (limit == 0 || left < limit) {
		return left
	}
	return limit
}

// KeysOnly leaves the values out.
func KeysOnly() ScanOption { return func(o *scanOptions) { o.keysOnly = true } }

// Limit ends a scan after n entries; 0 or less does not.
func Limit(n int) ScanOption { return func(o *scanOptions) { o.limit = n } }

// PageSize asks for pages of at most so many entries and about so many bytes;
// 0 leaves either to the host, which has bounds of its own.
func PageSize(entries, bytes int) ScanOption {
	return func(o *scanOptions) { o.pageEntries, o.pageBytes = entries, bytes }
}

// Scan yields the entries of r in the order of their keys, page by page. It is
// complete: every key that is there from the beginning of the scan to its end is
// yielded, once, wherever it moves meanwhile. Each page is atomic, but the whole
// is no snapshot: of writes that happen during the scan it may show a later one
// and miss an earlier one.
//
// An error is yielded once, at the end. Where the context has no deadline, the
// client's timeout bounds each page; the time that the loop's body takes counts
// against the context's deadline only. A slow body holds nothing up.
func (c *Client) Scan(ctx context.Context, r delegation.Range, opts ...ScanOption) iter.Seq2[Entry, error] {
	var o scanOptions
	for _, set := range opts {
		set(&o)
	}
	return func(yield func(Entry, error) bool) {
		left := o.limit
		for p, err := range c.pages(ctx, r, o.mode(), &left, o) {
			if err != nil {
				yield(Entry{}, err)
				return
			}
			for _, e := range p.entries {
				if !yield(e, nil) {
					return
				}
			}
			if left -= len(p.entries); o.limit > 0 && left <= 0 {
				return
			}
		}
	}
}

// Count returns how many entries r holds, and the bytes of their keys and values.
// As a scan, it is exact only where nothing is written meanwhile.
func (c *Client) Count(ctx context.Context, r delegation.Range) (keys, bytes uint64, err error) {
	for p, err := range c.pages(ctx, r, marshal.ScanCount, new(int), scanOptions{}) {
		if err != nil {
			return 0, 0, err
		}
		keys += p.keys
		bytes += p.bytes
	}
	return keys, bytes, nil
}

// pages yields the pages of r. *left is how many entries the caller still wants,
// if it is above 0.
func (c *Client) pages(ctx context.Context, r delegation.Range, mode marshal.ScanMode, left *int, o scanOptions) iter.Seq2[page, error] {
	return func(yield func(page, error) bool) {
		if r.Empty() {
			yield(page{}, fmt.Errorf("scan %v: %w", r, ErrEmptyRange))
			return
		}
		for !r.Empty() {
			p, err := c.page(ctx, r, mode, o.pageLimit(*left), max(0, o.pageBytes))
			if err != nil {
				yield(page{}, err)
				return
			}
			if !yield(p, nil) {
				return
			}
			r.From = p.covered.Until
		}
	}
}

// page reads the first page of r.
func (c *Client) page(ctx context.Context, r delegation.Range, mode marshal.ScanMode, limit, maxBytes int) (page, error) {
	k := c.newCall(ctx, opScan)
	k.op.rng, k.op.mode = r, mode
	k.op.limit, k.op.maxBytes = clamp32(limit), clamp32(maxBytes)
	c.run(k)
	p, err := k.op.scanned(r)
	c.free(k)
	return p, err
}

// scanned is what became of a scan from the beginning of r.
func (o *op) scanned(r delegation.Range) (page, error) {
	p := o.page1
	switch {
	case o.err != nil:
		return page{}, fmt.Errorf("scan from %v: %w", r.From, o.err)
	case p.covered.From != r.From || p.covered.Empty() || !r.Covers(p.covered):
		return page{}, fmt.Errorf("scan from %v: %w: the page covers %v", r.From, ErrUnavailable, p.covered)
	}
	for i := range p.entries {
		if o.mode == marshal.ScanKeys {
			p.entries[i].Value = nil
		}
	}
	return p, nil
}

func clamp32(n int) uint32 { return uint32(min(n, 1<<31)) }
