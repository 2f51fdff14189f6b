package protocol

import (
	"errors"
	"fmt"
	"slices"

	"ironkv/delegation"
	"ironkv/ghost/judge"
	"ironkv/ghost/spec"
	"ironkv/marshal"
)

// A System is all hosts and the network (SHT_State, RefinementProof/SHT.i.dfy),
// and besides, as ghosts, what clients want and what S has come to.
type System struct {
	// Hosts are sorted by id.
	Hosts []Host
	// Network is every packet ever sent. A checker of real runs leaves it empty.
	Network Network
	Clients []Client
	// Service is the state of S that the steps so far have led to: the history of
	// operations executed and of the versions that keys had.
	Service spec.State
	// Doubled are operations that were executed although they had been before.
	Doubled []spec.Operation
	// FullDisks says that Next lets hosts run out of room.
	FullDisks bool
}

// NewSystem is the first state of a cluster (SHT_Init). With met, the hosts know
// each other already, which leaves the getting acquainted out of what follows.
func NewSystem(root delegation.HostID, hosts []delegation.HostID, met bool) System {
	s := System{Network: NewNetwork(), Service: spec.Init()}
	for _, id := range hosts {
		h := NewHost(id, root, FirstIncarnation(id), hosts)
		for i := range h.Peers {
			if met {
				h.Peers[i].Incarnation, h.Peers[i].Confirmed = FirstIncarnation(h.Peers[i].ID), true
			}
		}
		h.Joined = h.Joined || met
		s.Hosts = append(s.Hosts, h)
	}
	return s
}

// firstIncarnation is what host 1 of a system is called; in P any will do.
const firstIncarnation = 1001

// FirstIncarnation is what the host is called in [NewSystem].
func FirstIncarnation(id delegation.HostID) marshal.Incarnation {
	return marshal.Incarnation(firstIncarnation + uint64(id) - 1)
}

// WithFullDisks returns the system with hosts that may run out of room.
func (s System) WithFullDisks() System {
	s.FullDisks = true
	return s
}

// ids are those of the hosts.
func (s System) ids() (ids []delegation.HostID) {
	for _, h := range s.Hosts {
		ids = append(ids, h.Me)
	}
	return ids
}

// Host returns the host with the id.
func (s System) Host(id delegation.HostID) (Host, bool) {
	for _, h := range s.Hosts {
		if h.Me == id {
			return h, true
		}
	}
	return Host{}, false
}

// With returns the system in which h is in the place of the host of its id
// (SHT_NextPred: all other hosts are unchanged).
func (s System) With(h Host) System {
	s.Hosts = slices.Clone(s.Hosts)
	for i := range s.Hosts {
		if s.Hosts[i].Me == h.Me {
			s.Hosts[i] = h
		}
	}
	return s
}

// Step lets the host with the id take a. What it executes is executed in S: it
// fails where either is not possible, but that an operation is executed twice is
// noted in Doubled.
func (s System) Step(id delegation.HostID, a Action) (System, Outcome, error) {
	h, ok := s.Host(id)
	if !ok {
		return s, Outcome{}, fmt.Errorf("%w: there is no host %d", ErrProtocol, id)
	}
	o, err := a.Take(h)
	if err != nil {
		return s, o, err
	}
	t := s
	if !o.Host.same(h) {
		t = s.With(o.Host)
	}
	for _, e := range o.Executed {
		next, err := t.Service.Execute(e)
		switch {
		case errors.Is(err, spec.ErrTwice):
			t.Doubled = append(slices.Clip(t.Doubled), operation(e.Request))
		case err != nil:
			return s, o, fmt.Errorf("host %d, %s: %w", id, a.Name(), err)
		}
		t.Service = next
	}
	return t, o, nil
}

func operation(r spec.Request) spec.Operation {
	switch r := r.(type) {
	case spec.Set:
		return r.Operation
	case spec.Order:
		return r.Operation
	}
	return spec.Operation{}
}

// A Network is a set of packets that only grows (Protocol/SHT/Network.i.dfy).
type Network struct{ packets judge.Tree[sent] }

// sent is a packet with its encoding, by which the set is ordered.
type sent struct {
	key    string
	packet Packet
}

// NewNetwork returns the empty network.
func NewNetwork() Network {
	return Network{judge.NewTree(func(a, b *sent) bool { return a.key < b.key })}
}

// With returns the network to which the packets were sent (Network_Send).
func (n Network) With(packets ...Packet) Network {
	for _, p := range packets {
		s := sent{string(p.Encode(nil)), p}
		if _, ok := n.packets.Get(s); !ok {
			n.packets = n.packets.With(s)
		}
	}
	return n
}

// Encode appends the canonical encoding of p to b.
func (p Packet) Encode(b []byte) []byte {
	return fmt.Appendf(b, "%d %v %d %v %T%v", p.Dst.Host, p.Dst.Client, p.Src.Host, p.Src.Client, p.Msg, p.Msg)
}

// All yields the packets, always in the same order.
func (n Network) All() func(yield func(Packet) bool) {
	return func(yield func(Packet) bool) {
		for s := range n.packets.All() {
			if !yield(s.packet) {
				return
			}
		}
	}
}

// Len is the number of packets.
func (n Network) Len() int { return n.packets.Len() }

// An InFlight is a delegate that was sent and not received: it, and no host,
// owns its range.
type InFlight struct {
	From, To delegation.HostID
	Seqno    uint64
	Delegate Delegate
}

// String names the delegate as stories do.
func (f InFlight) String() string {
	return fmt.Sprintf("delegate %d→%d #%d of %v", f.From, f.To, f.Seqno, f.Delegate.Range)
}

// InFlight returns the delegates in flight. What is sent and not received is
// unacknowledged, since only what was received is acknowledged: so the senders'
// lists hold all of them (PacketInFlight, RefinementProof/InvDefs.i.dfy, looks
// for them in the network).
func (s System) InFlight() (out []InFlight) {
	for _, h := range s.Hosts {
		for _, p := range h.Peers {
			to, ok := s.Host(p.ID)
			if !ok {
				continue
			}
			back, _ := to.Peer(h.Me)
			for i, d := range p.Unacked {
				if n := p.Acked + 1 + uint64(i); n > back.Received {
					out = append(out, InFlight{h.Me, p.ID, n, d})
				}
			}
		}
	}
	return out
}
