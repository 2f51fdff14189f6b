package ghost

import (
	"cmp"
	"fmt"
	"slices"

	"ironkv/ghost/judge"
)

// Durability is the name of the invariant about lives rather than states.
const Durability = "DurableStays"

// DurableStays checks that what a host had synced in one life, so that others may
// have been told of it, was there when the next began. Source: ours; IronFleet's
// hosts have one life.
func DurableStays(life, next Life) error {
	if next.Header.From >= life.Durable {
		return nil
	}
	return &judge.Violation{Name: Durability, Source: "ours", Witness: fmt.Errorf(
		"host %d had everything up to step %d on disk in %s, but %s goes on from step %d: the disk was put back to an older state, or lost what it had synced",
		life.Header.Config.Me, life.Durable, life.name(), next.name(), next.Header.From)}
}

func (l Life) name() string {
	if l.Path != "" {
		return "journal " + l.Path
	}
	return fmt.Sprintf("life %d of host %d", l.Header.Life, l.Header.Config.Me)
}

// ordered returns a host's lives in order, and sees that they are all there, once,
// and of one state in the same cluster as a life of any host.
func ordered(lives []Life, other Life) ([]Life, error) {
	lives = slices.SortedStableFunc(slices.Values(lives), func(a, b Life) int { return cmp.Compare(a.Header.Life, b.Header.Life) })
	for i, l := range lives {
		h, first := l.Header, lives[0].Header
		switch {
		case h.Life <= i:
			return nil, fmt.Errorf("%w: both %s and %s are life %d of host %d (all lives of a host have to be written into one directory, and given once)",
				ErrIncomplete, lives[i-1].name(), l.name(), h.Life, h.Config.Me)
		case h.Life > i+1:
			return nil, fmt.Errorf("%w: life %d of host %d is missing: %s is life %d", ErrIncomplete, i+1, h.Config.Me, l.name(), h.Life)
		case h.Incarnation != first.Incarnation || h.Secret != first.Secret:
			return nil, fmt.Errorf("%w: %s is of another incarnation of host %d, %016x instead of %016x",
				ErrIncomplete, l.name(), h.Config.Me, uint64(h.Incarnation), uint64(first.Incarnation))
		case !sameCluster(h, other.Header):
			return nil, fmt.Errorf("%w: %s is of a cluster of hosts %v with root %d, %s of hosts %v with root %d",
				ErrIncomplete, l.name(), ids(h), h.Config.Root, other.name(), ids(other.Header), other.Header.Config.Root)
		}
		if i > 0 {
			if err := DurableStays(lives[i-1], l); err != nil {
				return nil, err
			}
		}
	}
	if h := lives[0].Header; h.From != 0 {
		return nil, fmt.Errorf("%s: %w: it begins behind step %d, not at the birth of the state", lives[0].name(), ErrIncomplete, h.From)
	}
	return lives, nil
}

func sameCluster(a, b Header) bool {
	return slices.Equal(ids(a), ids(b)) && a.Config.Root == b.Config.Root
}

func ids(h Header) (out []uint64) {
	for _, m := range h.Config.Members {
		out = append(out, uint64(m.ID))
	}
	return out
}
