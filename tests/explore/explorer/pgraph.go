package explorer

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"sync"

	"ironkv/delegation"
	"ironkv/ghost"
	"ironkv/ghost/judge"
	"ironkv/ghost/protocol"
	"ironkv/ghost/spec"
	"ironkv/tests/explore/search"
)

// A pgraph is to P what a [graph] is to hosts: it remembers what follows from what. There
// is one value for each state of a host of P, of a client, of S, and for each packet. The
// actions are those of ghost/protocol, which are asked once for each.
type pgraph struct {
	scope ProtocolScope
	ids   []delegation.HostID // by place
	names []names             // that may be told from the scope by nothing; their own first

	lock     sync.Mutex
	hosts    map[hash]*phost
	clients  map[hash]*pclient
	packets  map[hash]*ppacket
	services map[hash]*pservice
	sound    map[pcore]error
}

type (
	phost struct {
		protocol.Host
		called []hash // what it is called by, in each of the graph's names

		lock  sync.Mutex
		steps map[*ppacket][]*pstep // of nil those without a packet
	}
	// A pstep is an action that is enabled in a state of a host, and what it makes of it.
	pstep struct {
		action protocol.Action
		next   *phost
		sent   []*ppacket
		tells  bool // S takes a step, or a client is told what S replied

		lock   sync.Mutex
		judged map[*pservice]*pservice // what S comes to, from where it was
	}
	pservice struct {
		state  spec.State
		called []hash // as a phost's
	}
	ppacket struct {
		protocol.Packet
		called []hash // as a phost's
		single bool
	}
	pclient struct {
		protocol.Client
		called []hash // as a phost's
	}
	// A pstate is a state of P.
	pstate struct {
		hosts   []*phost
		clients []*pclient
		service *pservice
		// network are the packets ever sent, but for those that nobody will heed, in the
		// order in which they were first.
		network []*ppacket
		// sums are of what the packets are called by, in each of the graph's names: they
		// depend on the set alone.
		sums    [][2]uint64
		givesUp int
	}
	// A pcore is all that the invariants depend on: the hosts, S, and the network's Singles.
	pcore struct {
		hosts   [maxHosts]hash
		service hash
		singles [2]uint64
	}
)

func newPGraph(scope ProtocolScope) *pgraph {
	g := &pgraph{
		scope: scope, hosts: map[hash]*phost{}, clients: map[hash]*pclient{}, packets: map[hash]*ppacket{},
		services: map[hash]*pservice{}, sound: map[pcore]error{}, names: namesOf(scope),
	}
	for _, h := range scope.System.Hosts {
		g.ids = append(g.ids, h.Me)
	}
	return g
}

// begin returns the scope's first state.
func (g *pgraph) begin() *pstate {
	s := &pstate{service: g.serviceOf(g.scope.System.Service), givesUp: g.scope.GivesUp, sums: make([][2]uint64, len(g.names))}
	for _, h := range g.scope.System.Hosts {
		s.hosts = append(s.hosts, g.host(h))
	}
	for _, c := range g.scope.System.Clients {
		s.clients = append(s.clients, g.client(c))
	}
	return s
}

// one returns the one value of a kind that is called so.
func one[V any](g *pgraph, of map[hash]*V, key hash, make func() *V) *V {
	g.lock.Lock()
	defer g.lock.Unlock()
	v := of[key]
	if v == nil {
		v = make()
		of[key] = v
	}
	return v
}

// calls returns what a value is called by in each of the names but the first, whose is key.
func (g *pgraph) calls(key hash, encode func(names) []byte) []hash {
	called := []hash{key}
	for _, n := range g.names[1:] {
		called = append(called, hashOf(encode(n)))
	}
	return called
}

func (g *pgraph) host(h protocol.Host) *phost {
	key := hashOf(h.Encode(nil))
	return one(g, g.hosts, key, func() *phost {
		return &phost{Host: h, called: g.calls(key, func(n names) []byte { return n.host(h).Encode(nil) })}
	})
}

func (g *pgraph) client(c protocol.Client) *pclient {
	encode := func(c protocol.Client) []byte { return c.Encode(fmt.Appendf(nil, "%d ", c.ID)) }
	key := hashOf(encode(c))
	return one(g, g.clients, key, func() *pclient {
		return &pclient{c, g.calls(key, func(n names) []byte { return encode(n.client(c)) })}
	})
}

func (g *pgraph) packet(p protocol.Packet) *ppacket {
	key := hashOf(p.Encode(nil))
	return one(g, g.packets, key, func() *ppacket {
		_, single := p.Msg.(protocol.Single)
		return &ppacket{p, g.calls(key, func(n names) []byte { return renamed(n, p).Encode(nil) }), single}
	})
}

func (g *pgraph) serviceOf(s spec.State) *pservice {
	key := hashOf(s.Encode(nil))
	return one(g, g.services, key, func() *pservice {
		return &pservice{s, g.calls(key, func(n names) []byte { return s.In(n).Encode(nil) })}
	})
}

func (g *pgraph) packetsOf(sent []protocol.Packet) (out []*ppacket) {
	for _, p := range sent {
		out = append(out, g.packet(p))
	}
	return out
}

// steps returns what the host may do with a packet, or without one where it is nil.
func (g *pgraph) steps(h *phost, p *ppacket) []*pstep {
	h.lock.Lock()
	defer h.lock.Unlock()
	if steps, ok := h.steps[p]; ok {
		return steps
	}
	var attempts []protocol.Action
	if p == nil {
		attempts = h.ByItself(g.scope.System.FullDisks)
	} else {
		attempts = h.OnReceiving(p.Packet, g.scope.System.FullDisks)
	}
	var steps []*pstep
	for _, a := range attempts {
		if o, err := a.Take(h.Host); err == nil {
			if g.scope.tamper != nil {
				g.scope.tamper(a, h.Host, &o)
			}
			steps = append(steps, &pstep{action: a, next: g.host(o.Host), sent: g.packetsOf(o.Sent), tells: tells(o)})
		}
	}
	if h.steps == nil {
		h.steps = map[*ppacket][]*pstep{}
	}
	h.steps[p] = steps
	return steps
}

func tells(o protocol.Outcome) bool {
	return len(o.Executed) > 0 || slices.ContainsFunc(o.Sent, func(p protocol.Packet) bool {
		_, ok := protocol.ExecutedReply(p.Msg)
		return ok
	})
}

// judge returns what S comes to by a step of the host, and what is wrong with that, or with
// what a client is told. As S replies more and more, it is not asked again later.
func (g *pgraph) judge(s *pstate, h *phost, step *pstep) (*pservice, error) {
	if !step.tells {
		return s.service, nil
	}
	step.lock.Lock()
	defer step.lock.Unlock()
	if to := step.judged[s.service]; to != nil {
		return to, nil
	}
	next, _, err := s.system().Step(h.Me, step.action)
	if err != nil {
		return nil, err
	}
	next = next.With(step.next.Host)
	for _, p := range step.sent {
		next.Network = next.Network.With(p.Packet)
	}
	if err := judge.Check(ghost.Invariants, next); err != nil {
		return nil, err
	}
	if step.judged == nil {
		step.judged = map[*pservice]*pservice{}
	}
	to := g.serviceOf(next.Service)
	step.judged[s.service] = to
	return to, nil
}

// system is the state as P has it, but for clients, and of the network the Singles only.
func (s *pstate) system() protocol.System {
	p := protocol.System{Network: known, Service: s.service.state}
	for _, h := range s.hosts {
		p.Hosts = append(p.Hosts, h.Host)
	}
	for _, q := range s.network {
		if q.single {
			p.Network = p.Network.With(q.Packet)
		}
	}
	return p
}

// known is a network that no invariant takes for one that is not known: it is not empty.
var known = protocol.NewNetwork().With(protocol.Packet{Msg: protocol.Open{}})

// check checks the invariants; what they depend on is judged once.
func (g *pgraph) check(s *pstate) error {
	core := pcore{service: s.service.called[0]}
	for i, h := range s.hosts {
		core.hosts[i] = h.called[0]
	}
	for _, p := range s.network {
		if p.single {
			count(&core.singles, p.called[0], 1)
		}
	}
	g.lock.Lock()
	err, known := g.sound[core]
	g.lock.Unlock()
	if known {
		return err
	}
	err = judge.Check(ghost.Invariants, s.system())
	g.lock.Lock()
	defer g.lock.Unlock()
	g.sound[core] = err
	return err
}

// outstanding returns what is still to come; nil for nothing.
func (g *pgraph) outstanding(s *pstate) error {
	for _, c := range s.clients {
		if c.Done < len(c.Wants) {
			return violatesLiveness(fmt.Errorf("client %d is never answered: request %d of its script", c.ID, c.Done+1))
		}
	}
	return judge.Check([]ghost.Invariant{ghost.Liveness}, s.system())
}

// count adds a hash to the sum, or takes it off.
func count(sum *[2]uint64, h hash, sign int64) {
	sum[0] += uint64(sign) * binary.BigEndian.Uint64(h[:8])
	sum[1] += uint64(sign) * binary.BigEndian.Uint64(h[8:])
}

// key appends the least of the encodings that s has in the graph's names.
func (g *pgraph) key(b []byte, s *pstate) []byte {
	start := len(b)
	b = g.encode(b, s, 0)
	end := len(b)
	for k := 1; k < len(g.names); k++ {
		b = g.encode(b, s, k)
		if bytes.Compare(b[end:], b[start:end]) < 0 {
			copy(b[start:end], b[end:])
		}
		b = b[:end]
	}
	return b
}

// encode appends what tells states of one search apart, in the k-th names.
func (g *pgraph) encode(b []byte, s *pstate, k int) []byte {
	for _, h := range s.hosts {
		place := slices.Index(g.names[k].hosts, h.Me)
		b = append(b, s.hosts[place].called[k][:]...)
	}
	for _, c := range s.clients {
		place := slices.Index(g.names[k].clients, c.ID)
		b = append(b, s.clients[place].called[k][:]...)
	}
	b = append(b, s.service.called[k][:]...)
	b = binary.BigEndian.AppendUint64(b, s.sums[k][0])
	b = binary.BigEndian.AppendUint64(b, s.sums[k][1])
	return append(b, byte(s.givesUp))
}

// useless reports whether nobody will ever heed p: a reply to a number that its client has
// behind it, or an acknowledgement of what its receiver knows to be acknowledged.
func (s *pstate) useless(p *ppacket) bool {
	if m, ok := p.Msg.(protocol.Ack); ok {
		i := slices.IndexFunc(s.hosts, func(h *phost) bool { return h.Me == p.Dst.Host })
		peer, _ := s.hosts[i].Peer(p.Src.Host)
		return m.Seqno <= peer.Acked && m.From == peer.Incarnation && m.To == s.hosts[i].Incarnation
	}
	to, ok := protocol.ReplyTo(p.Msg)
	return ok && !slices.ContainsFunc(s.clients, func(c *pclient) bool { return c.Asked && c.Expects() == to })
}

// send puts packets on the network, and takes off what is useless by now unless whole.
func (s *pstate) send(sent []*ppacket, whole bool) {
	network := slices.Clone(s.network)
	s.sums = slices.Clone(s.sums)
	counts := func(p *ppacket, sign int64) {
		for k := range s.sums {
			count(&s.sums[k], p.called[k], sign)
		}
	}
	for _, p := range sent {
		if !slices.Contains(network, p) {
			network = append(network, p)
			counts(p, 1)
		}
	}
	s.network = slices.DeleteFunc(network, func(p *ppacket) bool {
		gone := !whole && s.useless(p)
		if gone {
			counts(p, -1)
		}
		return gone
	})
}

type ptransition = search.Transition[*pstate]

// next returns all transitions out of s, or where one party's alone will do, those.
func (g *pgraph) next(s *pstate) (out []ptransition) {
	for i, c := range s.clients {
		own := g.reactions(s, i)
		if !g.scope.Whole && g.alone(s, c, own) {
			return own
		}
		out = append(out, own...)
	}
	for i, h := range s.hosts {
		for _, p := range s.network {
			if p.Dst.Host == h.Me {
				out = g.deeds(out, s, i, g.steps(h, p))
			}
		}
		out = g.deeds(out, s, i, g.steps(h, nil))
	}
	return out
}

// alone reports whether what the client may do is all that needs to be looked at in s: it
// asks whom it will, which no host sees before it receives it; or it takes the only answer
// that its write or order can ever get, which no host sees at all.
func (g *pgraph) alone(s *pstate, c *pclient, own []ptransition) bool {
	if c.Done == len(c.Wants) {
		return false
	}
	switch c.Wants[c.Done].(type) {
	case protocol.GetRequest, protocol.ScanRequest: // may get other answers later
		return !c.Asked
	}
	return !c.Asked || (len(own) == 1 && s.givesUp == 0)
}

// reactions are the transitions of the client of index i.
func (g *pgraph) reactions(s *pstate, i int) (out []ptransition) {
	for _, step := range s.clients[i].Steps(g.ids, s.packets()) {
		n := *s
		if step.Name == "ClientGivesUp" {
			if n.givesUp == 0 {
				continue
			}
			n.givesUp = less(n.givesUp)
		}
		n.clients = slices.Clone(s.clients)
		n.clients[i] = g.client(step.Client)
		n.send(g.packetsOf(step.Sent), g.scope.Whole)
		out = append(out, ptransition{Kind: step.Name, Next: &n, Unfair: step.Name == "ClientGivesUp", Tell: func() string {
			return fmt.Sprintf("client %d: %s %v", i+1, step.Name, step.Sent)
		}})
	}
	return out
}

func (s *pstate) packets() iter.Seq[protocol.Packet] {
	return func(yield func(protocol.Packet) bool) {
		for _, p := range s.network {
			if !yield(p.Packet) {
				return
			}
		}
	}
}

// deeds appends the transitions that the steps of the host at the place make.
func (g *pgraph) deeds(out []ptransition, s *pstate, place int, steps []*pstep) []ptransition {
	h := s.hosts[place]
	for _, step := range steps {
		n := *s
		t := ptransition{Kind: step.action.Name(), Next: &n, Tell: func() string {
			return fmt.Sprintf("host %d: %s %+v", h.Me, step.action.Name(), step.action)
		}}
		n.service, t.Err = g.judge(s, h, step)
		if t.Err == nil {
			if step.next != h {
				n.hosts = slices.Clone(s.hosts)
				n.hosts[place] = step.next
			}
			n.send(step.sent, g.scope.Whole)
		}
		out = append(out, t)
	}
	return out
}
