package client

import (
	"context"
	"errors"
	"fmt"

	"ironkv/marshal"
)

// ask starts ops together and waits until all are done.
func (c *Client) ask(ctx context.Context, ops []*op) {
	w := newWaiter()
	err := over(ctx)
	c.mu.Lock()
	now := c.clock.now()
	for _, o := range ops {
		if o.err = err; err != nil {
			continue
		}
		o.ctx, o.w = ctx, w
		w.left++
		c.start(now, o)
	}
	w.ready = w.left == 0
	c.wait(w)
}

// over says why a request is not even sent: its context has ended.
func over(ctx context.Context) error {
	err := ctx.Err()
	if errors.Is(err, context.DeadlineExceeded) {
		return &callError{[]error{ErrUnavailable, err}}
	}
	return err
}

// ids returns the members' ids in ascending order.
func (c *Client) ids() []HostID {
	c.mu.Lock()
	defer c.mu.Unlock()
	ids := make([]HostID, len(c.engine.hosts))
	for i, h := range c.engine.hosts {
		ids[i] = h.id
	}
	return ids
}

// askAll asks every host the same and returns the ops, in the order of the hosts.
func (c *Client) askAll(ctx context.Context, ids []HostID, make func() *op) []*op {
	var ops []*op
	for _, id := range ids {
		o := make()
		o.target = id
		ops = append(ops, o)
	}
	c.ask(ctx, ops)
	return ops
}

// answer returns o's answer, which has to be of type M.
func answer[M marshal.Message](o *op) (M, error) {
	var none M
	if o.err != nil {
		return none, o.err
	}
	m, ok := o.reply.(M)
	if !ok {
		return none, fmt.Errorf("%w: host %d answered with a %T", ErrUnavailable, o.host.id, o.reply)
	}
	return m, nil
}
