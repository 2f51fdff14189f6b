package lock

import (
	"errors"
	"fmt"
	"slices"
)

// ErrProtocol says that a step is none of the protocol; the text names the conjunct.
var ErrProtocol = errors.New("not a step of the protocol")

// A MessageKind tells the two messages apart.
type MessageKind uint8

// The messages (LockMessage, Protocol/Lock/Types.i.dfy).
const (
	Transfer MessageKind = iota // hands the lock over, with its new epoch
	Locked                      // announces that it was taken
)

var kindNames = [...]string{"Transfer", "Locked"}

// String returns the paper's name of the kind.
func (k MessageKind) String() string { return kindNames[k] }

// A Message is a kind and an epoch.
type Message struct {
	Kind  MessageKind
	Epoch uint64
}

// A Packet is a message with its ends.
type Packet struct {
	Dst, Src NodeID
	Msg      Message
}

// String tells the message, its epoch, and its ends.
func (p Packet) String() string {
	return fmt.Sprintf("%v %d from host %d to host %d", p.Msg.Kind, p.Msg.Epoch, p.Src, p.Dst)
}

// A Node is a host of the protocol.
type Node struct {
	Held bool
	// Epoch is the highest this host held the lock with; 0 for never.
	Epoch uint64
	Me    NodeID
	Nodes int
	// LastEpoch is where granting ends: 2^64-1 in the paper, less to be explored.
	LastEpoch uint64
}

// NodeInit is a host's first state: host 0 holds the lock with epoch 1.
func NodeInit(me NodeID, nodes int, last uint64) Node {
	n := Node{Me: me, Nodes: nodes, LastEpoch: last, Held: me == 0}
	if n.Held {
		n.Epoch = 1
	}
	return n
}

// Next is the node that a node grants to.
func (n Node) Next() NodeID { return NodeID((int(n.Me) + 1) % n.Nodes) }

// Grant hands the lock to the next host of the ring; who does not hold it, or may
// not raise the epoch any more, does nothing. Source: NodeGrant, Protocol/Lock/Node.i.dfy.
func Grant(s, t Node, out []Packet) error {
	if !s.Held || s.Epoch >= s.LastEpoch {
		return same("who does not hold the lock grants nothing", s, t, out, nil)
	}
	want := s
	want.Held = false
	return same("the lock goes to the next host under the next epoch", want, t, out,
		[]Packet{{Dst: s.Next(), Src: s.Me, Msg: Message{Transfer, s.Epoch + 1}}})
}

// Accept takes the lock from a transfer with a higher epoch than any it held, and
// announces it to whoever handed it over; anything else it ignores.
// Source: NodeAccept, Protocol/Lock/Node.i.dfy, which leaves open to whom it is announced.
func Accept(s, t Node, in Packet, out []Packet) error {
	if s.Held || int(in.Src) >= s.Nodes || in.Msg.Kind != Transfer || in.Msg.Epoch <= s.Epoch {
		return same("what is no news is ignored", s, t, out, nil)
	}
	want := s
	want.Held, want.Epoch = true, in.Msg.Epoch
	return same("the lock is taken with the transfer's epoch, and announced", want, t, out,
		[]Packet{{Dst: in.Src, Src: s.Me, Msg: Message{Locked, in.Msg.Epoch}}})
}

func same(conjunct string, want, got Node, out, wantOut []Packet) error {
	if want != got {
		return fmt.Errorf("%w: %s: P becomes %+v, H became %+v", ErrProtocol, conjunct, want, got)
	}
	if !slices.Equal(out, wantOut) {
		return fmt.Errorf("%w: %s: P sends %v, H sent %v", ErrProtocol, conjunct, wantOut, out)
	}
	return nil
}
