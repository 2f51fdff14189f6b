package kv

import (
	"cmp"
	"iter"
	"maps"
	"net/netip"
	"slices"

	"ironkv/delegation"
	"ironkv/marshal"
	"ironkv/udp/delivery"
)

// State is what a host must remember beyond its table: loaded from a store when
// a process starts, and changed only together with the store's records.
type State struct {
	Identity
	Counters
	// Map says who owns which key, as far as this host knows. It is exact about
	// what this host owns.
	Map *delegation.Map
	// Peers has one record for every other host of the cluster.
	Peers    map[delegation.HostID]*Peer
	Sessions map[marshal.SessionID]*Session
	// Moves of this host by number: unfinished ones, and the last few that ended.
	Moves map[uint64]*Move
}

// Identity is who the host is, and its counters of ids.
type Identity struct {
	Host delegation.HostID
	Root delegation.HostID
	// Incarnation is drawn at random when the state is created; never 0.
	Incarnation marshal.Incarnation
	// Secret keys cookies and session ids; drawn at random with the incarnation.
	Secret [32]byte
	// Joined says that every peer has confirmed, once, that it knows no earlier
	// incarnation of this host. Until then the host claims and serves nothing.
	Joined bool
	// LastSession and LastMove are the highest ids given out.
	LastSession uint64
	LastMove    uint64
}

// Counters change with nearly every step and are committed with every batch.
type Counters struct {
	// Step counts the steps of this host over all its processes.
	Step uint64
	// Clock is at or above every version that a key of this host ever had.
	Clock marshal.Version
}

// PeerRecord is the part of a Peer that changes with every delegate.
type PeerRecord struct {
	// Incarnation is the one this host met first; 0 before they meet.
	Incarnation marshal.Incarnation
	// Confirmed says that the peer has confirmed this host's incarnation.
	Confirmed bool
	// Acked is the highest number it acknowledged, Received the highest received
	// from it (the tombstone).
	Acked, Received uint64
}

// Peer is what a host remembers of another: delivery in both directions.
type Peer struct {
	Incarnation marshal.Incarnation
	Confirmed   bool
	Out         delivery.Sender[*marshal.Delegate]
	In          delivery.Receiver
}

// Record returns the part of p that SetPeer keeps.
func (p *Peer) Record() PeerRecord {
	return PeerRecord{Incarnation: p.Incarnation, Confirmed: p.Confirmed, Acked: p.Out.Acked(), Received: p.In.Tombstone()}
}

// RestorePeer returns the peer that was kept as r, with the unacknowledged
// delegates numbered from r.Acked+1.
func RestorePeer(r PeerRecord, unacked []*marshal.Delegate) *Peer {
	return &Peer{Incarnation: r.Incarnation, Confirmed: r.Confirmed,
		Out: delivery.RestoreSender(r.Acked, unacked), In: delivery.RestoreReceiver(r.Received)}
}

// SessionRecord is what is kept of a session when it is opened.
type SessionRecord struct {
	ID    marshal.SessionID
	Nonce marshal.Nonce
	// Serial is the session's place in the order of opening.
	Serial uint64
	// Client is where it was opened from, as its cookie proved: after a restart
	// the transport goes on to answer there.
	Client netip.AddrPort
}

// Session is one client at this host.
type Session struct {
	SessionRecord
	// Floor is the number below which all were answered or given up.
	Floor   uint64
	answers answers
}

// Move is the durable job that carries out a Shard order.
type Move struct {
	Number    uint64
	Range     delegation.Range
	Recipient delegation.HostID
	Phase     marshal.MovePhase
	// Reason says why a move stops or failed.
	Reason marshal.OrderReason
	// Consented says that the recipient has agreed (kept over pause and restart).
	Consented bool
	// Cursor is where the next chunk starts: [Range.From, Cursor) has been sent.
	Cursor delegation.Bound
	// Rate is in bytes per second; 0 yields to clients.
	Rate uint64
	// LastSeqno is the number of the move's last delegate, 0 before the first.
	LastSeqno           uint64
	Keys, Bytes, Chunks uint64
	// Active is the time spent so far in past chunks, in nanoseconds.
	Active Time
}

// Birth is what a new state needs from outside: randomness.
type Birth struct {
	Incarnation marshal.Incarnation
	Secret      [32]byte
}

// NewState returns the state of a host that has none: the root owns every key
// (the paper's Host_Init), and no peer has been met.
func NewState(cfg Config, birth Birth) *State {
	s := &State{
		Identity: Identity{Host: cfg.Me, Root: cfg.Root, Incarnation: birth.Incarnation, Secret: birth.Secret},
		Map:      delegation.NewMap(cfg.Root),
		Peers:    map[delegation.HostID]*Peer{},
		Sessions: map[marshal.SessionID]*Session{},
		Moves:    map[uint64]*Move{},
	}
	for _, m := range cfg.Members {
		if m.ID != cfg.Me {
			s.Peers[m.ID] = &Peer{}
		}
	}
	return s
}

// sorted yields a map's entries in the order of its keys: the machine's outputs
// may not depend on the order in which Go walks a map.
func sorted[K cmp.Ordered, V any](m map[K]V) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}
