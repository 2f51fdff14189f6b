package udp

import (
	"net/netip"
	"time"
)

// Limits and defaults. Sizes are bytes of UDP payload unless said otherwise.
const (
	// DefaultMaxMessage is the greatest message, in bytes, where Config does not say: a value of
	// 4 MiB with its key and its envelope, and room to spare.
	DefaultMaxMessage = 5 << 20
	// DefaultDatagram is the datagram size, in bytes, for a path whose MTU nobody has told: it
	// passes through Ethernet with the usual tunnels on top.
	DefaultDatagram = 1400
	// MinDatagram is the least datagram size, in bytes: what is left of IPv4's guaranteed 576 bytes
	// (RFC 791) under the longest IP header and the UDP header, 508.
	MinDatagram = 508
	// MaxDatagram is the greatest datagram size, in bytes: below what IPv4 carries (65,507) and
	// what IPv6 carries on a loopback MTU of 65,536 (65,488).
	MaxDatagram = 65_472
	// DefaultGiveUp is how long a destination may stay silent before what is queued for it is
	// dropped.
	DefaultGiveUp = 5 * time.Second
	// DefaultClientPool is the memory, in bytes, in which all clients' unfinished messages are put
	// together: a dozen of the greatest at once.
	DefaultClientPool = 64 << 20
	// DefaultStrangerPool is the same for unproven addresses, which have no business with long
	// messages.
	DefaultStrangerPool = 1 << 20
	// DefaultMaxClients is how many addresses may be classified Client at once; the one unheard of
	// for longest makes room.
	DefaultMaxClients = 16_384
	// DefaultMaxStrangers is how many unproven addresses are remembered; the oldest makes room.
	DefaultMaxStrangers = 1_024
	// DefaultBacklog bounds the bytes queued for one destination.
	DefaultBacklog = 32 << 20
	// DefaultBacklogTotal bounds the bytes queued for all destinations together.
	DefaultBacklogTotal = 256 << 20
)

// Config says how a Transport behaves. The zero value of each field but Nonce means its default.
type Config struct {
	// Nonce names this run of the process. It must be drawn at random at each start: transmission
	// ids are unique over restarts only because the nonce is. Listen draws one where it is zero;
	// NewTransport takes it as it is.
	Nonce uint64
	// MaxMessage is the greatest message in bytes, both ways; a datagram that claims more is dropped
	// before anything is allocated. Both ends should agree: a sender keeps at most this many bytes
	// unacknowledged, and that is what a receiver reserves for each Peer. At most 1 GiB.
	MaxMessage int
	// Datagram is the greatest datagram sent to an address without a size of its own (SetDatagram),
	// in bytes, from MinDatagram to MaxDatagram; what lies outside is moved to the nearer end.
	Datagram int
	// GiveUp is how long a destination may be silent before messages for it are dropped.
	GiveUp time.Duration
	// ClientPool and StrangerPool bound the memory, in bytes, of unfinished messages from all
	// clients and from all strangers. A Peer needs neither: it has MaxMessage bytes of its own. In a
	// ClientPool that is full who has most unfinished gives way to who would have less.
	ClientPool, StrangerPool int
	// MaxClients and MaxStrangers bound the tables of addresses.
	MaxClients, MaxStrangers int
	// Backlog bounds the bytes queued for one destination, BacklogTotal those for all. A
	// destination for which nothing is queued may always queue one message below BacklogTotal. A
	// quarter of that is kept for Peers and for messages that leave at once in a datagram, so that
	// those who ask for much and acknowledge nothing do not silence the host. Where the rest is
	// full, the destination with most of it loses what was queued last to one that would have less.
	Backlog, BacklogTotal int
	// Origin says what stands for all addresses that are one as far as ClientPool and BacklogTotal are
	// concerned: of who has most there an origin gives way to others, and its own addresses to one
	// another. nil takes each address for itself.
	Origin func(netip.AddrPort) netip.AddrPort
	// NoOffload keeps a Conn from using segmentation offload where the kernel has it. A Transport
	// ignores it.
	NoOffload bool
	// NoPoll keeps a Conn from polling: where that brings more messages a second, which it tries from
	// time to time, Receive looks at the socket for up to 50 µs before it waits. The goroutine of one
	// Conn of a process then uses a processor all the while that messages keep coming, more than some
	// three thousand receives a second; none where there are fewer, and where there is one processor
	// (GOMAXPROCS). Only where the system is Linux. A Transport ignores it.
	NoPoll bool
	// Guard has a Conn see to it that floods do not reach it: while Strangers send more than 20
	// datagrams a millisecond, or one of them more than one in 3 ms, or a Client more than 4 a
	// millisecond that are malformed, acknowledge nothing that is under way and hold nothing else, or are
	// blamed (Conn.Blame), the kernel drops most of those before they are queued. A small part passes, so that who has a reason to knock is heard if he repeats
	// it. Where the kernel takes no filters (SO_ATTACH_FILTER of Linux), nothing is dropped. A
	// Transport ignores it.
	Guard bool
	// Faults, where set, stands between a Conn and its socket, on the way out. A Transport ignores
	// it.
	Faults *Faults
}

// maxMessageLimit is the greatest MaxMessage: lengths and offsets are 32 bits on the wire, and 1 GiB
// keeps every sum of two of them in an int of 32 bits.
const maxMessageLimit = 1 << 30

func (c Config) withDefaults() Config {
	orElse := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	orElse(&c.MaxMessage, DefaultMaxMessage)
	c.MaxMessage = min(c.MaxMessage, maxMessageLimit)
	orElse(&c.Datagram, DefaultDatagram)
	c.Datagram = clampDatagram(c.Datagram)
	if c.GiveUp <= 0 {
		c.GiveUp = DefaultGiveUp
	}
	orElse(&c.ClientPool, DefaultClientPool)
	orElse(&c.StrangerPool, DefaultStrangerPool)
	orElse(&c.MaxClients, DefaultMaxClients)
	orElse(&c.MaxStrangers, DefaultMaxStrangers)
	orElse(&c.Backlog, DefaultBacklog)
	orElse(&c.BacklogTotal, DefaultBacklogTotal)
	if c.Origin == nil {
		c.Origin = func(addr netip.AddrPort) netip.AddrPort { return addr }
	}
	return c
}

func clampDatagram(bytes int) int { return max(MinDatagram, min(bytes, MaxDatagram)) }

// Class says what an address is to us. It decides which memory its unfinished messages may take.
type Class uint8

const (
	// Stranger is an address that has proven nothing: the default.
	Stranger Class = iota
	// Client is an address that has shown that it receives what is sent to it.
	Client
	// Peer is a configured host, or a host that this process chose to talk to.
	Peer
)

const classes = int(Peer) + 1 // their number

// String names the class.
func (c Class) String() string {
	switch c {
	case Stranger:
		return "stranger"
	case Client:
		return "client"
	case Peer:
		return "peer"
	}
	return "unknown class"
}

// Mode says how hard a message is tried.
type Mode uint8

const (
	// Once sends a message that fits in a datagram once, and forgets it. A longer one travels as
	// fragments, each repeated until it is acknowledged or the destination is given up.
	Once Mode = iota
	// Reliable repeats a short message too.
	Reliable
)
