package client

import (
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"ironkv/marshal"
	"ironkv/udp"
)

// tickInterval is how often an op that waits is looked at: whether it is to be
// repeated or given up. It bounds how late a deadline, or the cancellation of a
// context, is noticed, but that a lone caller may linger (udp.Conn.Linger).
const tickInterval = 5 * time.Millisecond

// A Client talks to one cluster. Make one with [Dial]; it is safe for any number
// of goroutines, and one for a whole process is enough.
type Client struct {
	opts  options
	clock clock
	conn  *udp.Conn
	ops   sync.Pool // of *call
	done  chan struct{}
	// gathering says that some caller is about to send what all have queued.
	gathering atomic.Bool

	mu     sync.Mutex // guards everything below
	engine *engine
	buffer []byte // in which messages are encoded
	// leading says that some caller reads the socket; parked are the callers who
	// wait for him to bring their replies, the latest first.
	leading bool
	parked  *waiter
	// shared is when a call was last begun while another was under way.
	shared time.Duration
	// tickAt is when the leader next looks at what waits.
	tickAt time.Duration

	// These belong to the leader.
	decoder   marshal.Decoder
	deliver   func(src netip.AddrPort, msg []byte)
	received  time.Duration // when the batch that is being delivered came; 0 before it is known
	malformed atomic.Uint64
}

// A call is an op with a waiter of its own: one caller, one request.
type call struct {
	op     op
	waiter waiter
}

func newClient(o options, conn *udp.Conn) *Client {
	c := &Client{opts: o, clock: newClock(), conn: conn, done: make(chan struct{})}
	c.ops.New = func() any { return &call{waiter: waiter{wake: make(chan struct{}, 1)}} }
	c.deliver = c.receive
	c.engine = &engine{
		client: randomID(), random: rand.New(rand.NewPCG(randomID(), randomID())), nonce: randomNonce,
		send: c.send, wake: c.wake, observer: o.observer, log: o.logger, mostFlying: mostFlying,
	}
	return c
}

func randomID() uint64 {
	var b [8]byte
	_, _ = crand.Read(b[:]) // never fails, by its documentation
	return max(1, binary.LittleEndian.Uint64(b[:]))
}

func randomNonce() (n marshal.Nonce) {
	_, _ = crand.Read(n[:]) // never fails, by its documentation
	return n
}

// Close ends the client's sessions, as far as the hosts can be told, and fails
// calls that are waiting with [ErrClosed] (writes that were sent with
// [ErrUnknownOutcome] too). It may be called again, and returns nil.
func (c *Client) Close() error {
	c.mu.Lock()
	closed := c.engine.closed
	if !closed {
		c.engine.close(c.clock.now())
		close(c.done)
	}
	c.mu.Unlock()
	if closed {
		return nil
	}
	_ = c.conn.Flush() // best effort: a host forgets the session by itself, too
	if err := c.conn.Close(); err != nil {
		return fmt.Errorf("close the client's socket: %w", err)
	}
	return nil
}

// begin starts o, whose waiter has been set. The caller holds no lock.
func (c *Client) begin(o *op) {
	c.mu.Lock()
	c.start(c.clock.now(), o)
	busy := c.engine.live.len > 1
	c.mu.Unlock()
	c.flush(busy)
}

// start starts o; the caller holds mu, and flushes afterwards.
func (c *Client) start(now time.Duration, o *op) {
	if c.engine.live.len == 0 {
		c.tickAt = now + tickInterval
	} else {
		c.shared = now
	}
	o.deadline = now + c.opts.timeout
	if d, ok := o.ctx.Deadline(); ok {
		o.deadline = c.clock.since(d)
	}
	c.engine.start(now, o)
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
		c.gathering.Store(false)
	}
	_ = c.conn.Flush() // the only error is a closed socket, which the leader meets
}

// send is the engine's way to the network; mu is held. What cannot be queued is
// lost, as on any network, and repeated in time.
func (c *Client) send(h *host, m marshal.Message) {
	c.buffer = marshal.Append(c.buffer[:0], m)
	_ = c.conn.Send(h.addr, c.buffer, udp.Once)
	if cap(c.buffer) > keepBuffer {
		c.buffer = nil
	}
}

// keepBuffer is the greatest buffer that is kept for the next message, in bytes.
const keepBuffer = 256 << 10

// receive takes one message that the socket brought; the leader calls it.
func (c *Client) receive(src netip.AddrPort, msg []byte) {
	m, err := c.decoder.Decode(msg)
	if err != nil {
		c.malformed.Add(1)
		return
	}
	if c.received == 0 {
		c.received = c.clock.now()
	}
	c.mu.Lock()
	c.engine.receive(c.received, src, m)
	c.mu.Unlock()
}

// wake tells a caller that his ops are done; mu is held.
func (c *Client) wake(w *waiter) {
	if w.parked {
		c.unpark(w)
		w.wake <- struct{}{}
	}
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

// await returns when w is ready. Whoever waits while nobody reads the socket
// becomes the leader and reads it, for himself and for all others; when his own
// ops are done he makes another of those who wait the leader. So a reply reaches
// a lone caller without a switch of goroutines.
func (c *Client) await(w *waiter) {
	c.mu.Lock()
	for !w.ready {
		if c.leading {
			c.park(w)
			c.mu.Unlock()
			<-w.wake
			c.mu.Lock()
			continue
		}
		c.leading = true
		c.lead(w)
		c.leading = false
		if next := c.parked; next != nil {
			c.unpark(next)
			next.wake <- struct{}{}
		}
	}
	c.mu.Unlock()
}

// lonely is how long nobody else has called before the leader is taken to be alone.
const lonely = 2 * tickInterval

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

// fail ends everything, since the socket failed.
func (c *Client) fail(now time.Duration, err error) {
	if !c.engine.closed {
		c.opts.logger.Error("the client's socket failed; dial again", "error", err)
	}
	c.engine.closed = true
	for c.engine.live.first != nil {
		c.engine.giveUp(now, c.engine.live.first, errors.Join(ErrClosed, err))
	}
}
