package client

import (
	"context"
	"fmt"
	"unsafe"

	"ironkv/delegation"
	"ironkv/marshal"
)

// Get returns key's entry as its owner has it at one moment during the call. It
// fails with [ErrNotFound], [ErrEmptyKey], [ErrTooLarge], or [ErrUnavailable].
func (c *Client) Get(ctx context.Context, key []byte) (Entry, error) {
	if err := checkKey("get", key); err != nil {
		return Entry{}, err
	}
	k := c.newCall(ctx, opGet)
	k.op.key = alias(key)
	c.run(k)
	e, err := k.op.entry(key)
	c.free(k)
	return e, err
}

// Put writes value under key and returns the new version. With conditions, it
// writes only where all of them hold, and fails with [ErrConditionFailed]
// otherwise. The empty value is a value. Other errors: [ErrEmptyKey],
// [ErrTooLarge], [ErrFull], [ErrUnavailable], [ErrUnknownOutcome] (beside either
// [ErrOverloaded] where the host was, beside the latter [ErrFull]), [ErrClosed], and
// the context's. Nothing was written unless it is [ErrUnknownOutcome].
func (c *Client) Put(ctx context.Context, key, value []byte, conds ...Condition) (version uint64, err error) {
	if err := checkPut(key, value); err != nil {
		return 0, err
	}
	cond, err := combine(conds)
	if err != nil {
		return 0, fmt.Errorf("put %s: %w", show(key), err)
	}
	k := c.newCall(ctx, opSet)
	k.op.key, k.op.value, k.op.cond = alias(key), value, cond
	c.run(k)
	version, err = k.op.written(key)
	c.free(k)
	return version, err
}

// Delete removes key's entry. It fails with [ErrNotFound] where there is none,
// and otherwise as [Client.Put] does.
func (c *Client) Delete(ctx context.Context, key []byte, conds ...Condition) error {
	if err := checkKey("delete", key); err != nil {
		return err
	}
	cond, err := combine(conds)
	if err != nil {
		return fmt.Errorf("delete %s: %w", show(key), err)
	}
	k := c.newCall(ctx, opSet)
	k.op.key, k.op.remove, k.op.cond = alias(key), true, cond
	c.run(k)
	_, err = k.op.written(key)
	c.free(k)
	return err
}

// newCall returns an empty call of the kind.
func (c *Client) newCall(ctx context.Context, kind opKind) *call {
	k, _ := c.ops.Get().(*call)
	k.op.kind, k.op.ctx, k.op.w = kind, ctx, &k.waiter
	k.waiter.left = 1
	return k
}

// run starts a call and waits until it is done. A call whose context has ended
// already is not started.
func (c *Client) run(k *call) {
	if err := over(k.op.ctx); err != nil {
		k.op.err = err
		return
	}
	c.mu.Lock()
	c.enter(&k.op)
	c.wait(&k.waiter)
}

// free keeps a call for the next one who needs one. Nothing of it may be used
// afterwards, and nobody else knows it: it is done.
func (c *Client) free(k *call) {
	k.op = op{}
	k.waiter.left, k.waiter.ready = 0, false
	c.ops.Put(k)
}

// entry is what became of a get.
func (o *op) entry(key []byte) (Entry, error) {
	e := Entry{Key: key, Value: o.out, Version: uint64(o.version)}
	switch {
	case o.err != nil:
		return Entry{Key: key}, fmt.Errorf("get %s: %w", show(key), o.err)
	case !o.found:
		return Entry{Key: key}, fmt.Errorf("get %s: %w", show(key), ErrNotFound)
	}
	return e, nil
}

// written is what became of a put or a delete.
func (o *op) written(key []byte) (uint64, error) {
	verb := "put"
	if o.remove {
		verb = "delete"
	}
	if o.err != nil {
		return 0, fmt.Errorf("%s %s: %w", verb, show(key), o.err)
	}
	switch o.result {
	case marshal.SetApplied:
		return uint64(o.version), nil
	case marshal.SetAbsent:
		return 0, fmt.Errorf("%s %s: %w", verb, show(key), ErrNotFound)
	case marshal.SetConditionFailed:
		return 0, fmt.Errorf("%s %s: %w: its version is %d", verb, show(key), ErrConditionFailed, o.version)
	case marshal.SetNoRoom:
		return 0, fmt.Errorf("%s %s: host %d: %w", verb, show(key), o.host.id, ErrFull)
	}
	return 0, fmt.Errorf("%s %s: result %d is not of this protocol: %w", verb, show(key), o.result, ErrUnknownOutcome)
}

// combine folds conditions into one. Two that contradict each other never hold.
func combine(conds []Condition) (marshal.Condition, error) {
	var all marshal.Condition
	for _, c := range conds {
		if all.Set && all.Version != c.version {
			return all, fmt.Errorf("%w: no key has versions %d and %d at once", ErrConditionFailed, all.Version, c.version)
		}
		all = marshal.Condition{Set: true, Version: c.version}
	}
	return all, nil
}

func checkKey(verb string, key []byte) error {
	switch n := len(key); {
	case n == 0:
		return fmt.Errorf("%s: %w: a key has 1 to %d bytes", verb, ErrEmptyKey, marshal.MaxKeyBytes)
	case n > marshal.MaxKeyBytes:
		return fmt.Errorf("%s %s: %w: the key has %d bytes, at most %d", verb, show(key), ErrTooLarge, n, marshal.MaxKeyBytes)
	}
	return nil
}

func checkPut(key, value []byte) error {
	if err := checkKey("put", key); err != nil {
		return err
	}
	if n := len(value); n > marshal.MaxValueBytes {
		return fmt.Errorf("put %s: %w: the value has %d bytes, at most %d", show(key), ErrTooLarge, n, marshal.MaxValueBytes)
	}
	return nil
}

// showBytes is how much of a key an error shows.
const showBytes = 64

// show quotes a key for an error.
func show(key []byte) string {
	if len(key) > showBytes {
		return fmt.Sprintf("%q…", key[:showBytes])
	}
	return fmt.Sprintf("%q", key)
}

// alias returns key as a delegation.Key without copying it. The caller must not
// change it while its op is not done, and the engine keeps no key beyond that.
func alias(key []byte) delegation.Key {
	return delegation.Key(unsafe.String(unsafe.SliceData(key), len(key)))
}
