package sim

import (
	"fmt"
	"slices"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
	"ironkv/tests/world"
)

// draw chooses the next event. What cannot happen now is drawn again; that a
// packet is delivered, a timer fires or time passes always can.
func (s *Sim) draw() Event {
	for range 4 {
		if e, ok := s.drawOf(Op(weighted(s.rng, s.mix.weights[:]))); ok {
			return e
		}
	}
	return s.drawTimer()
}

func (s *Sim) drawOf(op Op) (Event, bool) {
	e := Event{Op: op}
	switch op {
	case opDeliver:
		if s.net.size() > 0 {
			return s.drawDelivery(), true
		}
		if e, ok := s.drawClient(Event{Op: pick(s.rng, opInvoke, opRetransmit)}); ok && s.rng.IntN(2) == 0 {
			return e, true
		}
		return s.drawTimer(), true
	case opTimer:
		return s.drawTimer(), true
	case opWait:
		return s.drawWait(), true
	case opInvoke, opRetransmit, opGiveUp, opClose:
		return s.drawClient(e)
	case opLose, opCopy, opDamage, opForge:
		n := s.net.size()
		if op == opForge {
			n = s.net.known()
		}
		if n == 0 {
			return e, false
		}
		e.Flights, e.Damage = []int{s.rng.IntN(n)}, s.rng.Uint64()
	case opLate:
		if len(s.attic) == 0 {
			return e, false
		}
		e.Flights = []int{s.rng.IntN(len(s.attic))}
	case opCrash, opRestart, opJump, opCut, opMend, opRoom:
		return s.drawHost(e)
	case numOps, opSettle:
	}
	return e, true
}

func (s *Sim) drawHost(e Event) (Event, bool) {
	e.Host = s.anyHost()
	up := s.world.Node(e.Host).Host != nil
	switch e.Op {
	case opCrash:
		return e, up
	case opRestart:
		return e, !up
	case opJump:
		e.Span = pick(s.rng, 10*kv.Millisecond, 100*kv.Millisecond, kv.Second, 10*kv.Second)
		return e, up
	case opCut:
		return s.drawCut(e)
	case opMend:
		return e, len(s.gaps) > 0
	case opRoom:
		e.Room = pick[uint64](s.rng, 0, reserveBytes-1, reserveBytes+300, reserveBytes+5000, 1<<30, 1<<30, 1<<40, 1<<40)
		return e, up
	default:
		panic("sim: not about a host: " + opNames[e.Op])
	}
}

func (s *Sim) anyHost() delegation.HostID { return delegation.HostID(1 + s.rng.IntN(s.mix.hosts)) }

// drawDelivery takes a packet, the oldest or another, and perhaps more for the
// same host; what is sent over a link that is cut, or to a host that is down, is
// lost.
func (s *Sim) drawDelivery() Event {
	i := 0
	if s.rng.Float64() < s.mix.reorder {
		i = s.rng.IntN(s.net.size())
	}
	e := Event{Op: opDeliver, Flights: []int{i}}
	src, dst := s.net.ends(i)
	way, cut := s.cutBy(src, dst)
	if cut {
		s.saw(way.saw())
	}
	if cut || dst.Host != 0 && s.world.Node(dst.Host).Host == nil {
		e.Op = opLose
		return e
	}
	if e.Host = dst.Host; e.Host == 0 {
		e.Client = s.clientAt(dst)
		return e
	}
	if s.rng.Float64() < s.mix.batch {
		for j := range min(s.net.size(), 16) {
			from, to := s.net.ends(j)
			if _, cut := s.cutBy(from, to); j != i && to == dst && !cut && len(e.Flights) < 5 {
				e.Flights = append(e.Flights, j)
			}
		}
		e.Timers = s.rng.IntN(3)
		slices.Sort(e.Flights) // who is delivered together arrives in order
	}
	e.Fate = s.drawFate()
	return e
}

func (s *Sim) drawFate() world.Fate {
	if s.rng.Float64() >= s.mix.fatal {
		return world.Sent
	}
	return pick(s.rng, world.LostUnsynced, world.LostUnsent)
}

func (s *Sim) clientAt(e kv.Endpoint) int {
	for i, c := range s.world.Clients {
		if c.Addr == e.Client {
			return i + 1
		}
	}
	return 0 // a stranger's
}

// drawTimer lets a timer fire that is due, or time pass where none is.
func (s *Sim) drawTimer() Event {
	first := s.rng.IntN(s.mix.hosts)
	for i := range s.mix.hosts {
		id := delegation.HostID(1 + (first+i)%s.mix.hosts)
		if at, ok := s.world.Due(id); ok && at <= s.world.Now {
			return Event{Op: opTimer, Host: id, Timers: 1, Fate: s.drawFate()}
		}
	}
	return s.drawWait()
}

// nearTimer is how far ahead a timer may be for time to leap to it: clients and
// moves are to meet, not timeouts alone.
const nearTimer = 20 * kv.Millisecond

// drawWait lets time pass: to the next timer if it is near or patience is great,
// else a little.
func (s *Sim) drawWait() Event {
	due, ok := s.net.due()
	if !ok {
		due = never
	}
	for _, n := range s.world.Nodes {
		if at, ok := s.world.Due(n.ID); ok {
			due = min(due, at)
		}
	}
	left := due - s.world.Now
	if left > 0 && (left < nearTimer || due != never && s.rng.Float64() < s.mix.patience) {
		return Event{Op: opWait, Span: left}
	}
	return Event{Op: opWait, Span: kv.Time(1+s.rng.IntN(6)) * kv.Millisecond}
}

func (s *Sim) drawClient(e Event) (Event, bool) {
	e.Client = 1 + s.rng.IntN(s.mix.clients)
	c := s.world.Clients[e.Client-1]
	switch e.Op {
	case opInvoke:
		if len(c.Ops) >= s.mix.outstanding {
			return e, false
		}
		s.tags++
		e.Tag, e.Request = s.tags, s.drawRequest()
		return e, true
	case opRetransmit:
		return e, c.Waiting()
	case opGiveUp:
		if !c.Waiting() {
			return e, false
		}
		e.Tag = s.history.tagOf(c.Ops[s.rng.IntN(len(c.Ops))])
		return e, e.Tag != 0
	case opClose:
		e.Host = s.anyHost()
		return e, true
	default:
		panic("sim: not about a client: " + opNames[e.Op])
	}
}

func (s *Sim) anyKey() delegation.Key {
	return s.keys[s.rng.IntN(len(s.keys))]
}

// anyBound is at a key, just above one, or at no key.
func (s *Sim) anyBound() delegation.Bound {
	switch s.rng.IntN(8) {
	case 0:
		return delegation.NegInf
	case 1:
		return delegation.PosInf
	case 2:
		return delegation.After(s.anyKey())
	}
	return delegation.At(s.anyKey())
}

// anyRange is mostly one that holds keys.
func (s *Sim) anyRange() delegation.Range {
	r := delegation.Range{From: s.anyBound(), Until: s.anyBound()}
	if r.Empty() && s.rng.IntN(10) > 0 {
		r.From, r.Until = r.Until, r.From
	}
	return r
}

// rangeToMove is mostly a part of what a host owns, asked of that host; else any
// range, asked of any host.
func (s *Sim) rangeToMove() (delegation.Range, delegation.HostID) {
	at, r := s.anyHost(), s.anyRange()
	h := s.world.Node(at).Host
	if h == nil || s.rng.IntN(4) == 0 {
		return r, at
	}
	var owned []delegation.Range
	for piece := range h.State().Map.RangesOf(at) {
		owned = append(owned, piece)
	}
	if len(owned) == 0 {
		return r, at
	}
	whole := owned[s.rng.IntN(len(owned))]
	if part := whole.Intersect(r); !part.Empty() && s.rng.IntN(3) > 0 {
		return part, at
	}
	return whole, at
}

func (s *Sim) drawRequest() world.Op {
	op := world.Op{Key: s.anyKey()}
	if s.rng.IntN(10) == 0 {
		op.At = s.anyHost()
	}
	switch weighted(s.rng, s.mix.requests[:]) {
	case askGet:
		op.Kind = world.OpGet
	case askPut:
		op.Kind, op.Condition = world.OpPut, s.drawCondition(op.Key)
		s.values++
		op.Value = fmt.Appendf(nil, "%d.%0*d", s.values, s.rng.IntN(s.mix.valueBytes), 0)
	case askDelete:
		op.Kind, op.Condition = world.OpDelete, s.drawCondition(op.Key)
	case askScan:
		op.Kind, op.Range = world.OpScan, s.anyRange()
	case askShard:
		op.Kind = world.OpShard
		op.Range, op.At = s.rangeToMove()
		op.Recipient = delegation.HostID(1 + s.rng.IntN(s.mix.hosts+1)) // one of them unknown
		op.Rate = pick(s.rng, 0, 0, marshal.RateUnlimited, 2000)
	case askOrder:
		s.drawOrder(&op)
	case askQuestion:
		op.Kind, op.At = world.OpMoves+world.OpKind(s.rng.IntN(3)), s.anyHost()
		if op.Kind == world.OpAudit {
			s.drawAudit(&op)
		}
	}
	return op
}

// drawCondition is that the key has the version that a client saw last, or is
// absent, or none.
func (s *Sim) drawCondition(key delegation.Key) marshal.Condition {
	switch s.rng.IntN(6) {
	case 0:
		return marshal.Condition{Set: true}
	case 1, 2:
		return marshal.Condition{Set: true, Version: s.history.last[key]}
	}
	return marshal.Condition{}
}

// drawOrder is for a move that some host has, or had, or never had.
func (s *Sim) drawOrder(op *world.Op) {
	op.Kind = pick(s.rng, world.OpPause, world.OpPause, world.OpResume, world.OpResume, world.OpCancel, world.OpThrottle)
	op.Rate = pick(s.rng, 0, marshal.RateUnlimited, 5000)
	op.At = s.anyHost()
	last := uint64(1)
	if h := s.world.Node(op.At).Host; h != nil {
		last = h.State().LastMove
	}
	back := uint64(s.rng.IntN(3))
	op.Move = marshal.MoveID{Host: op.At, Number: last - min(last, back)}
	if s.rng.IntN(20) == 0 {
		op.Move.Host++
	}
}
