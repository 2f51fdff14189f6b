package udp

// Drop is a reason for which a datagram, a frame or a message was dropped.
type Drop uint8

// The reasons. A datagram that is malformed anywhere is dropped whole, before any of it is used.
const (
	dropNone Drop = iota
	// DropShort is a datagram shorter than its header.
	DropShort
	// DropMagic is a datagram of another protocol or version.
	DropMagic
	// DropChecksum is a datagram that was damaged on its way.
	DropChecksum
	// DropFrame is a datagram with a frame of unknown kind, a length that does not fit, or trailing
	// bytes.
	DropFrame
	// DropTooLarge is a datagram with a message or a fragment of a message beyond MaxMessage.
	DropTooLarge
	// DropTruncated is a datagram of which the socket delivered only a part.
	DropTruncated
	// DropContradiction is a transmission whose fragments overlap, or differ in total or checksum.
	DropContradiction
	// DropMessageChecksum is a complete message with a wrong checksum.
	DropMessageChecksum
	// DropDuplicate is a fragment that had arrived before.
	DropDuplicate
	// DropStale is a fragment of a transmission too old to be remembered, or an acknowledgement of
	// one that is finished or belongs to another run of this process.
	DropStale
	// DropSpans is a fragment that would leave a transmission in too many pieces.
	DropSpans
	// DropPeerRoom, DropClientRoom and DropStrangerRoom are fragments for whose message there was no
	// memory.
	DropPeerRoom
	DropClientRoom
	DropStrangerRoom
	// DropEvicted is an unfinished transmission that made room for another, or grew too old.
	DropEvicted
	// DropAddress is the state of an address that made room for another.
	DropAddress
	// DropUnproven is a frame that would have sent a stranger more bytes than it sent.
	DropUnproven
	// DropBacklog is a message refused because too much was queued.
	DropBacklog
	// DropGivenUp is a message whose destination stayed silent, or never took it.
	DropGivenUp
	// DropSend is a datagram that the socket refused.
	DropSend
	// Drops is the number of reasons, the length of Stats.Drops.
	Drops
)

var dropNames = [Drops]string{
	dropNone: "none", DropShort: "short", DropMagic: "magic", DropChecksum: "checksum", DropFrame: "frame",
	DropTooLarge: "too large", DropTruncated: "truncated", DropContradiction: "contradiction",
	DropMessageChecksum: "message checksum", DropDuplicate: "duplicate", DropStale: "stale", DropSpans: "spans",
	DropPeerRoom: "peer room", DropClientRoom: "client room", DropStrangerRoom: "stranger room",
	DropEvicted: "evicted", DropAddress: "address", DropUnproven: "unproven", DropBacklog: "backlog",
	DropGivenUp: "given up", DropSend: "send",
}

// String names the reason.
func (d Drop) String() string {
	if d < Drops {
		return dropNames[d]
	}
	return "unknown reason"
}

// Stats counts since the start. Bytes are those of datagrams, without IP and UDP headers.
type Stats struct {
	DatagramsIn, DatagramsOut uint64
	BytesIn, BytesOut         uint64
	// MessagesIn counts messages delivered; MessagesOut those that Send took.
	MessagesIn, MessagesOut uint64
	// FragmentsIn and FragmentsOut count fragments, repeated ones included.
	FragmentsIn, FragmentsOut uint64
	// Retransmissions counts fragments sent again; Timeouts the times a timer had to say so.
	Retransmissions, Timeouts uint64
	// Narrowed counts how often a path turned out to swallow datagrams of the size it was used with.
	Narrowed uint64
	// AcksIn and AcksOut count acknowledgement frames.
	AcksIn, AcksOut uint64
	// Reassembling is the memory, in bytes, now held for unfinished messages; Queued the bytes now
	// queued for all destinations.
	Reassembling, Queued int
	// Addresses is how many addresses have state now.
	Addresses int
	// Receives and Sends count system calls that moved datagrams; zero for a Transport.
	Receives, Sends uint64
	// Guards counts how often the kernel was told to drop what floods (Config.Guard); Closed is how
	// many of the 32,768 places of sources it drops most from now.
	Guards uint64
	Closed int
	// Drops counts what was dropped, by reason.
	Drops [Drops]uint64
}
