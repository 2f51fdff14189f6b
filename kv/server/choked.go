package server

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"ironkv/kv"
)

// choked are the addresses for which the transport has lately refused a message, since
// too much is queued for them. To read for them would be work in vain: an answer of
// some MiB is as costly as thousands of short ones. Loop and sender share it.
type choked struct {
	some  atomic.Bool // list is not empty
	mu    sync.Mutex
	list  map[netip.AddrPort]struct{}
	until kv.Time // when the list is emptied; zero: it has not been looked at
}

func (c *choked) note(dst netip.AddrPort) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.list == nil {
		c.list = map[netip.AddrPort]struct{}{}
	}
	if len(c.list) < maxProven {
		c.list[dst] = struct{}{}
		c.some.Store(true)
	}
}

// has reports whether src is one of them; each gets another chance every MaxWait.
func (c *choked) has(now kv.Time, src netip.AddrPort) bool {
	if !c.some.Load() {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.until == 0:
		c.until = now + MaxWait
	case now >= c.until:
		c.until = 0
		clear(c.list)
		c.some.Store(false)
	}
	_, found := c.list[src]
	return found
}
