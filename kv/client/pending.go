package client

// pending are the ops of a session that wait for an answer, by their number. Numbers
// come in order and mostly go in order, so that an op is at its number's place in a
// ring; who is still there when the ring comes round is in late.
type pending struct {
	ring []*op // of a length that is a power of two
	late map[uint64]*op
	n    int
}

// leastRing is the length of a new ring: few callers need no more.
const leastRing = 64

func newPending() pending { return pending{ring: make([]*op, leastRing)} }

func (t *pending) place(n uint64) **op { return &t.ring[n&uint64(len(t.ring)-1)] }

// get returns the op of number n, or nil.
func (t *pending) get(n uint64) *op {
	if o := *t.place(n); o != nil && o.number == n {
		return o
	}
	return t.late[n]
}

// put adds o under its number, which is not there yet.
func (t *pending) put(o *op) {
	if *t.place(o.number) != nil && 2*t.n >= len(t.ring) {
		t.widen()
	}
	if at := t.place(o.number); *at != nil {
		if t.late == nil {
			t.late = map[uint64]*op{}
		}
		t.late[(*at).number] = *at
	}
	*t.place(o.number) = o
	t.n++
}

// remove takes o out. It is there.
func (t *pending) remove(o *op) {
	if at := t.place(o.number); *at == o {
		*at = nil
	} else {
		delete(t.late, o.number)
	}
	t.n--
}

// widen doubles the ring, in which no two are at one place afterwards that were not.
func (t *pending) widen() {
	old := t.ring
	t.ring = make([]*op, 2*len(old))
	for _, o := range old {
		if o != nil {
			*t.place(o.number) = o
		}
	}
}
