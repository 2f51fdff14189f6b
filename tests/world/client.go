package world

import (
	"maps"
	"net/netip"
	"slices"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

// An OpKind is what an operation asks for.
type OpKind uint8

// The operations of a model client.
const (
	OpGet OpKind = iota
	OpPut
	OpDelete
	OpScan
	OpShard
	OpPause
	OpResume
	OpCancel
	OpThrottle
	// Questions about the host named by At.
	OpMoves
	OpStatus
	OpAudit
)

// Writes reports whether the operation is numbered as a write.
func (k OpKind) Writes() bool { return k != OpGet && k != OpScan && k < OpMoves }

// An Op is one operation of a client, and what became of it.
type Op struct {
	Kind      OpKind
	Key       delegation.Key
	Value     []byte
	Condition marshal.Condition
	Range     delegation.Range // OpScan, OpShard
	Recipient delegation.HostID
	Rate      uint64
	Move      marshal.MoveID // OpPause, OpResume, OpCancel, OpThrottle
	// Cut and Page name the part of a cut that OpAudit asks for; Cut 0 takes a new one.
	Cut         uint64
	Page        uint32
	QuietMillis uint32
	// At names the host to ask first; 0 for the one that the client thinks owns the key.
	At delegation.HostID

	// Done says that it was answered, Unknown that it was given up.
	Done, Unknown bool
	// Answer is what answered it: the reply that belongs to its kind.
	Answer marshal.Message
	// Refused is the last refusal, which is no answer.
	Refused *marshal.Refusal
	// Tries counts the hosts that were asked.
	Tries int

	id     marshal.OperationID
	host   delegation.HostID
	number uint64
	hint   marshal.Hint
	sent   bool // in the session of host, under number
}

// Host is the host that is asked at present, Number the number it was asked under.
func (o *Op) Host() delegation.HostID { return o.host }

// Number is the number that the request has in its session.
func (o *Op) Number() uint64 { return o.number }

// firstRead is above the number of any write, as in the client library.
const firstRead = 1 << 31

// clientSession is a client's session at one host.
type clientSession struct {
	id          marshal.SessionID
	open        bool
	nonce       marshal.Nonce
	cookie      *marshal.Cookie
	incarnation marshal.Incarnation
	reads       uint64 // last number of a read
	writes      uint64 // last number of a write
}

// Client is a model client: the protocol of the client library without its
// sockets, timers and goroutines. It may have many operations outstanding.
type Client struct {
	ID       uint64
	Addr     netip.AddrPort
	Owners   *delegation.Map // what it thinks
	Ops      []*Op           // outstanding
	sessions map[delegation.HostID]*clientSession
	counter  uint64
	nonces   uint64
}

// NewClient returns a client that knows of one host.
func NewClient(id uint64, addr netip.AddrPort, first delegation.HostID) *Client {
	return &Client{ID: id, Addr: addr, Owners: delegation.NewMap(first), sessions: map[delegation.HostID]*clientSession{}}
}

// Waiting reports whether an operation is outstanding.
func (c *Client) Waiting() bool { return len(c.Ops) > 0 }

// Invoke starts an operation and returns what it sends.
func (c *Client) Invoke(op Op) (*Op, []kv.Packet) {
	o := &op
	if o.Kind.Writes() {
		c.counter++
		o.id = marshal.OperationID{Client: c.ID, Counter: c.counter}
	}
	o.host = o.At
	if o.host == 0 {
		o.host = c.Owners.Lookup(o.point())
	}
	c.Ops = append(c.Ops, o)
	return o, c.try(o)
}

// point is the key that decides who is asked.
func (o *Op) point() delegation.Key {
	switch o.Kind {
	case OpScan, OpShard:
		k, _ := o.Range.From.Key()
		return k
	case OpGet, OpPut, OpDelete, OpPause, OpResume, OpCancel, OpThrottle, OpMoves, OpStatus, OpAudit:
	}
	return o.Key
}

func (c *Client) session(h delegation.HostID) *clientSession {
	s := c.sessions[h]
	if s == nil {
		s = &clientSession{}
		c.nonces++
		s.nonce = marshal.Nonce{byte(c.ID), byte(h), byte(c.nonces), byte(c.nonces >> 8)}
		c.sessions[h] = s
	}
	return s
}

// try sends the operation to its host, or asks for a session there.
func (c *Client) try(o *Op) []kv.Packet {
	s := c.session(o.host)
	switch {
	case !s.open && s.cookie == nil:
		return c.packet(o.host, &marshal.Hello{Nonce: s.nonce})
	case !s.open:
		return c.packet(o.host, &marshal.Open{Nonce: s.nonce, Cookie: *s.cookie})
	}
	if !o.sent {
		o.sent = true
		o.Tries++
		if o.Kind.Writes() {
			s.writes++
			o.number = s.writes
		} else {
			s.reads++
			// Apart from the numbers of writes: a late redirect of a read must not
			// be taken for that of a write, which would then be tried twice.
			o.number = firstRead + s.reads
		}
	}
	return c.packet(o.host, c.request(o, s))
}

func (c *Client) packet(h delegation.HostID, m marshal.Message) []kv.Packet {
	return []kv.Packet{{Dst: kv.Endpoint{Host: h}, Src: kv.Endpoint{Client: c.Addr}, Msg: m}}
}

// floor is the number below which all writes at the host are answered or given up.
func (c *Client) floor(h delegation.HostID, s *clientSession) uint64 {
	floor := s.writes + 1
	for _, o := range c.Ops {
		if o.host == h && o.sent && o.Kind.Writes() {
			floor = min(floor, o.number)
		}
	}
	return floor
}

func (c *Client) request(o *Op, s *clientSession) marshal.Message {
	hd := marshal.RequestHeader{Session: s.id, Number: o.number}
	wh := marshal.WriteHeader{Floor: c.floor(o.host, s), Operation: o.id}
	switch o.Kind {
	case OpGet:
		return &marshal.GetRequest{RequestHeader: hd, Hint: o.hint, Key: o.Key}
	case OpScan:
		return &marshal.ScanRequest{RequestHeader: hd, Hint: o.hint, Range: o.Range}
	case OpShard:
		return &marshal.Shard{RequestHeader: hd, WriteHeader: wh, Range: o.Range, Recipient: o.Recipient, Rate: o.Rate}
	case OpPause, OpResume, OpCancel, OpThrottle:
		action := marshal.MoveAction(o.Kind - OpPause)
		return &marshal.MoveOrder{RequestHeader: hd, WriteHeader: wh, Move: o.Move, Action: action, Rate: o.Rate}
	case OpMoves:
		return &marshal.MovesRequest{RequestHeader: hd}
	case OpStatus:
		return &marshal.StatusRequest{RequestHeader: hd}
	case OpAudit:
		return &marshal.AuditRequest{RequestHeader: hd, Cut: o.Cut, Page: o.Page, QuietMillis: o.QuietMillis}
	case OpPut, OpDelete:
	}
	return &marshal.SetRequest{
		RequestHeader: hd, WriteHeader: wh, Hint: o.hint, Key: o.Key, Value: o.Value, Delete: o.Kind == OpDelete, Condition: o.Condition,
	}
}

// Retransmit repeats every outstanding operation. Where a session was not opened
// it asks for a new cookie: the one it has may be too old by now.
func (c *Client) Retransmit() (out []kv.Packet) {
	for _, o := range c.Ops {
		if s := c.session(o.host); !s.open {
			s.cookie = nil
		}
		out = append(out, c.try(o)...)
	}
	return out
}

// Close ends the session at a host, if there is one that no operation needs.
func (c *Client) Close(h delegation.HostID) []kv.Packet {
	s := c.sessions[h]
	if s == nil || !s.open || slices.ContainsFunc(c.Ops, func(o *Op) bool { return o.host == h }) {
		return nil
	}
	delete(c.sessions, h)
	return c.packet(h, &marshal.CloseRequest{RequestHeader: marshal.RequestHeader{Session: s.id}})
}

// GiveUp ends an operation with an unknown outcome; the floor passes its number.
func (c *Client) GiveUp(o *Op) {
	o.Unknown = true
	c.remove(o)
}

func (c *Client) remove(o *Op) {
	c.Ops = slices.DeleteFunc(c.Ops, func(other *Op) bool { return other == o })
}

// Receive takes a packet and returns what the client sends next.
func (c *Client) Receive(p kv.Packet) []kv.Packet {
	switch m := p.Msg.(type) {
	case *marshal.CookieReply:
		if s := c.sessions[p.Src.Host]; s != nil && s.nonce == m.Nonce && !s.open {
			s.cookie = &m.Cookie
			return c.packet(p.Src.Host, &marshal.Open{Nonce: s.nonce, Cookie: m.Cookie})
		}
		return nil
	case *marshal.Opened:
		s := c.sessions[p.Src.Host]
		if s == nil || s.nonce != m.Nonce || s.open {
			return nil
		}
		s.open, s.id, s.incarnation = true, m.Session, m.Incarnation
		var out []kv.Packet
		for _, o := range c.Ops {
			if o.host == p.Src.Host {
				out = append(out, c.try(o)...)
			}
		}
		return out
	case *marshal.GetReply:
		return c.answered(p, m.RequestHeader, false, m)
	case *marshal.ScanReply:
		return c.answered(p, m.RequestHeader, false, m)
	case *marshal.SetReply:
		return c.answered(p, m.RequestHeader, true, m)
	case *marshal.OrderReply:
		return c.answered(p, m.RequestHeader, true, m)
	case *marshal.MovesReply:
		return c.answered(p, m.RequestHeader, false, m)
	case *marshal.StatusReply:
		return c.answered(p, m.RequestHeader, false, m)
	case *marshal.AuditReply:
		return c.answered(p, m.RequestHeader, false, m)
	case *marshal.Redirect:
		return c.redirected(p, m)
	case *marshal.Refusal:
		return c.refused(p, m)
	}
	return nil
}

func (c *Client) find(p kv.Packet, hd marshal.RequestHeader, match func(*Op) bool) *Op {
	s := c.sessions[p.Src.Host]
	for _, o := range c.Ops {
		if s != nil && s.open && s.id == hd.Session && o.host == p.Src.Host && o.sent && o.number == hd.Number && match(o) {
			return o
		}
	}
	return nil
}

func (c *Client) answered(p kv.Packet, hd marshal.RequestHeader, writes bool, m marshal.Message) []kv.Packet {
	if o := c.find(p, hd, func(o *Op) bool { return o.Kind.Writes() == writes }); o != nil {
		o.Done, o.Answer = true, m
		c.remove(o)
	}
	return nil
}

// redirected learns the range's owner and asks there, in that host's own session.
func (c *Client) redirected(p kv.Packet, m *marshal.Redirect) []kv.Packet {
	o := c.find(p, m.RequestHeader, func(o *Op) bool { return m.Range.Empty() || m.Range.Contains(o.point()) })
	if o == nil || o.Kind >= OpShard {
		return nil
	}
	if !m.Range.Empty() { // a repeated redirect may be without its range
		if err := c.Owners.Assign(m.Range, m.Owner); err != nil {
			return nil
		}
	}
	o.host, o.hint, o.sent = m.Owner, m.Hint, false
	return c.try(o)
}

// refused keeps the number open, unless the session is gone: then a read starts
// anew, and a write's outcome is unknown. That a cut is unknown ends the question.
func (c *Client) refused(p kv.Packet, m *marshal.Refusal) []kv.Packet {
	s := c.sessions[p.Src.Host]
	if s == nil || !s.open || s.id != m.Session {
		return nil
	}
	if m.Reason != marshal.UnknownSession {
		for _, o := range c.Ops {
			if o.host == p.Src.Host && o.sent && o.number == m.Number {
				o.Refused = m
			}
		}
		if m.Reason == marshal.UnknownCut {
			return c.answered(p, m.RequestHeader, false, m)
		}
		return nil
	}
	delete(c.sessions, p.Src.Host)
	var out []kv.Packet
	for _, o := range slices.Clone(c.Ops) {
		switch {
		case o.host != p.Src.Host:
		case o.Kind.Writes() && o.sent:
			o.Refused = m
			c.GiveUp(o)
		default:
			o.sent = false
			out = append(out, c.try(o)...)
		}
	}
	return out
}

// Clone returns a copy that goes on by itself.
func (c *Client) Clone() *Client {
	n := *c
	n.Owners = c.Owners.Clone()
	n.sessions = maps.Clone(c.sessions)
	for h, s := range c.sessions {
		cs := *s
		n.sessions[h] = &cs
	}
	n.Ops = make([]*Op, len(c.Ops))
	for i, o := range c.Ops {
		co := *o
		n.Ops[i] = &co
	}
	return &n
}
