package server

import (
	"net/netip"

	"ironkv/kv"
	"ironkv/marshal"
	"ironkv/udp"
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
	dst    netip.AddrPort
	header marshal.RequestHeader
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
	n.due = append(n.due, notice{src, header})
}

// write puts what is to be said into out.
func (n *notices) write(now kv.Time, out *outbox) {
	for _, v := range n.due {
		out.add(v.dst, &marshal.Refusal{RequestHeader: v.header, Reason: marshal.Overloaded}, udp.Once)
	}
	n.due = n.due[:0]
	if now >= n.until {
		n.until = now + MaxWait
		clear(n.told)
	}
}
