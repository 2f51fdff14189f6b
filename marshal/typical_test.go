package marshal

import (
	"strings"

	"ironkv/delegation"
)

// typical returns the messages as a host under load meets them: keys of 16
// bytes, values of 128, numbers of three bytes, and lists of so many items.
func typical(items int) []Message {
	const key = "user/0123456789a"
	value := []byte(strings.Repeat("v", 128))
	request := RequestHeader{Session: SessionID{1, 2, 3}, Number: 1000}
	write := WriteHeader{Floor: 900, Operation: OperationID{Client: 1 << 60, Counter: 1000}}
	peer := PeerHeader{From: 2, FromIncarnation: 1 << 60, ToIncarnation: 1 << 61}
	span := delegation.Range{From: delegation.At(key), Until: delegation.PosInf}
	move := MoveID{Host: 1, Number: 7}
	opened := &Opened{Host: 1, Incarnation: 1 << 60, Window: 1024, IdleMillis: 600_000, Root: 1}
	for id := range delegation.HostID(3) {
		opened.Members = append(opened.Members, Member{ID: id + 1, Address: "127.0.0.1:7001"})
	}
	entries := make([]Entry, items)
	moves := &MovesReply{RequestHeader: request}
	audit := &AuditReply{RequestHeader: request, Cut: 1, Host: 1, Incarnation: 1 << 60, Step: 1 << 30}
	for i := range items {
		entries[i] = Entry{Key: key, Value: value, Version: 1 << 20}
		moves.Moves = append(moves.Moves, MoveStatus{ID: move, Range: span, Recipient: 2, Cursor: delegation.At(key)})
		audit.Owned = append(audit.Owned, span)
		audit.InFlight = append(audit.InFlight, InFlight{To: 2, Seqno: 1000, Range: span})
	}
	audit.Peers = make([]PeerNumbers, 2)
	return []Message{
		&Hello{},
		&CookieReply{},
		&Open{},
		opened,
		&CloseRequest{RequestHeader: request},
		&GetRequest{RequestHeader: request, Key: key},
		&SetRequest{RequestHeader: request, WriteHeader: write, Key: key, Value: value},
		&ScanRequest{RequestHeader: request, Range: span, Limit: 100},
		&Shard{RequestHeader: request, WriteHeader: write, Range: span, Recipient: 2},
		&MoveOrder{RequestHeader: request, WriteHeader: write, Move: move},
		&MovesRequest{RequestHeader: request},
		&StatusRequest{RequestHeader: request},
		&AuditRequest{RequestHeader: request},
		&GetReply{RequestHeader: request, Found: true, Version: 1 << 20, Value: value},
		&SetReply{RequestHeader: request, Version: 1 << 20},
		&Redirect{RequestHeader: request, Range: span, Owner: 2, Hint: Hint{Sender: 1, Incarnation: 1 << 60, Seqno: 9}},
		&ScanReply{RequestHeader: request, Covered: span, Keys: uint64(items), Bytes: 14400, Entries: entries},
		&OrderReply{RequestHeader: request, Move: move},
		moves,
		&StatusReply{RequestHeader: request, Host: 1, Incarnation: 1 << 60, Software: "v1.0.0", Room: 1 << 40},
		audit,
		&Refusal{RequestHeader: request, Reason: Overloaded},
		&Greet{PeerHeader: peer, Sent: 1000, Acked: 999, Received: 1000, Room: 1 << 40},
		&Mismatch{PeerHeader: peer},
		&Propose{PeerHeader: peer, Move: move, Range: span, MaxMessage: MaxMessageBytes},
		&Consent{PeerHeader: peer, Move: move, Room: 1 << 40},
		&Single{PeerHeader: peer, Seqno: 1000, Delegate: Delegate{Range: span, Clock: 1 << 20, Entries: entries}},
		&Ack{PeerHeader: peer, Seqno: 1000, Room: 1 << 40},
	}
}

// nameOf returns the name of m's type.
func nameOf(m Message) string { return kinds[Append(nil, m)[1]].name }

// variants returns messages whose bytes have another form than those of
// typical: values that are absent, conditions, hints, texts, infinite bounds.
func variants() []Message {
	h := RequestHeader{Session: SessionID{0xff}, Number: 1}
	hint := Hint{Sender: 3, Incarnation: 1 << 40, Seqno: 70_000}
	all := delegation.All
	return []Message{
		&GetRequest{RequestHeader: h, Hint: hint, Key: "k"},
		&GetReply{RequestHeader: h},
		&GetReply{RequestHeader: h, Found: true},
		&SetRequest{RequestHeader: h, Key: "k"},
		&SetRequest{RequestHeader: h, Key: "k", Delete: true, Condition: Condition{Set: true, Version: 300}},
		&SetRequest{RequestHeader: h, Hint: hint, Key: "k", Condition: Condition{Set: true}},
		&Redirect{RequestHeader: h, Range: all, Owner: 2},
		&OrderReply{RequestHeader: h, Reason: NotOwner, Range: all, Owner: 3},
		&ScanRequest{RequestHeader: h, Range: all, Mode: ScanCount},
		&Shard{RequestHeader: h, Range: all, Rate: RateUnlimited},
		&StatusReply{RequestHeader: h, Software: strings.Repeat("s", 40), Durable: true},
		&MovesReply{RequestHeader: h, More: true},
		&Single{Seqno: 1, Delegate: Delegate{Range: all}},
	}
}
