package server

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

const (
	// laneShare is how many messages of one source may wait in the front lane: what a
	// client of many callers has under way at one time.
	laneShare = 128
	// laneEasy is how many messages wait in front before strangers have to share one
	// place: forged addresses are many, and none proves anything. Who asks for a session
	// is a stranger too, whatever his address.
	laneEasy = 64
	// strangerShare is how many messages may wait in that place; more are dropped at
	// once: to answer all that strangers send would take the time of everybody else.
	strangerShare = 32
	// strangerPlace is that place.
	strangerPlace = 0
	// maxBehind is how many messages may wait behind; more are dropped. It is what
	// can be refused in a fraction of MaxWait.
	maxBehind = 16 * maxBatchSteps
	// lanePlaces is how many places sources are counted in, a power of two. Sources
	// that share one share their part (P. McKenney, Stochastic Fairness Queueing, 1990).
	lanePlaces = 1 << 12
	// maxProven bounds the addresses that are remembered as clients'.
	maxProven = 2 * kv.DefaultSessions
)

// lanes is the inbox in two. Messages of sources of which little waits go in front
// and are taken first; what exceeds a source's share goes behind. So who floods the
// host waits for himself, and others hardly notice. Hosts of the cluster always go in
// front, in order.
type lanes struct {
	front, behind inbox
	waiting       [lanePlaces]uint16 // in front, by place
	seed          uint64
	hosts         map[netip.AddrPort]delegation.HostID
	proven        map[netip.AddrPort]struct{}
	crowded       uint64 // dropped since the start, as too much waited
}

func newLanes(hosts map[netip.AddrPort]delegation.HostID) lanes {
	return lanes{hosts: hosts, proven: map[netip.AddrPort]struct{}{}, seed: maphash.Bytes(maphash.MakeSeed(), nil)}
}

// prove notes that an address has opened a session.
func (l *lanes) prove(src netip.AddrPort) {
	if len(l.proven) >= maxProven {
		clear(l.proven) // they count as unproven until they open another: they wait longer in a flood
	}
	l.proven[src] = struct{}{}
}

// add copies a message in, or reports false where too many of its source wait.
func (l *lanes) add(src netip.AddrPort, msg []byte) bool {
	place := l.place(src, msg)
	if place == strangerPlace && l.waiting[place] >= strangerShare {
		l.crowded++
		return false
	}
	if l.waiting[place] >= laneShare {
		if _, host := l.hosts[src]; !host {
			if l.behind.len() >= maxBehind {
				l.crowded++
				return false
			}
			l.behind.add(src, msg, 0)
			return true
		}
	}
	l.waiting[place]++
	l.front.add(src, msg, place)
	return true
}

// place is where a message from src is counted while it waits.
func (l *lanes) place(src netip.AddrPort, msg []byte) uint16 {
	if l.front.len() >= laneEasy {
		_, proven := l.proven[src]
		if _, host := l.hosts[src]; !host && (!proven || marshal.OpensSession(msg)) {
			return strangerPlace
		}
	}
	const odd = 0x9E3779B97F4A7C15
	a := src.Addr().As16()
	h := (l.seed ^ binary.LittleEndian.Uint64(a[:])) * odd
	h = (h ^ h>>32 ^ binary.LittleEndian.Uint64(a[8:])) * odd
	h = (h ^ h>>32 ^ uint64(src.Port())) * odd
	return uint16(1 + (h>>40)%(lanePlaces-1))
}

// take removes the oldest message in front, or else the oldest behind. Its bytes are
// valid until the next add or tidy.
func (l *lanes) take() (arrival, []byte, bool) {
	if a, msg, ok := l.front.take(); ok {
		l.waiting[a.place]--
		return a, msg, true
	}
	return l.behind.take()
}

func (l *lanes) stamp(now kv.Time) {
	l.front.stamp(now)
	l.behind.stamp(now)
}

func (l *lanes) tidy() {
	l.front.tidy()
	l.behind.tidy()
}

func (l *lanes) empty() bool { return l.front.empty() && l.behind.empty() }

// bytes is how much memory the waiting messages take.
func (l *lanes) bytes() int { return l.front.bytes() + l.behind.bytes() }

// len is how many messages wait; at returns the i-th to be taken.
func (l *lanes) len() int { return l.front.len() + l.behind.len() }

func (l *lanes) at(i int) []byte {
	if n := l.front.len(); i >= n {
		return l.behind.at(i - n)
	}
	return l.front.at(i)
}
