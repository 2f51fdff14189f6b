package protocol_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"ironkv/delegation"
	"ironkv/ghost/protocol"
	"ironkv/ghost/spec"
	"ironkv/marshal"
)

var (
	system  = protocol.NewSystem(1, []delegation.HostID{1, 2, 3}, true).WithClient(protocol.NewClient(1, 3))
	session = system.Clients[0].Session(1)
	from2   = protocol.Life{From: 1002, To: 1001}
)

// owner is host 1 of three: it owns all, stores a=x at version 1 and b=y at 2, and
// runs move 1 of [a, c) to host 2.
func owner(edit ...func(*protocol.Host)) protocol.Host {
	h, _ := system.Host(1)
	h.Clock = 2
	h.Table = h.Table.With(spec.Entry{Key: "a", Value: "x", Version: 1}).With(spec.Entry{Key: "b", Value: "y", Version: 2})
	h.LastMove = 1
	h.Moves = []protocol.Move{{Number: 1, Range: between("a", "c"), Recipient: 2, Phase: marshal.MoveRunning, Cursor: delegation.At("a")}}
	h.Peers = append([]protocol.Peer(nil), h.Peers...)
	for _, e := range edit {
		e(&h)
	}
	return h
}

func between(from, until delegation.Key) delegation.Range {
	return delegation.Range{From: delegation.At(from), Until: delegation.At(until)}
}

func gave(r delegation.Range) func(*protocol.Host) {
	return func(h *protocol.Host) { h.Map = h.Map.Update(r, 2) }
}

func phase(p marshal.MovePhase) func(*protocol.Host) {
	return func(h *protocol.Host) { h.Moves[0].Phase = p }
}

func strange(h *protocol.Host)  { h.Joined = false }
func forgets(h *protocol.Host)  { h.Sessions = protocol.NewSessions() }
func flies(h *protocol.Host)    { h.Peers[0].Unacked = []protocol.Delegate{{Range: between("p", "q")}} }
func received(h *protocol.Host) { h.Peers[0].Received = 1 }

// answered has an answer to number 5, and the floor 5.
func answered(h *protocol.Host) {
	s, _ := h.Session(session)
	s.Floor, s.Answers = 5, []protocol.Answer{{Number: 5, Msg: protocol.SetReply{Header: header(5)}}}
	h.Sessions = h.Sessions.With(s)
}

func header(n uint64) protocol.Header { return protocol.Header{Session: session, Number: n} }

func client(m protocol.Message) protocol.Packet {
	return protocol.Packet{Dst: protocol.Endpoint{Host: 1}, Src: system.Clients[0].Endpoint(), Msg: m}
}

func from(id delegation.HostID, m protocol.Message) protocol.Packet {
	return protocol.Packet{Dst: protocol.Endpoint{Host: 1}, Src: protocol.Endpoint{Host: id}, Msg: m}
}

func order(r delegation.Range, to delegation.HostID, reason marshal.OrderReason) protocol.NextOrder {
	return protocol.NextOrder{Packet: client(protocol.Shard{Header: header(6), Range: r, Recipient: to}), Floor: 6, Reason: reason}
}

func follow(number uint64, action marshal.MoveAction, reason marshal.OrderReason) protocol.NextOrder {
	return protocol.NextOrder{
		Packet: client(protocol.MoveOrder{Header: header(6), Move: marshal.MoveID{Host: 1, Number: number}, Action: action}), Floor: 6, Reason: reason,
	}
}

func write(n, floor uint64) protocol.NextSetRequest {
	return protocol.NextSetRequest{
		Packet: client(protocol.SetRequest{Header: header(n), Write: protocol.Write{Floor: floor}, Key: "a"}), Floor: max(1, floor),
	}
}

func delegate(l protocol.Life, n uint64) protocol.Packet {
	return from(2, protocol.Single{Life: l, Seqno: n, Delegate: protocol.Delegate{Range: between("p", "q")}})
}

// refusal is one of a host with a window of 4, and room.
func refusal(reason marshal.RefusalReason, p protocol.Packet) protocol.Refusal {
	hd, _ := protocol.HeaderOf(p.Msg)
	return protocol.Refusal{Packet: p, Header: hd, Reason: reason, Window: 4, Room: 8, Reserve: 8}
}

// TestConjuncts: each conjunct of each action keeps it from being taken, by name.
func TestConjuncts(t *testing.T) {
	get := client(protocol.GetRequest{Header: header(1), Key: "a"})
	scan := client(protocol.ScanRequest{Header: header(1), Range: between("a", "c")})
	open := client(protocol.Open{Nonce: marshal.Nonce{9}})
	greet := func(l protocol.Life, received uint64) protocol.Meet {
		return protocol.Meet{Packet: from(2, protocol.Greet{Life: l, Received: received})}
	}
	ack := func(l protocol.Life, n uint64) protocol.ReceiveAck {
		return protocol.ReceiveAck{Packet: from(2, protocol.Ack{Life: l, Seqno: n})}
	}
	others := func(p protocol.Packet) protocol.Packet {
		p.Src.Client = netip.MustParseAddrPort("10.0.7.8:70")
		return p
	}
	page := func(r delegation.Range) protocol.NextScanRequest {
		return protocol.NextScanRequest{Packet: scan, Covered: r}
	}
	change := func(p marshal.MovePhase) protocol.ChangeMove { return protocol.ChangeMove{Number: 1, Phase: p} }
	other := protocol.Life{From: 7, To: 1001}
	mine := protocol.Life{From: 1002, To: 7}
	crowded := func(most int) protocol.NextOrder {
		a := order(between("x", "y"), 2, marshal.TooManyMoves)
		a.Most = most
		return a
	}
	consent := func(id delegation.HostID, move uint64, reason marshal.OrderReason, l protocol.Life) protocol.Packet {
		return from(id, protocol.Consent{Life: l, Move: marshal.MoveID{Host: 1, Number: move}, Reason: reason})
	}
	runs := func(id delegation.HostID, move uint64, answer marshal.OrderReason, l protocol.Life) protocol.ChangeMove {
		return protocol.ChangeMove{Number: 1, Phase: marshal.MoveRunning, Packet: consent(id, move, answer, l)}
	}
	stops := func(reason marshal.OrderReason) protocol.ChangeMove {
		return protocol.ChangeMove{Number: 1, Phase: marshal.MoveStopping, Reason: reason}
	}
	refused := func(reason, answer marshal.OrderReason) protocol.ChangeMove {
		a := stops(reason)
		a.Packet = consent(2, 1, answer, from2)
		return a
	}
	for _, c := range []struct {
		host     protocol.Host
		action   protocol.Action
		conjunct string
	}{
		{owner(), protocol.NextGetRequest{Packet: scan}, "the packet is a GetRequest"},
		{owner(strange), protocol.NextGetRequest{Packet: get}, "the host has joined"},
		{owner(forgets), protocol.NextGetRequest{Packet: get}, "the session is open, and the sender's"},
		{owner(), protocol.NextGetRequest{Packet: others(get)}, "the session is open, and the sender's"},
		{owner(), protocol.NextSetRequest{Packet: others(write(6, 6).Packet), Floor: 6}, "the session is open, and the sender's"},
		{owner(), protocol.NextScanRequest{Packet: get}, "the packet is a ScanRequest"},
		{owner(strange), page(between("a", "b")), "the host has joined"},
		{owner(forgets), page(between("a", "b")), "the session is open, and the sender's"},
		{owner(), page(between("aa", "b")), "the page starts where the range does"},
		{owner(), page(between("a", "d")), "the page ends within the range"},
		{owner(), page(between("a", "a")), "the page ends within the range"},
		{owner(gave(between("b", "c"))), page(between("a", "c")), "this host owns all of the page"},
		{owner(strange), write(6, 6), "the host has joined"},
		{owner(forgets), write(6, 6), "the session is open, and the sender's"},
		{owner(answered), write(4, 4), "the number is not below the session's floor"},
		{owner(), write(0, 0), "the number is not below the session's floor"},
		{owner(), write(6, 7), "the request's own floor is not above its number"},
		{owner(answered), write(5, 5), "the number has no answer yet"},
		{owner(), protocol.DeclineSet{Packet: client(protocol.SetRequest{Header: header(6), Key: "a", Delete: true}), Floor: 1}, "the write adds something"},
		{owner(gave(between("b", "c"))), protocol.DeclineSet{Packet: client(protocol.SetRequest{Header: header(6), Key: "b"}), Floor: 1}, "this host owns the key"},
		{owner(), protocol.DeclineSet{Packet: write(6, 6).Packet, Floor: 6, Room: 8, Reserve: 8}, "the store has less room than its reserve"},
		{owner(), protocol.DeclineSet{Packet: write(6, 6).Packet, Floor: 7, Reserve: 1}, "the new floor is one that the client has named"},
		{owner(), protocol.NextSetRequest{Packet: write(6, 6).Packet, Floor: 5}, "the new floor is one that the client has named"},
		{owner(), protocol.NextSetRequest{Packet: write(6, 6).Packet, Floor: 7}, "the new floor is one that the client has named"},
		{owner(), protocol.NextSetRequest{Packet: order(between("x", "y"), 2, 0).Packet, Floor: 6}, "the packet is a SetRequest"},
		{owner(), protocol.RepeatAnswer{Packet: get}, "the packet is a write or an order"},
		{owner(strange), protocol.RepeatAnswer{Packet: write(5, 5).Packet}, "the host has joined"},
		{owner(forgets), protocol.RepeatAnswer{Packet: write(5, 5).Packet}, "the session is open, and the sender's"},
		{owner(), protocol.RepeatAnswer{Packet: write(5, 5).Packet}, "the number has an answer"},
		{owner(), protocol.OpenSession{Packet: get}, "the packet is an Open"},
		{owner(strange), protocol.OpenSession{Packet: open}, "the host has joined"},
		{owner(), protocol.OpenSession{Packet: open, ID: session}, "the id is new"},
		{owner(), protocol.OpenSession{Packet: client(protocol.Open{Nonce: marshal.Nonce(session)})}, "the nonce gets the session that it got before"},
		{owner(), refusal(marshal.NotServing, get), "the host has not joined"},
		{owner(strange), refusal(marshal.UnknownSession, get), "the host has joined"},
		{owner(), refusal(marshal.UnknownSession, get), "the session is not open, or another's"},
		{owner(), protocol.Refusal{Packet: get, Header: header(9), Reason: marshal.TooManyHolds}, "it bears the request's header"},
		{owner(), refusal(marshal.BeyondWindow, get), "the packet is a write or an order without an answer"},
		{owner(answered), refusal(marshal.BeyondWindow, write(5, 5).Packet), "the packet is a write or an order without an answer"},
		{owner(answered), refusal(marshal.BeyondWindow, write(4, 4).Packet), "the number is not below the floor"},
		{owner(), refusal(marshal.BeyondWindow, write(6, 3).Packet), "the number is beyond the window"},
		{owner(forgets), refusal(marshal.Overloaded, write(6, 3).Packet), "the session is open, and the sender's"},
		{owner(), refusal(marshal.Overloaded, write(6, 6).Packet), "the number is above the floor"},
		{owner(), refusal(marshal.DiskFull, order(between("x", "y"), 2, 0).Packet), "the packet is a write that adds something"},
		{owner(gave(between("a", "b"))), refusal(marshal.DiskFull, write(6, 6).Packet), "this host owns the key"},
		{owner(), refusal(marshal.DiskFull, write(6, 6).Packet), "the store has less room than half of its reserve"},
		{owner(forgets), refusal(marshal.TooManyHolds, get), "the session is open, and the sender's"},
		{owner(), refusal(marshal.TooManyHolds, get), "another host owns the key"},
		{owner(), refusal(marshal.TooManySessions, client(protocol.Open{Nonce: marshal.Nonce(session)})), "the nonce has no session"},
		{owner(forgets), protocol.CloseSession{ID: session}, "the session is open"},
		{owner(), protocol.NextOrder{Packet: write(6, 6).Packet, Floor: 6}, "the packet is an order"},
		{owner(), order(between("y", "x"), 2, marshal.OrderAccepted), "the range is not empty"},
		{owner(), order(between("x", "y"), 1, marshal.OrderAccepted), "the recipient is not this host"},
		{owner(), order(between("x", "y"), 9, marshal.OrderAccepted), "the recipient is a host of the cluster"},
		{owner(gave(between("x", "xx"))), order(between("x", "y"), 2, marshal.OrderAccepted), "this host owns all of the range"},
		{owner(), order(between("b", "x"), 2, marshal.OrderAccepted), "the range overlaps no unfinished move"},
		{owner(), order(between("x", "y"), 2, marshal.EmptyRange), "the range is empty"},
		{owner(), order(between("x", "y"), 2, marshal.RecipientIsSelf), "the recipient is this host"},
		{owner(), order(between("x", "y"), 2, marshal.UnknownHost), "the recipient is no host of the cluster"},
		{owner(), order(between("x", "y"), 2, marshal.NotOwner), "another host owns a part of the range"},
		{owner(), order(between("x", "y"), 2, marshal.OverlapsMove), "the range overlaps the unfinished move"},
		{owner(), order(between("x", "y"), 2, marshal.TooManyMoves), "there are as many unfinished moves as there may be"},
		{owner(), crowded(2), "there are as many unfinished moves as there may be"},
		{owner(phase(marshal.MoveDone)), crowded(1), "there are as many unfinished moves as there may be"},
		{owner(), order(between("x", "y"), 2, marshal.NoRoom), "the reason is one for refusing a move"},
		{owner(), follow(1, marshal.MovePause, marshal.NoSuchMove), "there is no such move"},
		{owner(), follow(2, marshal.MovePause, marshal.MoveEnded), "there is such a move"},
		{owner(), follow(1, marshal.MovePause, marshal.MoveEnded), "the move sends no more chunks"},
		{owner(), follow(2, marshal.MovePause, marshal.OrderAccepted), "there is such a move"},
		{owner(phase(marshal.MoveDraining)), follow(1, marshal.MoveCancel, marshal.OrderAccepted), "the move has chunks to send"},
		{owner(), follow(1, marshal.MovePause, marshal.NotOwner), "the reason is one for refusing to change a move"},
		{owner(), protocol.NextShard{Move: 1, Until: delegation.At("a")}, "the range is not empty"},
		{owner(func(h *protocol.Host) { h.Moves[0].Recipient = 1 }), protocol.NextShard{Move: 1, Until: delegation.At("b")}, "the recipient is not this host"},
		{owner(func(h *protocol.Host) { h.Moves[0].Recipient = 9 }), protocol.NextShard{Move: 1, Until: delegation.At("b")}, "the recipient is a host of the cluster"},
		{owner(gave(between("aa", "b"))), protocol.NextShard{Move: 1, Until: delegation.At("b")}, "this host owns all of the range"},
		{owner(phase(marshal.MovePaused)), protocol.NextShard{Move: 1, Until: delegation.At("b")}, "the move runs"},
		{owner(), protocol.NextShard{Move: 1, Until: delegation.At("d")}, "the chunk lies in the move's range"},
		{owner(), protocol.ChangeMove{Number: 2, Phase: marshal.MoveRunning}, "the move is known"},
		{owner(), change(marshal.MoveRunning), "the move waits for its recipient"},
		{owner(phase(marshal.MoveProposed)), change(marshal.MoveRunning), "the packet is an answer to a proposal"},
		{owner(phase(marshal.MoveProposed)), runs(2, 1, marshal.NoRoom, from2), "it is what the recipient answers"},
		{owner(phase(marshal.MoveProposed)), runs(3, 1, 0, from2), "the move's recipient answers"},
		{owner(phase(marshal.MoveProposed)), runs(2, 2, 0, from2), "it answers about this move"},
		{owner(phase(marshal.MoveProposed)), runs(2, 1, 0, other), "the sender is the incarnation that is known"},
		{owner(phase(marshal.MoveProposed)), runs(2, 1, 0, mine), "the receiver is the incarnation that it is sent to"},
		{owner(), change(marshal.MoveStopping), "the reason is one for which a move fails"},
		{owner(), stops(marshal.OverlapsMove), "the reason is one for which a move fails"},
		{owner(), stops(marshal.EmptyRange), "the reason is true: not so that the range is not empty"},
		{owner(), stops(marshal.RecipientIsSelf), "the reason is true: not so that the recipient is not this host"},
		{owner(), stops(marshal.UnknownHost), "the reason is true: not so that the recipient is a host of the cluster"},
		{owner(), stops(marshal.NotOwner), "the reason is true: not so that this host owns all of the range"},
		{owner(gave(between("b", "c")), phase(marshal.MovePaused)), stops(marshal.NotOwner), "the move runs"},
		{owner(), stops(marshal.NoRoom), "the move waits for its recipient"},
		{owner(phase(marshal.MoveProposed)), stops(marshal.NoRoom), "the packet is an answer to a proposal"},
		{owner(phase(marshal.MoveProposed)), refused(marshal.NoRoom, marshal.MessageTooLarge), "it is what the recipient answers"},
		{owner(), change(marshal.MoveDone), "all chunks are sent"},
		{owner(phase(marshal.MoveDraining), func(h *protocol.Host) { h.Moves[0].LastSeqno = 1 }), change(marshal.MoveDone), "all of the move's delegates are acknowledged"},
		{owner(), change(marshal.MoveCanceled), "it was canceled"},
		{owner(phase(marshal.MoveStopping)), change(marshal.MoveFailed), "it failed"},
		{owner(), change(marshal.MovePaused), "it is a phase that a move takes by itself"},
		{owner(), protocol.ForgetMove{Number: 1}, "the move has ended"},
		{owner(), protocol.NextDelegate{Packet: from(9, protocol.Single{Seqno: 1})}, "the sender is a host of the cluster"},
		{owner(), protocol.NextDelegate{Packet: delegate(other, 1)}, "the sender is the incarnation that is known"},
		{owner(), protocol.NextDelegate{Packet: delegate(mine, 1)}, "the receiver is the incarnation that it is sent to"},
		{owner(strange), protocol.NextDelegate{Packet: delegate(from2, 1)}, "the host has joined"},
		{owner(), protocol.NextDelegate{Packet: delegate(from2, 2)}, "the number is the next (NewSingleMessage)"},
		{owner(received), protocol.NextDelegate{Packet: delegate(from2, 1)}, "the number is the next (NewSingleMessage)"},
		{owner(), protocol.ReceiveOld{Packet: delegate(other, 2)}, "the sender is the incarnation that is known"},
		{owner(strange), protocol.ReceiveOld{Packet: delegate(from2, 2)}, "the host has joined"},
		{owner(), protocol.ReceiveOld{Packet: delegate(from2, 1)}, "the number is not the next"},
		{owner(flies), ack(from2, 2), "the number was sent"},
		{owner(flies), ack(other, 1), "the sender is the incarnation that is known"},
		{owner(flies), ack(mine, 1), "the receiver is the incarnation that it is sent to"},
		{owner(), protocol.SpontaneouslyRetransmit{To: 9}, "the peer is a host of the cluster"},
		{owner(), protocol.SpontaneouslyRetransmit{To: 2}, "something is unacknowledged"},
		{owner(), protocol.SendGreet{To: 9}, "the peer is a host of the cluster"},
		{owner(), protocol.Meet{Packet: get}, "the packet is a Greet"},
		{owner(), greet(other, 0), "the sender is the incarnation that is known"},
		{owner(), greet(mine, 0), "the receiver is the incarnation that it is sent to"},
		{owner(), greet(from2, 1), "neither has lost state"},
	} {
		_, err := c.action.Take(c.host)
		if !errors.Is(err, protocol.ErrProtocol) || !strings.HasSuffix(err.Error(), "it is not so that "+c.conjunct) {
			t.Errorf("%s: want that it is not so that %s, got %v", c.action.Name(), c.conjunct, err)
		}
	}
}

// TestNextNamesTheDifference: the predicate of an action holds of what it leads
// to, and of nothing else.
func TestNextNamesTheDifference(t *testing.T) {
	s := owner(flies)
	a := protocol.NextSetRequest{Packet: client(protocol.SetRequest{Header: header(1), Key: "c", Value: "z"}), Floor: 1}
	o, err := a.Take(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := protocol.Next(s, o.Host, a, o.Sent); err != nil {
		t.Error(err)
	}
	if err := protocol.Next(s, o.Host, a, nil); !errors.Is(err, protocol.ErrProtocol) || !strings.Contains(err.Error(), "sent: ") {
		t.Errorf("nothing sent: %v", err)
	}
	if err := protocol.Next(s, o.Host, a, append(o.Sent, o.Sent...)); !errors.Is(err, protocol.ErrProtocol) || !strings.Contains(err.Error(), "beside") {
		t.Errorf("sent twice: %v", err)
	}
	peers := func(edit func(*protocol.Peer)) func(*protocol.Host) {
		return func(h *protocol.Host) {
			h.Peers = append([]protocol.Peer(nil), h.Peers...)
			edit(&h.Peers[0])
		}
	}
	for part, edit := range map[string]func(*protocol.Host){
		"it is host":     func(h *protocol.Host) { h.Me = 2 },
		"incarnation":    func(h *protocol.Host) { h.Incarnation++ },
		"joined":         strange,
		"delegation map": gave(between("x", "y")),
		"clock":          func(h *protocol.Host) { h.Clock-- },
		"last session":   func(h *protocol.Host) { h.LastSession++ },
		"moves":          func(h *protocol.Host) { h.Moves = nil },
		"peers":          func(h *protocol.Host) { h.Peers = nil },
		"peer 2":         peers(func(p *protocol.Peer) { p.Received++ }),
		"unacknowledged": peers(func(p *protocol.Peer) { p.Unacked = nil }),
		`table: "a" has`: func(h *protocol.Host) { h.Table = h.Table.Without(spec.Entry{Key: "a"}) },
		"table: H holds": func(h *protocol.Host) { h.Table = h.Table.With(spec.Entry{Key: "d"}) },
		"sessions":       forgets,
		"answers": func(h *protocol.Host) {
			session, _ := h.Session(session)
			session.Answers = nil
			h.Sessions = h.Sessions.With(session)
		},
		"floor": func(h *protocol.Host) {
			session, _ := h.Session(session)
			session.Floor++
			h.Sessions = h.Sessions.With(session)
		},
	} {
		wrong := o.Host
		edit(&wrong)
		if err := protocol.Next(s, wrong, a, o.Sent); !errors.Is(err, protocol.ErrProtocol) || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: got %v", part, err)
		}
	}
}

// A packet is told by its message and its ends, and not all of what it carries.
func TestPacketsAreTold(t *testing.T) {
	host, client := protocol.Endpoint{Host: 2}, protocol.Endpoint{Client: netip.MustParseAddrPort("127.0.0.1:4711")}
	p := protocol.Packet{Dst: client, Src: host, Msg: protocol.Ack{Life: protocol.Life{From: 0xb644, To: 7}, Seqno: 3}}
	if got, want := p.String(), "Ack{Life:{From:000000000000b644 To:0000000000000007} Seqno:3} from host 2 to client 127.0.0.1:4711"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	p = protocol.Packet{Dst: host, Msg: protocol.SetRequest{Value: strings.Repeat("v", 1<<20)}}
	if got := p.String(); len(got) > 500 || !strings.HasSuffix(got, "… from nobody to host 2") {
		t.Error(got)
	}
}

// TestCarriedKeysOutsideTheRange: in the paper's BulkUpdateHashtable a host also
// takes what a delegate carries beside its range.
func TestCarriedKeysOutsideTheRange(t *testing.T) {
	d := protocol.Delegate{Range: between("p", "q"), Clock: 9, Entries: []spec.Entry{{Key: "p", Version: 8}, {Key: "z", Version: 9}}}
	o, err := protocol.NextDelegate{Packet: from(2, protocol.Single{Life: from2, Seqno: 1, Delegate: d})}.Take(owner(gave(between("m", "z"))))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := o.Host.Entry("z"); ok {
		t.Error("z lies outside the range and was taken")
	}
	if _, ok := o.Host.Entry("p"); !ok || o.Host.Clock != 9 || !o.Host.Map.OwnsAll(between("p", "q"), 1) {
		t.Errorf("p was not taken over: %+v", o.Host)
	}
}

// TestDelegationsAgainstKeys: Update does to each key what it should.
func TestDelegationsAgainstKeys(t *testing.T) {
	keys := []delegation.Key{"a", "b", "c", "d", "e"}
	d, model := protocol.Delegations{{Host: 1}}, map[delegation.Key]delegation.HostID{"a": 1, "b": 1, "c": 1, "d": 1, "e": 1}
	for n := range 500 {
		r := delegation.Range{From: delegation.At(keys[n*7%5]), Until: delegation.At(keys[n*3%5])}
		if n%4 == 0 {
			r.Until = delegation.PosInf
		}
		if n%6 == 0 {
			r.From = delegation.NegInf
		}
		if r.Empty() {
			continue
		}
		host := delegation.HostID(1 + n*11%3)
		d = d.Update(r, host)
		for _, k := range keys {
			if r.Contains(k) {
				model[k] = host
			}
			if piece, got := d.Lookup(k); got != model[k] || !piece.Contains(k) || d.Owner(delegation.At(k)) != got || !d.OwnsAll(piece, got) {
				t.Fatalf("%v: %v of %v, want host %d in %v", k, got, piece, model[k], d)
			}
		}
		for i := 1; i < len(d); i++ {
			if d[i-1].Host == d[i].Host || !d[i-1].From.Less(d[i].From) {
				t.Fatalf("not canonical: %v", d)
			}
		}
	}
}
