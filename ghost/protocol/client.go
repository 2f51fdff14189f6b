package protocol

import (
	"net/netip"
	"slices"

	"ironkv/delegation"
	"ironkv/ghost/spec"
	"ironkv/marshal"
)

// A Client is what clients owe the hosts for a write to be executed at most once:
// a number is asked again only at the same host; elsewhere, and under another
// number, only after a redirect; and a number given up is never asked again. Each
// client has a session at each host, does one thing after the other, and may give
// up at any time; after patience redirects it has to, since hosts of P, which hold
// no requests back, can send it to and fro for ever. It stands for the client library
// (kv/client). It takes the place of the paper's SHT_NextExternal, which sends anything:
// that clients number their requests so is trusted here.
type Client struct {
	ID uint64
	// Wants are requests without headers, to be done in order; Done counts them.
	Wants []Message
	Done  int
	// Asked says that the present one was sent: to At under Number.
	Asked  bool
	At     delegation.HostID
	Number uint64
	// Redirects counts those that the present one has followed.
	Redirects int
	// Numbers are the highest given out, by place of the host in the system.
	Numbers []uint64
}

// patience is how many redirects a client follows for one request.
const patience = 2

// NewClient returns a client that wants what wants says of a system of n hosts.
func NewClient(id uint64, n int, wants ...Message) Client {
	return Client{ID: id, Wants: wants, Numbers: make([]uint64, n)}
}

// Endpoint is where the client receives.
func (c Client) Endpoint() Endpoint {
	return Endpoint{Client: netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(c.ID))}
}

// Session is the client's at the host.
func (c Client) Session(at delegation.HostID) marshal.SessionID {
	return marshal.SessionID{byte(c.ID), byte(at)}
}

// WithClient returns the system with one more client, whose sessions are open.
func (s System) WithClient(c Client) System {
	s.Clients = append(slices.Clip(s.Clients), c)
	for _, h := range s.Hosts {
		h.LastSession++
		h.Sessions = h.Sessions.With(Session{ID: c.Session(h.Me), Nonce: marshal.Nonce(c.Session(h.Me)), Serial: h.LastSession})
		s = s.With(h)
	}
	return s
}

// ask returns the client after it sent the present request to host number i,
// and the packet.
func (c Client) ask(i int, at delegation.HostID) (Client, Packet) {
	c.Numbers = slices.Clone(c.Numbers)
	c.Numbers[i]++
	c.Asked, c.At, c.Number = true, at, c.Numbers[i]
	hd := Header{Session: c.Session(at), Number: c.Number}
	w := Write{Floor: c.Number, Operation: spec.Operation{Client: c.ID, Counter: uint64(c.Done + 1)}}
	p := Packet{Dst: Endpoint{Host: at}, Src: c.Endpoint()}
	switch m := c.Wants[c.Done].(type) {
	case GetRequest:
		m.Header = hd
		p.Msg = m
	case ScanRequest:
		m.Header = hd
		p.Msg = m
	case SetRequest:
		m.Header, m.Write = hd, w
		p.Msg = m
	case Shard:
		m.Header, m.Write = hd, w
		p.Msg = m
	case MoveOrder:
		m.Header, m.Write = hd, w
		p.Msg = m
	}
	return c, p
}

// next returns the client that goes on to what it wants next, answered or not.
func (c Client) next() Client {
	c.Asked, c.At, c.Number, c.Redirects = false, 0, 0, 0
	c.Done++
	return c
}

// ReplyTo returns the header of a reply to a request; false for other messages.
func ReplyTo(m Message) (Header, bool) {
	switch m := m.(type) {
	case GetReply:
		return m.Header, true
	case ScanReply:
		return m.Header, true
	case SetReply:
		return m.Header, true
	case Redirect:
		return m.Header, true
	case OrderReply:
		return m.Header, true
	}
	return Header{}, false
}

// moves are all transitions of the client of index i in s.
func (c Client) moves(s System, i int) (out []Transition) {
	if c.Done == len(c.Wants) {
		return nil
	}
	with := func(label string, c Client, packets ...Packet) {
		t := s
		t.Clients = slices.Clone(s.Clients)
		t.Clients[i] = c
		t.Network = s.Network.With(packets...)
		out = append(out, Transition{Name: label, System: t})
	}
	if !c.Asked {
		for j, h := range s.Hosts {
			asked, p := c.ask(j, h.Me)
			with("ClientAsks", asked, p)
		}
		return out
	}
	with("ClientGivesUp", c.next())
	hd := Header{Session: c.Session(c.At), Number: c.Number}
	for p := range s.Network.All() {
		if to, ok := ReplyTo(p.Msg); !ok || to != hd {
			continue
		}
		redirect, ok := p.Msg.(Redirect)
		if !ok {
			with("ClientIsAnswered", c.next())
			continue
		}
		j := slices.IndexFunc(s.Hosts, func(h Host) bool { return h.Me == redirect.Owner })
		if c.Redirects == patience {
			continue
		}
		asked, q := c.ask(j, redirect.Owner)
		asked.Redirects++
		with("ClientIsRedirected", asked, q)
	}
	return out
}
