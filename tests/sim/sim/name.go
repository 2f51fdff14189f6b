package sim

import (
	"fmt"
	"hash/crc32"
	"slices"
	"strings"

	"ironkv/kv"
	"ironkv/marshal"
)

// mark stands in a packet's name before the checksum of its bytes, which stories
// leave out.
const mark = "~"

// nameOf names a packet so that a person knows it, and a shortened run finds it.
func nameOf(p kv.Packet) string {
	return fmt.Sprintf("%s>%s %s%s%08x", end(p.Src), end(p.Dst), content(p.Msg), mark, crc32.ChecksumIEEE(marshal.Append(nil, p.Msg)))
}

// shown is what a person sees of a name.
func shown(name string) string {
	name, _, _ = strings.Cut(name, mark)
	return name
}

// names are the event's flights, as stories tell them.
func (e *Event) names() string {
	names := e.Names
	if e.Found != nil {
		names = e.Found
	}
	var out []string
	for _, n := range names {
		out = append(out, shown(n))
	}
	return strings.Join(out, ", ")
}

// nameFlights fills in the names of an event's flights.
func (s *Sim) nameFlights(e *Event) {
	e.Names = nil
	for _, i := range e.Flights {
		switch e.Op {
		case opLate:
			e.Names = append(e.Names, nameOf(s.attic[i]))
		case opForge:
			e.Names = append(e.Names, nameOf(s.net.peek(i)))
		default:
			e.Names = append(e.Names, s.net.name(i))
		}
	}
}

// find looks an event's flights up by their names. It reports false where the
// event can no longer happen.
func (s *Sim) find(e *Event) bool {
	e.Flights, e.Found = nil, nil
	switch e.Op {
	case opLate:
		_, ok := s.gone(e.Names[0])
		return ok
	case opForge:
		_, ok := s.original(e)
		return ok
	default:
	}
	for _, name := range e.Names {
		if i := s.flightNamed(name, e.Flights, e.Op == opDeliver); i >= 0 {
			e.Flights, e.Found = append(e.Flights, i), append(e.Found, s.net.name(i))
		}
	}
	if len(e.Names) > 0 && len(e.Flights) == 0 {
		return false
	}
	switch e.Op {
	case opDeliver, opTimer:
		return e.Host == 0 || s.world.Node(e.Host).Host != nil
	case opInvoke: // what a client has outstanding is bounded here, too
		return len(s.world.Clients[e.Client-1].Ops) < s.mix.outstanding
	case opGiveUp:
		return s.ops[e.Tag] != nil
	default:
		return true
	}
}

// original is the packet of which an event forges another: where it is replayed, that of
// the name, or one that looks the same, or what had left so, or one of the same kind between
// the same two.
func (s *Sim) original(e *Event) (p kv.Packet, ok bool) {
	if !s.replaying {
		return s.net.peek(e.Flights[0]), true
	}
	name, best := e.Names[0], 0
	looks := shown(name)
	kind, _, _ := strings.Cut(looks, "#")
	for i := range s.net.known() {
		q, likeness := s.net.peek(i), 0
		switch n := nameOf(q); {
		case n == name:
			likeness = 3
		case shown(n) == looks:
			likeness = 2
		case strings.HasPrefix(n, kind):
			likeness = 1
		}
		if likeness > best {
			p, best = q, likeness
		}
	}
	if best < 2 {
		if q, left := s.gone(name); left {
			return q, true
		}
	}
	return p, best > 0
}

// gone returns a packet of that name which is no longer on the network.
func (s *Sim) gone(name string) (kv.Packet, bool) {
	p, ok := s.past[name]
	if !ok {
		p, ok = s.past[shown(name)]
	}
	return p, ok
}

// flightNamed is the place of the flight of that name which is not among taken. Where
// there is none and again says so, a packet of just that name that had left the network
// flies once more. Else it is the place of one that looks the same, then of any of the
// same kind between the same two, since numbers are others where events before are left
// out; and then, with again, what had left and looks the same flies once more. It is -1
// where there is none of these either.
func (s *Sim) flightNamed(name string, taken []int, again bool) int {
	looks := shown(name)
	kind, _, _ := strings.Cut(looks, "#")
	similar, alike := -1, -1
	for i := range s.net.size() {
		if slices.Contains(taken, i) {
			continue
		}
		n := s.net.name(i)
		if n == name {
			return i
		}
		if similar < 0 && shown(n) == looks {
			similar = i
		}
		if alike < 0 && strings.HasPrefix(n, kind) {
			alike = i
		}
	}
	if _, packets := s.net.(plain); packets && again {
		p, ok := s.past[name]
		if !ok && alike < 0 {
			p, ok = s.past[looks]
		}
		if ok {
			s.world.Send(p)
			return s.net.size() - 1
		}
	}
	if similar >= 0 {
		return similar
	}
	return alike
}
