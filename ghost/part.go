package ghost

import (
	"ironkv/delegation"
	"ironkv/ghost/spec"
	"ironkv/kv"
)

// Alone returns a checker of the host with the id, and of no other, that knows of it
// what c does. It says of each step what c would, but not by the name of an
// invariant that is about several hosts; and only [Join] makes a checker again that
// may check such invariants. Whoever meets one host in the same state beside many
// others' has its steps checked once.
func (c *Checker) Alone(id delegation.HostID) *Checker {
	i, d := c.index[id], *c
	d.index = map[delegation.HostID]int{id: 0}
	d.every, d.held, d.room = 0, [][]*kv.Held{c.held[i]}, []uint64{c.room[i]}
	d.system.Hosts = c.system.Hosts[i : i+1 : i+1]
	return &d
}

// In returns a copy of c that goes on from another state of S.
func (c *Checker) In(service spec.State) *Checker {
	d := c.Clone()
	d.system.Service = service
	return d
}

// Join returns a checker of all hosts that parts are checkers of, in the order of
// their ids, in the state of S that the first of them is in.
func Join(parts ...*Checker) *Checker {
	c := *parts[0]
	c.index, c.held, c.room, c.system.Hosts = map[delegation.HostID]int{}, nil, nil, nil
	for _, p := range parts {
		for _, h := range p.system.Hosts {
			c.index[h.Me] = len(c.system.Hosts)
			c.system.Hosts = append(c.system.Hosts, h)
		}
		c.held, c.room = append(c.held, p.held...), append(c.room, p.room...)
	}
	return &c
}
