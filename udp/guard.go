package udp

import (
	"iter"
	"net/netip"
	"slices"
	"time"
)

const (
	// guardWindow is how often a guard decides while something is to be decided on.
	guardWindow = 50 * time.Millisecond
	// guardKeyLife is how long a hash is used: so long a source may have bad luck with its cell.
	guardKeyLife = 10 * time.Second
	// unit is what one datagram adds to a score. An eighth of a score is forgotten in each window, so
	// that who sends n in each comes to 8n.
	unit      = 64
	forgotten = 8
	// steady is the score of who sends one datagram a millisecond.
	steady = unit * forgotten * int(guardWindow/time.Millisecond)
	// strangerScore closes a stranger's cell: 133 datagrams at once, or one in 3 ms for long. Who
	// wants a session sends a few in all.
	strangerScore = steady / 3
	// clientScore is the same for what Clients do wrong.
	clientScore = 4 * steady
	// reopened is the part of either below which a cell opens again, a few seconds after it
	// closed at the latest.
	reopened = 8
	// crowdScore closes all cells but those of Clients and Peers, and some in turn: strangers send
	// more than 20 datagrams a millisecond, none of them much.
	crowdScore = 20 * steady
	// closedScore is of as many as may pass through closed cells: one in a millisecond.
	closedScore = steady
	// Under a crowd so many cells are open in turn, each for turnWindows, that it comes to no more
	// than makes a crowd: who is let in may say all that it takes to become a Client. Of the others
	// one in turnChance times as many passes, to tell how many there are.
	turnWindows = 4
	turnChance  = 4
	// mostOf bounds how few pass.
	mostOf = words
)

// A guard counts what strangers send, and what Clients do wrong, and decides whose datagrams the
// kernel drops before they are queued: nothing is waked for those, and they fill no buffer in which
// others' would have had room. It has no clock, and is not safe for concurrent use.
type guard struct {
	draw   func() uint32 // randomness, for keys
	key    hashKey
	now    filter       // what the kernel has been told in this window
	before filter       // in the one before, of which datagrams are still queued
	crowd  bool         // strangers are shut out, but for those whose turn it is
	turn   int          // windows, under a crowd
	scores [Peer]scores // of the cells of Strangers and of Clients
	endsAt time.Duration
	keyEnd time.Duration
	count  uint64 // of times that a filter was put where there was none
}

// scores are how much the sources of each cell have sent lately, what was dropped included.
type scores struct {
	of      [cells]uint32
	closed  [cells]bool
	nonzero []uint16
}

func newGuard(draw func() uint32) *guard {
	g := &guard{draw: draw}
	g.forget(0)
	return g
}

// forget begins anew, with another hash.
func (g *guard) forget(now time.Duration) {
	for i := range g.scores {
		s := &g.scores[i]
		for _, cell := range s.nonzero {
			s.of[cell], s.closed[cell] = 0, false
		}
		s.nonzero = s.nonzero[:0]
	}
	g.now, g.before, g.crowd = filter{}, filter{}, false
	g.endsAt, g.keyEnd = now+guardWindow, now+guardKeyLife
	g.key = hashKey{g.draw(), g.draw() | 1}
}

// note counts a datagram: of a Stranger whatever it holds, of a Client one that does wrong. A Peer
// may do what it likes.
func (g *guard) note(src netip.AddrPort, class Class) {
	if class == Peer {
		return
	}
	s, cell := &g.scores[class], g.key.cell(src)
	score := unit * min(g.now.weight(cell), g.before.weight(cell))
	if s.of[cell] == 0 {
		s.nonzero = append(s.nonzero, cell)
	}
	s.of[cell] = min(s.of[cell]+score, 1<<30)
}

// due is when decide has something to do though nothing arrives, or never.
func (g *guard) due() time.Duration {
	if g.now.on() {
		return g.endsAt
	}
	return never
}

// decide ends a window, if it is time. It reports whether the kernel has to be told what is in now.
// clients and peers are the addresses that are so classified.
func (g *guard) decide(now time.Duration, clients, peers iter.Seq[netip.AddrPort]) bool {
	if now < g.endsAt {
		return false
	}
	was := g.now
	idle := !was.on() && len(g.scores[Stranger].nonzero)+len(g.scores[Client].nonzero) == 0
	if idle || now >= g.keyEnd {
		g.forget(now)
		return was.on()
	}
	windows := 1 + int((now-g.endsAt)/guardWindow)
	g.endsAt += time.Duration(windows) * guardWindow
	few, much := g.scores[Stranger].judge(strangerScore, windows)
	_, wrong := g.scores[Client].judge(clientScore, windows)
	g.crowd = few >= crowdScore || g.crowd && few >= crowdScore/reopened
	var next filter
	if g.crowd || much+wrong > 0 {
		next = g.filter(few, much+wrong, clients, peers)
	}
	if next.on() && !was.on() {
		g.count++
	}
	g.before, g.now = was, next
	return next.oneOf != was.oneOf || !slices.Equal(next.open, was.open)
}

// filter says what the kernel should let through, of strangers who send few each and of those that
// are shut out.
func (g *guard) filter(few, much int, clients, peers iter.Seq[netip.AddrPort]) filter {
	f := filter{key: g.key, oneOf: chance(much / closedScore)}
	if g.crowd {
		f.oneOf = turnChance * chance((few+much)/crowdScore)
	}
	if was := g.now.oneOf; f.oneOf < was && f.oneOf > was/4 {
		f.oneOf = was // it wavers
	}
	f.open = g.pattern(int(f.oneOf)/turnChance, clients, peers)
	if f.closed() == 0 {
		return filter{}
	}
	return f
}

// judge closes and opens cells, and forgets. It returns the scores of the open ones and of the
// closed ones.
func (s *scores) judge(limit, windows int) (open, closed int) {
	left := s.nonzero[:0]
	for _, cell := range s.nonzero {
		score := int(s.of[cell])
		s.closed[cell] = score >= limit || s.closed[cell] && score >= limit/reopened
		if s.closed[cell] {
			closed += score
		} else {
			open += score
		}
		for i := 0; i < windows && score > 0; i++ {
			score -= (score + forgotten - 1) / forgotten
		}
		if s.of[cell] = uint32(score); score > 0 {
			left = append(left, cell)
		} else {
			s.closed[cell] = false
		}
	}
	s.nonzero = left
	return open, closed
}

// pattern says which cells are open: all, or those whose turn it is, but not those of strangers who
// flood. A Client's is open whatever strangers do in it, and a Peer's whatever anyone does.
func (g *guard) pattern(turns int, clients, peers iter.Seq[netip.AddrPort]) []uint32 {
	open := make([]uint32, words)
	first, end := 0, words
	if g.crowd {
		g.turn++
		first = g.turn / turnWindows % turns * words / turns
		end = first + words/turns
	}
	for i := first; i < end; i++ {
		open[i] = allOpen
	}
	set := func(cell uint16, is bool) {
		if bit := uint32(1) << (cell % 32); is {
			open[cell/32] |= bit
		} else {
			open[cell/32] &^= bit
		}
	}
	for _, cell := range g.scores[Stranger].nonzero {
		if g.scores[Stranger].closed[cell] {
			set(cell, false)
		}
	}
	for src := range clients {
		cell := g.key.cell(src)
		set(cell, !g.scores[Client].closed[cell])
	}
	for src := range peers {
		set(g.key.cell(src), true)
	}
	return open
}

// chance returns one in how many may pass where n times too many come: a power of two, at least 2.
func chance(n int) uint32 {
	oneOf := uint32(2)
	for oneOf < mostOf && int(oneOf) < n {
		oneOf *= 2
	}
	return oneOf
}
