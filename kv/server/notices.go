package server

import (
	"net/netip"

	"ironkv/kv"
	"ironkv/marshal"
)

// maxNotices bounds the addresses that are told of a drop in one MaxWait.
const maxNotices = 1024

// notices tell clients whose messages are dropped unread that the host is overloaded,
// each address once every MaxWait. A notice is a refusal, so it closes no number, and
// is no longer than what it is about; the transport sends strangers no more than they
// have sent, whatever else they are sent.
type notices struct {
	decoder marshal.Decoder
	due     []notice
	told    map[netip.AddrPort]struct{}
	until   kv.Time // when told is emptied
}

type notice struct {
	request kv.Packet // without a write's value
	header  marshal.RequestHeader
}

// note notes that a message was dropped.
func (n *notices) note(src netip.AddrPort, msg []byte) {
	if len(n.told) >= maxNotices {
		return
	}
	if _, told := n.told[src]; told {
		return
	}
	m, err := n.decoder.Decode(msg)
	if err != nil {
		return
	}
	header, ok := sheddable(m)
	if !ok {
		switch m.(type) { //nolint:gochecksumtype // who asks for a session waits for word too; the rest does not
		case *marshal.Hello, *marshal.Open:
		default:
			return
		}
	}
	if n.told == nil {
		n.told = map[netip.AddrPort]struct{}{}
	}
	n.told[src] = struct{}{}
	if set, ok := m.(*marshal.SetRequest); ok {
		set.Value = nil
	}
	n.due = append(n.due, notice{kv.Packet{Src: kv.Endpoint{Client: src}, Msg: marshal.Clone(m)}, header})
}

// write puts what is to be said into out.
func (n *notices) write(now kv.Time, out *outbox, observer Observer) {
	for i := range n.due {
		v := &n.due[i]
		out.refuse(v.request, v.header, observer)
	}
	clear(n.due)
	n.due = n.due[:0]
	if now >= n.until {
		n.until = now + MaxWait
		clear(n.told)
	}
}
