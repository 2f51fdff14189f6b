package server

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"ironkv/kv"
)

// maxBan is how long requests of an address that never makes room are dropped at most.
const maxBan = 16 * MaxWait

// choked are the addresses for which the transport has lately refused a message, since
// too much is queued for them. To read for them would be work in vain: an answer of
// some MiB is as costly as thousands of short ones. Loop and sender share it.
type choked struct {
	some atomic.Bool // list is not empty
	mu   sync.Mutex
	list map[netip.AddrPort]ban
}

// A ban lasts for span, from when it is first looked at until until. Who is choked
// again after it is over gets one of twice the span.
type ban struct {
	span, until kv.Time
	over        bool
}

func (c *choked) note(dst netip.AddrPort) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, known := c.list[dst]
	switch {
	case !known && len(c.list) >= maxProven:
		clear(c.list)
	case c.list == nil:
		c.list = map[netip.AddrPort]ban{}
	case known && !b.over:
		return
	}
	c.list[dst] = ban{span: min(max(2*b.span, MaxWait), maxBan)}
	c.some.Store(true)
}

// has reports whether src is one of them.
func (c *choked) has(now kv.Time, src netip.AddrPort) bool {
	if !c.some.Load() {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	b, known := c.list[src]
	switch {
	case !known:
		return false
	case b.until == 0:
		b.until = now + b.span
	case now >= b.until+maxBan:
		delete(c.list, src)
		c.some.Store(len(c.list) > 0)
		return false
	case now >= b.until:
		b.over = true
	}
	c.list[src] = b
	return !b.over
}
