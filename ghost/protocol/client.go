package protocol

import (
	"iter"
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
	// Wants are requests without headers, to be done in order; Done counts them. A Shard
	// to host 0 is one to any host, which is chosen when it is asked: Recipient.
	Wants []Message
	Done  int
	// Asked says that the present one was sent: to At under Number.
	Asked     bool
	At        delegation.HostID
	Recipient delegation.HostID
	Number    uint64
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
		h.Sessions = h.Sessions.With(Session{ID: c.Session(h.Me), Client: c.Endpoint(), Nonce: marshal.Nonce(c.Session(h.Me)), Serial: h.LastSession})
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
		if m.Recipient == 0 {
			m.Recipient = c.Recipient
		}
		p.Msg = m
	case MoveOrder:
		m.Header, m.Write = hd, w
		p.Msg = m
	}
	return c, p
}

// next returns the client that goes on to what it wants next, answered or not.
func (c Client) next() Client {
	c.Asked, c.At, c.Recipient, c.Number, c.Redirects = false, 0, 0, 0, 0
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

// A ClientStep is what a client may do: it becomes Client, and sends.
type ClientStep struct {
	Name   string
	Client Client
	Sent   []Packet
}

// Steps returns all that the client may do in a system of these hosts, when packets are
// on the network, of which those that are not for it are skipped.
func (c Client) Steps(hosts []delegation.HostID, packets iter.Seq[Packet]) (out []ClientStep) {
	if c.Done == len(c.Wants) {
		return nil
	}
	add := func(name string, c Client, sent ...Packet) { out = append(out, ClientStep{name, c, sent}) }
	if !c.Asked {
		for i, at := range hosts {
			for _, c.Recipient = range c.recipients(hosts) {
				asked, p := c.ask(i, at)
				add("ClientAsks", asked, p)
			}
		}
		return out
	}
	add("ClientGivesUp", c.next())
	for p := range packets {
		if to, ok := ReplyTo(p.Msg); !ok || to != c.Expects() {
			continue
		}
		redirect, ok := p.Msg.(Redirect)
		switch {
		case !ok:
			add("ClientIsAnswered", c.next())
		case c.Redirects == patience:
			add("ClientLosesPatience", c.next())
		default:
			asked, q := c.ask(slices.Index(hosts, redirect.Owner), redirect.Owner)
			asked.Redirects++
			add("ClientIsRedirected", asked, q)
		}
	}
	return out
}

// recipients are those of which one is chosen for what the client wants; 0 where there is
// nothing to choose.
func (c Client) recipients(hosts []delegation.HostID) []delegation.HostID {
	if m, ok := c.Wants[c.Done].(Shard); ok && m.Recipient == 0 {
		return hosts
	}
	return []delegation.HostID{0}
}

// Expects is the header of the replies that the client heeds, while one was asked.
func (c Client) Expects() Header { return Header{Session: c.Session(c.At), Number: c.Number} }
