package story

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"ironkv/delegation"
	"ironkv/ghost/protocol"
	"ironkv/kv"
	"ironkv/marshal"
	"ironkv/tests/world"
)

func cmdOwners(s *stage, a *args) error {
	from := delegation.HostID(a.optNumber("from", uint64(s.world.Config.Root)))
	for a.more() {
		key := delegation.Key(a.word("a key"))
		s.say("%s: %s; %s", string(key), s.claimants(key), s.path(key, from))
	}
	return a.end()
}

// claimants says who owns the key: hosts, or delegates in flight.
func (s *stage) claimants(key delegation.Key) string {
	var found []string
	sys := s.system()
	for _, h := range sys.Hosts {
		if _, owner := h.Map.Lookup(key); owner == h.Me && !s.wiped[h.Me] {
			found = append(found, fmt.Sprintf("host %d", h.Me))
		}
	}
	for _, f := range sys.InFlight() {
		if f.Delegate.Range.Contains(key) {
			found = append(found, fmt.Sprintf("in flight %d→%d #%d", f.From, f.To, f.Seqno))
		}
	}
	if len(found) == 0 {
		return "nobody"
	}
	return strings.Join(found, " and ")
}

// path is what a client without a map would meet that begins at a host and follows
// what it is told. It is played in a copy of the world.
func (s *stage) path(key delegation.Key, at delegation.HostID) string {
	w := s.world.Clone()
	var steps []string
	var hint marshal.Hint
	for range len(w.Nodes) + 1 {
		if at == 0 || int(at) > len(w.Nodes) || w.Node(at).Host == nil {
			return strings.Join(append(steps, fmt.Sprintf("host %d is down", at)), ", ")
		}
		switch m := probe(w, at, key, hint).(type) {
		case *marshal.Redirect:
			steps = append(steps, fmt.Sprintf("host %d redirects to %d", at, m.Owner))
			at, hint = m.Owner, m.Hint
			continue
		case *marshal.GetReply:
			steps = append(steps, fmt.Sprintf("host %d answers %s", at, answerText(m)))
		case *marshal.Refusal:
			steps = append(steps, fmt.Sprintf("host %d refuses: %v", at, m.Reason))
		case nil:
			steps = append(steps, fmt.Sprintf("host %d holds the request", at))
		}
		return strings.Join(steps, ", ")
	}
	return strings.Join(append(steps, "and so on"), ", ")
}

// probe asks a host for a key in a session of its own; nil where it says nothing.
func probe(w *world.World, at delegation.HostID, key delegation.Key, hint marshal.Hint) marshal.Message {
	src := kv.Endpoint{Client: netip.MustParseAddrPort("10.0.9.9:9")}
	ask := func(m marshal.Message) marshal.Message {
		for _, p := range w.Step(at, kv.Input{Kind: kv.InputPacket, Packet: kv.Packet{Src: src, Msg: m}}).Packets {
			if p.Dst == src {
				return p.Msg
			}
		}
		return nil
	}
	nonce := marshal.Nonce{0xee, byte(at)}
	cookie, _ := ask(&marshal.Hello{Nonce: nonce}).(*marshal.CookieReply)
	switch m := ask(&marshal.Open{Nonce: nonce, Cookie: cookie.Cookie}).(type) {
	case *marshal.Opened:
		return ask(&marshal.GetRequest{RequestHeader: marshal.RequestHeader{Session: m.Session, Number: firstRead + 1}, Hint: hint, Key: key})
	default:
		return m
	}
}

func cmdHost(s *stage, a *args) error {
	id := a.host(a.word("a host"))
	if err := a.end(); err != nil {
		return err
	}
	if err := s.up(id); err != nil {
		return err
	}
	h := s.world.Node(id).Host
	var entries []marshal.Entry
	h.Store().Ascend(delegation.All, func(e marshal.Entry) bool { entries = append(entries, e); return true })
	owns := "owns " + ownedText(h)
	if !h.Serving() {
		owns = "waits for its peers"
	}
	text := fmt.Sprintf("host %d: %s; stores %s; clock %d", id, owns, entriesText(entries), h.State().Clock)
	if n := len(h.State().Sessions); n > 0 {
		text += fmt.Sprintf("; sessions %d", n)
	}
	if n := len(h.Held()); n > 0 {
		text += fmt.Sprintf("; holds %d", n)
	}
	for _, peer := range slices.Sorted(maps.Keys(h.State().Peers)) {
		p := h.State().Peers[peer]
		if p.Out.Outstanding() > 0 {
			text += fmt.Sprintf("; unacknowledged by %d from #%d to #%d", peer, p.Out.Acked()+1, p.Out.Sent())
		}
		if p.In.Tombstone() > 0 {
			text += fmt.Sprintf("; received #%d from %d", p.In.Tombstone(), peer)
		}
	}
	s.say("%s", text)
	return nil
}

func ownedText(h *kv.Host) string {
	var owned []string
	for r, owner := range h.State().Map.RangesFrom(delegation.NegInf) {
		if owner == h.State().Host {
			owned = append(owned, rangeText(r))
		}
	}
	if len(owned) == 0 {
		return "nothing"
	}
	return strings.Join(owned, " ")
}

func cmdMoves(s *stage, a *args) error {
	id := a.host(a.word("a host"))
	if err := a.end(); err != nil {
		return err
	}
	if err := s.exists(id); err != nil {
		return err
	}
	h, _ := s.system().Host(id)
	if len(h.Moves) == 0 {
		s.say("host %d: no moves", id)
	}
	for _, m := range h.Moves {
		s.say("move %d-%d of %s to host %d: %s", id, m.Number, rangeText(m.Range), m.Recipient, progress(m))
	}
	return nil
}

func progress(m protocol.Move) string {
	sent := delegation.Range{From: m.Range.From, Until: m.Cursor}
	if sent.Empty() {
		return fmt.Sprintf("%v, nothing sent", m.Phase)
	}
	return fmt.Sprintf("%v, sent %s", m.Phase, rangeText(sent))
}

func cmdNet(s *stage, a *args) error {
	s.say("on the network: %s", s.netText())
	return a.end()
}

func (s *stage) netText() string {
	var list []string
	for _, f := range s.world.Net {
		list = append(list, s.packetText(f.Packet))
	}
	if len(list) == 0 {
		return "nothing"
	}
	return strings.Join(list, ", ")
}

func cmdDrops(s *stage, a *args) error {
	for _, why := range slices.Sorted(maps.Keys(s.drops)) {
		s.say("dropped by %s %d", why, s.drops[why])
	}
	if len(s.drops) == 0 {
		s.say("nothing was dropped")
	}
	return a.end()
}
