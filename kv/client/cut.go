package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"ironkv/delegation"
	"ironkv/marshal"
)

// A cut is one host's part of an audit: what it owned, had in flight and had
// counted, all at one of its steps.
type cut struct {
	host        HostID
	incarnation marshal.Incarnation
	step        uint64
	peers       map[HostID]marshal.PeerNumbers
	owned       []delegation.Range
	inFlight    []marshal.InFlight
}

// maxCutRestarts bounds how often a cut is begun anew because the host has
// forgotten the one that was being read.
const maxCutRestarts = 8

// takeCut asks a host for a new cut and reads all of its pages. It also returns
// how many requests that took.
func (c *Client) takeCut(ctx context.Context, id HostID, quietMillis uint32) (*cut, int, error) {
	for asked := 1; ; asked++ {
		out := &cut{host: id, peers: map[HostID]marshal.PeerNumbers{}}
		err := c.readCut(ctx, out, quietMillis)
		if errors.Is(err, errUnknownCut) && asked < maxCutRestarts {
			continue
		}
		if err != nil {
			return nil, asked, fmt.Errorf("cut of host %d: %w", id, err)
		}
		return out, asked, nil
	}
}

func (c *Client) readCut(ctx context.Context, out *cut, quietMillis uint32) error {
	o := &op{kind: opAudit, target: out.host, quiet: quietMillis}
	for {
		c.ask(ctx, []*op{o})
		m, err := answer[*marshal.AuditReply](o)
		if err != nil {
			return err
		}
		if m.Page == 0 {
			out.incarnation, out.step = m.Incarnation, m.Step
			for _, p := range m.Peers {
				out.peers[p.Peer] = p
			}
		}
		if m.Host != out.host || m.Incarnation != out.incarnation || m.Page != o.page || o.cut != 0 && m.Cut != o.cut {
			return fmt.Errorf("%w: host %d sent a page of another cut", ErrUnavailable, out.host)
		}
		out.owned = append(out.owned, m.Owned...)
		out.inFlight = append(out.inFlight, m.InFlight...)
		if !m.More {
			return nil
		}
		o = &op{kind: opAudit, target: out.host, cut: m.Cut, page: m.Page + 1}
	}
}

// A claim is a range in the hands of a host, or of a delegate in flight.
type claim struct {
	Range    delegation.Range
	owner    HostID // 0 for a delegate
	from, to HostID // of the delegate
	seqno    uint64
}

func (c claim) String() string {
	if c.owner != 0 {
		return fmt.Sprintf("host %d claims %v", c.owner, c.Range)
	}
	return fmt.Sprintf("delegate %d from host %d to host %d carries %v", c.seqno, c.from, c.to, c.Range)
}

// claimsOf returns what is claimed in the cuts: what each host owns, and the
// delegates that have certainly not been received: those above the number that
// their recipient, if it has a cut, had received. They are sorted by where they begin.
func claimsOf(cuts map[HostID]*cut) []claim {
	var out []claim
	for _, c := range cuts {
		for _, r := range c.owned {
			out = append(out, claim{Range: r, owner: c.host})
		}
		for _, f := range c.inFlight {
			to := cuts[f.To]
			if to != nil && f.Seqno > to.peers[c.host].Received {
				out = append(out, claim{Range: f.Range, from: c.host, to: f.To, seqno: f.Seqno})
			}
		}
	}
	slices.SortFunc(out, func(a, b claim) int {
		return cmp.Or(a.Range.From.Compare(b.Range.From), a.Range.Until.Compare(b.Range.Until),
			cmp.Compare(a.owner, b.owner), cmp.Compare(a.from, b.from), cmp.Compare(a.seqno, b.seqno))
	})
	return out
}

// behindIn returns the hosts whose cut is too old to fit the others', by id.
//
// Two cuts fit if acked(i→j) ≤ received(j from i) ≤ sent(i→j): then nothing that
// j had received by its cut was sent after i's, and i has heard of nothing that j
// received after its own. If all fit, there is a moment of the run at which every
// host was, as far as owning goes, as its cut says.
func behindIn(cuts map[HostID]*cut) []HostID {
	var out []HostID
	for i, ci := range cuts {
		for j, cj := range cuts {
			if i == j {
				continue
			}
			received := cj.peers[i].Received
			if received < ci.peers[j].Acked {
				out = append(out, j)
			}
			if received > ci.peers[j].Sent {
				out = append(out, i)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// strangersIn returns an error if two cuts are not of hosts that have met each
// other in these lives: then their numbers say nothing about each other.
func strangersIn(cuts map[HostID]*cut) error {
	for _, i := range sortedIDs(cuts) {
		for _, j := range sortedIDs(cuts) {
			p, met := cuts[i].peers[j]
			if i != j && (!met || p.PeerIncarnation != cuts[j].incarnation) {
				return fmt.Errorf("host %d knows host %d by incarnation %x, but it is %x",
					i, j, uint64(p.PeerIncarnation), uint64(cuts[j].incarnation))
			}
		}
	}
	return nil
}

func sortedIDs(cuts map[HostID]*cut) []HostID {
	ids := make([]HostID, 0, len(cuts))
	for id := range cuts {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// twice returns two claims to one key, if there are any. The claims are sorted by
// where they begin, so if one reaches into any later one, it does into the next.
func twice(claims []claim) (a, b claim, found bool) {
	for i := 1; i < len(claims); i++ {
		if claims[i].Range.From.Less(claims[i-1].Range.Until) {
			return claims[i-1], claims[i], true
		}
	}
	return claim{}, claim{}, false
}

// unclaimed returns the first range that nobody claims, if there is one. The
// claims are sorted.
func unclaimed(claims []claim) (delegation.Range, bool) {
	at := delegation.NegInf
	for _, c := range claims {
		if at.Less(c.Range.From) {
			return delegation.Range{From: at, Until: c.Range.From}, true
		}
		if at.Less(c.Range.Until) {
			at = c.Range.Until
		}
	}
	return delegation.Range{From: at, Until: delegation.PosInf}, !at.IsPosInf()
}

// partition lays claims side by side, with what nobody claims marked. Of claims
// that overlap, the later begins where the earlier ends; neighbours of one owner
// are one shard. The claims are sorted.
func partition(claims []claim) []Shard {
	var out []Shard
	at := delegation.NegInf
	for _, c := range claims {
		if at.Less(c.Range.From) {
			out = append(out, Shard{Range: delegation.Range{From: at, Until: c.Range.From}, Unknown: true})
			at = c.Range.From
		}
		if !at.Less(c.Range.Until) {
			continue
		}
		s := Shard{Range: delegation.Range{From: at, Until: c.Range.Until}, Owner: c.owner, From: c.from, To: c.to}
		at = c.Range.Until
		if n := len(out); n > 0 && out[n-1].Owner == s.Owner && out[n-1].From == s.From && out[n-1].To == s.To && !out[n-1].Unknown {
			out[n-1].Range.Until = s.Range.Until
			continue
		}
		out = append(out, s)
	}
	if !at.IsPosInf() {
		out = append(out, Shard{Range: delegation.Range{From: at, Until: delegation.PosInf}, Unknown: true})
	}
	return out
}

// steadily returns the claims of now that were there before, too, and without
// interruption: a delegate has a number of its own, and a host that has given
// nothing away since has kept what it owns.
func steadily(before, now map[HostID]*cut) []claim {
	old := map[claim]bool{}
	for _, c := range claimsOf(before) {
		if c.owner == 0 {
			old[c] = true
		}
	}
	var out []claim
	for _, c := range claimsOf(now) {
		switch {
		case c.owner == 0 && old[c]:
			out = append(out, c)
		case c.owner != 0 && before[c.owner] != nil && gaveNothing(before[c.owner], now[c.owner]):
			for _, r := range before[c.owner].owned {
				if part := r.Intersect(c.Range); !part.Empty() {
					out = append(out, claim{Range: part, owner: c.owner})
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b claim) int { return a.Range.From.Compare(b.Range.From) })
	return out
}

// gaveNothing reports whether a host sent no delegate between two of its cuts.
func gaveNothing(before, now *cut) bool {
	for id, p := range now.peers {
		if p.Sent != before.peers[id].Sent {
			return false
		}
	}
	return before.incarnation == now.incarnation
}
