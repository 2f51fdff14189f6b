package lock

import (
	"cmp"
	"fmt"
	"slices"
)

// A System is all hosts, every packet ever sent (the network loses nothing that
// may not arrive later, and delivers anything again), and the ghost history of
// holders. Source: GLS_State, Protocol/Lock/RefinementProof/DistributedSystem.i.dfy.
type System struct {
	Hosts   []Host
	Network []Packet // sorted, each once
	History []NodeID
}

// Init is the first state of a ring of nodes that grants up to epoch last.
func Init(nodes int, last uint64) System {
	s := System{History: []NodeID{0}}
	for me := range nodes {
		s.Hosts = append(s.Hosts, *NewHost(NodeID(me), nodes, last))
	}
	return s
}

// AbstractHost is the protocol's view of a host.
func AbstractHost(h *Host) Node {
	return Node{Held: h.held, Epoch: h.epoch, Me: h.me, Nodes: h.nodes, LastEpoch: h.last}
}

// AbstractService is the spec's view of a system
// (AbstractifyGLS_State, Protocol/Lock/RefinementProof/Refinement.i.dfy).
func AbstractService(s System) Service { return Service{Nodes: len(s.Hosts), History: s.History} }

// Grant lets host id take the step that gives the lock away, and checks it.
func (s System) Grant(id NodeID) (System, error) {
	return s.step(id, (*Host).Grant, func(s, t Node, out []Packet) error { return Grant(s, t, out) })
}

// Deliver lets p's destination receive p, and checks the step.
func (s System) Deliver(p Packet) (System, error) {
	return s.step(p.Dst, func(h *Host) []Datagram { return h.Receive(p.Src, Encode(p.Msg)) },
		func(s, t Node, out []Packet) error { return Accept(s, t, p, out) })
}

// step takes a step of H, keeps the ghost history, and checks the step against
// P, and P's step against S (LS_NextOneServer, GLS_Next).
func (s System) step(id NodeID, take func(*Host) []Datagram, action func(s, t Node, out []Packet) error) (System, error) {
	t := System{Hosts: slices.Clone(s.Hosts), Network: slices.Clone(s.Network), History: slices.Clip(s.History)}
	before := AbstractHost(&s.Hosts[id])
	var out []Packet
	for _, d := range take(&t.Hosts[id]) {
		m, ok := Decode(d.Bytes)
		if !ok {
			return t, fmt.Errorf("%w: host %d sent bytes that are no message", ErrProtocol, id)
		}
		p := Packet{Dst: d.Dst, Src: id, Msg: m}
		out = append(out, p)
		if m.Kind == Transfer { // the history grows when the lock is granted
			t.History = append(t.History, p.Dst)
		}
		if i, found := slices.BinarySearchFunc(t.Network, p, comparePackets); !found {
			t.Network = slices.Insert(t.Network, i, p)
		}
	}
	if err := action(before, AbstractHost(&t.Hosts[id]), out); err != nil {
		return t, err
	}
	if err := ServiceNext(AbstractService(s), AbstractService(t)); err != nil {
		return t, err
	}
	return t, Correspondence(t.Network, AbstractService(t))
}

// Key appends the canonical encoding of s to b.
func (s System) Key(b []byte) []byte {
	return fmt.Appendf(b, "%v %v %v", s.Hosts, s.History, s.Network)
}

func comparePackets(a, b Packet) int {
	return cmp.Or(cmp.Compare(a.Dst, b.Dst), cmp.Compare(a.Src, b.Src),
		cmp.Compare(a.Msg.Kind, b.Msg.Kind), cmp.Compare(a.Msg.Epoch, b.Msg.Epoch))
}
