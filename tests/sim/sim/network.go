package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

const (
	// maxFlights is how many packets the network holds; beyond it the oldest is
	// lost, or kept in the attic.
	maxFlights = 200
	// atticPlaces is how many packets of long ago are kept to be delivered late.
	atticPlaces = 128
)

// A link is a direction between two hosts.
type link struct{ from, to delegation.HostID }

// network is what packets pass through: values on the world's own list, or
// datagrams between transports.
type network interface {
	// took is called after each event: what hosts and clients sent is on world.Net.
	took()
	// size is how many flights there are, ends who sent one and to whom.
	size() int
	ends(i int) (src, dst kv.Endpoint)
	name(i int) string
	// take removes a flight and appends the packets that thereby arrive.
	take(packets []kv.Packet, i int) []kv.Packet
	// known is how many packets there are to forge others of, peek one of them.
	known() int
	peek(i int) kv.Packet
	double(i int)
	// damage removes a flight whose bytes were damaged; it reports what must not be.
	damage(i int, rng *rand.Rand) error
	// restarted tells that a host's process is a new one.
	restarted(id delegation.HostID)
	// timers lets the network's own timers fire; due is when the next will.
	timers()
	due() (kv.Time, bool)
}

// plain is the network of packets.
type plain struct {
	s     *Sim
	names map[uint64]string // of flights, by their serials, where they were asked for
}

func (n plain) took() {
	w := n.s.world
	for len(w.Net) > maxFlights {
		n.lose(0)
	}
}

// lose takes a flight off the network.
func (n plain) lose(i int) kv.Packet {
	f := n.s.world.Net[i]
	n.s.world.Drop(i)
	n.s.keep(f.Packet)
	delete(n.names, f.Serial)
	return f.Packet
}

func (n plain) size() int { return len(n.s.world.Net) }

func (n plain) ends(i int) (src, dst kv.Endpoint) {
	p := n.s.world.Net[i].Packet
	return p.Src, p.Dst
}

func (n plain) name(i int) string {
	f := n.s.world.Net[i]
	name, ok := n.names[f.Serial]
	if !ok {
		name = nameOf(f.Packet)
		n.names[f.Serial] = name
	}
	return name
}

func (n plain) take(packets []kv.Packet, i int) []kv.Packet { return append(packets, n.lose(i)) }

func (n plain) known() int { return n.size() }

func (n plain) peek(i int) kv.Packet { return n.s.world.Net[i].Packet }

func (n plain) double(i int) { n.s.world.Send(n.s.world.Net[i].Packet) }

// damage cuts or flips the bytes of a message. Decoding them may fail or not, but
// what is decoded has to be encoded as it was: nothing has two encodings. The
// checksum that datagrams have would find the damage, so the packet is lost.
func (n plain) damage(i int, rng *rand.Rand) error {
	f := n.s.world.Net[i]
	n.s.world.Drop(i)
	delete(n.names, f.Serial)
	b := marshal.Append(nil, f.Packet.Msg)
	for range 1 + rng.IntN(3) {
		b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
	}
	if rng.IntN(2) == 0 {
		b = b[:rng.IntN(len(b))]
	}
	m, err := marshal.Decode(b)
	if err != nil {
		n.s.saw("wire: damage refused")
		return nil
	}
	n.s.saw("wire: damage decoded")
	if again := marshal.Append(nil, m); !slices.Equal(again, b) {
		return fmt.Errorf("bytes %x are decoded as %T, which is encoded as %x", b, m, again)
	}
	return nil
}

func (plain) restarted(delegation.HostID) {}
func (plain) timers()                     {}
func (plain) due() (kv.Time, bool)        { return 0, false }

// keep puts a packet that left the network into the attic, in another's place
// where it is full.
func (s *Sim) keep(p kv.Packet) {
	if s.replaying {
		if s.fairly && !s.resting {
			return // nobody will ask for it
		}
		name := nameOf(p)
		s.past[name], s.past[shown(name)] = p, p
		return
	}
	if len(s.attic) < atticPlaces {
		s.attic = append(s.attic, p)
		return
	}
	if s.rng.IntN(4) == 0 {
		s.attic[s.rng.IntN(atticPlaces)] = p
	}
}

// carryBytes encodes and decodes a message, as the wire does.
func (s *Sim) carryBytes(m marshal.Message) marshal.Message {
	b := marshal.Append(nil, m)
	got, err := marshal.Decode(b)
	if err != nil {
		s.fail(Safety, fmt.Errorf("what a host or a client sends cannot be decoded: %T: %w", m, err))
		return marshal.Clone(m)
	}
	if again := marshal.Append(nil, got); !slices.Equal(again, b) {
		s.fail(Safety, fmt.Errorf("%T: encoded %x, decoded and encoded again %x", m, b, again))
	}
	return got
}

// forge returns a packet that its sender never sent, made of one that was: no
// cluster in which addresses are proven lets it do any harm. What is not altered is
// sent by a stranger.
func forge(p kv.Packet, rng *rand.Rand) kv.Packet {
	if p.Dst.Host == 0 {
		p.Dst, p.Src = p.Src, p.Dst // an answer is sent to the host
		return p
	}
	p.Msg = marshal.Clone(p.Msg)
	//nolint:gochecksumtype // the rest has nothing that only its sender may say, but his address
	switch m := p.Msg.(type) {
	case *marshal.Ack:
		if rng.IntN(2) == 0 {
			m.Seqno += 1 + uint64(rng.IntN(1000)) + 1<<20
			return p
		}
		forgeHeader(&m.PeerHeader, &p, rng)
	case *marshal.Single:
		forgeHeader(&m.PeerHeader, &p, rng)
	case *marshal.Propose:
		forgeHeader(&m.PeerHeader, &p, rng)
	case *marshal.Consent:
		forgeHeader(&m.PeerHeader, &p, rng)
	case *marshal.Open:
		m.Cookie[3]++
	default:
		p.Src = kv.Endpoint{Client: stranger}
	}
	return p
}

func forgeHeader(hd *marshal.PeerHeader, p *kv.Packet, rng *rand.Rand) {
	switch rng.IntN(4) {
	case 0:
		p.Src = kv.Endpoint{Client: stranger}
	case 1:
		hd.From++
	case 2:
		hd.FromIncarnation++
	case 3:
		hd.ToIncarnation--
	}
}
