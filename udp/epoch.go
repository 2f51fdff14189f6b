package udp

// idWindow is how many transmission ids of one sender are remembered, counted back from the highest
// (up to 63 fewer, since they are forgotten by the word). A sender never has ids in flight that lie
// further apart than half of it.
const idWindow = 1024

// epoch remembers which transmissions of one run of one sender are finished: a window of bits that
// ends at the highest finished id (RFC 6479 does the same against replay). It lets a duplicate be
// acknowledged again and not be delivered again. That is a courtesy: memory is bounded, so nothing
// may rely on it.
type epoch struct {
	nonce   uint64
	highest uint64 // highest finished id; bits below it that were never set are unfinished
	used    bool
	bits    [idWindow / 64]uint64
}

// idState is what an epoch knows of an id.
type idState uint8

const (
	idFresh    idState = iota // not finished
	idFinished                // finished and remembered
	idStale                   // too old to tell
)

func (e *epoch) state(id uint64) idState {
	switch {
	case !e.used || id > e.highest:
		return idFresh
	case e.highest/64-id/64 >= idWindow/64:
		return idStale
	case e.bits[id/64%uint64(len(e.bits))]&(1<<(id%64)) != 0:
		return idFinished
	}
	return idFresh
}

// finish remembers that id, which is fresh, is finished.
func (e *epoch) finish(id uint64) {
	words := uint64(len(e.bits))
	switch {
	case !e.used || id > e.highest && id/64-e.highest/64 >= words:
		e.bits = [idWindow / 64]uint64{}
		e.used, e.highest = true, id
	case id > e.highest:
		for w := e.highest/64 + 1; w <= id/64; w++ {
			e.bits[w%words] = 0
		}
		e.highest = id
	}
	e.bits[id/64%words] |= 1 << (id % 64)
}
