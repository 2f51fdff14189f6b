package protocol

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"

	"ironkv/delegation"
	"ironkv/ghost/spec"
	"ironkv/marshal"
)

// An Endpoint is a host, or where Host is 0 a client at its address.
type Endpoint struct {
	Host   delegation.HostID
	Client netip.AddrPort
}

// String is "host 2", or "client 127.0.0.1:4711".
func (e Endpoint) String() string {
	switch {
	case e.Host != 0:
		return fmt.Sprintf("host %d", e.Host)
	case e.Client.IsValid():
		return "client " + e.Client.String()
	}
	return "nobody"
}

// A Packet is a message with its ends (Protocol/SHT/Network.i.dfy).
type Packet struct {
	Dst, Src Endpoint
	Msg      Message
}

// textBytes bounds what is told of one packet, in bytes: it may carry megabytes.
const textBytes = 400

// String tells the message, by the paper's name where it has one, and its ends.
func (p Packet) String() string {
	text := strings.TrimPrefix(fmt.Sprintf("%T%+v", p.Msg, p.Msg), "protocol.")
	if len(text) > textBytes {
		text = text[:textBytes] + "…"
	}
	return fmt.Sprintf("%s from %v to %v", text, p.Src, p.Dst)
}

// Same reports whether p and o are one packet of the network's set.
func (p Packet) Same(o Packet) bool {
	return p.Dst == o.Dst && p.Src == o.Src && SameMessage(p.Msg, o.Msg)
}

// A Message is one of the types below, with what P wants to know of the message
// of the same name in marshal.
type Message interface{ message() }

// A Header says which request of which session.
type Header struct {
	Session marshal.SessionID
	Number  uint64
}

// A Write is what writes and orders carry besides.
type Write struct {
	Floor     uint64
	Operation spec.Operation
}

// Life names the two ends of a message between hosts as they know each other.
type Life struct {
	From, To marshal.Incarnation
}

// What clients send.
type (
	// Open asks for a session.
	Open struct{ Nonce marshal.Nonce }
	// Close ends one.
	Close struct{ Session marshal.SessionID }
	// GetRequest reads a key.
	GetRequest struct {
		Header
		Key delegation.Key
	}
	// ScanRequest reads from the start of a range on.
	ScanRequest struct {
		Header
		Range delegation.Range
		Mode  marshal.ScanMode
	}
	// SetRequest writes or removes a key.
	SetRequest struct {
		Header
		Write
		Key       delegation.Key
		Value     string
		Delete    bool
		Condition marshal.Condition
	}
	// Shard orders a range moved.
	Shard struct {
		Header
		Write
		Range     delegation.Range
		Recipient delegation.HostID
	}
	// MoveOrder changes a move.
	MoveOrder struct {
		Header
		Write
		Move   marshal.MoveID
		Action marshal.MoveAction
	}
)

// What hosts send to clients. The last three may be recorded.
type (
	// Opened answers Open.
	Opened struct {
		Nonce   marshal.Nonce
		Session marshal.SessionID
	}
	// GetReply answers GetRequest; Entry has no key.
	GetReply struct {
		Header
		Found bool
		Entry spec.Entry
	}
	// ScanReply is complete for Covered.
	ScanReply struct {
		Header
		Covered delegation.Range
		Keys    uint64
		Entries []spec.Entry
	}
	// SetReply answers SetRequest at the owner.
	SetReply struct {
		Header
		Result  marshal.SetResult
		Version marshal.Version
	}
	// Redirect names the owner of the range around the key that was asked for, and
	// the delegate on its way there that covers the key, if there is one.
	Redirect struct {
		Header
		Range delegation.Range
		Owner delegation.HostID
		Hint  marshal.Hint
	}
	// OrderReply answers Shard and MoveOrder. Move is the move that was made or is
	// overlapped, 0 for none. Range is what that other move moves, or the first part
	// that Owner, another host, owns.
	OrderReply struct {
		Header
		Reason marshal.OrderReason
		Move   uint64
		Range  delegation.Range
		Owner  delegation.HostID
	}
)

// What hosts send to hosts.
type (
	// Greet makes hosts known to each other, and tells what its sender has
	// counted with the receiver.
	Greet struct {
		Life
		Sent, Acked, Received uint64
	}
	// Single carries a delegate under its number.
	Single struct {
		Life
		Seqno    uint64
		Delegate Delegate
	}
	// Consent is the recipient's answer to a move's proposal. P does not know of
	// proposals: a recipient may answer so at any time.
	Consent struct {
		Life
		Move   marshal.MoveID
		Reason marshal.OrderReason
	}
	// Ack acknowledges all numbers up to Seqno.
	Ack struct {
		Life
		Seqno uint64
	}
)

// A Delegate hands over a range with its entries, and a clock that covers every
// version that a key of the range ever had.
type Delegate struct {
	Range   delegation.Range
	Clock   marshal.Version
	Entries []spec.Entry
}

func (Open) message()        {}
func (Close) message()       {}
func (GetRequest) message()  {}
func (ScanRequest) message() {}
func (SetRequest) message()  {}
func (Shard) message()       {}
func (MoveOrder) message()   {}
func (Opened) message()      {}
func (GetReply) message()    {}
func (ScanReply) message()   {}
func (SetReply) message()    {}
func (Redirect) message()    {}
func (OrderReply) message()  {}
func (Greet) message()       {}
func (Single) message()      {}
func (Ack) message()         {}
func (Consent) message()     {}

// SameMessage reports whether two messages are equal.
func SameMessage(a, b Message) bool {
	switch x := a.(type) {
	case Single:
		y, ok := b.(Single)
		return ok && x.Life == y.Life && x.Seqno == y.Seqno && x.Delegate.Same(y.Delegate)
	case ScanReply:
		y, ok := b.(ScanReply)
		return ok && x.Header == y.Header && x.Covered == y.Covered && x.Keys == y.Keys && sameEntries(x.Entries, y.Entries)
	}
	if reflect.TypeOf(a) != reflect.TypeOf(b) {
		return false
	}
	return a == b // all the other types are comparable
}

// Same reports whether two delegates carry the same.
func (d Delegate) Same(o Delegate) bool {
	return d.Range == o.Range && d.Clock == o.Clock && sameEntries(d.Entries, o.Entries)
}

func sameEntries(a, b []spec.Entry) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
