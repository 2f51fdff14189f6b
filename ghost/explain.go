package ghost

import (
	"errors"
	"fmt"
	"hash/crc32"

	"ironkv/delegation"
	"ironkv/ghost/protocol"
	"ironkv/ghost/spec"
	"ironkv/kv"
	"ironkv/marshal"
)

// An explanation finds the actions of P that a step of H is, and takes them. It
// takes from H only the choices that P leaves open; whether they may be made so,
// P says.
type explanation struct {
	checker *Checker
	host    *kv.Host // after the step
	room    uint64   // what it was told last that its store can take in, in bytes
	id      delegation.HostID
	in      kv.Input
	out     *kv.Effects
	actual  []protocol.Packet // what the step sent, as P sees it
	sent    []protocol.Packet // what P's actions send
	actions int
}

func (e *explanation) run(held []*kv.Held) error {
	for _, p := range e.out.Packets {
		if q, ok := AbstractPacket(p); ok {
			e.actual = append(e.actual, q)
		}
	}
	for _, part := range []func() error{
		e.closeSessions,
		func() error { return e.refusals(held) },
		func() error { return e.receive(held) },
		e.spontaneous,
		e.changeMoves,
		e.greet,
	} {
		if err := part(); err != nil {
			return err
		}
	}
	if err := protocol.Correspondence(e.checker.system.Service, e.actual); err != nil {
		return err
	}
	e.checker.system.Service = e.checker.system.Service.WithoutReads() // no later packet holds their replies
	if err := protocol.DifferInSent(e.sent, e.actual); err != nil {
		return fmt.Errorf("%w: %w", protocol.ErrProtocol, err)
	}
	e.checker.counts.Actions += uint64(e.actions)
	if e.actions == 0 {
		e.checker.counts.Stutters++
	}
	return e.compare()
}

// before is P's view of the host, as far as the actions have led.
func (e *explanation) before() protocol.Host {
	return e.checker.system.Hosts[e.checker.index[e.id]]
}

func (e *explanation) take(a protocol.Action) error {
	e.checker.seen.Saw(a.Name())
	e.actions++
	system, o, err := e.checker.system.Step(e.id, a)
	if err != nil {
		return err
	}
	if e.checker.told != nil {
		e.checker.told(a, o)
	}
	e.checker.system = system
	e.checker.counts.Requests += uint64(len(o.Executed))
	e.sent = append(e.sent, o.Sent...)
	return nil
}

// closeSessions takes CloseSession for each session that is gone. P lets that
// happen at any time; H does it on request, by itself, or to make room.
func (e *explanation) closeSessions() error {
	closes := e.out.Action == kv.ActSession || e.out.Action == kv.ActExpire
	if !closes {
		return nil
	}
	for s := range e.before().Sessions.All() {
		if e.host.State().Sessions[s.ID] == nil {
			if err := e.take(protocol.CloseSession{ID: s.ID}); err != nil {
				return err
			}
		}
	}
	return nil
}

// refusals sees that each refusal is true, of the request that was received, or held.
func (e *explanation) refusals(held []*kv.Held) error {
	for _, p := range e.out.Packets {
		m, ok := p.Msg.(*marshal.Refusal)
		if !ok {
			continue
		}
		limits := e.host.Config().Limits
		r := protocol.Refusal{
			Packet: e.refused(m, held), Header: header(m.RequestHeader), Reason: m.Reason,
			Window: uint64(limits.Window), Room: e.room, Reserve: limits.ReserveBytes,
		}
		if _, err := r.Take(e.before()); err != nil {
			return err
		}
	}
	return nil
}

// refused is P's view of the request that m refuses.
func (e *explanation) refused(m *marshal.Refusal, held []*kv.Held) protocol.Packet {
	if e.in.Kind == kv.InputPacket {
		q, _ := AbstractPacket(e.in.Packet)
		return q
	}
	for _, h := range held {
		q, _ := AbstractPacket(h.Packet)
		if hd, ok := protocol.HeaderOf(q.Msg); ok && hd == header(m.RequestHeader) {
			return q
		}
	}
	return protocol.Packet{}
}

// receive takes the action for the packet that the step received; or for one that
// was held, and is as good as received now.
func (e *explanation) receive(held []*kv.Held) error {
	switch {
	case e.in.Kind == kv.InputPacket:
		return e.packet(e.in.Packet)
	case e.in.Kind == kv.InputTimer && len(held) > 0:
		for _, h := range held {
			if m, ok := AbstractMessage(h.Packet.Msg); ok && e.replied(m) != nil {
				return e.packet(h.Packet)
			}
		}
	}
	return nil
}

func (e *explanation) packet(p kv.Packet) error {
	if _, reads := p.Msg.(*marshal.GetRequest); !reads {
		p.Msg = marshal.Clone(p.Msg) // P keeps parts of it beyond the step
	}
	q, known := AbstractPacket(p)
	if !known {
		return nil
	}
	q.Dst = protocol.Endpoint{Host: e.id}
	switch m := q.Msg.(type) {
	case protocol.GetRequest, protocol.ScanRequest, protocol.SetRequest, protocol.Shard, protocol.MoveOrder:
		return e.request(q)
	case protocol.Open:
		for _, r := range e.actual {
			if opened, ok := r.Msg.(protocol.Opened); ok {
				return e.take(protocol.OpenSession{Packet: q, ID: opened.Session})
			}
		}
	case protocol.Single:
		if !e.sends(func(m protocol.Message) bool { _, ok := m.(protocol.Ack); return ok }) {
			return nil
		}
		if peer, _ := e.before().Peer(p.Src.Host); m.Seqno == peer.Received+1 {
			return e.take(protocol.NextDelegate{Packet: q})
		}
		return e.take(protocol.ReceiveOld{Packet: q})
	case protocol.Ack:
		if e.out.Action == kv.ActAck {
			return e.take(protocol.ReceiveAck{Packet: q})
		}
	case protocol.Greet:
		if e.out.Action == kv.ActPeer && e.out.Halt == nil {
			return e.take(protocol.Meet{Packet: q})
		}
	}
	return nil
}

func (e *explanation) sends(what func(protocol.Message) bool) bool {
	for _, p := range e.actual {
		if what(p.Msg) {
			return true
		}
	}
	return false
}

// replied returns the reply to the request m among what was sent; nil for none:
// then it was refused, dropped, or is held, which P does not know of.
func (e *explanation) replied(m protocol.Message) protocol.Message {
	want, ok := protocol.HeaderOf(m)
	if !ok {
		return nil
	}
	for _, p := range e.actual {
		if hd, ok := protocol.ReplyTo(p.Msg); ok && hd == want {
			return p.Msg
		}
	}
	return nil
}

func (e *explanation) request(q protocol.Packet) error {
	reply := e.replied(q.Msg)
	if reply == nil {
		return nil
	}
	switch m := q.Msg.(type) {
	case protocol.GetRequest:
		return e.take(protocol.NextGetRequest{Packet: q})
	case protocol.ScanRequest:
		page, _ := reply.(protocol.ScanReply)
		return e.take(protocol.NextScanRequest{Packet: q, Covered: page.Covered})
	case protocol.SetRequest, protocol.Shard, protocol.MoveOrder:
		hd, _ := protocol.HeaderOf(m)
		session, _ := e.before().Session(hd.Session)
		if _, answered := session.Answer(hd.Number); answered {
			return e.take(protocol.RepeatAnswer{Packet: q})
		}
		floor, brief := uint64(0), false
		if s := e.host.State().Sessions[hd.Session]; s != nil {
			floor = s.Floor
			answer, _ := s.Answer(hd.Number)
			brief = recordsNoRange(answer)
		}
		if r, ok := reply.(protocol.SetReply); ok && r.Result == marshal.SetNoRoom {
			return e.take(protocol.DeclineSet{Packet: q, Floor: floor, Room: e.room, Reserve: e.host.Config().Limits.ReserveBytes})
		}
		if _, ok := m.(protocol.SetRequest); ok {
			return e.take(protocol.NextSetRequest{Packet: q, Floor: floor, Brief: brief})
		}
		return e.order(q, floor, brief, reply)
	}
	return nil
}

// recordsNoRange reports whether an answer that may name a range names none.
func recordsNoRange(answer marshal.Message) bool {
	switch kept := answer.(type) {
	case *marshal.Redirect:
		return kept.Range.Empty()
	case *marshal.OrderReply:
		return kept.Range.Empty()
	}
	return false
}

func (e *explanation) order(q protocol.Packet, floor uint64, brief bool, reply protocol.Message) error {
	r, ok := reply.(protocol.OrderReply)
	if !ok {
		return fmt.Errorf("%w: an order was answered with %T", protocol.ErrProtocol, reply)
	}
	return e.take(protocol.NextOrder{Packet: q, Floor: floor, Reason: r.Reason, Move: r.Move, Most: e.host.Config().Limits.Moves, Brief: brief})
}

// spontaneous takes the actions that answer no packet.
func (e *explanation) spontaneous() error {
	if e.out.Action == kv.ActChunk {
		for _, t := range e.out.Transfers {
			if err := e.take(protocol.NextShard{Move: e.moveAt(t), Until: t.Range.Until}); err != nil {
				return err
			}
		}
	}
	if e.out.Action == kv.ActRetransmit {
		for _, p := range e.actual {
			if _, ok := p.Msg.(protocol.Single); ok {
				return e.take(protocol.SpontaneouslyRetransmit{To: p.Dst.Host})
			}
		}
	}
	return nil
}

// moveAt returns the number of the move whose chunk the transfer is.
func (e *explanation) moveAt(t kv.Transfer) uint64 {
	for _, m := range e.before().Moves {
		if m.Phase == marshal.MoveRunning && m.Recipient == t.Peer && m.Cursor == t.Range.From {
			return m.Number
		}
	}
	return 0
}

// changeMoves takes ChangeMove and ForgetMove until P's moves stand as H's do.
func (e *explanation) changeMoves() error {
	for _, m := range e.before().Moves {
		after := e.host.State().Moves[m.Number]
		if after == nil {
			if !m.Phase.Ended() {
				if err := e.change(m, e.endOf(m)); err != nil {
					return err
				}
			}
			if err := e.take(protocol.ForgetMove{Number: m.Number}); err != nil {
				return err
			}
			continue
		}
		if err := e.change(m, *after); err != nil {
			return err
		}
	}
	return nil
}

// endOf is how a move has ended that H forgot in the same step.
func (e *explanation) endOf(m protocol.Move) kv.Move {
	answer, answered := e.in.Packet.Msg.(*marshal.Consent)
	switch {
	case m.Phase == marshal.MoveDraining:
		return kv.Move{Phase: marshal.MoveDone}
	case m.Phase == marshal.MoveStopping && m.Reason == marshal.OrderAccepted:
		return kv.Move{Phase: marshal.MoveCanceled}
	case m.Phase == marshal.MoveStopping:
		return kv.Move{Phase: marshal.MoveFailed, Reason: m.Reason}
	case answered:
		return kv.Move{Phase: marshal.MoveFailed, Reason: answer.Reason}
	}
	return kv.Move{Phase: marshal.MoveFailed, Reason: marshal.NotOwner}
}

func (e *explanation) change(m protocol.Move, after kv.Move) error {
	if m.Phase == after.Phase {
		return nil
	}
	answer, _ := abstractConsent(e.in.Packet)
	stops := after.Phase == marshal.MoveCanceled || after.Phase == marshal.MoveFailed
	if stops && m.Phase != marshal.MoveStopping {
		if err := e.take(protocol.ChangeMove{Number: m.Number, Phase: marshal.MoveStopping, Reason: after.Reason, Packet: answer}); err != nil {
			return err
		}
	}
	return e.take(protocol.ChangeMove{Number: m.Number, Phase: after.Phase, Reason: after.Reason, Packet: answer})
}

// greet takes SendGreet for each greeting sent.
func (e *explanation) greet() error {
	for _, p := range e.actual {
		if _, ok := p.Msg.(protocol.Greet); ok {
			if err := e.take(protocol.SendGreet{To: p.Dst.Host}); err != nil {
				return err
			}
		}
	}
	return nil
}

// twice is the invariant OperationsExecuteAtMostOnce of what the host itself did:
// it gave an operation that was executed before another answer than then.
func (e *explanation) twice(before protocol.System, held []*kv.Held) error {
	packets := []kv.Packet{e.in.Packet}
	for _, h := range held {
		packets = append(packets, h.Packet)
	}
	for _, p := range packets {
		var o spec.Operation
		//nolint:gochecksumtype // only these are executed at most once
		switch m := p.Msg.(type) {
		case *marshal.SetRequest:
			o = m.Operation
		case *marshal.Shard:
			o = m.Operation
		case *marshal.MoveOrder:
			o = m.Operation
		default:
			continue
		}
		was, executed := before.Service.Executed(o)
		q, _ := AbstractMessage(p.Msg)
		is, answers := protocol.ExecutedReply(e.replied(q))
		if executed && answers && is.Reply != was {
			return fmt.Errorf("operation %d of client %x was executed, with %+v, and host %d executes it again, with %+v", o.Counter, o.Client, was, e.id, is.Reply)
		}
	}
	return nil
}

// compare compares what is cheap to compare of the host with P's view of it.
func (e *explanation) compare() error {
	p, s := e.before(), e.host.State()
	err := errors.Join(
		differ("clock", p.Clock, s.Clock),
		differ("joined", p.Joined, s.Joined),
		differ("last session", p.LastSession, s.LastSession),
		differ("last move", p.LastMove, s.LastMove),
		differ("number of sessions", p.Sessions.Len(), len(s.Sessions)),
		differ("number of moves", len(p.Moves), len(s.Moves)),
		differ("boundaries of the map", len(p.Map), s.Map.Len()),
	)
	for _, w := range p.Peers {
		g := s.Peers[w.ID]
		if w.Acked != g.Out.Acked() || w.Sent() != g.Out.Sent() || w.Received != g.In.Tombstone() || w.Incarnation != g.Incarnation {
			err = errors.Join(err, fmt.Errorf("with host %d: acked %d, sent %d, received %d in P; %d, %d, %d in H",
				w.ID, w.Acked, w.Sent(), w.Received, g.Out.Acked(), g.Out.Sent(), g.In.Tombstone()))
		}
	}
	if m, ok := e.in.Packet.Msg.(*marshal.SetRequest); ok {
		want, _ := p.Entry(m.Key)
		got, found := e.host.Store().Get(m.Key)
		if !found {
			got = marshal.Entry{Key: want.Key}
		}
		if abstractEntry(got) != want {
			err = errors.Join(err, fmt.Errorf("entry of %v: version %d in P, %d in H", m.Key, want.Version, got.Version))
		}
	}
	return err
}

func differ[T comparable](what string, want, got T) error {
	if want != got {
		return fmt.Errorf("%s: %v in P, %v in H", what, want, got)
	}
	return nil
}

// digestOf is the CRC-32C of a delegate's bytes.
func digestOf(d *marshal.Delegate) uint32 {
	return crc32.Checksum(marshal.AppendDelegate(nil, d), castagnoli)
}

// actionNames name H's actions, in their order.
var actionNames = []string{
	"None", "Drop", "Session", "Get", "Set", "Scan", "Shard", "MoveOrder", "Query", "Delegate", "Ack", "Peer", "Chunk", "Move",
	"Retransmit", "Expire", "Room",
}

// ActionName is the name of an action of H.
func ActionName(a kv.Action) string {
	if int(a) < len(actionNames) {
		return actionNames[a]
	}
	return fmt.Sprintf("Action(%d)", a)
}
