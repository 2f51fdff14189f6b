package client_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"ironkv/delegation"
	"ironkv/kv/client"
	"ironkv/kv/cluster"
	"ironkv/marshal"
)

func dial(t testing.TB, c *cluster.Cluster, opts ...client.Option) *client.Client {
	t.Helper()
	cl, err := client.Dial(t.Context(), c.Addrs(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cl.Close(); err != nil {
			t.Error(err)
		}
	})
	return cl
}

func TestReadWrite(t *testing.T) {
	c := dial(t, cluster.Start(t, 3))
	ctx := t.Context()
	if _, err := c.Get(ctx, []byte("a")); !errors.Is(err, client.ErrNotFound) {
		t.Fatalf("get of an absent key: %v", err)
	}
	if err := c.Delete(ctx, []byte("a")); !errors.Is(err, client.ErrNotFound) {
		t.Fatalf("delete of an absent key: %v", err)
	}
	v1, err := c.Put(ctx, []byte("a"), []byte("1"), client.IfAbsent())
	if err != nil || v1 == 0 {
		t.Fatalf("put if absent: version %d, %v", v1, err)
	}
	if _, err := c.Put(ctx, []byte("a"), []byte("2"), client.IfAbsent()); !errors.Is(err, client.ErrConditionFailed) {
		t.Fatalf("put if absent of a present key: %v", err)
	}
	if _, err := c.Put(ctx, []byte("a"), []byte("2"), client.IfVersion(v1+1)); !errors.Is(err, client.ErrConditionFailed) {
		t.Fatalf("put of another version: %v", err)
	}
	v2, err := c.Put(ctx, []byte("a"), []byte{}, client.IfVersion(v1))
	if err != nil || v2 <= v1 {
		t.Fatalf("put if version: version %d after %d, %v", v2, v1, err)
	}
	e, err := c.Get(ctx, []byte("a"))
	if err != nil || e.Value == nil || len(e.Value) != 0 || e.Version != v2 || string(e.Key) != "a" {
		t.Fatalf("get of the empty value: %+v, %v", e, err)
	}
	if err := c.Delete(ctx, []byte("a"), client.IfVersion(v1)); !errors.Is(err, client.ErrConditionFailed) {
		t.Fatalf("delete of another version: %v", err)
	}
	if err := c.Delete(ctx, []byte("a"), client.IfVersion(v2)); err != nil {
		t.Fatalf("delete: %v", err)
	}
	v3, err := c.Put(ctx, []byte("a"), []byte("3"))
	if err != nil || v3 <= v2 {
		t.Fatalf("put after delete: version %d after %d, %v", v3, v2, err)
	}
}

// TestSizes: every length from the least to the greatest passes, and what is
// beyond fails at once, without harm to the session.
func TestSizes(t *testing.T) {
	c := dial(t, cluster.Start(t, 1))
	ctx := t.Context()
	for _, key := range []int{1, marshal.MaxKeyBytes} {
		for _, value := range []int{0, 1, 1 << 10, 60 << 10, 70 << 10, 1 << 20, marshal.MaxValueBytes} {
			k, v := bytes.Repeat([]byte{0xff}, key), bytes.Repeat([]byte{byte(value)}, value)
			if _, err := c.Put(ctx, k, v); err != nil {
				t.Fatalf("put of %d and %d bytes: %v", key, value, err)
			}
			e, err := c.Get(ctx, k)
			if err != nil || !bytes.Equal(e.Value, v) {
				t.Fatalf("get of %d and %d bytes: %d bytes, %v", key, value, len(e.Value), err)
			}
		}
	}
	for name, err := range map[string]error{
		"key":   func() error { _, err := c.Get(ctx, make([]byte, marshal.MaxKeyBytes+1)); return err }(),
		"value": func() error { _, err := c.Put(ctx, []byte("k"), make([]byte, marshal.MaxValueBytes+1)); return err }(),
	} {
		if !errors.Is(err, client.ErrTooLarge) {
			t.Errorf("a %s that is too long: %v", name, err)
		}
	}
	if _, err := c.Put(ctx, nil, nil); !errors.Is(err, client.ErrEmptyKey) {
		t.Errorf("the empty key: %v", err)
	}
	if _, err := c.Put(ctx, []byte("k"), []byte("v")); err != nil {
		t.Errorf("a put after refused ones: %v", err)
	}
}

func key(i int) []byte { return fmt.Appendf(nil, "key-%05d", i) }

// TestABatchIsNotAtomic: each item of a batch succeeds or fails by itself.
func TestABatchIsNotAtomic(t *testing.T) {
	c := dial(t, cluster.Start(t, 2))
	if _, err := c.Put(t.Context(), []byte("taken"), nil); err != nil {
		t.Fatal(err)
	}
	b := c.Batch()
	b.Put([]byte("first"), []byte("1"))
	b.Put([]byte("taken"), []byte("2"), client.IfAbsent())
	b.Put(nil, []byte("3"))
	b.Get([]byte("absent"))
	b.Put([]byte("last"), []byte("4"))
	want := []error{nil, client.ErrConditionFailed, client.ErrEmptyKey, client.ErrNotFound, nil}
	for i, r := range b.Do(t.Context()) {
		if !errors.Is(r.Err, want[i]) {
			t.Errorf("item %d: %v, want %v", i, r.Err, want[i])
		}
	}
	for _, k := range []string{"first", "last"} {
		if _, err := c.Get(t.Context(), []byte(k)); err != nil {
			t.Errorf("get %s: %v", k, err)
		}
	}
}

// TestBatchesGoTogether: batches go side by side without a goroutine of their caller's,
// each has its own results, and one whose results nobody takes holds nothing up.
func TestBatchesGoTogether(t *testing.T) {
	c := dial(t, cluster.Start(t, 2))
	const batches, items = 20, 50
	var going []<-chan []client.Result
	for i := range batches {
		b := c.Batch()
		for j := range items {
			b.Put(key(i*items+j), key(j))
		}
		going = append(going, b.Go(t.Context()))
	}
	unread := c.Batch()
	unread.Put([]byte("unread"), nil)
	unread.Go(t.Context())
	if _, err := c.MoveShard(t.Context(), delegation.All, 2); err != nil {
		t.Fatal(err)
	}
	for i, done := range going {
		results := <-done
		if len(results) != items {
			t.Fatalf("batch %d has %d results", i, len(results))
		}
		for j, r := range results {
			if r.Err != nil || !bytes.Equal(r.Entry.Key, key(i*items+j)) {
				t.Fatalf("batch %d, item %d: %s, %v", i, j, r.Entry.Key, r.Err)
			}
		}
	}
	b := c.Batch()
	for i := range batches * items {
		b.Get(key(i))
	}
	for i, r := range <-b.Go(t.Context()) {
		if r.Err != nil || !bytes.Equal(r.Entry.Value, key(i%items)) {
			t.Fatalf("%s is %s, %v", r.Entry.Key, r.Entry.Value, r.Err)
		}
	}
	ended := c.Batch()
	ended.Get(key(1))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if r := <-ended.Go(t.Context()); !errors.Is(r[0].Err, client.ErrClosed) {
		t.Errorf("after Close: %v", r[0].Err)
	}
}

// TestABatchOfPages: a batch reads the first pages of ranges, each from its owner.
func TestABatchOfPages(t *testing.T) {
	c := dial(t, cluster.Start(t, 2))
	fill(t, c, 100)
	move(t, c, between("key-00050", "key-00100"), 2)
	b := c.Batch()
	b.Scan(delegation.All)
	b.Scan(between("key-00060", "key-00070"), client.KeysOnly())
	b.Scan(between("key-00010", "key-00090"), client.Limit(3), client.PageSize(5, 0))
	b.Scan(between("b", "a"))
	b.Scan(between("a", "b"))
	all, part, few, no, none := delegation.Range{From: delegation.NegInf, Until: delegation.At("key-00050")},
		between("key-00060", "key-00070"), between("key-00010", "key-00013"), delegation.Range{}, between("a", "b")
	results := b.Do(t.Context())
	for i, want := range []struct {
		covered     delegation.Range
		keys, value int
		err         error
	}{{all, 50, 128, nil}, {part, 10, 0, nil}, {few, 3, 128, nil}, {no, 0, 0, client.ErrEmptyRange}, {none, 0, 0, nil}} {
		r := results[i]
		if want.err != nil || r.Err != nil {
			if !errors.Is(r.Err, want.err) || r.Page != nil {
				t.Errorf("page %d: %+v, %v, want %v", i, r.Page, r.Err, want.err)
			}
			continue
		}
		if len(r.Page.Entries) != want.keys || !r.Page.Covered.Covers(want.covered) {
			t.Errorf("page %d: %d keys of %v, want %d of %v", i, len(r.Page.Entries), r.Page.Covered, want.keys, want.covered)
		}
		for _, e := range r.Page.Entries {
			if len(e.Value) != want.value {
				t.Errorf("page %d: %s has a value of %d bytes, want %d", i, e.Key, len(e.Value), want.value)
			}
		}
	}
}

// TestAScanIsNotASnapshot: of two writes during a scan it shows the one before which it has
// not come yet, and not the one that it has passed.
func TestAScanIsNotASnapshot(t *testing.T) {
	c := dial(t, cluster.Start(t, 1))
	const keys = 100
	fill(t, c, keys)
	passed, ahead := key(0), key(keys-1)
	seen := map[string]int{}
	for e, err := range c.Scan(t.Context(), delegation.All, client.PageSize(1, 0)) {
		if err != nil {
			t.Fatal(err)
		}
		if seen[string(e.Key)] = len(e.Value); len(seen) > 1 {
			continue
		}
		for _, k := range [][]byte{passed, ahead} {
			if _, err := c.Put(t.Context(), k, make([]byte, 200)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(seen) != keys || seen[string(passed)] != 128 || seen[string(ahead)] != 200 {
		t.Errorf("of %d keys, the value of the first has %d bytes, of the last %d", len(seen), seen[string(passed)], seen[string(ahead)])
	}
}

// TestScanWhileMoving: a scan sees every key once, in order, while ranges move.
func TestScanWhileMoving(t *testing.T) {
	const keys = 3000
	c := dial(t, cluster.Start(t, 3))
	ctx := t.Context()
	b := c.Batch()
	for i := range keys {
		b.Put(key(i), fmt.Appendf(nil, "value %d", i))
	}
	for i, r := range b.Do(ctx) {
		if r.Err != nil || r.Version == 0 {
			t.Fatalf("put %d: %+v", i, r)
		}
	}
	stop := make(chan struct{})
	var movers sync.WaitGroup
	movers.Go(func() {
		random := rand.New(rand.NewPCG(1, 2))
		for {
			select {
			case <-stop:
				return
			default:
			}
			from := random.IntN(keys)
			r, err := delegation.NewRange(delegation.At(delegation.Key(key(from))), delegation.At(delegation.Key(key(from+300))))
			if err != nil {
				t.Error(err)
				return
			}
			ids, err := c.MoveShard(ctx, r, client.HostID(1+random.IntN(3)), client.Unlimited())
			if err != nil {
				t.Errorf("move: %v", err)
				return
			}
			for _, id := range ids {
				if m, err := c.WaitMove(ctx, id, nil); err != nil || m.Phase != marshal.MoveDone {
					t.Errorf("wait for %v: %+v, %v", id, m, err)
				}
			}
		}
	})
	for round := range 5 {
		next := 0
		for e, err := range c.Scan(ctx, delegation.All, client.PageSize(97, 0)) {
			if err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			if !bytes.Equal(e.Key, key(next)) || string(e.Value) != fmt.Sprintf("value %d", next) {
				t.Fatalf("round %d: got %q=%q, want %q", round, e.Key, e.Value, key(next))
			}
			next++
		}
		if next != keys {
			t.Fatalf("round %d: %d keys, want %d", round, next, keys)
		}
	}
	close(stop)
	movers.Wait()
	report, err := c.Audit(ctx)
	if err != nil || len(report.Hosts) != 3 {
		t.Fatalf("audit: %+v, %v", report, err)
	}
	n, size, err := c.Count(ctx, delegation.All)
	if err != nil || n != keys || size == 0 {
		t.Fatalf("count: %d keys, %d bytes, %v", n, size, err)
	}
}
