package explorer

import (
	"encoding/binary"
	"fmt"
	"sync"

	"ironkv/kv"
	"ironkv/marshal"
	"ironkv/tests/world"
)

// A client is a state of a client: what it does in the world, and how many of
// the requests of its script it has begun. It never changes, and there is one
// value for each.
type client struct {
	client *world.Client
	index  int // of its script
	begun  int
	id     uint32
	// unanswered is what is still to come, nil for nothing.
	unanswered error

	lock  sync.Mutex
	steps map[*packet]*reaction // nil packet: it gives up
}

// A reaction is what an event makes of a client.
type reaction struct {
	next *client
	sent []*packet
}

// waiting returns the request that is outstanding, if there is one.
func (c *client) waiting() *world.Op {
	if len(c.client.Ops) == 0 {
		return nil
	}
	return c.client.Ops[0]
}

// client returns the one value for the state, in which it has begun whatever it
// can begin: a request that is sent later is one that is delivered later.
func (g *graph) client(c *world.Client, index, begun int, sent []kv.Packet) *reaction {
	script := g.scope.Clients[index]
	for len(c.Ops) == 0 && begun < len(script) {
		_, packets := c.Invoke(script[begun])
		begun++
		sent = append(sent, packets...)
	}
	b := binary.AppendUvarint(nil, uint64(begun))
	n, key := &client{client: c, index: index, begun: begun}, hashOf(c.Encode(b))
	if o := n.waiting(); o != nil {
		n.unanswered = violatesLiveness(fmt.Errorf("client %d is never answered: request %d of its script, number %d at host %d", index+1, begun, o.Number(), o.Host()))
	}
	r := &reaction{sent: g.packetsOf(sent)}
	g.lock.Lock()
	defer g.lock.Unlock()
	if old := g.clients[key]; old != nil {
		n = old
	} else {
		n.id = uint32(len(g.clients))
		g.clients[key] = n
	}
	r.next = n
	return r
}

// react returns what the client makes of a packet, or of losing patience; it is
// computed once.
func (g *graph) react(c *client, p *packet) *reaction {
	c.lock.Lock()
	defer c.lock.Unlock()
	if r := c.steps[p]; r != nil {
		return r
	}
	n := c.client.Clone()
	var sent []kv.Packet
	if p == nil {
		n.GiveUp(n.Ops[0])
	} else {
		own := p.Packet
		own.Msg = marshal.Clone(p.Msg)
		sent = n.Receive(own)
	}
	if c.steps == nil {
		c.steps = map[*packet]*reaction{}
	}
	c.steps[p] = g.client(n, c.index, c.begun, sent)
	return c.steps[p]
}
