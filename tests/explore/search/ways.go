package search

// ways are the transitions that are not unfair, of all states in the order of their
// visits: 4 bytes each, and 5 for a state. The zero value is none.
type ways struct {
	blocks [][]uint32
	count  uint64
	ends   []uint64 // of each state, where those of the next begin
	goals  []bool
}

const waysPerBlock = 1 << 16

// lead notes that the state leads to another, whose visit is given.
func (w *ways) lead(to uint32) {
	if w.count%waysPerBlock == 0 {
		w.blocks = append(w.blocks, make([]uint32, waysPerBlock))
	}
	w.blocks[w.count/waysPerBlock][w.count%waysPerBlock] = to
	w.count++
}

// from notes that these were the ways from a state, the next in the order of visits.
func (w *ways) from(at uint32, goal bool) {
	if int(at) != len(w.ends) {
		panic("search: states are not expanded in the order of their visits")
	}
	w.ends, w.goals = append(w.ends, w.count), append(w.goals, goal)
}

// stuck returns the first state from which no goal can be reached, if there is one.
// Ways mostly lead to later visits, so that going backward over all states comes to
// rest after few turns.
func (w *ways) stuck() (at uint32, found bool) {
	reach := w.goals
	for more := true; more; {
		more = false
		for s := len(w.ends) - 1; s >= 0; s-- {
			if !reach[s] && w.leads(s, reach) {
				reach[s], more = true, true
			}
		}
	}
	for s, ok := range reach {
		if !ok {
			return uint32(s), true
		}
	}
	return 0, false
}

// leads reports whether there is a way from the state to one of those marked.
func (w *ways) leads(s int, marked []bool) bool {
	at := uint64(0)
	if s > 0 {
		at = w.ends[s-1]
	}
	for ; at < w.ends[s]; at++ {
		if marked[w.blocks[at/waysPerBlock][at%waysPerBlock]] {
			return true
		}
	}
	return false
}
