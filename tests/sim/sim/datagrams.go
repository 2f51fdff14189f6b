package sim

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
	"ironkv/udp"
)

// datagrams is the network of package udp: each host and client has a transport,
// and what flies are their datagrams.
type datagrams struct {
	s       *Sim
	ports   []*port
	flights []datagram
	sent    map[link]int // datagrams sent per link, to name them by
	recent  []kv.Packet  // the last that were sent, to forge others of
}

// A port is a transport with its place.
type port struct {
	at        kv.Endpoint
	addr      netip.AddrPort
	transport *udp.Transport
	lives     uint64
}

type datagram struct {
	src, dst *port
	data     []byte
	number   int // of all between the two
}

// recentPackets is how many packets are kept to forge others of.
const recentPackets = 32

// datagramBytes is the size of datagrams: the least, so that many messages
// travel in fragments.
const datagramBytes = udp.MinDatagram

func newDatagrams(s *Sim) *datagrams {
	n := &datagrams{s: s, sent: map[link]int{}}
	for _, node := range s.world.Nodes {
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(node.ID)}), 7000)
		n.ports = append(n.ports, &port{at: kv.Endpoint{Host: node.ID}, addr: addr})
	}
	for _, c := range s.world.Clients {
		n.ports = append(n.ports, &port{at: kv.Endpoint{Client: c.Addr}, addr: c.Addr})
	}
	n.ports = append(n.ports, &port{at: kv.Endpoint{Client: stranger}, addr: stranger})
	for _, p := range n.ports {
		n.begin(p)
	}
	return n
}

// begin starts a port's transport anew, under another nonce.
func (n *datagrams) begin(p *port) {
	p.lives++
	nonce := p.lives<<16 | uint64(p.addr.Addr().As4()[2])<<8 | uint64(p.addr.Addr().As4()[3])
	p.transport = udp.NewTransport(udp.Config{Nonce: nonce, Datagram: datagramBytes})
	for _, o := range n.ports {
		if o != p && o.at.Host != 0 {
			p.transport.Classify(o.addr, udp.Peer)
		}
	}
}

func (n *datagrams) now() time.Duration { return time.Duration(n.s.world.Now) }

func (n *datagrams) port(e kv.Endpoint) *port {
	for _, p := range n.ports {
		if p.at == e {
			return p
		}
	}
	return nil
}

func (n *datagrams) portAt(a netip.AddrPort) *port {
	for _, p := range n.ports {
		if p.addr == a {
			return p
		}
	}
	return nil
}

// took hands the messages that were sent to the transports, and takes their
// datagrams.
func (n *datagrams) took() {
	w := n.s.world
	for _, f := range w.Net {
		src, dst := n.port(f.Packet.Src), n.port(f.Packet.Dst)
		if src == nil || dst == nil {
			continue // of or for nobody
		}
		mode := udp.Once
		if f.Packet.Dst.Host != 0 && f.Packet.Src.Host != 0 {
			mode = udp.Reliable
		}
		if _, proven := f.Packet.Msg.(*marshal.Opened); proven && src.at.Host != 0 {
			src.transport.Classify(dst.addr, udp.Client)
		}
		// What the transport has no room for is lost, as on the way.
		if err := src.transport.Send(n.now(), dst.addr, marshal.Append(nil, f.Packet.Msg), mode); err != nil {
			n.s.saw("wire: not sent")
		}
		n.s.keep(f.Packet)
		n.recent = append(n.recent, f.Packet)
	}
	if excess := len(n.recent) - recentPackets; excess > 0 {
		n.recent = slices.Delete(n.recent, 0, excess)
	}
	w.Net = w.Net[:0]
	for _, p := range n.ports {
		n.flush(p)
	}
	if excess := len(n.flights) - maxFlights; excess > 0 {
		n.flights = slices.Delete(n.flights, 0, excess)
	}
}

func (n *datagrams) flush(p *port) {
	p.transport.Flush(n.now(), func(to netip.AddrPort, data []byte) {
		dst := n.portAt(to)
		if dst == nil {
			return
		}
		l := link{delegation.HostID(p.addr.Addr().As4()[2])<<8 | delegation.HostID(p.addr.Addr().As4()[3]), delegation.HostID(to.Addr().As4()[3])}
		n.sent[l]++
		n.flights = append(n.flights, datagram{src: p, dst: dst, data: slices.Clone(data), number: n.sent[l]})
	})
}

func (n *datagrams) size() int { return len(n.flights) }

func (n *datagrams) ends(i int) (src, dst kv.Endpoint) {
	return n.flights[i].src.at, n.flights[i].dst.at
}

func (n *datagrams) name(i int) string {
	f := n.flights[i]
	return fmt.Sprintf("%s>%s datagram %d", end(f.src.at), end(f.dst.at), f.number)
}

func (n *datagrams) remove(i int) datagram {
	f := n.flights[i]
	n.flights = slices.Delete(n.flights, i, i+1)
	return f
}

// take gives a datagram to its receiver's transport and appends what is complete
// by it. A host that is down has none.
func (n *datagrams) take(packets []kv.Packet, i int) []kv.Packet {
	f := n.remove(i)
	if f.dst.at.Host != 0 && n.s.world.Node(f.dst.at.Host).Host == nil {
		return packets
	}
	f.dst.transport.Receive(n.now(), f.src.addr, f.data, func(src netip.AddrPort, msg []byte) {
		m, err := marshal.Decode(msg)
		if err != nil {
			n.s.fail(Safety, fmt.Errorf("a transport delivers bytes that are no message: %x: %w", msg, err))
			return
		}
		packets = append(packets, kv.Packet{Dst: f.dst.at, Src: f.src.at, Msg: m})
	})
	n.flush(f.dst)
	return packets
}

func (n *datagrams) known() int { return len(n.recent) }

func (n *datagrams) peek(i int) kv.Packet { return n.recent[i] }

func (n *datagrams) double(i int) { n.flights = append(n.flights, n.flights[i]) }

// damage lets a datagram arrive cut or flipped: its checksum has to find that.
func (n *datagrams) damage(i int, rng *rand.Rand) (err error) {
	f := n.remove(i)
	data := slices.Clone(f.data)
	for range 1 + rng.IntN(3) {
		data[rng.IntN(len(data))] ^= 1 << rng.IntN(8)
	}
	if rng.IntN(3) == 0 {
		data = data[:rng.IntN(len(data))]
	}
	if slices.Equal(data, f.data) {
		return nil
	}
	f.dst.transport.Receive(n.now(), f.src.addr, data, func(_ netip.AddrPort, msg []byte) {
		err = fmt.Errorf("a damaged datagram was delivered: %x", msg)
	})
	n.s.saw("wire: damage refused")
	return err
}

func (n *datagrams) restarted(id delegation.HostID) { n.begin(n.ports[id-1]) }

func (n *datagrams) timers() {
	for _, p := range n.ports {
		if at, ok := p.transport.Deadline(); ok && at <= n.now() {
			p.transport.Tick(n.now())
		}
	}
}

func (n *datagrams) due() (kv.Time, bool) {
	due, any := never, false
	for _, p := range n.ports {
		if at, ok := p.transport.Deadline(); ok {
			due, any = min(due, kv.Time(at)), true
		}
	}
	return due, any
}
