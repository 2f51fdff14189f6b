package story

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
	"ironkv/tests/world"
)

// strangerAddr is the address of nobody.
var strangerAddr = netip.MustParseAddrPort("10.9.9.9:9")

// cmdForge hands a packet over as its sender never sent it.
func cmdForge(s *stage, a *args) error {
	p, err := s.past(a)
	if err != nil {
		return err
	}
	p.Msg = marshal.Clone(p.Msg)
	if v, ok := a.opt("by"); ok {
		p.Src = s.end(a, v)
	}
	switch m := p.Msg.(type) {
	case *marshal.Single:
		forgeHeader(a, &m.PeerHeader)
		m.Seqno = a.optNumber("seqno", m.Seqno)
		if v, ok := a.opt("add"); ok {
			key, value, _ := strings.Cut(v, "=")
			m.Delegate.Entries = append(m.Delegate.Entries, marshal.Entry{Key: delegation.Key(key), Value: []byte(value), Version: m.Delegate.Clock})
			slices.SortFunc(m.Delegate.Entries, func(a, b marshal.Entry) int { return strings.Compare(string(a.Key), string(b.Key)) })
		}
	case *marshal.Ack:
		forgeHeader(a, &m.PeerHeader)
		m.Seqno = a.optNumber("seqno", m.Seqno)
	case *marshal.Consent:
		forgeHeader(a, &m.PeerHeader)
	}
	if err := a.end(); err != nil {
		return err
	}
	return s.hand([]kv.Packet{p}, world.Sent)
}

func forgeHeader(a *args, hd *marshal.PeerHeader) {
	hd.From = delegation.HostID(a.optNumber("from", uint64(hd.From)))
	if _, ok := a.opt("life"); ok {
		hd.FromIncarnation++
	}
}

// end is the end of a packet that a word names.
func (s *stage) end(a *args, word string) kv.Endpoint {
	if word == "stranger" {
		return kv.Endpoint{Client: strangerAddr}
	}
	for _, c := range s.world.Clients {
		if word == fmt.Sprintf("c%d", c.ID) {
			return kv.Endpoint{Client: c.Addr}
		}
	}
	return kv.Endpoint{Host: a.host(word)}
}
