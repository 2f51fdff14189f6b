package marshal

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"ironkv/delegation"
)

// A Message is one of the pointer types of this package, and no other.
//
//sumtype:decl
type Message interface {
	// write appends the message's bytes: what [Append] promises.
	write(b []byte) []byte
	// read sets every field from the elements behind the code.
	read(r *reader)
	// clone copies the message deeply: what [Clone] promises.
	clone() Message
}

// A SessionID names one client's session at one host. It is unguessable and
// never reused; the zero SessionID names none.
type SessionID [16]byte

// String returns the first bytes of the id's hash in hex: enough to tell sessions
// apart in a log. Nothing of the id is in it, since whoever knows one may use it.
func (s SessionID) String() string {
	sum := sha256.Sum256(s[:])
	return hex.EncodeToString(sum[:4])
}

// MarshalText returns what String does, so that no encoder writes the id itself.
func (s SessionID) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Format writes what String does for every verb, %x and %d among them.
func (s SessionID) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// A Nonce is drawn by a client for each session that it asks for.
type Nonce [16]byte

// A Cookie proves that whoever returns it receives at the address it was sent to.
type Cookie [16]byte

// An Incarnation is drawn at random when a host's state is created and kept
// with it; 0 stands for unknown.
type Incarnation uint64

// Format writes the 16 hex digits that file names and logs have, for every verb.
func (i Incarnation) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "%016x", uint64(i)) }

// A Version orders the writes of a key; 0 is the version of an absent key.
type Version uint64

// An OperationID names a write or an order wherever it is tried: the client,
// and its count. It is what "executed at most once" is said about.
type OperationID struct {
	Client  uint64
	Counter uint64
}

// A Hint names the delegate that a redirecting host had in flight over the key:
// its sender, the sender's incarnation and its number. The zero Hint names none.
type Hint struct {
	Sender      delegation.HostID
	Incarnation Incarnation
	Seqno       uint64
}

// An Entry is a key with its value and version.
type Entry struct {
	Key     delegation.Key
	Value   []byte
	Version Version
}

// EntryOverheadBytes is what an entry counts for beyond its key and value.
const EntryOverheadBytes = 16

// Size is what the entry counts for in chunks, pages and progress, in bytes.
func (e Entry) Size() int { return len(e.Key) + len(e.Value) + EntryOverheadBytes }

// A Member is a configured host of the cluster and its UDP address.
type Member struct {
	ID      delegation.HostID
	Address string
}

// A Condition guards a write. The zero Condition holds always. With Set, it
// holds where the key's present version is Version; Version 0 is "absent".
type Condition struct {
	Set     bool
	Version Version
}

// A MoveID names a move: the host that does it and that host's count.
type MoveID struct {
	Host   delegation.HostID
	Number uint64
}

// String returns the id as HOST-NUMBER, the form kvctl prints and reads.
func (m MoveID) String() string { return fmt.Sprintf("%d-%d", m.Host, m.Number) }

// RequestHeader opens every message of a client within a session.
type RequestHeader struct {
	Session SessionID
	// Number is echoed by the reply. Writes and orders share one sequence from 1
	// per session; reads have one of their own, of which the host keeps nothing.
	// A client numbers its reads above all of its writes (from 1<<31): redirects
	// and refusals say only the number, and a late one of a read must not be
	// taken for that of a write, which would then be tried a second time.
	Number uint64
}

// WriteHeader is carried besides by writes and orders.
type WriteHeader struct {
	// Floor is the number below which all have been answered or given up.
	Floor     uint64
	Operation OperationID
}

// PeerHeader opens every message between hosts.
type PeerHeader struct {
	From delegation.HostID
	// FromIncarnation is the sender's own; ToIncarnation what it knows the
	// receiver by, 0 where it never heard of it.
	FromIncarnation Incarnation
	ToIncarnation   Incarnation
}

// Opening a session.
type (
	// Hello asks for a cookie. It is padded to [HelloBytes].
	Hello struct{ Nonce Nonce }
	// CookieReply answers Hello; the host keeps nothing of it.
	CookieReply struct {
		Nonce  Nonce
		Cookie Cookie
	}
	// Open asks for a session; with the same nonce and cookie, for the same one.
	Open struct {
		Nonce  Nonce
		Cookie Cookie
	}
	// Opened answers Open.
	Opened struct {
		Nonce       Nonce
		Session     SessionID
		Host        delegation.HostID
		Incarnation Incarnation
		// Window is how far above its floor a session's numbers may lie.
		Window uint32
		// IdleMillis is after how long without a request a session may expire.
		IdleMillis uint64
		Root       delegation.HostID
		Members    []Member
	}
	// CloseRequest ends a session for good; it is not answered.
	CloseRequest struct{ RequestHeader }
)

// Requests.
type (
	// GetRequest reads one key.
	GetRequest struct {
		RequestHeader
		Hint Hint
		Key  delegation.Key
	}
	// SetRequest writes one key, or removes it (the paper's SetRequest with an
	// absent value).
	SetRequest struct {
		RequestHeader
		WriteHeader
		Hint      Hint
		Key       delegation.Key
		Value     []byte
		Delete    bool
		Condition Condition
	}
	// ScanRequest reads a page from the beginning of Range.
	ScanRequest struct {
		RequestHeader
		Hint  Hint
		Range delegation.Range
		// Limit is the greatest number of entries to return or count, 0 for the host's own.
		Limit uint32
		// MaxBytes is the soft size of the page (one entry may exceed it), 0 for the host's own.
		MaxBytes uint32
		Mode     ScanMode
	}
	// Shard orders a range moved (the paper's Shard). It is answered by OrderReply.
	Shard struct {
		RequestHeader
		WriteHeader
		Range     delegation.Range
		Recipient delegation.HostID
		// Rate bounds the move, in bytes per second; 0 for no bound but its
		// yielding to clients, [RateUnlimited] for none at all.
		Rate uint64
	}
	// MoveOrder changes a move. It is answered by OrderReply.
	MoveOrder struct {
		RequestHeader
		WriteHeader
		Move   MoveID
		Action MoveAction
		// Rate is the new bound where Action is MoveThrottle.
		Rate uint64
	}
	// MovesRequest lists a host's moves with numbers above After.
	MovesRequest struct {
		RequestHeader
		After uint64
	}
	// StatusRequest asks for a host's figures.
	StatusRequest struct{ RequestHeader }
	// AuditRequest asks for a page of a cut: what the host owned, had in flight
	// and had counted, all at one step. Cut 0 takes a new cut; another names one
	// taken before, of which the page that starts at Page is asked for.
	AuditRequest struct {
		RequestHeader
		Cut  uint64
		Page uint32
		// QuietMillis asks the host to cut no chunk of a move for so long (at
		// most [MaxQuietMillis]).
		QuietMillis uint32
	}
)

// RateUnlimited as a move's rate asks it not even to yield to clients.
const RateUnlimited = ^uint64(0)

// MaxQuietMillis bounds how long an audit may hold moves back, in milliseconds.
const MaxQuietMillis = 1000

// Answers. Those to writes and orders are recorded by the host, so that a
// repeated number gets the same one.
type (
	// GetReply answers GetRequest at the owner.
	GetReply struct {
		RequestHeader
		Found   bool
		Version Version
		Value   []byte
	}
	// SetReply answers SetRequest at the owner.
	SetReply struct {
		RequestHeader
		Result SetResult
		// Version is the key's version after the request; 0 where it is absent.
		// A delete that removed something names the version it removed.
		Version Version
	}
	// Redirect answers a request whose key this host does not own: the maximal
	// range around it of one owner, as far as this host knows. Said again it may
	// name the owner of the key alone: then the range is empty.
	Redirect struct {
		RequestHeader
		Range delegation.Range
		Owner delegation.HostID
		Hint  Hint
	}
	// ScanReply is a page: Covered is the sub-range that it is complete for, all
	// of it owned by this host at this step. The next page starts at its end.
	ScanReply struct {
		RequestHeader
		Covered delegation.Range
		// Keys and Bytes total what Covered holds ([Entry.Size] without overhead).
		Keys, Bytes uint64
		Entries     []Entry
	}
	// OrderReply answers Shard and MoveOrder. With Reason OrderAccepted, Move is
	// the move; else the rest says what stood in the way.
	OrderReply struct {
		RequestHeader
		Reason OrderReason
		Move   MoveID // made, changed, or overlapping
		// Range and Owner say who owns a part of the range that the host does not.
		// Said again it may be without the range, which is then empty.
		Range delegation.Range
		Owner delegation.HostID
	}
	// MovesReply answers MovesRequest. More says that the list goes on after the last.
	MovesReply struct {
		RequestHeader
		Moves []MoveStatus
		More  bool
	}
	// StatusReply answers StatusRequest.
	StatusReply struct {
		RequestHeader
		Host         delegation.HostID
		Incarnation  Incarnation
		Software     string // version of the program
		UptimeMillis uint64
		Steps        uint64
		Clock        Version
		Ranges       uint64 // maximal ranges this host owns
		Boundaries   uint64 // in its delegation map
		Sessions     uint64
		Holds        uint64
		Room         uint64 // bytes it can still take in
		Durable      bool
	}
	// AuditReply is a page of a cut. Page 0 carries the numbers per peer; each
	// page a part of Owned and InFlight. The cut ends at the page without More.
	AuditReply struct {
		RequestHeader
		Cut         uint64
		Host        delegation.HostID
		Incarnation Incarnation
		Step        uint64
		Page        uint32
		More        bool
		Peers       []PeerNumbers
		Owned       []delegation.Range
		InFlight    []InFlight
	}
	// Refusal says that a request was not answered, and why. It is not recorded
	// and closes no number: the client repeats the request at the same host, or
	// gives it up with its outcome unknown.
	Refusal struct {
		RequestHeader
		Reason RefusalReason
	}
)

// PeerNumbers are one host's delivery counts with another.
type PeerNumbers struct {
	Peer            delegation.HostID
	PeerIncarnation Incarnation
	Sent            uint64 // highest number sent to it
	Acked           uint64 // highest of them that it acknowledged
	Received        uint64 // highest number received from it (the tombstone)
}

// InFlight is a delegate that its sender holds unacknowledged.
type InFlight struct {
	To    delegation.HostID
	Seqno uint64
	Range delegation.Range
}

// MoveStatus describes a move.
type MoveStatus struct {
	ID        MoveID
	Range     delegation.Range
	Recipient delegation.HostID
	Phase     MovePhase
	Reason    OrderReason // why it failed
	// Cursor is where the next chunk starts; what lies below it has been sent.
	Cursor       delegation.Bound
	Keys, Bytes  uint64 // sent so far
	Chunks       uint64
	Unacked      uint64 // delegates of it that are not acknowledged yet
	Rate         uint64
	ActiveMillis uint64 // time spent, over restarts
}

// Messages between hosts.
type (
	// Greet opens or repeats the acquaintance of two hosts. It names what the
	// sender has counted with the receiver, so that a host that lost its state
	// is found out.
	Greet struct {
		PeerHeader
		Sent, Acked, Received uint64
		Room                  uint64
		// Answer asks for a Greet in return.
		Answer bool
	}
	// Mismatch answers a message that names an incarnation that is not, or no
	// longer, the receiver's own, or a sender's that is not the one known. Known
	// is the incarnation that its sender knows the receiver of this message by.
	Mismatch struct {
		PeerHeader
		Known Incarnation
	}
	// Propose asks the recipient of a move to agree to it.
	Propose struct {
		PeerHeader
		Move  MoveID
		Range delegation.Range
		// MaxMessage is the longest message the sender may send, in bytes.
		MaxMessage uint32
	}
	// Consent answers Propose; OrderAccepted agrees.
	Consent struct {
		PeerHeader
		Move   MoveID
		Reason OrderReason
		Room   uint64
	}
	// Single carries a delegate under a number of the exactly-once layer.
	Single struct {
		PeerHeader
		Seqno    uint64
		Delegate Delegate
	}
	// Ack acknowledges every number up to Seqno, and says how many bytes of
	// entries the receiver can still take in. Gap says that a later number came
	// and was dropped: what follows Seqno has to be sent again.
	Ack struct {
		PeerHeader
		Seqno uint64
		Room  uint64
		Gap   bool
	}
)

// A Delegate hands over Range with all its entries, and a clock that is at or
// above every version that a key of Range ever had (the paper's Delegate).
type Delegate struct {
	Range   delegation.Range
	Clock   Version
	Entries []Entry
}
