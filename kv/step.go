package kv

import (
	"net/netip"

	"ironkv/delegation"
	"ironkv/marshal"
)

// Time is a reading of a monotonic clock, in nanoseconds since the process
// started. It never decreases from step to step and is never persisted.
type Time int64

// Units of Time.
const (
	Microsecond Time = 1000
	Millisecond      = 1000 * Microsecond
	Second           = 1000 * Millisecond
)

// An Endpoint is whom a packet is from or for: a host of the cluster, or, where
// Host is 0, a client at an address. The caller proves a host by its address.
type Endpoint struct {
	Host   delegation.HostID
	Client netip.AddrPort
}

// A Packet is a message with its destination and source (the paper's LPacket).
type Packet struct {
	Dst, Src Endpoint
	Msg      marshal.Message
}

// An InputKind tells what a step is given.
type InputKind uint8

// The kinds of input.
const (
	// InputPacket is a packet that was received.
	InputPacket InputKind = iota
	// InputTimer says that [Host.Deadline] was reached: the host takes one
	// action that is due, or none.
	InputTimer
	// InputRoom tells how many bytes the store can still take in.
	InputRoom
)

// An Input is what one step is given.
type Input struct {
	Kind   InputKind
	Packet Packet // InputPacket; Dst may be left zero
	Room   uint64 // InputRoom: bytes
}

// An Action names what a step did, for the journal and the counters.
type Action uint8

// The actions of a host. The paper's names where it has them.
const (
	ActNone       Action = iota // nothing was to do
	ActDrop                     // the packet was dropped; Effects.Drop says why
	ActSession                  // hello, open, close
	ActGet                      // NextGetRequest
	ActSet                      // NextSetRequest
	ActScan                     // a page of a scan
	ActShard                    // NextShard: admits a move
	ActMoveOrder                // pause, resume, cancel, throttle
	ActQuery                    // moves, status, audit
	ActDelegate                 // NextDelegate: takes a range over
	ActAck                      // ReceiveAck
	ActPeer                     // greetings, proposals, consents
	ActChunk                    // NextShard's hand-over: gives a range away
	ActMove                     // a move changes its phase
	ActRetransmit               // SpontaneouslyRetransmit
	ActExpire                   // a session or a hold expires
	ActRoom                     // notes the store's room
	numActions
)

// A DropReason says why a packet had no effect.
type DropReason uint8

// The reasons for dropping a packet.
const (
	DropNone          DropReason = iota
	DropNotForHost               // a message that only clients receive
	DropNotPeer                  // a host's message from someone who is not that host
	DropIncarnation              // an incarnation is not the one that is known
	DropGap                      // a delegate whose predecessor is missing
	DropDuplicate                // a delegate that was received before
	DropAckBeyondSent            // an acknowledgement of what was never sent
	DropBelowFloor               // a number that its client has given up
	DropAlreadyHeld              // a copy of a request that is held
	DropCookie                   // a cookie that this host did not make
	DropNotServing               // a delegate before the host has met its peers
	DropInvalid                  // a key or a range that no client of ours sends
	NumDropReasons
)

// String returns the reason as metrics and logs name it.
func (d DropReason) String() string {
	return [...]string{"none", "not-for-host", "not-peer", "incarnation", "gap", "duplicate", "ack-beyond-sent",
		"below-floor", "already-held", "cookie", "not-serving", "invalid"}[d]
}

// A Transfer is a change of ownership that a step made: this host gave Range to
// Peer under number Seqno (Taken false), or took it over from Peer.
type Transfer struct {
	Taken bool
	Peer  delegation.HostID
	Seqno uint64
	Range delegation.Range
}

// Effects collects what steps want done. The caller resets it, hands it to one
// or more steps, and acts on it after the commit.
type Effects struct {
	Action    Action     // of the last step
	Drop      DropReason // of the last step
	Packets   []Packet   // to send, in order
	Transfers []Transfer
	// gets and sets are where replies to reads and writes live, so that none is allocated
	// by itself.
	gets []marshal.GetReply
	sets []marshal.SetReply
	// Halt is set where the host must stop for good; nothing of this step may leave.
	Halt error
}

// Reset empties e and keeps its memory.
func (e *Effects) Reset() {
	clear(e.Packets)
	clear(e.gets)
	*e = Effects{Packets: e.Packets[:0], Transfers: e.Transfers[:0], gets: e.gets[:0], sets: e.sets[:0]}
}

// getReply and setReply return a place for a reply that lasts until Reset.
func (e *Effects) getReply() *marshal.GetReply { return place(&e.gets) }
func (e *Effects) setReply() *marshal.SetReply { return place(&e.sets) }

// place returns a new place of list; those returned before stay where they are.
func place[T any](list *[]T) *T {
	if len(*list) == cap(*list) {
		*list = make([]T, 0, max(1, 2*cap(*list)))
	}
	*list = (*list)[:len(*list)+1]
	return &(*list)[len(*list)-1]
}

func (e *Effects) send(src, dst Endpoint, m marshal.Message) {
	e.Packets = append(e.Packets, Packet{Dst: dst, Src: src, Msg: m})
}
