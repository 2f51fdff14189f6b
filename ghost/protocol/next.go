package protocol

import (
	"encoding/binary"
	"fmt"
	"slices"

	"ironkv/delegation"
	"ironkv/ghost/spec"
	"ironkv/marshal"
)

// A Transition is a step of a system: of a host, by Action, or of a client.
type Transition struct {
	Name   string
	Host   delegation.HostID // 0 for a client's
	Action Action            // nil for a client's
	System System
	// Err says that the step is none of S.
	Err error
}

// Next returns all transitions that are enabled in s, always in the same order,
// with all choices that make a difference: every packet of the network at its
// destination, every chunk that ends at an entry or with the range.
func (s System) Next() (out []Transition) {
	for i, c := range s.Clients {
		for _, step := range c.Steps(s.ids(), s.Network.All()) {
			t := s
			t.Clients = slices.Clone(s.Clients)
			t.Clients[i] = step.Client
			t.Network = s.Network.With(step.Sent...)
			out = append(out, Transition{Name: step.Name, System: t})
		}
	}
	for _, h := range s.Hosts {
		for _, a := range s.attempts(h) {
			if _, err := a.Take(h); err != nil {
				continue
			}
			t, o, err := s.Step(h.Me, a)
			t.Network = t.Network.With(o.Sent...)
			out = append(out, Transition{Name: a.Name(), Host: h.Me, Action: a, System: t, Err: err})
		}
	}
	return out
}

// Try takes each action that any host might take in s, enabled or not, and tells
// what becomes of it: an error is a [*Disabled].
func (s System) Try(tell func(a Action, o Outcome, err error)) {
	for _, h := range s.Hosts {
		for _, a := range s.attempts(h) {
			o, err := a.Take(h)
			tell(a, o, err)
		}
	}
}

// attempts returns the actions that the host might take, enabled or not.
func (s System) attempts(h Host) (out []Action) {
	for p := range s.Network.All() {
		if p.Dst.Host == h.Me {
			out = append(out, h.OnReceiving(p, s.FullDisks)...)
		}
	}
	return append(out, h.ByItself(s.FullDisks)...)
}

// ByItself returns the actions that the host might take without a packet, enabled or not;
// fullDisks is as in [System].
func (h Host) ByItself(fullDisks bool) (out []Action) {
	try := func(actions ...Action) { out = append(out, actions...) }
	for _, p := range h.Peers {
		try(SpontaneouslyRetransmit{p.ID})
		if !h.Joined || !p.Confirmed { // later greetings say what acknowledgements say
			try(SendGreet{p.ID})
		}
	}
	for _, m := range h.Moves {
		try(ChangeMove{Number: m.Number, Phase: marshal.MoveRunning, Packet: h.consent(m, marshal.OrderAccepted)},
			ChangeMove{Number: m.Number, Phase: marshal.MoveDone},
			ChangeMove{Number: m.Number, Phase: marshal.MoveCanceled},
			ChangeMove{Number: m.Number, Phase: marshal.MoveFailed},
			ChangeMove{Number: m.Number, Phase: marshal.MoveStopping, Reason: marshal.NotOwner})
		if fullDisks {
			try(ChangeMove{Number: m.Number, Phase: marshal.MoveStopping, Reason: marshal.NoRoom, Packet: h.consent(m, marshal.NoRoom)})
		}
		rest := delegation.Range{From: m.Cursor, Until: m.Range.Until}
		for i, e := range h.Entries(rest) {
			if i > 0 {
				try(NextShard{m.Number, delegation.At(e.Key)})
			}
		}
		try(NextShard{m.Number, rest.Until})
	}
	return out
}

// consent is the answer of a move's recipient to its proposal.
func (h Host) consent(m Move, reason marshal.OrderReason) Packet {
	peer, _ := h.Peer(m.Recipient)
	return Packet{
		Dst: Endpoint{Host: h.Me}, Src: Endpoint{Host: m.Recipient},
		Msg: Consent{Life{From: peer.Incarnation, To: h.Incarnation}, marshal.MoveID{Host: h.Me, Number: m.Number}, reason},
	}
}

// OnReceiving returns what the host may do with a packet that is sent to it, enabled or
// not; fullDisks is as in [System].
func (h Host) OnReceiving(p Packet, fullDisks bool) []Action {
	switch m := p.Msg.(type) {
	case Open:
		return []Action{OpenSession{p, marshal.SessionID(m.Nonce)}}
	case Close:
		return []Action{CloseSession{m.Session}}
	case GetRequest:
		return []Action{NextGetRequest{p}}
	case ScanRequest:
		r, _ := h.Map.lookup(m.Range.From)
		return []Action{NextScanRequest{p, r.Intersect(m.Range)}}
	case SetRequest:
		out := []Action{RepeatAnswer{p}, NextSetRequest{Packet: p, Floor: m.Floor}}
		if fullDisks {
			out = append(out, DeclineSet{Packet: p, Floor: m.Floor, Room: 0, Reserve: 1})
		}
		return out
	case Shard:
		out := []Action{RepeatAnswer{p}}
		for reason := marshal.OrderAccepted; reason <= marshal.OverlapsMove; reason++ {
			out = append(out, NextOrder{Packet: p, Floor: m.Floor, Reason: reason})
		}
		for _, o := range h.Moves {
			out = append(out, NextOrder{Packet: p, Floor: m.Floor, Reason: marshal.OverlapsMove, Move: o.Number})
		}
		return out
	case MoveOrder:
		out := []Action{RepeatAnswer{p}}
		for _, reason := range []marshal.OrderReason{marshal.NoSuchMove, marshal.MoveEnded, marshal.OrderAccepted} {
			out = append(out, NextOrder{Packet: p, Floor: m.Floor, Reason: reason})
		}
		return out
	case Single:
		return []Action{NextDelegate{p}, ReceiveOld{p}}
	case Ack:
		return []Action{ReceiveAck{p}}
	case Greet:
		return []Action{Meet{p}}
	}
	return nil
}

// Encode appends the canonical encoding of s to b.
func (s System) Encode(b []byte) []byte {
	for _, h := range s.Hosts {
		b = h.Encode(b)
	}
	for p := range s.Network.packets.All() {
		b = append(append(b, p.key...), 0)
	}
	for _, c := range s.Clients {
		b = c.Encode(b)
	}
	return s.Service.Encode(b)
}

// Encode appends to b what changes of c.
func (c Client) Encode(b []byte) []byte {
	b = appendUint(b, uint64(c.Done), uint64(c.At), uint64(c.Recipient), c.Number, uint64(c.Redirects))
	return appendUint(b, c.Numbers...)
}

// Encode appends the canonical encoding of h to b.
func (h Host) Encode(b []byte) []byte {
	b = appendUint(b, uint64(h.Me), uint64(h.Incarnation), uint64(h.Clock), h.LastSession, h.LastMove)
	b = appendUint(b, uint64(len(h.Map)), uint64(h.Table.Len()), uint64(h.Sessions.Len()), uint64(len(h.Moves)))
	if h.Joined {
		b = append(b, 1)
	}
	for _, p := range h.Map {
		b = appendUint(appendText(b, p.From.String()), uint64(p.Host))
	}
	for e := range h.Table.All() {
		b = appendEntry(b, e)
	}
	for _, p := range h.Peers {
		b = appendUint(b, uint64(p.ID), uint64(p.Incarnation), p.Acked, p.Received, uint64(len(p.Unacked)))
		if p.Confirmed {
			b = append(b, 1)
		}
		for _, d := range p.Unacked {
			b = appendUint(appendText(b, d.Range.String()), uint64(d.Clock), uint64(len(d.Entries)))
			for _, e := range d.Entries {
				b = appendEntry(b, e)
			}
		}
	}
	for session := range h.Sessions.All() {
		b = appendUint(append(b, session.ID[:]...), session.Serial, session.Floor, uint64(len(session.Answers)))
		for _, a := range session.Answers {
			b = appendText(appendUint(b, a.Number), fmt.Sprintf("%T%v", a.Msg, a.Msg))
		}
	}
	for _, m := range h.Moves {
		b = appendUint(b, m.Number, uint64(m.Recipient), uint64(m.Phase), uint64(m.Reason), m.LastSeqno)
		if m.Agreed {
			b = append(b, 1)
		}
		b = appendText(appendText(b, m.Range.String()), m.Cursor.String())
	}
	return b
}

func appendEntry(b []byte, e spec.Entry) []byte {
	return appendUint(appendText(appendText(b, string(e.Key)), e.Value), uint64(e.Version))
}

func appendUint(b []byte, vs ...uint64) []byte {
	for _, v := range vs {
		b = binary.AppendUvarint(b, v)
	}
	return b
}

func appendText(b []byte, s string) []byte { return append(appendUint(b, uint64(len(s))), s...) }
