package udp

import (
	"slices"
	"time"
)

// receiveAck takes one acknowledgement frame, and reports whether it is of something under way.
func (t *Transport) receiveAck(now time.Duration, p *peer, f *frame) bool {
	t.stats.AcksIn++
	i, found := slices.BinarySearchFunc(p.flying, f.id, func(tr *transmission, id uint64) int {
		switch {
		case tr.id < id:
			return -1
		case tr.id > id:
			return 1
		}
		return 0
	})
	if f.nonce != t.cfg.Nonce || !found {
		t.stats.Drops[DropStale]++
		return false
	}
	tr := p.flying[i]
	news := news{sentAt: -1}
	if f.ranges == 0 {
		for j := range tr.fragments[:tr.unsent] {
			t.acked(p, tr, j, &news)
		}
		news.any = true
		t.land(p, i)
		t.free(p, tr)
	} else {
		t.receiveRanges(p, tr, f, &news)
	}
	if news.sentAt >= 0 {
		p.rtt.sample(now - news.sentAt)
	}
	if !news.any {
		return true
	}
	if f.ranges != 0 {
		tr.progress = now
	}
	p.silences = 0
	p.timerAt = now + p.rtt.current()
	t.active.advance(p, t.due(p))
	t.findLost(p)
	t.markDirty(p)
	return true
}

// news is what an acknowledgement told.
type news struct {
	any    bool
	sentAt time.Duration // when the latest fragment was sent that it newly covers and that was sent once; or -1
}

// acked notes that fragment i of tr has arrived.
func (t *Transport) acked(p *peer, tr *transmission, i int, news *news) {
	f := &tr.fragments[i]
	switch f.state {
	case fragmentAcked, fragmentUnsent:
		return
	case fragmentFlying:
		p.win.acknowledged(p.weight(tr, i), p.datagram)
	case fragmentLost: // it was late, not lost; the window does not count it any more
	}
	if !f.repeated {
		news.sentAt = max(news.sentAt, f.sentAt)
	}
	f.state = fragmentAcked
	p.highest = max(p.highest, f.seq+1)
	tr.missing--
	news.any = true
}

// receiveRanges takes a selective acknowledgement. It is a hint: the transmission is kept until the
// receiver says that it has all of it.
func (t *Transport) receiveRanges(p *peer, tr *transmission, f *frame, news *news) {
	rest, end := f.data, 0
	for range f.ranges {
		var s span
		s, rest = ackSpan(rest, end)
		end = s.to
		if s.to > len(tr.msg) {
			t.stats.Drops[DropFrame]++
			return
		}
		first := (s.from + tr.size - 1) / tr.size
		last := s.to / tr.size
		if s.to == len(tr.msg) {
			last = len(tr.fragments)
		}
		for i := first; i < min(last, tr.unsent); i++ {
			t.acked(p, tr, i, news)
		}
	}
	if tr.probed && tr.missing == 0 {
		// The receiver acknowledged all of the fragments once, and answers a probe with a part: it
		// had to make room meanwhile. All is to be sent again.
		t.restart(p, tr)
	}
}

// restart takes all fragments of tr for lost.
func (t *Transport) restart(p *peer, tr *transmission) {
	for i := range tr.fragments[:tr.unsent] {
		f := &tr.fragments[i]
		if f.state == fragmentFlying {
			p.win.inFlight -= p.weight(tr, i)
		}
		if f.state != fragmentLost {
			f.state = fragmentLost
			p.lost.push(flight{tr, tr.serial, i, f.seq})
		}
	}
	tr.missing = len(tr.fragments)
	tr.probed = false
	t.markDirty(p)
}

// findLost takes for lost what was sent well before something that has arrived, and halves the window
// once for all that was sent before the loss was seen.
func (t *Transport) findLost(p *peer) {
	for p.flights.len() > 0 {
		fl := p.flights.peek()
		current := fl.tr.serial == fl.serial
		var f *fragment
		if current {
			f = &fl.tr.fragments[fl.index]
			current = f.state == fragmentFlying && f.seq == fl.seq
		}
		if current {
			if fl.seq+reorderThreshold >= p.highest {
				return
			}
			t.lose(p, fl, f)
			if fl.seq >= p.recovery {
				p.recovery = p.nextSeq
				p.win.lost(p.datagram)
			}
		}
		p.flights.pop()
	}
}

func (t *Transport) lose(p *peer, fl flight, f *fragment) {
	f.state = fragmentLost
	p.win.inFlight -= p.weight(fl.tr, fl.index)
	p.lost.push(fl)
}

// timeout acts on a timer that has run out: everything in flight counts as lost, the timer is backed
// off, the window closes to its floor. Where all fragments are acknowledged but the message is not,
// its last fragment asks why.
func (t *Transport) timeout(now time.Duration, p *peer) {
	t.giveUp(now, p)
	if len(p.flying) == 0 {
		t.markDirty(p)
		return
	}
	t.stats.Timeouts++
	for p.flights.len() > 0 {
		fl := p.flights.pop()
		if fl.tr.serial != fl.serial {
			continue
		}
		if f := &fl.tr.fragments[fl.index]; f.state == fragmentFlying && f.seq == fl.seq {
			t.lose(p, fl, f)
		}
	}
	for _, tr := range p.flying {
		if tr.missing > 0 {
			continue
		}
		tr.probed = true
		last := len(tr.fragments) - 1
		tr.fragments[last].state = fragmentLost
		tr.missing++
		p.lost.push(flight{tr, tr.serial, last, 0})
	}
	p.recovery = p.nextSeq
	p.win.silent(p.datagram)
	p.rtt.backOff()
	t.suspect(now, p)
	p.timerAt = now + p.rtt.current()
	t.markDirty(p)
}

// giveUp drops the transmissions of a destination that has been silent since before they were sent
// for as long as Config says, and those that it does not take.
func (t *Transport) giveUp(now time.Duration, p *peer) {
	for i := 0; i < len(p.flying); {
		tr := p.flying[i]
		silent := now-max(p.heardAt, tr.queuedAt) >= t.cfg.GiveUp
		refused := now-tr.progress >= maxRefusals*t.cfg.GiveUp
		if !silent && !refused {
			i++
			continue
		}
		t.stats.Drops[DropGivenUp]++
		t.land(p, i)
		t.free(p, tr)
	}
	for p.waiting.len() > 0 && now-max(p.heardAt, p.waiting.peek().queuedAt) >= t.cfg.GiveUp {
		t.stats.Drops[DropGivenUp]++
		t.free(p, p.waiting.pop())
	}
}
