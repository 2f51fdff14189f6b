package udp

import "container/heap"

// A ranking is the addresses that have a part of what all share, who has most at the front. Where
// nothing is left he makes room for whoever would still have less. So of k addresses that take all
// that they can get each has a kth part, and who asks for less than that gets it, whatever they do.
type ranking struct {
	list []*peer
	of   func(*peer) *part
}

// A part is what one address has, and where it stands in the ranking.
type part struct {
	bytes int
	place int // index plus one; 0: it has nothing, and is not in the list
}

func partHeld(p *peer) *part   { return &p.heldPart }
func partQueued(p *peer) *part { return &p.queuedPart }

// set notes that p has so many bytes now.
func (r *ranking) set(p *peer, bytes int) {
	s := r.of(p)
	s.bytes = bytes
	switch {
	case s.place == 0 && bytes > 0:
		heap.Push(r, p)
	case s.place > 0 && bytes == 0:
		heap.Remove(r, s.place-1)
	case s.place > 0:
		heap.Fix(r, s.place-1)
	}
}

// above returns the address that has most, or nil where that is no more than so many bytes.
func (r *ranking) above(bytes int) *peer {
	if len(r.list) == 0 || r.of(r.list[0]).bytes <= bytes {
		return nil
	}
	return r.list[0]
}

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (r *ranking) Len() int { return len(r.list) }

// Less compares what two have.
func (r *ranking) Less(i, j int) bool { return r.of(r.list[i]).bytes > r.of(r.list[j]).bytes }

// Swap exchanges two.
func (r *ranking) Swap(i, j int) {
	r.list[i], r.list[j] = r.list[j], r.list[i]
	r.of(r.list[i]).place, r.of(r.list[j]).place = i+1, j+1
}

// Push appends a peer.
func (r *ranking) Push(v any) {
	p, _ := v.(*peer)
	r.list = append(r.list, p)
	r.of(p).place = len(r.list)
}

// Pop removes the last one.
func (r *ranking) Pop() any {
	last := r.list[len(r.list)-1]
	r.list[len(r.list)-1] = nil
	r.list = r.list[:len(r.list)-1]
	r.of(last).place = 0
	return last
}
