package udp

import (
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// socketBuffer is the size asked for the socket's buffers, in bytes each way; the kernel may
	// grant less. It holds two full windows, and the requests of many clients meanwhile.
	socketBuffer = 4 << 20
	// sendRetry is how soon datagrams that the socket had no room for are tried again.
	sendRetry = time.Millisecond
	// flushRounds is how often one goroutine sends for others before it passes that on, so that
	// nobody is kept from his own work.
	flushRounds = 8
	// lingerTime is how long a receive may wait in the kernel before its goroutine is
	// parked: longer than a round trip, and short enough for a Wake, a Close or a
	// deadline to wait for it. The kernel rounds it up to its ticks, of 4 ms as a rule.
	lingerTime = 2 * time.Millisecond
	// lingerLeast is how far away the next timer has to be for that: half of the shortest timeout
	// of a transmission, which may be late by a few milliseconds and the pacer's may not.
	lingerLeast = minTimeout / 2
)

// Conn is a UDP socket with a Transport. Any goroutine may call any method at any time; Receive and
// TryReceive exclude each other. Timers run inside Receive, so while something is to be repeated
// somebody has to be in it.
type Conn struct {
	start time.Time
	local netip.AddrPort
	sock  *socket

	mu        sync.Mutex // guards transport and guard
	transport *Transport
	guard     *guard // nil: none

	receiving sync.Mutex // held by the one who receives; guards inbox and sock's receiving half
	inbox     []incoming

	sending sync.Mutex // held by the one who sends; guards unsent and sock's sending half; before mu
	// unsent[sentTo:] has left the transport and not yet the socket; all of unsent is recycled together.
	unsent []outgoing
	sentTo int
	// wanted says that somebody asked for a Flush since the last one began.
	wanted  atomic.Bool
	blocked atomic.Bool // unsent was not empty when the last sender left

	alarm    alarm
	alone    atomic.Bool // see Linger
	polls    bool        // where it pays
	polling  polling     // guarded by receiving
	closed   atomic.Bool
	faults   *Faults
	receives atomic.Uint64
	sends    atomic.Uint64
	refused  atomic.Uint64 // datagrams that the socket would not send
	cut      atomic.Uint64 // datagrams that came truncated
}

// alarm is the read deadline of the socket.
type alarm struct {
	sync.Mutex
	at     time.Duration // since Conn.start; never, or what was set last
	stale  bool          // it has gone off, and must be set again before the next wait
	waked  bool          // Wake was called and no Receive has returned for it
	inside bool          // a Receive may be waiting
}

// Listen opens a socket on addr; port 0 picks a free one. On a Config without Nonce it draws one.
// Where addr is the unspecified IPv6 address, IPv4 is served too.
func Listen(addr netip.AddrPort, cfg Config) (*Conn, error) {
	if cfg.Nonce == 0 {
		var b [8]byte
		if _, err := crand.Read(b[:]); err != nil {
			return nil, fmt.Errorf("udp: draw a nonce: %w", err)
		}
		cfg.Nonce = binary.LittleEndian.Uint64(b[:])
	}
	addr = unmap(addr)
	sock, err := openSocket(addr, !cfg.NoOffload)
	if err != nil {
		return nil, fmt.Errorf("udp: listen on %v: %w", addr, err)
	}
	c := &Conn{
		start: clock(), local: sock.localAddr(), sock: sock,
		transport: NewTransport(cfg), faults: cfg.Faults, alarm: alarm{at: never},
		polls: sock.lingers && !cfg.NoPoll,
	}
	if cfg.Guard {
		c.guard = newGuard(rand.Uint32)
	}
	return c, nil
}

// LocalAddr returns the socket's address.
func (c *Conn) LocalAddr() netip.AddrPort { return c.local }

// Now returns the time since the Conn was opened, the clock of its Transport.
func (c *Conn) Now() time.Duration { return since(c.start) }

// Classify says what an address is; see Transport.Classify.
func (c *Conn) Classify(addr netip.AddrPort, class Class) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.transport.Classify(addr, class)
}

// SetDatagram sets the greatest datagram sent to an address, in bytes; see Transport.SetDatagram.
func (c *Conn) SetDatagram(addr netip.AddrPort, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.transport.SetDatagram(addr, bytes)
}

// Forget drops all that is known of an address; see Transport.Forget.
func (c *Conn) Forget(addr netip.AddrPort) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.transport.Forget(addr)
}

// Blame says that a message from an address was worth nothing to us. For who is blamed again and
// again, though he is a Client, the kernel lets nothing more in for a while (Config.Guard).
func (c *Conn) Blame(addr netip.AddrPort) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.guard != nil {
		addr = unmap(addr)
		c.guard.note(addr, c.transport.class(addr))
	}
}

// Stats returns the counters of the transport and of the socket.
func (c *Conn) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.transport.Stats()
	s.Receives, s.Sends = c.receives.Load(), c.sends.Load()
	if c.guard != nil {
		s.Guards, s.Closed = c.guard.count, c.guard.now.closed()
	}
	s.Drops[DropSend] += c.refused.Load()
	s.Drops[DropTruncated] += c.cut.Load()
	return s
}

// Close closes the socket. A Receive that waits returns net.ErrClosed.
func (c *Conn) Close() error {
	c.closed.Store(true)
	if err := c.sock.close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("udp: close %v: %w", c.local, err)
	}
	return nil
}

// Send queues a copy of msg for dst until the next Flush, by anyone, or the next Receive. Errors:
// those of Transport.Send.
func (c *Conn) Send(dst netip.AddrPort, msg []byte, mode Mode) error {
	var now time.Duration // which only a message that travels as fragments has a use for
	if mode == Reliable || headerSize+messageSize(len(msg)) > MinDatagram {
		now = c.Now()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.transport.Send(now, dst, msg, mode)
}

// Flush sends what may leave now. It never waits: if another goroutine is sending, that one sends
// this too; what the socket has no room for stays queued for the next Flush or Receive. Datagrams
// that the network refuses are lost, which is no error; net.ErrClosed is the only one.
func (c *Conn) Flush() error {
	c.wanted.Store(true)
	for round := 0; c.wanted.Load() && c.sending.TryLock(); round++ {
		if round == flushRounds {
			c.sending.Unlock()
			go func() { _ = c.Flush() }() // an error is a closed socket, of which everybody learns
			break
		}
		c.wanted.Store(false)
		err := c.flush()
		c.sending.Unlock()
		if err != nil {
			return err
		}
		if c.blocked.Load() {
			break
		}
	}
	c.rearm()
	if c.closed.Load() {
		return net.ErrClosed
	}
	return nil
}

// flush moves datagrams from the transport to the socket, those first for which there was no room
// before. The caller holds sending.
func (c *Conn) flush() error {
	if c.sentTo < len(c.unsent) {
		if err := c.write(); err != nil || c.blocked.Load() {
			return err
		}
	}
	c.mu.Lock()
	c.unsent = c.transport.take(c.Now(), c.unsent)
	c.mu.Unlock()
	if c.faults != nil {
		c.disturb()
	}
	if len(c.unsent) == 0 {
		return nil
	}
	return c.write()
}

// write gives unsent to the socket, as much as it takes. The caller holds sending.
func (c *Conn) write() error {
	result := c.sock.write(c.unsent[c.sentTo:])
	c.sentTo += result.done
	c.refused.Add(uint64(result.refused))
	c.sends.Add(uint64(result.calls))
	left := c.sentTo < len(c.unsent)
	c.blocked.Store(left)
	if left || result.err != nil {
		return result.err
	}
	c.mu.Lock()
	c.transport.recycle(c.unsent)
	c.mu.Unlock()
	c.unsent, c.sentTo = c.unsent[:0], 0
	return nil
}

// Receive waits for at least one datagram, takes a batch of those that are there, calls deliver for
// each message in or completed by them, and sends what that and the acknowledgements made ready. n
// counts the datagrams. deliver runs without a lock, and msg is valid until it returns. A zero
// deadline means none.
//
// Errors: os.ErrDeadlineExceeded when the deadline passes, net.ErrClosed after Close. Wake makes it
// return 0 and nil.
func (c *Conn) Receive(deadline time.Time, deliver func(src netip.AddrPort, msg []byte)) (n int, err error) {
	c.receiving.Lock()
	defer c.receiving.Unlock()
	until := never
	if !deadline.IsZero() {
		until = deadline.Sub(c.start)
	}
	for lingered, polled := false, false; ; {
		due := c.runTimers()
		if !polled && c.mayPoll(min(until, due)) {
			polled = true
			n, err = c.poll()
			if n == 0 && err == nil {
				continue
			}
		} else if !lingered && (due == never || due-c.Now() >= lingerLeast) && c.mayLinger(until) {
			lingered = true
			n, err = c.sock.linger()
			lingerers.Add(-1)
			if c.closed.Load() {
				return 0, net.ErrClosed
			}
			if n == 0 && err == nil {
				continue
			}
		} else {
			waked, expired := c.arm(min(until, due))
			if waked {
				return 0, nil
			}
			n, err = c.sock.read(!expired)
			c.disarm()
		}
		switch {
		case err == nil && n > 0:
			return n, c.process(n, deliver)
		case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
			if c.closed.Load() {
				return 0, net.ErrClosed
			}
			return 0, fmt.Errorf("udp: receive on %v: %w", c.local, err)
		}
		if c.takeWake() {
			return 0, nil
		}
		if c.Now() >= until {
			return 0, os.ErrDeadlineExceeded
		}
	}
}

// lingerers is how many threads of this process linger or poll.
var lingerers atomic.Int32

// takeProcessor reports whether one more may, and then counts it: one processor is left to others.
func takeProcessor() bool {
	if int(lingerers.Add(1)) >= runtime.GOMAXPROCS(0) {
		lingerers.Add(-1)
		return false
	}
	return true
}

// Linger says whether who calls Receive has nothing beside it to run. It then first waits a few
// milliseconds in the kernel, with its thread and processor, rather than be parked: a reply that is
// under way is there sooner, by the price of a switch of goroutines on both sides. Goroutines that are
// ready meanwhile may have to wait for the scheduler to notice, and so may Wake, Close and a deadline.
// At least one processor of the process is always left to others. Where the system does not offer it,
// Linger does nothing.
func (c *Conn) Linger(alone bool) { c.alone.Store(alone) }

// mayLinger reports whether Receive may linger before it waits until at, and then counts it.
func (c *Conn) mayLinger(at time.Duration) bool {
	if !c.alone.Load() || !c.sock.lingers || at != never && at <= c.Now() || !takeProcessor() {
		return false
	}
	c.silence()
	return true
}

// silence takes the socket's deadline away: the thread that waits for the timers of a process is
// waked by every datagram as well.
func (c *Conn) silence() {
	a := &c.alarm
	a.Lock()
	defer a.Unlock()
	if a.at != never {
		c.setAlarm(never)
	}
}

// TryReceive is Receive that returns 0 and nil rather than wait.
func (c *Conn) TryReceive(deliver func(src netip.AddrPort, msg []byte)) (n int, err error) {
	c.receiving.Lock()
	defer c.receiving.Unlock()
	c.runTimers()
	n, err = c.sock.read(false)
	switch {
	case c.closed.Load():
		return 0, net.ErrClosed
	case err != nil:
		return 0, fmt.Errorf("udp: receive on %v: %w", c.local, err)
	case n == 0:
		return 0, nil
	}
	return n, c.process(n, deliver)
}

// process puts the n datagrams that were read through the transport.
func (c *Conn) process(n int, deliver func(src netip.AddrPort, msg []byte)) error {
	c.receives.Add(1)
	c.mu.Lock()
	now := c.Now()
	for i := range n {
		in := c.sock.datagram(i)
		if in.truncated {
			c.cut.Add(1)
			continue
		}
		if bad := c.transport.receive(now, in.src, in.data); bad && c.guard != nil {
			c.guard.note(in.src, c.transport.class(in.src))
		}
	}
	c.inbox, c.transport.inbox = c.transport.inbox, c.inbox
	c.mu.Unlock()
	c.polling.note(now, len(c.inbox))
	for i := range c.inbox {
		deliver(c.inbox[i].src, c.inbox[i].msg)
	}
	c.mu.Lock()
	c.inbox = c.transport.release(c.inbox)
	pending := len(c.transport.dirty) > 0 || len(c.transport.ready) > 0
	c.mu.Unlock()
	if pending {
		return c.Flush()
	}
	return nil
}

// runTimers does what is due and returns when to look again.
func (c *Conn) runTimers() time.Duration {
	now := c.Now()
	c.mu.Lock()
	at, ok := c.transport.Deadline()
	if ok && at <= now {
		c.transport.Tick(now)
	}
	decided := c.guard != nil && c.guard.decide(now, c.transport.addresses(Client), c.transport.addresses(Peer))
	c.mu.Unlock()
	if decided {
		c.protect()
	}
	if ok && at <= now || c.blocked.Load() || c.faultsDue(now) {
		// The only error is a closed socket, which the read that follows reports.
		_ = c.Flush()
	}
	return c.nextTimer()
}

// protect has the kernel do what the guard has decided. A kernel that does not is not asked again;
// one that has too little room for a filter gets a coarser one.
func (c *Conn) protect() {
	c.mu.Lock()
	f := c.guard.now
	c.mu.Unlock()
	err := c.sock.filter(f.program())
	for errors.Is(err, syscall.ENOMEM) && len(f.open) > 1 {
		f.fold()
		err = c.sock.filter(f.program())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.guard.now = f
	if err != nil {
		c.guard = nil
		_ = c.sock.filter(nil) // what it took before
	}
}

// nextTimer returns when something is due, or never.
func (c *Conn) nextTimer() time.Duration {
	c.mu.Lock()
	at, ok := c.transport.Deadline()
	if !ok {
		at = never
	}
	if c.guard != nil {
		at = min(at, c.guard.due())
	}
	c.mu.Unlock()
	if c.blocked.Load() {
		at = min(at, c.Now()+sendRetry)
	}
	if c.faults != nil {
		if due, ok := c.faults.Deadline(); ok {
			at = min(at, due)
		}
	}
	return at
}

// arm sets the socket's deadline for the wait that follows. It reports a Wake that came before, and a
// deadline in the past.
func (c *Conn) arm(at time.Duration) (waked, expired bool) {
	a := &c.alarm
	a.Lock()
	defer a.Unlock()
	if a.waked {
		a.waked = false
		return true, false
	}
	if at != never && at <= c.Now() {
		return false, true
	}
	a.inside = true
	if at != a.at || a.stale {
		c.setAlarm(at)
	}
	return false, false
}

// setAlarm sets the deadline; the caller holds alarm.
func (c *Conn) setAlarm(at time.Duration) {
	var deadline time.Time
	if at != never {
		deadline = c.start.Add(at)
	}
	c.alarm.at, c.alarm.stale = at, false
	c.sock.setReadDeadline(deadline)
}

func (c *Conn) disarm() {
	a := &c.alarm
	a.Lock()
	defer a.Unlock()
	a.inside = false
	if a.at != never && a.at <= c.Now() {
		a.stale = true
	}
}

// rearm brings the deadline of a Receive that waits forward to a timer that a Flush has started.
func (c *Conn) rearm() {
	at := c.nextTimer()
	if at == never {
		return
	}
	a := &c.alarm
	a.Lock()
	defer a.Unlock()
	if a.inside && at < a.at {
		c.setAlarm(at)
	}
}

// Wake makes the Receive that waits, or else the next one, return 0 and nil.
func (c *Conn) Wake() {
	a := &c.alarm
	a.Lock()
	defer a.Unlock()
	a.waked = true
	if a.inside {
		c.setAlarm(0)
		a.stale = true
	}
}

func (c *Conn) takeWake() bool {
	a := &c.alarm
	a.Lock()
	defer a.Unlock()
	waked := a.waked
	a.waked = false
	return waked
}
