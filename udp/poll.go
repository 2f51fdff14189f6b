package udp

import (
	"runtime"
	"time"
)

const (
	// pollTime is for how long a receive polls at most before it waits: about as long as it takes to
	// wake a processor that has gone idle, twice.
	pollTime = 50 * time.Microsecond
	// turnReceives is how many receives of datagrams are a turn of polling, and turnTime how long
	// it may take: who receives less often is waked early enough.
	turnReceives = 64
	turnTime     = 20 * time.Millisecond
	// pollGain is how many times as many messages a second have to come in turns that poll.
	pollGain = 1.1
	// leastRest and mostRest are how many turns pass from one trial to the next: twice as many after
	// each that said what had been known.
	leastRest, mostRest = 4, 256
	// stallLeast is how long a look at the socket takes only where others want the processor, and for
	// more than an answer. Then there are no polls for stallRest times as long, so that it costs a fiftieth.
	stallLeast = 200 * time.Microsecond
	stallRest  = 50
)

// polling decides whether a receive that finds nothing looks again and again for a moment before it
// waits. That keeps its processor awake, and an answer is there sooner; but it takes the time of who
// could use that processor meanwhile. Which is more depends on the machine, on what else it does and
// on the other end, so it is tried: a turn of some receives with it, turns without, and whichever
// brings more messages a second stays, until a later trial says otherwise. A turn that took long
// does not poll, so who is idle, or has little to do, does not either.
type polling struct {
	on     bool          // this turn polls
	pays   bool          // so do those that are no trials
	paused time.Duration // nobody polls before that

	began    time.Duration // this turn: when, and what it brought
	receives int
	messages int

	rate  float64 // messages a second in turns that were no trials, the later ones counting more
	rest  int     // such turns until the next trial
	rests int     // as many as there were to be, after the last one
	won   bool    // the last trial of polling paid: another one, and it stays
}

// may reports whether to poll.
func (p *polling) may(now time.Duration) bool { return p.on && now >= p.paused }

// note says that a receive that ended now brought messages.
func (p *polling) note(now time.Duration, messages int) {
	p.receives++
	p.messages += messages
	switch took := now - p.began; {
	case now < p.paused:
	case took > turnTime:
		*p = polling{paused: p.paused, rest: leastRest, rests: leastRest}
	case p.receives < turnReceives:
		return
	default:
		p.end(float64(p.messages) / max(took.Seconds(), 1e-9))
	}
	p.began, p.receives, p.messages = now, 0, 0
}

// end ends a turn that brought messages at a rate.
func (p *polling) end(rate float64) {
	switch {
	case p.on != p.pays:
		p.judge(rate)
	case p.rate == 0:
		p.rate = rate
	default:
		p.rate += (rate - p.rate) / 2
		p.rest--
	}
	p.on = p.pays != (p.rest <= 0)
}

// judge compares a trial with the turns before it.
func (p *polling) judge(rate float64) {
	polled, waited := rate, p.rate
	if p.pays {
		polled, waited = waited, polled
	}
	better := polled > pollGain*waited
	switch {
	case better == p.pays:
		p.won = false
		p.rests = min(2*p.rests, mostRest)
	case better && !p.won:
		p.won = true
		p.rests = 1
	default:
		p.won, p.pays, p.rate = false, better, rate
		p.rests = leastRest
	}
	p.rest = p.rests
}

// looked says how long a look at the socket took that ended now and found nothing.
func (p *polling) looked(now, took time.Duration) {
	if took >= stallLeast {
		p.paused = max(p.paused, now+stallRest*took)
	}
}

// mayPoll reports whether Receive may poll before it waits until at, and then counts it.
func (c *Conn) mayPoll(at time.Duration) bool {
	now := c.Now()
	return c.polls && c.polling.may(now) && (at == never || at > now+pollTime) && takeProcessor()
}

// poll looks at the socket for pollTime. Goroutines that are ready have their turn first; one that
// becomes ready meanwhile is another processor's.
func (c *Conn) poll() (n int, err error) {
	defer lingerers.Add(-1)
	if !c.alone.Load() {
		runtime.Gosched()
	}
	began := c.Now()
	for now := began; now-began < pollTime; {
		if n, err = c.sock.glance(); n > 0 || err != nil {
			return n, err
		}
		before := now
		now = c.Now()
		c.polling.looked(now, now-before)
	}
	return 0, nil
}
