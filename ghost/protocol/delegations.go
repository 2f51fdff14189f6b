package protocol

import (
	"slices"

	"ironkv/delegation"
)

// A Piece is a boundary: Host owns every key from From up to the next piece.
type Piece struct {
	From delegation.Bound
	Host delegation.HostID
}

// Delegations is the total function from keys to hosts, as pieces in order of
// which the first begins at −∞ and no two neighbours name the same host. It is
// never changed in place. Source: DelegationMap, Protocol/SHT/Delegations.i.dfy.
type Delegations []Piece

// at returns the index of the piece that the bound b lies in.
func (d Delegations) at(b delegation.Bound) int {
	i, found := slices.BinarySearchFunc(d, b, func(p Piece, b delegation.Bound) int { return p.From.Compare(b) })
	if !found {
		i--
	}
	return max(i, 0)
}

// Lookup returns the piece of the key as a range, and its host (DelegateForKey).
func (d Delegations) Lookup(key delegation.Key) (delegation.Range, delegation.HostID) {
	return d.lookup(delegation.At(key))
}

// Owner returns the host of the keys just above the bound, which is not +∞.
func (d Delegations) Owner(b delegation.Bound) delegation.HostID { return d[d.at(b)].Host }

func (d Delegations) lookup(b delegation.Bound) (delegation.Range, delegation.HostID) {
	i := d.at(b)
	r := delegation.Range{From: d[i].From, Until: delegation.PosInf}
	if i+1 < len(d) {
		r.Until = d[i+1].From
	}
	return r, d[i].Host
}

// OwnsAll reports whether h owns every key of r, which is not empty
// (DelegateForKeyRangeIsHost).
func (d Delegations) OwnsAll(r delegation.Range, h delegation.HostID) bool {
	piece, owner := d.lookup(r.From)
	return owner == h && piece.Covers(r)
}

// Update returns the function that differs in that h owns r (UpdateDelegationMap).
func (d Delegations) Update(r delegation.Range, h delegation.HostID) Delegations {
	var out Delegations
	add := func(p Piece) {
		if len(out) == 0 || out[len(out)-1].Host != p.Host {
			out = append(out, p)
		}
	}
	for _, p := range d {
		if p.From.Less(r.From) {
			add(p)
		}
	}
	add(Piece{r.From, h})
	if !r.Until.IsPosInf() {
		_, after := d.lookup(r.Until)
		add(Piece{r.Until, after})
		for _, p := range d {
			if r.Until.Less(p.From) {
				add(p)
			}
		}
	}
	return out
}
