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
// context, is noticed, but that a lone caller may linger (udp.Conn.Linger), and
// that each of more than tickOps is looked at in every fourth tick or so only.
const tickInterval = 5 * time.Millisecond

// A Client talks to one cluster. Make one with [Dial]; it is safe for any number
// of goroutines, and one for a whole process is enough.
type Client struct {
	opts  options
	clock clock
	conn  *udp.Conn
	ops   sync.Pool // of *call
	done  chan struct{}
	gather

	mu     sync.Mutex // guards everything below
	engine *engine
	queued int    // bytes of messages since full was last true
	buffer []byte // in which messages are encoded
	leadership
	// shared is when a call was last begun while another was under way.
	shared time.Duration
	// tickAt is when the leader next looks at what waits.
	tickAt time.Duration

	// These belong to the leader.
	decoder   marshal.Decoder
	deliver   func(src netip.AddrPort, msg []byte)
	waking    []*waiter     // whom the batch before this one answered; its memory is used again
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
	c.ops.New = func() any { return &call{waiter: *newWaiter()} }
	c.deliver, c.entersFrom = c.receive, entersFrom
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

// start starts o, whose waiter has been set; the caller holds mu, and waits afterwards.
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

// send is the engine's way to the network; mu is held. What cannot be queued is
// lost, as on any network, and repeated in time.
func (c *Client) send(h *host, m marshal.Message) {
	c.buffer = marshal.Append(c.buffer[:0], m)
	_ = c.conn.Send(h.addr, c.buffer, udp.Once)
	c.queued += len(c.buffer)
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
	c.delivering = true
	c.engine.receive(c.received, src, m)
	full := c.full()
	crowd := len(c.answered) == wakeGroup
	if crowd {
		c.wakeAnswered()
	}
	c.mu.Unlock()
	if full {
		c.transmit()
	}
	if crowd {
		runtime.Gosched()
	}
}

// fail ends everything, since the socket failed.
func (c *Client) fail(now time.Duration, err error) {
	if !c.engine.closed {
		c.opts.logger.Error("the client's socket failed; dial again", "error", err)
	}
	c.engine.closed = true
	c.startEntered(len(c.entering)) // they end at once
	for c.engine.live.first != nil {
		c.engine.giveUp(now, c.engine.live.first, errors.Join(ErrClosed, err))
	}
}
