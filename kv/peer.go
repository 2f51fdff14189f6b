package kv

import (
	"ironkv/delegation"
	"ironkv/marshal"
)

// link is what a host remembers of a peer while its process runs.
type link struct {
	// heard is when it last said anything authentic; met, whether it ever did.
	heard Time
	met   bool
	room  uint64 // bytes it can take in, as it said last
	// greetAt is when it may be greeted again.
	greetAt Time
	// sentAt is when delegates to it were last sent, repeated or acknowledged;
	// resendAt is when to repeat them at the latest, never if nothing asks for it.
	sentAt, resentAt, resendAt Time
	// flying is the size of the unacknowledged delegates, in bytes.
	flying int
}

func newLink(p *Peer) *link {
	l := &link{resendAt: never}
	for _, d := range p.Out.Unacked() {
		l.flying += delegateSize(d)
	}
	return l
}

// Flying returns how many bytes of delegates this host counts as unacknowledged by
// a peer: to be read only, between steps.
func (h *Host) Flying(to delegation.HostID) int { return h.links[to].flying }

// delegateOverheadBytes is what a delegate counts for beyond its entries.
const delegateOverheadBytes = 256

func delegateSize(d *marshal.Delegate) int {
	n := delegateOverheadBytes
	for i := range d.Entries {
		n += d.Entries[i].Size()
	}
	return n
}

func (h *Host) header(to delegation.HostID) marshal.PeerHeader {
	return marshal.PeerHeader{From: h.cfg.Me, FromIncarnation: h.state.Incarnation, ToIncarnation: h.state.Peers[to].Incarnation}
}

// authentic returns the peer that sent p, if it is that peer and both ends are
// the incarnations that know each other. Otherwise the packet is dropped, and
// a stranger's life is told so.
func (h *Host) authentic(p Packet, hd marshal.PeerHeader) (*Peer, *link) {
	peer := h.state.Peers[p.Src.Host]
	if peer == nil || hd.From != p.Src.Host {
		h.drop(DropNotPeer)
		return nil, nil
	}
	if hd.FromIncarnation != peer.Incarnation || hd.ToIncarnation != h.state.Incarnation {
		h.refuseIncarnation(p.Src, hd, peer)
		return nil, nil
	}
	l := h.links[p.Src.Host]
	l.heard = h.now
	return peer, l
}

func (h *Host) refuseIncarnation(src Endpoint, hd marshal.PeerHeader, peer *Peer) {
	h.drop(DropIncarnation)
	h.send(src, &marshal.Mismatch{
		PeerHeader: marshal.PeerHeader{From: h.cfg.Me, FromIncarnation: h.state.Incarnation, ToIncarnation: hd.FromIncarnation},
		Known:      peer.Incarnation,
	})
}

// greet makes or renews an acquaintance. A peer that is met for the first time
// is known by its incarnation from then on; a peer that names this host's
// incarnation has confirmed it. The numbers that both have counted with each
// other find out whether either has lost state.
func (h *Host) greet(p Packet, m *marshal.Greet) {
	peer := h.state.Peers[p.Src.Host]
	if peer == nil || m.From != p.Src.Host || m.FromIncarnation == 0 {
		h.drop(DropNotPeer)
		return
	}
	stranger := peer.Incarnation != 0 && peer.Incarnation != m.FromIncarnation
	if stranger || (m.ToIncarnation != 0 && m.ToIncarnation != h.state.Incarnation) {
		h.refuseIncarnation(p.Src, m.PeerHeader, peer)
		return
	}
	h.out.Action = ActPeer
	confirms := m.ToIncarnation == h.state.Incarnation
	if confirms && (m.Received > peer.Out.Sent() || m.Acked > peer.In.Tombstone()) {
		h.halt("host %d has received %d messages from this host and had %d of its own acknowledged, but this host remembers sending %d and receiving %d; "+
			"its data directory is an older copy: stop it, put the newest copy back, or rebuild the cluster from a backup",
			m.From, m.Received, m.Acked, peer.Out.Sent(), peer.In.Tombstone())
		return
	}
	if peer.Incarnation == 0 || (confirms && !peer.Confirmed) {
		peer.Incarnation = m.FromIncarnation
		peer.Confirmed = peer.Confirmed || confirms
		h.store.SetPeer(p.Src.Host, peer.Record())
		h.join()
	}
	l := h.links[p.Src.Host]
	cameBack := confirms && (!l.met || h.now-l.heard >= heardWithin)
	if confirms {
		l.met, l.heard, l.room = true, h.now, m.Room
		h.acknowledged(p.Src.Host, peer, m.Received)
	}
	if cameBack && peer.Out.Outstanding() > 0 {
		l.resendAt = max(h.now, l.resentAt+gapRepeat)
	}
	if m.Answer {
		h.sendGreet(p.Src.Host, !peer.Confirmed)
	}
}

// join ends the wait for the peers once each of them has confirmed.
func (h *Host) join() {
	if h.state.Joined || len(h.Waiting()) > 0 {
		return
	}
	h.state.Joined = true
	h.store.SetIdentity(h.state.Identity)
}

func (h *Host) sendGreet(to delegation.HostID, answer bool) {
	peer := h.state.Peers[to]
	h.send(Endpoint{Host: to}, &marshal.Greet{
		PeerHeader: h.header(to), Sent: peer.Out.Sent(), Acked: peer.Out.Acked(), Received: peer.In.Tombstone(),
		Room: h.roomFor(), Answer: answer,
	})
}

// mismatch is a peer's word that it knows this host by another incarnation. It
// is believed where it is addressed to this very incarnation.
func (h *Host) mismatch(p Packet, m *marshal.Mismatch) {
	peer := h.state.Peers[p.Src.Host]
	if peer == nil || m.From != p.Src.Host {
		h.drop(DropNotPeer)
		return
	}
	known := peer.Incarnation == 0 || peer.Incarnation == m.FromIncarnation
	if m.ToIncarnation != h.state.Incarnation || !known || m.Known == 0 || m.Known == h.state.Incarnation {
		h.drop(DropIncarnation)
		return
	}
	h.out.Action = ActPeer
	h.halt("host %d knows an earlier incarnation of host %d (%016x, now %016x): its state was lost or replaced; "+
		"put its data directory back, or rebuild the cluster from a backup (a host in memory mode cannot come back alone)",
		m.From, h.cfg.Me, uint64(m.Known), uint64(h.state.Incarnation))
}

// roomFor is what this host promises each of its peers: an equal share of what
// it can take in above its reserve.
func (h *Host) roomFor() uint64 {
	if h.room <= h.cfg.Limits.ReserveBytes {
		return 0
	}
	return (h.room - h.cfg.Limits.ReserveBytes) / uint64(max(1, len(h.order)))
}

// peerDeadline is when something is next due with the peer: a greeting, while
// it is not met or owes an answer, or a repetition of what it has not
// acknowledged.
func (h *Host) peerDeadline(id delegation.HostID) Time {
	peer, l := h.state.Peers[id], h.links[id]
	t := l.resendAt
	outstanding := peer.Out.Outstanding() > 0
	if outstanding {
		t = min(t, l.sentAt+silence)
	}
	switch {
	case !l.met || !peer.Confirmed:
		t = min(t, l.greetAt)
	case outstanding || h.moving(id):
		t = min(t, max(l.greetAt, l.heard+heardWithin/2))
	}
	return t
}

func (h *Host) peersDeadline() Time {
	t := never
	for _, id := range h.order {
		t = min(t, h.peerDeadline(id))
	}
	return t
}

func (h *Host) nextPeer() {
	for _, id := range h.order {
		if h.peerDeadline(id) > h.now {
			continue
		}
		peer, l := h.state.Peers[id], h.links[id]
		if peer.Out.Outstanding() > 0 && min(l.resendAt, l.sentAt+silence) <= h.now {
			h.retransmit(id, peer, l)
			return
		}
		h.out.Action = ActPeer
		l.greetAt = h.now + greetInterval
		h.sendGreet(id, true)
		return
	}
}
