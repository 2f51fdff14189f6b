package ghost

import (
	"unsafe"

	"ironkv/delegation"
	"ironkv/ghost/protocol"
	"ironkv/ghost/spec"
	"ironkv/kv"
	"ironkv/marshal"
)

// AbstractHost is P's view of a host of H, of all that is durable in it. What is
// volatile P does not know. It shares the memory of values, which a Table never
// changes. Source: HostState's refinement, Impl/SHT/HostState.i.dfy.
func AbstractHost(h *kv.Host) protocol.Host {
	s := h.State()
	p := protocol.Host{
		Me: s.Host, Incarnation: s.Incarnation, Joined: s.Joined, Clock: s.Clock,
		LastSession: s.LastSession, LastMove: s.LastMove,
		Table: protocol.NewTable().WithAll(func(yield func(spec.Entry) bool) {
			h.Store().Ascend(delegation.All, func(e marshal.Entry) bool { return yield(abstractEntry(e)) })
		}),
		Sessions: protocol.NewSessions().WithAll(func(yield func(protocol.Session) bool) {
			for _, v := range s.Sessions {
				if !yield(abstractSession(v)) {
					return
				}
			}
		}),
	}
	for from, host := range s.Map.Boundaries() {
		p.Map = append(p.Map, protocol.Piece{From: from, Host: host})
	}
	for _, m := range h.Config().Members {
		if m.ID != s.Host {
			p.Peers = append(p.Peers, abstractPeer(m.ID, s.Peers[m.ID]))
		}
	}
	p.Moves = abstractMoves(s)
	return p
}

func abstractPeer(id delegation.HostID, v *kv.Peer) protocol.Peer {
	p := protocol.Peer{
		ID: id, Incarnation: v.Incarnation, Confirmed: v.Confirmed, Acked: v.Out.Acked(), Received: v.In.Tombstone(),
	}
	for _, d := range v.Out.Unacked() {
		p.Unacked = append(p.Unacked, abstractDelegate(d))
	}
	return p
}

// abstractSession leaves out the answers below the floor: they are never given again.
func abstractSession(v *kv.Session) protocol.Session {
	s := protocol.Session{ID: v.ID, Client: protocol.Endpoint{Client: v.Client}, Nonce: v.Nonce, Serial: v.Serial, Floor: v.Floor}
	for n, answer := range v.Answers() {
		if n >= v.Floor {
			m, _ := AbstractMessage(answer)
			s.Answers = append(s.Answers, protocol.Answer{Number: n, Msg: m})
		}
	}
	return s
}

func abstractMoves(s *kv.State) (out []protocol.Move) {
	for _, n := range sortedKeys(s.Moves) {
		out = append(out, abstractMove(s.Moves[n]))
	}
	return out
}

func abstractMove(m *kv.Move) protocol.Move {
	return protocol.Move{
		Number: m.Number, Range: m.Range, Recipient: m.Recipient, Phase: m.Phase, Reason: m.Reason, Agreed: m.Consented,
		Cursor: m.Cursor, LastSeqno: m.LastSeqno,
	}
}

// text shares the memory of b, which nobody changes any more.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func abstractEntry(e marshal.Entry) spec.Entry {
	return spec.Entry{Key: e.Key, Value: text(e.Value), Version: e.Version}
}

func abstractEntries(entries []marshal.Entry) []spec.Entry {
	if len(entries) == 0 {
		return nil
	}
	out := make([]spec.Entry, len(entries))
	for i := range entries {
		out[i] = abstractEntry(entries[i])
	}
	return out
}

func abstractDelegate(d *marshal.Delegate) protocol.Delegate {
	return protocol.Delegate{Range: d.Range, Clock: d.Clock, Entries: abstractEntries(d.Entries)}
}

// AbstractPacket is P's view of a packet. It reports false for one that P does
// not know.
func AbstractPacket(p kv.Packet) (protocol.Packet, bool) {
	m, ok := AbstractMessage(p.Msg)
	return protocol.Packet{Dst: protocol.Endpoint(p.Dst), Src: protocol.Endpoint(p.Src), Msg: m}, ok
}

func header(h marshal.RequestHeader) protocol.Header {
	return protocol.Header{Session: h.Session, Number: h.Number}
}

func write(w marshal.WriteHeader) protocol.Write {
	return protocol.Write{Floor: w.Floor, Operation: w.Operation}
}

func life(h marshal.PeerHeader) protocol.Life {
	return protocol.Life{From: h.FromIncarnation, To: h.ToIncarnation}
}

// AbstractMessage is P's view of a message; it shares its memory. It reports
// false for the messages that P does not know: cookies, refusals, figures,
// proposals; and for their answers, which P lets any host send at any time: it
// knows them where they are received ([abstractConsent]).
func AbstractMessage(m marshal.Message) (protocol.Message, bool) {
	switch m := m.(type) {
	case *marshal.Open:
		return protocol.Open{Nonce: m.Nonce}, true
	case *marshal.CloseRequest:
		return protocol.Close{Session: m.Session}, true
	case *marshal.GetRequest:
		return protocol.GetRequest{Header: header(m.RequestHeader), Key: m.Key}, true
	case *marshal.SetRequest:
		return protocol.SetRequest{
			Header: header(m.RequestHeader), Write: write(m.WriteHeader),
			Key: m.Key, Value: text(m.Value), Delete: m.Delete, Condition: m.Condition,
		}, true
	case *marshal.ScanRequest:
		return protocol.ScanRequest{Header: header(m.RequestHeader), Range: m.Range, Mode: m.Mode}, true
	case *marshal.Shard:
		return protocol.Shard{
			Header: header(m.RequestHeader), Write: write(m.WriteHeader), Range: m.Range, Recipient: m.Recipient,
		}, true
	case *marshal.MoveOrder:
		return protocol.MoveOrder{
			Header: header(m.RequestHeader), Write: write(m.WriteHeader), Move: m.Move, Action: m.Action,
		}, true
	case *marshal.Greet:
		return protocol.Greet{Life: life(m.PeerHeader), Sent: m.Sent, Acked: m.Acked, Received: m.Received}, true
	case *marshal.Single:
		return protocol.Single{Life: life(m.PeerHeader), Seqno: m.Seqno, Delegate: abstractDelegate(&m.Delegate)}, true
	case *marshal.Ack:
		return protocol.Ack{Life: life(m.PeerHeader), Seqno: m.Seqno}, true
	case *marshal.Hello, *marshal.CookieReply, *marshal.MovesRequest, *marshal.MovesReply, *marshal.StatusRequest,
		*marshal.StatusReply, *marshal.AuditRequest, *marshal.AuditReply, *marshal.Refusal, *marshal.Mismatch,
		*marshal.Propose, *marshal.Consent:
		return nil, false
	case *marshal.Opened:
		return protocol.Opened{Nonce: m.Nonce, Session: m.Session}, true
	case *marshal.GetReply:
		return protocol.GetReply{
			Header: header(m.RequestHeader), Found: m.Found, Entry: spec.Entry{Value: text(m.Value), Version: m.Version},
		}, true
	case *marshal.SetReply:
		return protocol.SetReply{Header: header(m.RequestHeader), Result: m.Result, Version: m.Version}, true
	case *marshal.Redirect:
		return protocol.Redirect{Header: header(m.RequestHeader), Range: m.Range, Owner: m.Owner, Hint: m.Hint}, true
	case *marshal.ScanReply:
		return protocol.ScanReply{
			Header: header(m.RequestHeader), Covered: m.Covered, Keys: m.Keys, Entries: abstractEntries(m.Entries),
		}, true
	case *marshal.OrderReply:
		return protocol.OrderReply{
			Header: header(m.RequestHeader), Reason: m.Reason, Move: m.Move.Number, Range: m.Range, Owner: m.Owner,
		}, true
	}
	return nil, false
}

// abstractConsent is P's view of a recipient's answer to a proposal.
func abstractConsent(p kv.Packet) (protocol.Packet, bool) {
	m, ok := p.Msg.(*marshal.Consent)
	if !ok {
		return protocol.Packet{}, false
	}
	c := protocol.Consent{Life: life(m.PeerHeader), Move: m.Move, Reason: m.Reason}
	return protocol.Packet{Dst: protocol.Endpoint(p.Dst), Src: protocol.Endpoint(p.Src), Msg: c}, true
}

// AbstractService is S's view of a system: each key has the entry that its
// claimant holds, host or delegate in flight; what was executed is history.
// Source: Refinement, Protocol/SHT/RefinementProof/Refinement.i.dfy.
func AbstractService(s protocol.System) spec.State {
	c := claimsOf(s)
	table := protocol.NewTable().WithAll(func(yield func(spec.Entry) bool) {
		for _, p := range c.places {
			if p.host != nil {
				for e := range p.host.Table.All() {
					if _, owner := p.host.Map.Lookup(e.Key); owner == p.host.Me && !yield(e) {
						return
					}
				}
				continue
			}
			for _, e := range p.flight.Delegate.Entries {
				if p.flight.Delegate.Range.Contains(e.Key) && !yield(e) {
					return
				}
			}
		}
	})
	return s.Service.With(table)
}
