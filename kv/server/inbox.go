package server

import (
	"net/netip"

	"ironkv/delegation"
	"ironkv/kv"
)

// inbox queues messages that were received and not yet stepped over, in order of
// arrival, their bytes back to back in one buffer. It is empty at most moments:
// it fills where more arrives than one batch takes, or while syncs are awaited.
type inbox struct {
	buf  []byte
	list []arrival
	head int // list[:head] are taken
	// stamped is how many of list have their time of arrival.
	stamped int
}

// arrival is one message: buf[start:end] from src.
type arrival struct {
	src        netip.AddrPort
	host       delegation.HostID // whose address src is, or 0
	proven     bool              // a client's, who had a session when it came
	places                       // where lanes counts it
	start, end int
	at         kv.Time
}

// idleBytes is how much memory, in bytes, an empty buffer keeps for the next use.
const idleBytes = 4 << 20

// add copies a message in, and notes in a where it is.
func (b *inbox) add(a arrival, msg []byte) {
	a.start = len(b.buf)
	b.buf = append(b.buf, msg...)
	a.end = len(b.buf)
	b.list = append(b.list, a)
}

// move copies in a message that has its time of arrival.
func (b *inbox) move(a arrival, msg []byte) {
	if b.stamped == len(b.list) {
		b.stamped++
	}
	b.add(a, msg)
}

// stamp gives everything added since the last stamp its time of arrival.
func (b *inbox) stamp(now kv.Time) {
	for ; b.stamped < len(b.list); b.stamped++ {
		b.list[b.stamped].at = now
	}
}

// take removes the oldest message. Its bytes are valid until the next add or tidy.
func (b *inbox) take() (arrival, []byte, bool) {
	if b.head == len(b.list) {
		return arrival{}, nil, false
	}
	a := b.list[b.head]
	b.head++
	return a, b.buf[a.start:a.end], true
}

// len is how many messages wait; at returns the i-th of them, valid as long as
// what take returns.
func (b *inbox) len() int { return len(b.list) - b.head }

func (b *inbox) at(i int) []byte {
	a := b.list[b.head+i]
	return b.buf[a.start:a.end]
}

// empty reports whether nothing waits.
func (b *inbox) empty() bool { return b.head == len(b.list) }

// bytes is how much memory the waiting messages take.
func (b *inbox) bytes() int {
	if b.empty() {
		return 0
	}
	return len(b.buf) - b.list[b.head].start
}

// tidy gives back the memory of messages that were taken: all of it where none
// waits, else once they are the greater part.
func (b *inbox) tidy() {
	if b.empty() {
		b.list, b.buf, b.head, b.stamped = b.list[:0], b.buf[:0], 0, 0
		if cap(b.buf) > idleBytes {
			b.buf, b.list = nil, nil
		}
		return
	}
	cut := b.list[b.head].start
	if cut <= len(b.buf)/2 {
		return
	}
	b.buf = b.buf[:copy(b.buf, b.buf[cut:])]
	b.list = b.list[:copy(b.list, b.list[b.head:])]
	b.stamped -= b.head
	b.head = 0
	for i := range b.list {
		b.list[i].start -= cut
		b.list[i].end -= cut
	}
}
