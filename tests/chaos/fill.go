package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"ironkv/kv/client"
)

const (
	// fillEntries of fillBytes each are what moves have to carry.
	fillEntries = 8000
	fillBytes   = 256
	fillBatch   = 500
)

// fill is entries that are written in the beginning, and then by nobody.
type fill struct{ entries int }

func (f *fill) count() int { return f.entries }

func fillName(i int) string { return fmt.Sprintf("fill/%d", i) }

func fillValue(i int) []byte {
	return []byte(strings.Repeat(fmt.Sprintf("%08x", uint32(i)*0x9e3779b1), fillBytes/8))
}

// load writes entries until there are n.
func (f *fill) load(ctx context.Context, db *client.Client, n int) error {
	ctx, cancel := context.WithTimeout(ctx, restTime)
	defer cancel()
	for f.entries < n {
		b := db.Batch()
		until := min(n, f.entries+fillBatch)
		for i := f.entries; i < until; i++ {
			b.Put(key(fillName(i)), fillValue(i))
		}
		if err := calmly(ctx, b); err != nil {
			return err
		}
		f.entries = until
	}
	return nil
}

// drop deletes entries until there are n.
func (f *fill) drop(ctx context.Context, db *client.Client, n int) error {
	var names []string
	for i := n; i < f.entries; i++ {
		names = append(names, fillName(i))
	}
	f.entries = min(n, f.entries)
	return remove(ctx, db, names)
}

// check compares all entries.
func (f *fill) check(rest contents) error {
	var errs []error
	for i := range f.entries {
		e, found := rest.take(fillName(i))
		if !found || string(e.Value) != string(fillValue(i)) {
			errs = append(errs, fmt.Errorf("%s is %.20q (found: %v)", fillName(i), e.Value, found))
		}
	}
	if len(errs) > 0 {
		return violationf("%d of %d entries that nobody wrote are not as they were: %v", len(errs), f.entries, errors.Join(errs[:min(len(errs), 10)]...))
	}
	return nil
}

// remove deletes the keys of these names, in calm.
func remove(ctx context.Context, db *client.Client, names []string) error {
	ctx, cancel := context.WithTimeout(ctx, restTime)
	defer cancel()
	b := db.Batch()
	for i, name := range names {
		b.Delete(key(name))
		if b.Len() < fillBatch && i < len(names)-1 {
			continue
		}
		if err := calmly(ctx, b); err != nil {
			return err
		}
		b.Reset()
	}
	return nil
}

// calmly executes a batch that may be executed again, while there is no fault. It
// is, where a host has not seen yet that its disk has room again, or was so slow
// that the session of the client ended.
func calmly(ctx context.Context, b *client.Batch) error {
	for {
		var err error
		for _, r := range b.Do(ctx) {
			if r.Err != nil && !errors.Is(r.Err, client.ErrNotFound) {
				err = r.Err
			}
		}
		if err == nil {
			return nil
		}
		if !wait(ctx, 100*time.Millisecond) {
			return stuckf("with every host up and no fault at all, a write fails: %v", err)
		}
	}
}
