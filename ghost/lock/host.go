package lock

import "encoding/binary"

// messageBytes is the length of an encoded message: 8 bytes of kind, 8 of epoch,
// both big-endian. The paper's bytes: CMessageGrammar, Impl/Lock/PacketParsing.i.dfy,
// and for Locked MarshallLockMsg, Services/Lock/AbstractService.s.dfy.
const messageBytes = 16

// A Datagram is an encoded message for a host of the ring.
type Datagram struct {
	Dst   NodeID
	Bytes []byte
}

// A Host is the implementation: a sequential machine from datagrams to datagrams
// that does no I/O. Source: NodeImpl, Impl/Lock/NodeImpl.i.dfy.
type Host struct {
	me, next NodeID
	nodes    int
	epoch    uint64
	last     uint64
	held     bool
}

// NewHost returns host me of a ring of nodes that grants up to epoch last.
func NewHost(me NodeID, nodes int, last uint64) *Host {
	h := &Host{me: me, next: NodeID((int(me) + 1) % nodes), nodes: nodes, last: last}
	if me == 0 {
		h.held, h.epoch = true, 1
	}
	return h
}

// Grant gives the lock away if the host holds it.
func (h *Host) Grant() []Datagram {
	if !h.held || h.epoch >= h.last {
		return nil
	}
	h.held = false
	return []Datagram{{Dst: h.next, Bytes: Encode(Message{Transfer, h.epoch + 1})}}
}

// Receive takes a datagram that came from host src. Bytes that are no message
// change nothing.
func (h *Host) Receive(src NodeID, datagram []byte) []Datagram {
	m, ok := Decode(datagram)
	if !ok || m.Kind != Transfer || h.held || int(src) >= h.nodes || m.Epoch <= h.epoch {
		return nil
	}
	h.held, h.epoch = true, m.Epoch
	return []Datagram{{Dst: src, Bytes: Encode(Message{Locked, m.Epoch})}}
}

// Encode returns a message's bytes.
func Encode(m Message) []byte {
	b := make([]byte, 0, messageBytes)
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, uint64(m.Kind)), m.Epoch)
}

// Decode reads a message, and reports false for bytes that are none.
func Decode(b []byte) (Message, bool) {
	if len(b) != messageBytes {
		return Message{}, false
	}
	kind := binary.BigEndian.Uint64(b)
	if kind >= uint64(len(kindNames)) {
		return Message{}, false
	}
	return Message{MessageKind(kind), binary.BigEndian.Uint64(b[8:])}, true
}
