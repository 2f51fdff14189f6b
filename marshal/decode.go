package marshal

import (
	"bytes"

	"ironkv/delegation"
)

// A Decoder reads messages without taking memory for those that a host or a
// client meets most: [GetRequest], [SetRequest], [GetReply], [SetReply] and [Single],
// the hot ones, live in the decoder itself. The zero Decoder is ready. It is for one
// goroutine at a time, and must not be copied once it is used.
type Decoder struct {
	r reader

	getRequest GetRequest
	setRequest SetRequest
	getReply   GetReply
	setReply   SetReply
	single     Single
	entries    []Entry // memory for those of single
}

// IsDelegate reports whether b begins as a [Single] does. It takes no memory.
func IsDelegate(b []byte) bool {
	r := reader{b: b}
	k, err := r.opening()
	return err == nil && k == kindSingle
}

// Decode reads the one message that b is. It fails with an error that is
// [ErrMalformed] where b is none, is followed by anything, is beyond a limit of
// this package, or is not the one canonical encoding: where it succeeds, [Append]
// gives b again. It takes memory for messages that are not hot, and for lists
// only where b has bytes enough for as many items as they promise.
//
// The message's strings and byte slices share b's memory: they are valid until b
// is used for something else. A hot message is valid, besides, only until the
// next Decode of a message of its type. [Clone] makes one that stays.
//
// Decode checks the form and nothing else: that a delegate's keys lie in its
// range and ascend, or that a session exists, is for the host to say.
func (d *Decoder) Decode(b []byte) (Message, error) {
	d.r = reader{b: b}
	k, err := d.r.opening()
	if err != nil {
		return nil, err
	}
	var m Message
	switch k {
	case kindGetRequest:
		m = &d.getRequest
	case kindSetRequest:
		m = &d.setRequest
	case kindGetReply:
		m = &d.getReply
	case kindSetReply:
		m = &d.setReply
	case kindSingle:
		d.single.Delegate.Entries = d.entries
		m = &d.single
	default:
		m = newMessage(k)
	}
	m.read(&d.r)
	if d.single.Delegate.Entries != nil {
		d.entries = d.single.Delegate.Entries
	}
	if err := d.r.end(kinds[k].name); err != nil {
		return nil, err
	}
	return m, nil
}

// KeyOf returns the key that b asks for, which shares b's memory: false where b
// is neither a [GetRequest] nor a [SetRequest], or breaks off before its key. What
// follows the key is not looked at. It takes no memory.
func KeyOf(b []byte) (key delegation.Key, ok bool) {
	r := reader{b: b}
	k, err := r.opening()
	if err != nil || k != kindGetRequest && k != kindSetRequest {
		return "", false
	}
	var hd RequestHeader
	r.requestHeader(&hd)
	if k == kindSetRequest {
		var w WriteHeader
		r.writeHeader(&w)
	}
	r.hint()
	key = r.key("key", MaxKeyBytes)
	return key, r.fault == FaultNone
}

// OpensSession reports whether b begins as a [Hello] or an [Open] does. It takes no
// memory.
func OpensSession(b []byte) bool {
	r := reader{b: b}
	k, err := r.opening()
	return err == nil && (k == kindHello || k == kindOpen)
}

// IsRequest reports whether b begins as a [GetRequest], a [SetRequest] or a [ScanRequest]
// does. It takes no memory.
func IsRequest(b []byte) bool {
	r := reader{b: b}
	k, err := r.opening()
	return err == nil && (k == kindGetRequest || k == kindSetRequest || k == kindScanRequest)
}

// Decode reads the one message that b is, as [Decoder.Decode] does, into memory
// that it shares with nothing else: it stays valid whatever becomes of b.
func Decode(b []byte) (Message, error) {
	if len(b) > MaxMessageBytes {
		return nil, &MalformedError{Offset: MaxMessageBytes, Fault: FaultTooLong}
	}
	r := &reader{b: bytes.Clone(b)}
	k, err := r.opening()
	if err != nil {
		return nil, err
	}
	m := newMessage(k)
	m.read(r)
	if err := r.end(kinds[k].name); err != nil {
		return nil, err
	}
	return m, nil
}

// DecodeDelegate reads what [AppendDelegate] wrote, into memory that it shares
// with nothing else. It fails as [Decoder.Decode] does.
func DecodeDelegate(b []byte) (*Delegate, error) {
	const what = "Delegate"
	if len(b) > MaxMessageBytes {
		return nil, &MalformedError{Message: what, Offset: MaxMessageBytes, Fault: FaultTooLong}
	}
	r := &reader{b: bytes.Clone(b)}
	if n := r.array(""); n != delegateElements && r.fault == FaultNone {
		r.i = 0
		r.fail(FaultFields, "")
	}
	d := new(Delegate)
	d.read(r)
	if err := r.end(what); err != nil {
		return nil, err
	}
	return d, nil
}

// opening reads a message's array header and code.
func (r *reader) opening() (kind, error) {
	const head = 2 // bytes: the array's header and the code
	fault, at := FaultNone, 0
	switch {
	case len(r.b) > MaxMessageBytes:
		fault, at = FaultTooLong, MaxMessageBytes
	case len(r.b) < head:
		fault, at = FaultTruncated, len(r.b)
	case r.b[0]&^(fixarrayEnd-1) != fixarray:
		fault = FaultType
	case r.b[1] >= fixintEnd:
		fault, at = FaultType, 1
	case !kind(r.b[1]).known():
		fault, at = FaultUnknown, 1
	case r.b[0]&(fixarrayEnd-1) != kinds[r.b[1]].elements:
		return 0, &MalformedError{Message: kinds[r.b[1]].name, Fault: FaultFields}
	}
	if fault != FaultNone {
		return 0, &MalformedError{Offset: at, Fault: fault}
	}
	r.i = head
	return kind(r.b[1]), nil
}

// end returns the first fault; bytes that are left are one.
func (r *reader) end(message string) error {
	if r.fault == FaultNone && r.i == len(r.b) {
		return nil
	}
	if r.i != len(r.b) {
		r.fail(FaultTrailing, "")
	}
	return &MalformedError{Message: message, Field: r.field, Offset: r.at, Fault: r.fault}
}

// newMessage returns an empty message of a known kind.
func newMessage(k kind) Message {
	switch k {
	case kindHello:
		return new(Hello)
	case kindCookieReply:
		return new(CookieReply)
	case kindOpen:
		return new(Open)
	case kindOpened:
		return new(Opened)
	case kindCloseRequest:
		return new(CloseRequest)
	case kindGetRequest:
		return new(GetRequest)
	case kindSetRequest:
		return new(SetRequest)
	case kindScanRequest:
		return new(ScanRequest)
	case kindShard:
		return new(Shard)
	case kindMoveOrder:
		return new(MoveOrder)
	case kindMovesRequest:
		return new(MovesRequest)
	case kindStatusRequest:
		return new(StatusRequest)
	case kindAuditRequest:
		return new(AuditRequest)
	case kindGetReply:
		return new(GetReply)
	case kindSetReply:
		return new(SetReply)
	case kindRedirect:
		return new(Redirect)
	case kindScanReply:
		return new(ScanReply)
	case kindOrderReply:
		return new(OrderReply)
	case kindMovesReply:
		return new(MovesReply)
	case kindStatusReply:
		return new(StatusReply)
	case kindAuditReply:
		return new(AuditReply)
	case kindRefusal:
		return new(Refusal)
	case kindGreet:
		return new(Greet)
	case kindMismatch:
		return new(Mismatch)
	case kindPropose:
		return new(Propose)
	case kindConsent:
		return new(Consent)
	case kindSingle:
		return new(Single)
	case kindAck:
		return new(Ack)
	}
	panic("marshal: a kind without a message: kinds and newMessage disagree")
}
