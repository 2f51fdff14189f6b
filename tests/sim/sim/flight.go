package sim

import (
	"fmt"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
	"ironkv/tests/world"
)

// delegateOverheadBytes is what a delegate counts for beyond its entries, as the
// host counts.
const delegateOverheadBytes = 256

// flightBytes is the size of what a peer has not acknowledged.
func flightBytes(p *kv.Peer) (n int) {
	for _, d := range p.Out.Unacked() {
		n += delegateOverheadBytes
		for i := range d.Entries {
			n += d.Entries[i].Size()
		}
	}
	return n
}

// fliesWithinRoom: a chunk is cut only against the room that its recipient spoke of
// last, whatever it said before.
func (s *Sim) fliesWithinRoom(st world.Step) error {
	from := st.In.Packet.Src.Host
	switch m := st.In.Packet.Msg.(type) {
	case *marshal.Ack:
		if st.Out.Action == kv.ActAck {
			s.rooms[link{st.Node.ID, from}] = m.Room
		}
	case *marshal.Consent:
		if st.Out.Action == kv.ActMove {
			s.rooms[link{st.Node.ID, from}] = m.Room
		}
	case *marshal.Greet:
		if st.Out.Action == kv.ActPeer && m.ToIncarnation == st.Node.Host.State().Incarnation {
			s.rooms[link{st.Node.ID, from}] = m.Room
		}
	}
	if st.Out.Action != kv.ActChunk {
		return nil
	}
	to := st.Out.Transfers[len(st.Out.Transfers)-1].Peer
	room := s.rooms[link{st.Node.ID, to}]
	if n := flightBytes(st.Node.Host.State().Peers[to]); uint64(n) > room {
		return fmt.Errorf("host %d has %d bytes in flight to host %d, which has said last that it has room for %d", st.Node.ID, n, to, room)
	}
	return nil
}

// scantRoom is room for two chunks from each peer: what has arrived is to count as in
// flight no more, or moves do not end.
func (m *mix) scantRoom() uint64 {
	return reserveBytes + uint64(m.hosts-1)*uint64(2*m.limits.ChunkBytes+scantBytes)
}

// scantBytes is room for some entries and delegates beyond a chunk's size.
const scantBytes = 1000

// forget forgets what a process of a host knew that has ended.
func (s *Sim) forget(id delegation.HostID) {
	for to := range delegation.HostID(len(s.world.Nodes)) {
		delete(s.repeats, repeated{link{id, to + 1}, false}) // by a clock that is another now
		delete(s.repeats, repeated{link{id, to + 1}, true})
		delete(s.rooms, link{id, to + 1})
	}
	delete(s.audits, id)
}
