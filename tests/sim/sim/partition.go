package sim

import (
	"fmt"
	"slices"

	"ironkv/kv"
)

// A Way is how the network is cut around a host.
type Way uint8

// The ways of a cut: of the host's link to another host, of all its links, and of its link
// to a client.
const (
	wayOneWay Way = iota
	wayTwoWay
	wayMute
	wayDeaf
	wayApart
	wayToClient
	wayFromClient
	wayClient
	numWays
)

// ways say what does not arrive: what the host sends, what is sent to it, or both.
var ways = [numWays]struct {
	name     string
	out, in  bool
	ofClient bool
}{
	wayOneWay:     {name: "one-way", out: true},
	wayTwoWay:     {name: "two-way", out: true, in: true},
	wayMute:       {name: "mute", out: true},
	wayDeaf:       {name: "deaf", in: true},
	wayApart:      {name: "cut off", out: true, in: true},
	wayToClient:   {name: "to a client", out: true, ofClient: true},
	wayFromClient: {name: "from a client", in: true, ofClient: true},
	wayClient:     {name: "two-way with a client", out: true, in: true, ofClient: true},
}

// usualWays are the weights of the ways before a seed bends them.
var usualWays = [numWays]int{wayOneWay: 4, wayTwoWay: 3, wayMute: 1, wayDeaf: 1, wayApart: 1, wayToClient: 1, wayFromClient: 1, wayClient: 1}

// saw is the way's name in the table of what was seen: a packet was lost by it.
func (w Way) saw() string { return "cut: " + ways[w].name }

// A gap is what does not arrive: of from at to, each of them everybody where it is zero.
type gap struct {
	from, to kv.Endpoint
	way      Way
}

func (s *Sim) drawCut(e Event) (Event, bool) {
	e.Way = Way(weighted(s.rng, s.mix.ways[:]))
	switch {
	case ways[e.Way].ofClient:
		e.Client = 1 + s.rng.IntN(s.mix.clients)
	case e.Way == wayOneWay || e.Way == wayTwoWay:
		e.Peer = s.anyHost()
	}
	return e, e.Peer != e.Host
}

// part cuts what an event says, until all is mended.
func (s *Sim) part(e *Event) {
	host, other := kv.Endpoint{Host: e.Host}, kv.Endpoint{Host: e.Peer}
	if e.Client != 0 {
		other.Client = s.world.Clients[e.Client-1].Addr
	}
	for _, g := range []struct {
		cut bool
		gap
	}{{ways[e.Way].out, gap{host, other, e.Way}}, {ways[e.Way].in, gap{other, host, e.Way}}} {
		if g.cut && !slices.Contains(s.gaps, g.gap) {
			s.gaps = append(s.gaps, g.gap)
		}
	}
}

// cutBy is by which way of a cut, if by any, a packet from src does not arrive at dst.
func (s *Sim) cutBy(src, dst kv.Endpoint) (Way, bool) {
	everybody := kv.Endpoint{}
	for _, g := range s.gaps {
		if (g.from == src || g.from == everybody) && (g.to == dst || g.to == everybody) {
			return g.way, true
		}
	}
	return 0, false
}

// cut tells what is cut.
func (e *Event) cut() string {
	other := "anybody"
	switch {
	case e.Peer != 0:
		other = fmt.Sprintf("host %d", e.Peer)
	case e.Client != 0:
		other = fmt.Sprintf("client %d", e.Client)
	}
	switch w := ways[e.Way]; {
	case w.out && w.in:
		return fmt.Sprintf("cut (%s): nothing arrives between host %d and %s", w.name, e.Host, other)
	case w.out:
		return fmt.Sprintf("cut (%s): nothing from host %d arrives at %s", w.name, e.Host, other)
	default:
		return fmt.Sprintf("cut (%s): nothing from %s arrives at host %d", w.name, other, e.Host)
	}
}
