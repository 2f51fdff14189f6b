package ghost

import (
	"cmp"
	"fmt"
	"slices"

	"ironkv/delegation"
	"ironkv/ghost/judge"
	"ironkv/ghost/protocol"
	"ironkv/ghost/spec"
	"ironkv/marshal"
)

// An Invariant is a predicate over all hosts of a cluster and what is in flight.
type Invariant = judge.Invariant[protocol.System]

// Invariants hold in every state that a cluster can be in. "For every key" is
// made finite: key space is cut at every boundary of every map and of every
// delegate in flight, and what lies between two cuts is judged once.
// Sources: Protocol/SHT/RefinementProof, and where that has no such predicate, ours.
var Invariants = []Invariant{
	{Name: "MapComplete", Source: "InvDefs.i.dfy; Impl/SHT/Delegations.i.dfy: CDelegationMapIsSorted", Check: mapComplete},
	{Name: "AllDelegationsToKnownHosts", Source: "InvDefs.i.dfy", Check: allDelegationsToKnownHosts},
	{Name: "EachKeyClaimedInExactlyOnePlace", Source: "InvProof.i.dfy; InvDefs.i.dfy: HostClaimsKey, InFlightPacketClaimsKey", Check: eachKeyClaimedInExactlyOnePlace},
	{Name: "HostsStoreOnlyOwnedKeys", Source: "InvProof.i.dfy", Check: hostsStoreOnlyOwnedKeys},
	{Name: "DelegationMessagesCarryOnlyClaimedKeys", Source: "InvProof.i.dfy", Check: delegationMessagesCarryOnlyClaimedKeys},
	{Name: "UnAckedListProperties", Source: "InvDefs.i.dfy: UnAckedListProperties, UnAckedListInNetwork", Check: unAckedListProperties},
	{Name: "PacketsHaveSenderUniqueSeqnos", Source: "InvProof.i.dfy", Check: packetsHaveSenderUniqueSeqnos},
	{Name: "ReceiverHasCanceledNoUnsentSeqnos", Source: "InvProof.i.dfy", Check: receiverHasCanceledNoUnsentSeqnos},
	{Name: "OperationsExecuteAtMostOnce", Source: "ours", Check: operationsExecuteAtMostOnce},
	{Name: "ClockCoversVersions", Source: "ours", Check: clockCoversVersions},
	{Name: refines, Source: "Refinement.i.dfy: the abstraction is the state of S that the steps led to; Services/SHT/AbstractService.s.dfy: Service_Correspondence", Check: refinement},
}

// refines names the invariant that the state of S is what the hosts hold.
const refines = "Refinement"

// Liveness holds once the network has been fair for long enough and nothing more
// was ordered: every delegate was received, and every move that is not paused has
// ended. That every request is answered, its client knows.
var Liveness = Invariant{Name: "Liveness", Source: "its first half, for every message between hosts: Protocol/LiveSHT/LivenessProof/LivenessProof.i.dfy; moves are ours", Check: liveness}

// mapComplete: each map is total, sorted, and canonical.
func mapComplete(s protocol.System) error {
	for _, h := range s.Hosts {
		if len(h.Map) == 0 || !h.Map[0].From.IsNegInf() {
			return fmt.Errorf("host %d's map does not begin at -inf: %v", h.Me, h.Map)
		}
		for i := 1; i < len(h.Map); i++ {
			a, b := h.Map[i-1], h.Map[i]
			if !a.From.Less(b.From) || a.Host == b.Host || b.From.IsPosInf() {
				return fmt.Errorf("host %d's map has %v of host %d behind %v of host %d", h.Me, b.From, b.Host, a.From, a.Host)
			}
		}
	}
	return nil
}

func allDelegationsToKnownHosts(s protocol.System) error {
	for _, h := range s.Hosts {
		for _, p := range h.Map {
			if _, ok := s.Host(p.Host); !ok {
				return fmt.Errorf("host %d thinks that the keys from %v on are a stranger's, host %d", h.Me, p.From, p.Host)
			}
		}
	}
	return nil
}

// lost reports whether the host has a state that a peer knows an earlier one of.
// Such a host serves nothing and exits; the keys of its earlier life have no owner.
func lost(s protocol.System, h protocol.Host) bool {
	if h.Joined {
		return false
	}
	for _, o := range s.Hosts {
		if p, ok := o.Peer(h.Me); ok && p.Incarnation != 0 && p.Incarnation != h.Incarnation {
			return true
		}
	}
	return false
}

// A place is a host that claims keys, or a delegate in flight that does.
type place struct {
	host   *protocol.Host
	flight *protocol.InFlight
}

func (p place) String() string {
	if p.host != nil {
		return fmt.Sprintf("host %d", p.host.Me)
	}
	return p.flight.String()
}

func (p place) clock() marshal.Version {
	if p.host != nil {
		return p.host.Clock
	}
	return p.flight.Delegate.Clock
}

// claims are the places that may claim keys in a state.
type claims struct {
	places []place
	lost   bool
}

func claimsOf(s protocol.System) claims {
	var c claims
	for i := range s.Hosts {
		if lost(s, s.Hosts[i]) {
			c.lost = true
			continue
		}
		c.places = append(c.places, place{host: &s.Hosts[i]})
	}
	flights := s.InFlight()
	for i := range flights {
		c.places = append(c.places, place{flight: &flights[i]})
	}
	return c
}

// of appends to found the places that claim the keys just above the bound.
func (c claims) of(b delegation.Bound, found []place) []place {
	for _, p := range c.places {
		if p.host != nil && p.host.Map.Owner(b) == p.host.Me {
			found = append(found, p)
		}
		if p.flight != nil {
			if r := p.flight.Delegate.Range; r.From.Compare(b) <= 0 && b.Less(r.Until) {
				found = append(found, p)
			}
		}
	}
	return found
}

// Cuts returns the bounds at which key space is cut: between one and the next,
// all keys have the same owners.
func Cuts(s protocol.System) []delegation.Bound {
	cuts := []delegation.Bound{delegation.NegInf}
	for _, h := range s.Hosts {
		for _, p := range h.Map {
			cuts = append(cuts, p.From)
		}
	}
	for _, f := range s.InFlight() {
		cuts = append(cuts, f.Delegate.Range.From)
		if !f.Delegate.Range.Until.IsPosInf() {
			cuts = append(cuts, f.Delegate.Range.Until)
		}
	}
	slices.SortFunc(cuts, delegation.Bound.Compare)
	return slices.Compact(cuts)
}

func eachKeyClaimedInExactlyOnePlace(s protocol.System) error {
	cuts, c := Cuts(s), claimsOf(s)
	var found []place
	for i, b := range cuts {
		found = c.of(b, found[:0])
		if len(found) == 1 || (len(found) == 0 && c.lost) {
			continue
		}
		r := delegation.Range{From: b, Until: delegation.PosInf}
		if i+1 < len(cuts) {
			r.Until = cuts[i+1]
		}
		if len(found) == 0 {
			return fmt.Errorf("nobody claims %v", r)
		}
		return fmt.Errorf("%v is claimed by %v and by %v", r, found[0], found[1])
	}
	return nil
}

func hostsStoreOnlyOwnedKeys(s protocol.System) error {
	for _, h := range s.Hosts {
		for e := range h.Table.All() {
			if _, owner := h.Map.Lookup(e.Key); owner != h.Me {
				return fmt.Errorf("host %d stores %v, which it knows to be host %d's", h.Me, e.Key, owner)
			}
		}
	}
	return nil
}

func delegationMessagesCarryOnlyClaimedKeys(s protocol.System) error {
	for _, f := range s.InFlight() {
		last := delegation.Key("")
		for _, e := range f.Delegate.Entries {
			if !f.Delegate.Range.Contains(e.Key) || e.Key <= last {
				return fmt.Errorf("%v carries %v, which does not lie in its range, or not in order", f, e.Key)
			}
			last = e.Key
		}
	}
	return nil
}

// between calls check with each sender's record of each receiver, and the
// receiver's record of the sender, where the two mean each other's incarnation.
func between(s protocol.System, check func(from, to protocol.Host, out, back protocol.Peer) error) error {
	for _, from := range s.Hosts {
		for _, out := range from.Peers {
			to, ok := s.Host(out.ID)
			if !ok {
				continue
			}
			back, ok := to.Peer(from.Me)
			if !ok || (out.Incarnation != 0 && out.Incarnation != to.Incarnation) || (back.Incarnation != 0 && back.Incarnation != from.Incarnation) {
				continue
			}
			if err := check(from, to, out, back); err != nil {
				return err
			}
		}
	}
	return nil
}

// unAckedListProperties: what is acknowledged was received, and what is not yet
// acknowledged is of some range and, where the network is known, in it. That the
// list is sequential and begins right after what was acknowledged, its form says.
func unAckedListProperties(s protocol.System) error {
	return between(s, func(from, to protocol.Host, out, back protocol.Peer) error {
		if out.Acked > back.Received {
			return fmt.Errorf("host %d counts #%d to host %d as acknowledged, which has received #%d", from.Me, out.Acked, to.Me, back.Received)
		}
		for i, d := range out.Unacked {
			n := out.Acked + 1 + uint64(i)
			if d.Range.Empty() {
				return fmt.Errorf("host %d's #%d to host %d delegates nothing: %v", from.Me, n, to.Me, d.Range)
			}
			if s.Network.Len() > 0 && !inNetwork(s, from.Me, to.Me, n, d) {
				return fmt.Errorf("host %d's #%d to host %d was never sent", from.Me, n, to.Me)
			}
		}
		return nil
	})
}

func inNetwork(s protocol.System, from, to delegation.HostID, seqno uint64, d protocol.Delegate) bool {
	for p := range s.Network.All() {
		if m, ok := p.Msg.(protocol.Single); ok && p.Src.Host == from && p.Dst.Host == to && m.Seqno == seqno && m.Delegate.Same(d) {
			return true
		}
	}
	return false
}

func packetsHaveSenderUniqueSeqnos(s protocol.System) error {
	type id struct {
		from, to delegation.HostID
		life     marshal.Incarnation
		seqno    uint64
	}
	seen := map[id]protocol.Delegate{}
	for p := range s.Network.All() {
		m, ok := p.Msg.(protocol.Single)
		if !ok || p.Src.Host == 0 {
			continue
		}
		i := id{p.Src.Host, p.Dst.Host, m.From, m.Seqno}
		if d, ok := seen[i]; ok && !d.Same(m.Delegate) {
			return fmt.Errorf("host %d sent host %d two messages #%d: of %v and of %v", i.from, i.to, i.seqno, d.Range, m.Delegate.Range)
		}
		seen[i] = m.Delegate
	}
	return nil
}

func receiverHasCanceledNoUnsentSeqnos(s protocol.System) error {
	return between(s, func(from, to protocol.Host, out, back protocol.Peer) error {
		if back.Received > out.Sent() {
			return fmt.Errorf("host %d has received #%d from host %d, which has sent #%d", to.Me, back.Received, from.Me, out.Sent())
		}
		return nil
	})
}

func operationsExecuteAtMostOnce(s protocol.System) error {
	if len(s.Doubled) > 0 {
		return fmt.Errorf("operation %d of client %x was executed twice", s.Doubled[0].Counter, s.Doubled[0].Client)
	}
	return nil
}

func clockCoversVersions(s protocol.System) error {
	c := claimsOf(s)
	var found []place
	for row := range s.Service.Rows().All() {
		found = c.of(delegation.At(row.Key), found[:0])
		for _, p := range found {
			if p.clock() < row.Highest {
				return fmt.Errorf("%v has had version %d; %v claims it with a clock at %d", row.Key, row.Highest, p, p.clock())
			}
		}
	}
	return nil
}

// refinement: the hosts hold what S does, and say what S has replied.
func refinement(s protocol.System) error {
	return cmp.Or(spec.Differ(s.Service, AbstractService(s)), s.Correspondence())
}

func liveness(s protocol.System) error {
	if f := s.InFlight(); len(f) > 0 {
		return fmt.Errorf("%v is still in flight", f[0])
	}
	for _, h := range s.Hosts {
		for _, m := range h.Moves {
			if !m.Phase.Ended() && m.Phase != marshal.MovePaused {
				return fmt.Errorf("move %d-%d of %v is still %v", h.Me, m.Number, m.Range, m.Phase)
			}
		}
	}
	return nil
}
