package explorer

import (
	"encoding/binary"
	"slices"

	"ironkv/kv"
	"ironkv/marshal"
)

// Greetings and acknowledgements carry numbers that only grow. Once they are behind
// what the receiver remembers, they are as good as none, for ever:
//
//   - What a host remembers as acknowledged and as received never falls, in a crash
//     neither, for it is durable; and in a scope no host loses its incarnation.
//   - [kv.Host] asks of a greeting's numbers, where the two hosts know each other,
//     whether Received is above what it has sent or what was acknowledged, and Acked
//     above what it has received; of Sent nothing. Of an acknowledgement's it asks
//     whether it is above what was acknowledged, or equal to it and tells of a gap.
//     So does P (Meet, ReceiveAck). All else that such a packet does, as to say how
//     much room there is and to be answered, depends on the rest of it.
//
// So two packets that differ in such numbers alone are one, and the network keeps it
// with the numbers 0. A test delivers both wherever both could be, and another
// searches scopes with and without this.

// spentOf returns m with the numbers that it may come to be as good as without; nil
// for all other messages.
func spentOf(m marshal.Message) marshal.Message {
	//nolint:gochecksumtype // the rest has content
	switch m := m.(type) {
	case *marshal.Greet:
		s := *m
		s.Sent, s.Acked, s.Received = 0, 0, 0
		return &s
	case *marshal.Ack:
		s := *m
		s.Seqno, s.Gap = 0, false
		return &s
	}
	return nil
}

// An account is what a machine remembers of a peer that never falls.
type account struct {
	known           bool // each knows the other's incarnation, and this host has joined
	ours, theirs    marshal.Incarnation
	acked, received uint64
}

func accountsOf(h *kv.Host) []account {
	s := h.State()
	accounts := make([]account, len(h.Config().Members))
	for id, p := range s.Peers {
		accounts[id-1] = account{s.Joined && p.Confirmed && p.Incarnation != 0, s.Incarnation, p.Incarnation, p.Out.Acked(), p.In.Tombstone()}
	}
	return accounts
}

func (a account) of(l marshal.PeerHeader) bool {
	return a.known && l.FromIncarnation == a.theirs && l.ToIncarnation == a.ours
}

// spent returns what p is as good as where m receives it: p itself, mostly.
func (m *machine) spent(p *packet) *packet {
	if p.spent == nil {
		return p
	}
	a, behind := m.accounts[p.Src.Host-1], false
	//nolint:gochecksumtype // only these are ever spent
	switch q := p.Msg.(type) {
	case *marshal.Greet:
		behind = q.From == p.Src.Host && a.of(q.PeerHeader) && q.Received <= a.acked && q.Acked <= a.received
	case *marshal.Ack:
		behind = q.From == p.Src.Host && a.of(q.PeerHeader) && (q.Seqno < a.acked || (q.Seqno == a.acked && !q.Gap))
	}
	if behind {
		return p.spent
	}
	return p
}

// spend puts, for each packet on the network to the host at the place, what it is as
// good as by now.
func (s *state) spend(place int) {
	m := s.core.machines[place]
	var kept []*packet
	for i, p := range s.network {
		q := p
		if int(p.Dst.Host) == place+1 {
			q = m.spent(p)
		}
		if q == p {
			if kept != nil {
				kept = append(kept, p)
			}
			continue
		}
		if kept == nil {
			kept = append(make([]*packet, 0, len(s.network)), s.network[:i]...)
		}
		s.count(p, -1)
		if !slices.Contains(s.network, q) && !slices.Contains(kept, q) {
			kept = append(kept, q)
			s.count(q, 1)
		}
	}
	if kept != nil {
		s.network = kept
	}
}

// count adds the packet's key to the sum, or takes it off.
func (s *state) count(p *packet, sign int64) {
	s.sum[0] += uint64(sign) * binary.BigEndian.Uint64(p.key[:8])
	s.sum[1] += uint64(sign) * binary.BigEndian.Uint64(p.key[8:])
}
