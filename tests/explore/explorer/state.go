package explorer

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"ironkv/ghost"
	"ironkv/ghost/judge"
	"ironkv/kv"
	"ironkv/tests/explore/search"
)

// A state is a cluster, its clients, and its network.
type state struct {
	core    *core
	clients []*client
	// network are all packets ever sent, in the order in which they were first.
	network []*packet
	sum     [2]uint64 // of the packets' keys: it depends on the set alone
	// What may still happen.
	crashes, givesUp, waits, rooms int
}

// encode appends what tells states of one search apart.
func (s *state) encode(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, s.core.id)
	for _, c := range s.clients {
		b = binary.BigEndian.AppendUint32(b, c.id)
	}
	b = binary.BigEndian.AppendUint64(b, s.sum[0])
	b = binary.BigEndian.AppendUint64(b, s.sum[1])
	return append(b, byte(s.crashes), byte(s.givesUp), byte(s.waits), byte(s.rooms))
}

// fresh returns what p is on the network of s, and whether it is not there yet and of
// any use; unless whole, only the latter are there.
func (s *state) fresh(p *packet, whole bool) (*packet, bool) {
	if !whole && p.Dst.Host != 0 {
		p = s.core.machines[p.Dst.Host-1].spent(p)
	}
	return p, !slices.Contains(s.network, p) && (whole || !s.useless(p))
}

// send puts packets on the network; unless whole, only those of any use.
func (s *state) send(sent []*packet, whole bool) error {
	shared := true
	for _, p := range sent {
		p, fresh := s.fresh(p, whole)
		if !fresh {
			continue
		}
		if err := s.uniqueSeqno(p); err != nil {
			return err
		}
		if shared {
			s.network, shared = append(make([]*packet, 0, len(s.network)+len(sent)), s.network...), false
		}
		s.network = append(s.network, p)
		s.count(p, 1)
	}
	return nil
}

// useless reports whether p is for a client that will never heed it: it answers a
// number that the client has behind it, and numbers are not used again. Such a
// packet need not be on the network.
func (s *state) useless(p *packet) bool {
	if p.Dst.Host != 0 {
		return false
	}
	for _, c := range s.clients {
		if c.client.Addr == p.Dst.Client {
			o := c.waiting()
			return p.answers != 0 && (o == nil || o.Host() != p.Src.Host || o.Number() != p.answers)
		}
	}
	return false
}

// prune takes off the network what has become useless.
func (s *state) prune() {
	if !slices.ContainsFunc(s.network, s.useless) {
		return
	}
	s.network = slices.Clone(s.network)
	s.network = slices.DeleteFunc(s.network, func(p *packet) bool {
		if !s.useless(p) {
			return false
		}
		s.count(p, -1)
		return true
	})
}

// uniqueSeqno is the invariant PacketsHaveSenderUniqueSeqnos, which is about the
// network and hence nothing that a core knows.
func (s *state) uniqueSeqno(p *packet) error {
	u, ok := p.unique()
	if !ok {
		return nil
	}
	for _, o := range s.network {
		if v, ok := o.unique(); ok && u == v {
			return &judge.Violation{Name: "PacketsHaveSenderUniqueSeqnos", Source: "InvProof.i.dfy",
				Witness: fmt.Errorf("host %d sends host %d two messages #%d", u.src.Host, u.dst.Host, u.seqno)}
		}
	}
	return nil
}

type transition = search.Transition[*state]

// next returns all transitions that lead from s to another state.
func (g *graph) next(s *state) []transition {
	if t, ok := g.onlyAnswer(s); ok {
		return []transition{t}
	}
	out := make([]transition, 0, len(s.network)+numEvents)
	for _, p := range s.network {
		if p.Dst.Host != 0 {
			out = g.host(out, s, move{int(p.Dst.Host) - 1, event{kind: deliver, packet: p}}, p.kind, p.label)
			continue
		}
		for i := range s.clients {
			if s.clients[i].client.Addr == p.Dst.Client {
				out = g.reaction(out, s, i, p)
			}
		}
	}
	for i, m := range s.core.machines {
		if m.due {
			out = g.host(out, s, move{i, event{kind: timer}}, "timer", g.labels[i].timer)
		}
	}
	if len(out) == 0 {
		if err := g.quiet(s); err != nil {
			return []transition{{Kind: "nothing", Label: "nothing more happens", Next: s, Err: err}}
		}
	}
	return g.unfair(out, s)
}

// unfair appends what need not happen, and may only so often.
func (g *graph) unfair(out []transition, s *state) []transition {
	for i, c := range s.clients {
		if s.givesUp > 0 && c.waiting() != nil {
			out = g.reaction(out, s, i, nil)
		}
	}
	for i, m := range s.core.machines {
		if s.waits > 0 && m.waits {
			out = g.host(out, s, move{i, event{kind: wait}}, "wait", g.labels[i].wait)
		}
		if s.crashes != 0 {
			out = g.host(out, s, move{i, event{kind: crash}}, "crash", g.labels[i].crash)
		}
		if s.rooms != 0 {
			for j := range numRooms {
				out = g.host(out, s, move{i, event{kind: room, room: j}}, "room", g.labels[i].rooms[j])
			}
		}
	}
	return out
}

const numRooms = 3

// roomsOf are the rooms of its disk that a host may be told of: too little for
// anything but its reserve, none, and enough.
func roomsOf(h *kv.Host) [numRooms]uint64 {
	return [...]uint64{h.Config().Limits.ReserveBytes - 1, 0, ^uint64(0)}
}

// host appends the transition that the move makes, if it changes anything.
func (g *graph) host(out []transition, s *state, m move, kind, label string) []transition {
	o, service, err := g.follow(s.core, m)
	if err != nil {
		return append(out, transition{Kind: kind, Label: label, Next: s, Err: err})
	}
	changes := o.next != s.core.machines[m.place] || service != s.core.service
	if !changes && m.event.kind == timer {
		err := violatesLiveness(fmt.Errorf("host %d has a timer due, and its step changes nothing: its loop would spin", m.place+1))
		return append(out, transition{Kind: kind, Label: label, Next: s, Err: err})
	}
	if !changes && !slices.ContainsFunc(o.sent, func(p *packet) bool { _, fresh := s.fresh(p, g.scope.Whole); return fresh }) {
		g.stutters.Add(1)
		return out
	}
	n := *s
	if changes {
		if n.core, err = g.core(s.core.machines, m.place, o.next, service); err != nil {
			return append(out, transition{Kind: kind, Label: label, Next: s, Err: err})
		}
	}
	if !g.scope.Whole && o.spends {
		n.spend(m.place)
	}
	err = n.send(o.sent, g.scope.Whole)
	switch m.event.kind {
	case crash:
		n.crashes = less(n.crashes)
	case wait:
		n.waits--
	case room:
		n.rooms = less(n.rooms)
	case deliver, timer:
	}
	unfair := m.event.kind != deliver && m.event.kind != timer
	return append(out, transition{Kind: kind, Label: label, Next: &n, Unfair: unfair, Err: err})
}

// less is how often something may still happen that has happened once more.
func less(n int) int {
	if n == AnyNumber {
		return n
	}
	return n - 1
}

// reaction appends what a client makes of a packet, or nil to give up.
func (g *graph) reaction(out []transition, s *state, i int, p *packet) []transition {
	r := g.react(s.clients[i], p)
	if r.next == s.clients[i] {
		g.stutters.Add(1)
		return out
	}
	n := *s
	n.clients = slices.Clone(s.clients)
	n.clients[i] = r.next
	if !g.scope.Whole {
		n.prune()
	}
	t := transition{Next: &n, Err: cmp.Or(n.send(r.sent, g.scope.Whole), g.toAndFro(r.next, i))}
	if p == nil {
		n.givesUp--
		t.Unfair, t.Kind, t.Label = true, "gives up", fmt.Sprintf("client %d gives its request up", i+1)
	} else {
		t.Kind, t.Label = p.kind, p.label
	}
	return append(out, t)
}

// onlyAnswer returns the transition of a client that has the answer to a write or
// an order, where nothing else can ever happen to it: each number has one answer,
// so it will take this one, and no host sees when.
func (g *graph) onlyAnswer(s *state) (transition, bool) {
	if g.scope.Whole || g.scope.GivesUp > 0 || g.scope.Waits > 0 || g.scope.Rooms != 0 { // it may give up; a session may expire; it may be refused
		return transition{}, false
	}
	for i, c := range s.clients {
		o := c.waiting()
		if o == nil || !o.Kind.Writes() {
			continue
		}
		var out []transition
		for _, p := range s.network {
			if p.Dst.Client == c.client.Addr {
				out = g.reaction(out, s, i, p)
			}
		}
		if len(out) == 1 {
			return out[0], true
		}
	}
	return transition{}, false
}

// ends reports whether everything has to come to its end in the scope. Where a disk was
// full a client may have given up, or a move waits for word that there is room, which
// takes time.
func (g *graph) ends() bool { return g.scope.Rooms == 0 }

// quiet checks a state in which every packet was delivered and no timer is due:
// everybody has to have what was promised.
func (g *graph) quiet(s *state) error {
	g.quiets.Add(1)
	if !g.ends() {
		return nil
	}
	return g.outstanding(s)
}

// outstanding returns what was promised and is still to come; nil for nothing.
func (g *graph) outstanding(s *state) error {
	for _, c := range s.clients {
		if c.unanswered != nil {
			return c.unanswered
		}
	}
	return s.core.moving
}

func violatesLiveness(witness error) error {
	return &judge.Violation{Name: ghost.Liveness.Name, Source: ghost.Liveness.Source, Witness: witness}
}

// toAndFro is what is wrong where client i's request was redirected too often. Hosts
// redirect to whom they gave the key last, and who has not taken it yet holds the request;
// so each redirect is behind another change of the key's owner, of which each order to
// move makes one at most. One redirect more comes first where the client has been told of
// such an owner before, and asks it without the hint for which it would wait. Where clocks
// jump a session may expire, and then it is asked for anew.
func (g *graph) toAndFro(c *client, i int) error {
	if o := c.waiting(); g.scope.Waits == 0 && o != nil && o.Tries-1 > 1+g.orders {
		return violatesLiveness(fmt.Errorf("client %d is sent to and fro: request %d of its script was redirected %d times, and there are %d orders to move",
			i+1, c.begun, o.Tries-1, g.orders))
	}
	return nil
}
