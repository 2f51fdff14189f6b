package client

import (
	"runtime"
	"sync/atomic"
)

// leadership says who reads the socket.
type leadership struct {
	// leading says that some caller does, or is about to; parked are those who wait
	// for him to bring their replies, the latest first.
	leading bool
	parked  *waiter
	// delivering says that the leader is handing out a batch of messages, and answered
	// are those to whom it brought something, to be waked after it.
	delivering bool
	answered   []*waiter
}

// A role is what a caller does until his ops are done.
type role uint8

const (
	roleDone   role = iota // they are
	roleParked             // he waits for the leader
	roleLeader             // he reads the socket, for himself and for all others
)

// wait sends what has been queued and returns when w is ready. The caller holds mu,
// and no longer does when it returns. Whoever waits while nobody reads the socket
// becomes the leader; when his own ops are done he makes another of those who wait the
// leader. So a reply reaches a lone caller without a switch of goroutines.
func (c *Client) wait(w *waiter) {
	busy := c.busy(w.left)
	role := c.join(w)
	full := c.full()
	c.mu.Unlock()
	if full {
		c.transmit()
	}
	c.flush(busy)
	if role == roleParked {
		role = <-w.wake
	}
	if role == roleLeader {
		c.mu.Lock()
		c.lead(w)
		next := c.resign()
		c.mu.Unlock()
		if next != nil {
			next.wake <- roleLeader
		}
	}
}

// join gives w's caller his role; mu is held.
func (c *Client) join(w *waiter) role {
	switch {
	case w.ready:
		return roleDone
	case c.leading:
		c.park(w)
		return roleParked
	}
	c.leading = true
	return roleLeader
}

// resign ends the leader's part and returns who is to go on, or nil where nobody
// waits; mu is held.
func (c *Client) resign() *waiter {
	next := c.parked
	if next == nil {
		c.leading = false
		return nil
	}
	c.unpark(next)
	return next
}

// lead reads the socket until w is ready. The caller holds mu, and does again
// when it returns.
func (c *Client) lead(w *waiter) {
	for !w.ready {
		c.conn.Linger(c.engine.live.len == 1 && c.tickAt-c.shared > lonely)
		deadline := c.clock.at(c.tickAt)
		c.mu.Unlock()
		_, err := c.conn.Receive(deadline, c.deliver)
		c.received = 0
		now := c.clock.now()
		c.mu.Lock()
		c.wakeAnswered()
		if err != nil && !isDeadline(err) {
			// The socket is gone, or broken: nothing will ever be received.
			c.fail(now, err)
			return
		}
		if now >= c.tickAt {
			c.tickAt = now + tickInterval
			c.engine.tick(now)
			c.mu.Unlock()
			c.flush(false)
			c.mu.Lock()
		}
	}
}

// lonely is how long nobody else has called before the leader is taken to be alone.
const lonely = 2 * tickInterval

// wake tells a caller that his ops are done, once the batch is handed out that the
// leader may be at; mu is held.
func (c *Client) wake(w *waiter) {
	if !w.parked {
		return
	}
	c.unpark(w)
	if c.delivering {
		c.answered = append(c.answered, w)
		return
	}
	w.wake <- roleDone
}

// wakeGroup is how many callers are answered before they are waked, and have their turn
// before the leader goes on: those of one datagram ask together, and what was touched to
// answer them is in the processor's cache when they run. Of thousands it would not be.
const wakeGroup = 64

// wakeAnswered wakes all to whom a batch of messages has brought something: together,
// so that they ask together. The caller holds mu, but not while they are waked, for it
// is what they want first.
func (c *Client) wakeAnswered() {
	c.delivering = false
	c.waked.Store(int64(len(c.answered)))
	if len(c.answered) == 0 {
		return
	}
	c.answered, c.waking = c.waking, c.answered
	c.mu.Unlock()
	for i, w := range c.waking {
		c.waking[i] = nil
		w.wake <- roleDone
	}
	c.waking = c.waking[:0]
	c.mu.Lock()
}

func (c *Client) park(w *waiter) {
	w.parked = true
	w.prev, w.next = nil, c.parked
	if c.parked != nil {
		c.parked.prev = w
	}
	c.parked = w
}

func (c *Client) unpark(w *waiter) {
	w.parked = false
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		c.parked = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	}
	w.prev, w.next = nil, nil
}

// A gather is how callers come to send together.
type gather struct {
	// gathering says that some caller is about to send what all have queued.
	gathering atomic.Bool
	// waked is how many of those who were waked last have not begun anything since;
	// below 0, others have.
	waked atomic.Int64
	// entering are ops that are left to the one who gathers to start, once so many are under
	// way as entersFrom says. Those before entered he has started.
	entering   []*op
	entered    int
	entersFrom int
}

const (
	// entersFrom is from how many ops on those that come are started by the one who gathers. With
	// 4,096 callers that gives a fifth more gets; fewer have what it takes to start one in their caches.
	entersFrom = 2048
	// enterGroup is how many ops are started before others get the lock.
	enterGroup = 16
)

// enter starts o, or leaves that to the one who gathers: what it takes to start an op is in
// his processor's cache then, and on his stack. Of thousands of callers it would be in no cache.
// The caller holds mu, and waits for o next: he is not alone then, so that somebody gathers.
func (c *Client) enter(o *op) {
	if c.begun() >= c.entersFrom {
		c.entering = append(c.entering, o)
		return
	}
	c.start(c.clock.now(), o)
}

// begun is how many ops callers have begun that are not done; mu is held.
func (c *Client) begun() int { return c.engine.live.len + len(c.entering) - c.entered }

// startEntered starts so many of those that have entered, at most, and reports whether some are
// left; mu is held.
func (c *Client) startEntered(most int) bool {
	now := c.clock.now()
	for ; most > 0 && c.entered < len(c.entering); most-- {
		o := c.entering[c.entered]
		c.entering[c.entered] = nil
		c.entered++
		c.start(now, o)
	}
	if c.entered < len(c.entering) {
		return true
	}
	c.entering, c.entered = c.entering[:0], 0
	return false
}

// gatherRounds is how often one who gathers lets others run before he sends, if some
// of those who were waked with him have not come: another processor may have taken him
// at once, and not them. A round in which nobody is ready takes a few tenths of a
// microsecond.
const gatherRounds = 16

// busy reports whether others than a caller who has just begun own ops have some under
// way, or were waked with him and may be about to begin one; mu is held.
func (c *Client) busy(own int) bool {
	return c.waked.Add(-1) >= 0 || c.begun() > own
}

// flush sends what has been queued. A caller who is not alone first lets the
// others who are about to send do so: those who were woken together send
// together. While he does, he sends for all who come. Nobody waits for anybody
// who has nothing to do.
func (c *Client) flush(busy bool) {
	if busy {
		if !c.gathering.CompareAndSwap(false, true) {
			return // what was queued before this is sent by the one who gathers
		}
		runtime.Gosched()
		for round := 1; round < gatherRounds && c.waked.Load() > 0; round++ {
			runtime.Gosched()
		}
		c.gathering.Store(false)
		for more := true; more; {
			c.mu.Lock()
			more = c.startEntered(enterGroup)
			c.mu.Unlock()
		}
	}
	c.transmit()
}

// fullBytes is from how many bytes of messages on some of them fill the greatest datagram, to
// which nothing can be added: the host works on it while the next one is made.
const fullBytes = 60 << 10

// full reports whether so much was queued since it did so last; mu is held.
func (c *Client) full() bool {
	if c.queued < fullBytes {
		return false
	}
	c.queued = 0
	return true
}

// transmit sends what has been queued, at once.
func (c *Client) transmit() {
	_ = c.conn.Flush() // the only error is a closed socket, which the leader meets
}
