package explorer

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"

	"ironkv/kv"
	"ironkv/marshal"
)

// A packet is one that was sent in some behaviour. There is one value for each:
// packets are equal if their pointers are.
type packet struct {
	kv.Packet
	key hash
	// number is the packet's own among those for hosts.
	number uint32
	// kind is the message's name, label the story's line for its delivery.
	kind, label string
	// answers is the number of the request that it is a reply to; 0 for none, and
	// for a refusal that is about the whole session.
	answers uint64
	// spent is what the packet is as good as once its numbers are behind what its
	// receiver remembers (spent.go); nil where it has other content.
	spent *packet
}

// unique is what the network's invariant PacketsHaveSenderUniqueSeqnos compares.
type unique struct {
	src, dst kv.Endpoint
	life     marshal.Incarnation
	seqno    uint64
}

func (p *packet) unique() (unique, bool) {
	m, ok := p.Msg.(*marshal.Single)
	if !ok {
		return unique{}, false
	}
	return unique{p.Src, p.Dst, m.FromIncarnation, m.Seqno}, true
}

// packet returns the one value for p.
func (g *graph) packet(p kv.Packet) *packet {
	b := marshal.Append(fmt.Appendf(nil, "%d %v %d %v ", p.Dst.Host, p.Dst.Client, p.Src.Host, p.Src.Client), p.Msg)
	key := hashOf(b)
	g.lock.Lock()
	old := g.packets[key]
	g.lock.Unlock()
	if old != nil {
		return old
	}
	kind := strings.TrimPrefix(fmt.Sprintf("%T", p.Msg), "*marshal.")
	n := &packet{Packet: p, key: key, kind: kind, label: fmt.Sprintf("%s gets %s from %s", g.name(p.Dst), describe(p.Msg), g.name(p.Src)), answers: answered(p.Msg)}
	if m := spentOf(p.Msg); m != nil {
		if n.spent = n; !bytes.Equal(marshal.Append(nil, m), marshal.Append(nil, p.Msg)) {
			p.Msg = m
			n.spent = g.packet(p)
		}
	}
	g.lock.Lock()
	defer g.lock.Unlock()
	if old := g.packets[key]; old != nil {
		return old
	}
	if p.Dst.Host != 0 {
		n.number = g.toHosts
		g.toHosts++
	}
	g.packets[key] = n
	return n
}

func answered(m marshal.Message) uint64 {
	switch m := m.(type) {
	case *marshal.GetReply:
		return m.Number
	case *marshal.ScanReply:
		return m.Number
	case *marshal.SetReply:
		return m.Number
	case *marshal.OrderReply:
		return m.Number
	case *marshal.Redirect:
		return m.Number
	case *marshal.Refusal:
		if m.Reason != marshal.UnknownSession {
			return m.Number
		}
	}
	return 0
}

func (g *graph) packetsOf(sent []kv.Packet) []*packet {
	var out []*packet
	for _, p := range sent {
		if g.scope.Tamper != nil && p.Src.Host != 0 && p.Dst.Host != 0 {
			p.Msg = marshal.Clone(p.Msg)
			g.scope.Tamper(p.Msg)
		}
		out = append(out, g.packet(p))
	}
	return out
}

func (g *graph) name(e kv.Endpoint) string {
	if e.Host != 0 {
		return fmt.Sprintf("host %d", e.Host)
	}
	return "client " + clientName(e.Client)
}

// clientName is the number that the world gave the client, in its address.
func clientName(a netip.AddrPort) string {
	ip := a.Addr().As4()
	return fmt.Sprint(ip[3])
}

func describe(m marshal.Message) string {
	switch m := m.(type) {
	case *marshal.GetRequest:
		return fmt.Sprintf("get %v (number %d%s)", m.Key, m.Number, hint(m.Hint))
	case *marshal.SetRequest:
		what := fmt.Sprintf("put %v=%s", m.Key, m.Value)
		if m.Delete {
			what = fmt.Sprintf("delete %v", m.Key)
		}
		return fmt.Sprintf("%s (number %d, floor %d%s)", what, m.Number, m.Floor, hint(m.Hint))
	case *marshal.Shard:
		return fmt.Sprintf("shard %v to %d (number %d, floor %d)", m.Range, m.Recipient, m.Number, m.Floor)
	case *marshal.MoveOrder:
		return fmt.Sprintf("order %d for move %v (number %d, floor %d)", m.Action, m.Move, m.Number, m.Floor)
	case *marshal.GetReply:
		return fmt.Sprintf("%q version %d (number %d)", m.Value, m.Version, m.Number)
	case *marshal.SetReply:
		return fmt.Sprintf("set's result %d, version %d (number %d)", m.Result, m.Version, m.Number)
	case *marshal.OrderReply:
		return fmt.Sprintf("order's result %v, move %v (number %d)", m.Reason, m.Move, m.Number)
	case *marshal.Redirect:
		return fmt.Sprintf("redirect of %v to %d (number %d%s)", m.Range, m.Owner, m.Number, hint(m.Hint))
	case *marshal.Refusal:
		return fmt.Sprintf("refusal, %v (number %d)", m.Reason, m.Number)
	case *marshal.Greet:
		return fmt.Sprintf("greet sent %d acked %d received %d", m.Sent, m.Acked, m.Received)
	case *marshal.Propose:
		return fmt.Sprintf("propose %v of %v", m.Move, m.Range)
	case *marshal.Consent:
		return fmt.Sprintf("consent to %v, %v", m.Move, m.Reason)
	case *marshal.Single:
		return fmt.Sprintf("delegate #%d of %v, clock %d, entries %s", m.Seqno, m.Delegate.Range, m.Delegate.Clock, entries(m.Delegate.Entries))
	case *marshal.Ack:
		return fmt.Sprintf("ack #%d gap %t", m.Seqno, m.Gap)
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", m), "*marshal.")
}

func hint(h marshal.Hint) string {
	if h.Sender == 0 {
		return ""
	}
	return fmt.Sprintf(", behind %d's #%d", h.Sender, h.Seqno)
}

func entries(list []marshal.Entry) string {
	var b strings.Builder
	for _, e := range list {
		fmt.Fprintf(&b, "[%v=%s version %d]", e.Key, e.Value, e.Version)
	}
	return b.String()
}
