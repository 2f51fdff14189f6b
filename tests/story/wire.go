package story

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
	"ironkv/tests/world"
	"ironkv/udp"
)

// wire is the layer of datagrams between hosts, for the packets that a story cuts
// into fragments. Each process of a host has a transport of its own.
type wire struct {
	s     *stage
	lives map[delegation.HostID]uint64
	ends  map[delegation.HostID]*udp.Transport
	sent  []datagram
}

type datagram struct {
	src, dst delegation.HostID
	data     []byte
}

func newWire(s *stage) *wire {
	return &wire{s: s, lives: map[delegation.HostID]uint64{}, ends: map[delegation.HostID]*udp.Transport{}}
}

func wireAddr(id delegation.HostID) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(id)}), 7000)
}

// restarted ends a host's transport: the next has another nonce.
func (w *wire) restarted(id delegation.HostID) {
	w.lives[id]++
	delete(w.ends, id)
}

func (w *wire) end(id delegation.HostID) *udp.Transport {
	if w.ends[id] == nil {
		t := udp.NewTransport(udp.Config{Nonce: uint64(id)<<32 | w.lives[id], Datagram: udp.MinDatagram})
		for _, n := range w.s.world.Nodes {
			if n.ID != id {
				t.Classify(wireAddr(n.ID), udp.Peer)
			}
		}
		w.ends[id] = t
	}
	return w.ends[id]
}

func (w *wire) now() time.Duration { return time.Duration(w.s.world.Now) }

// flush collects the datagrams that a host sends; their names are their places.
func (w *wire) flush(id delegation.HostID) (names []string) {
	w.end(id).Flush(w.now(), func(to netip.AddrPort, data []byte) {
		dst := delegation.HostID(to.Addr().As4()[3])
		w.sent = append(w.sent, datagram{src: id, dst: dst, data: slices.Clone(data)})
		names = append(names, fmt.Sprintf("d%d", len(w.sent)))
	})
	return names
}

// cmdFragment takes a packet off the network and sends it in datagrams.
func cmdFragment(s *stage, a *args) error {
	q := a.pattern()
	if err := a.end(); err != nil {
		return err
	}
	packets, err := s.onNetwork(q, false)
	if err != nil {
		return err
	}
	for _, p := range packets {
		if p.Src.Host == 0 || p.Dst.Host == 0 {
			return errors.New("only what hosts send each other is cut here")
		}
		if err := s.wire.end(p.Src.Host).Send(s.wire.now(), wireAddr(p.Dst.Host), marshal.Append(nil, p.Msg), udp.Reliable); err != nil {
			return err
		}
		s.say("%s is sent as %s", s.packetText(p), strings.Join(s.wire.flush(p.Src.Host), " "))
	}
	return nil
}

// cmdArrive lets datagrams arrive, in the order in which they are named.
func cmdArrive(s *stage, a *args) error {
	for a.more() {
		word := a.word("a datagram")
		var n int
		if _, err := fmt.Sscanf(word, "d%d", &n); err != nil || n < 1 || n > len(s.wire.sent) {
			return fmt.Errorf("there is no datagram %q", word)
		}
		d := s.wire.sent[n-1]
		if err := s.up(d.dst); err != nil {
			return err
		}
		var packets []kv.Packet
		s.wire.end(d.dst).Receive(s.wire.now(), wireAddr(d.src), d.data, func(_ netip.AddrPort, msg []byte) {
			if m, err := marshal.Decode(msg); err != nil {
				s.broken = fmt.Errorf("bytes were delivered that are no message: %w", err)
			} else {
				packets = append(packets, kv.Packet{Dst: kv.Endpoint{Host: d.dst}, Src: kv.Endpoint{Host: d.src}, Msg: m})
			}
		})
		for _, p := range packets {
			s.say("%s makes %s whole", word, s.packetText(p))
		}
		if len(packets) == 0 {
			s.say("%s makes nothing whole", word)
		}
		if err := s.hand(packets, world.Sent); err != nil {
			return err
		}
	}
	return a.end()
}
