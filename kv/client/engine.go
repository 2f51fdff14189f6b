package client

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"ironkv/delegation"
	"ironkv/marshal"
)

const (
	// directRedirects is how many redirects in a row are followed at once; more
	// mean that the hosts' maps have not converged, and each then waits a little.
	directRedirects = 4
	// maxRedirects bounds the redirects of one request.
	maxRedirects = 256
	// Refused and redirected requests are tried again after firstPause, doubled
	// each time up to maxPause, and up to half of that more, at random.
	firstPause = 2 * time.Millisecond
	maxPause   = 200 * time.Millisecond
	// fullPatience is for how long a host is asked again that has no room to record an
	// answer: it has looked at its room meanwhile, which it does each second.
	fullPatience = time.Second
	// tickOps is how many ops a tick looks at in any case.
	tickOps = 256
)

var (
	errUnknownCut = errors.New("the cut has expired")
	// errNoRoomToAnswer stands beside a NoAnswerError, which is ErrFull.
	errNoRoomToAnswer = errors.New("no room even to record a refusal")
	errManyRedirects  = errors.New("the hosts send the request around in circles")
)

// An engine is the client without its socket, its clock and its callers: it
// turns calls, messages and the passing of time into messages and results. It is
// not safe for concurrent use, does no I/O, and is deterministic but for random.
type engine struct {
	hosts  []*host // by id
	byAddr map[netip.AddrPort]*host
	route  route
	live   opList
	// client and counter make operation ids.
	client, counter uint64
	random          *rand.Rand
	nonce           func() marshal.Nonce
	// send hands a message to the network. It may be lost there.
	send func(h *host, m marshal.Message)
	// wake is told of each waiter that has become ready.
	wake     func(w *waiter)
	observer Observer
	log      *slog.Logger
	// mostFlying is the greatest size of a flight, in bytes.
	mostFlying int
	closed     bool
	ticking    bool // tick is at work
	// round is when tick last began with the oldest op.
	round time.Duration
	// opener is the host whose cookie was shown first while dialing, lest every
	// address dialed be made to keep a session.
	opener *host

	get  marshal.GetRequest // scratch, so that hot messages need no memory
	set  marshal.SetRequest
	scan marshal.ScanRequest
}

// start takes o over. It is done, sooner or later, by its deadline at the latest.
func (e *engine) start(now time.Duration, o *op) {
	if e.closed {
		o.state, o.err = opDone, ErrClosed
		e.signal(o)
		return
	}
	if o.kind.numbered() {
		e.counter++
		o.operation = marshal.OperationID{Client: e.client, Counter: e.counter}
	}
	o.begun = now
	e.live.push(o)
	e.place(now, o)
}

// place finds o its host: the one it is for, or the owner of its key as far as
// the client knows. Where that one has been silent, another is asked first, for
// the range may have moved on before; only a redirect back insists.
func (e *engine) place(now time.Duration, o *op) {
	if o.kind == opDial {
		o.state = opOpening
		for _, h := range e.hosts {
			e.open(now, h)
		}
		return
	}
	id := o.target
	if id == 0 {
		key := o.routeKey()
		id = e.route.owners.Lookup(key)
		if len(e.route.hints) > 0 && (o.hintFor != id || o.hint == (marshal.Hint{})) {
			o.hint, o.hintFor = e.route.hint(now, key, id), id
		}
	}
	h := e.host(id)
	if h == nil {
		o.err = ErrUnknownHost
		e.finish(now, o)
		return
	}
	if h.silent >= detourAfter && o.target == 0 && o.redirects == 0 && len(e.hosts) > 1 {
		h = e.after(h)
	}
	e.placeAt(now, o, h)
}

// placeAt brings o to h: into its session, or into a queue, for one or for room.
func (e *engine) placeAt(now time.Duration, o *op, h *host) {
	o.host = h
	s := h.current
	if s == nil || !s.fit(now, o.kind.numbered()) {
		o.state = opOpening
		h.waiting = append(h.waiting, o)
		e.open(now, h)
		return
	}
	o.sent = 0
	if o.target == 0 {
		e.board(now, o)
		return
	}
	e.enter(now, o)
}

// enter gives o a place in the current session of its host, and sends it where
// the session's window has room.
func (e *engine) enter(now time.Duration, o *op) {
	s := o.host.current
	o.session = s
	if !o.kind.numbered() {
		o.number = s.nextRead
		s.nextRead++
		s.reads.put(o)
		e.transmit(now, o)
		return
	}
	if !s.room() {
		o.state = opWaiting
		s.waiting = append(s.waiting, o)
		return
	}
	e.number(now, o)
}

// number gives a write its number and sends it.
func (e *engine) number(now time.Duration, o *op) {
	s := o.session
	o.number = s.next
	s.next++
	s.writes.put(o)
	e.transmit(now, o)
}

// transmit sends o under its number, for the first time or again.
func (e *engine) transmit(now time.Duration, o *op) {
	o.state = opSent
	o.sent++
	o.last = now
	if o.sent == 1 {
		o.first = now
	}
	wait := o.host.rtt.repeatAfter(o.sent)
	switch {
	case len(o.value) > bulkBytes:
		wait = max(wait, bulkRepeat)
	case o.host.flight.answer(o) >= bulkAnswerBytes:
		wait = max(wait, bulkAnswerRepeat)
	}
	if h := o.host; h.overloads > 0 && now-h.overloaded < maxRepeat {
		wait = max(wait, e.backoff(h.overloads))
	}
	o.due = now + wait
	e.send(o.host, e.message(o))
}

// leave takes o out of wherever it waits, and gives up its number there.
func (e *engine) leave(now time.Duration, o *op) {
	s := o.session
	switch o.state {
	case opOpening:
		if o.host != nil {
			o.host.waiting = remove(o.host.waiting, o)
		}
	case opQueued:
		o.host.flight.remove(o)
	case opWaiting:
		s.waiting = remove(s.waiting, o)
	case opSent:
		if !o.kind.numbered() {
			s.reads.remove(o)
			break
		}
		s.closeNumber(o)
		e.admit(now, s)
	case opNew, opPausing, opDone:
	}
	if s != nil && s != s.host.current && s.unused() {
		delete(s.host.sessions, s.id)
	}
	o.session = nil
	if o.aboard > 0 {
		o.host.flight.land(o)
		e.fly(now, o.host)
	}
}

// admit sends the writes that the window has come to have room for.
func (e *engine) admit(now time.Duration, s *session) {
	for s.room() && len(s.waiting) > 0 {
		o := s.waiting[0]
		s.waiting = slices.Delete(s.waiting, 0, 1)
		if s.fit(now, true) {
			e.number(now, o)
			continue
		}
		o.state, o.session = opNew, nil
		s.host.flight.land(o)
		e.placeAt(now, o, s.host)
	}
}

func remove(list []*op, o *op) []*op {
	if i := slices.Index(list, o); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}

// finish ends o with the result that was set in it.
func (e *engine) finish(now time.Duration, o *op) {
	e.leave(now, o)
	o.state = opDone
	e.live.remove(o)
	e.signal(o)
}

func (e *engine) signal(o *op) {
	w := o.w
	w.left--
	if w.left <= w.enough && !w.ready {
		w.ready = true
		e.wake(w)
	}
}

// giveUp ends o without an answer, for the given cause.
func (e *engine) giveUp(now time.Duration, o *op, cause error) {
	errs := []error{cause}
	if o.refusals > 0 || o.sent > 0 || o.state == opOpening || o.state == opQueued {
		none := &NoAnswerError{Refused: o.refusals > 0, Reason: o.refusal}
		if h := e.silentHost(o); h != nil {
			none.Host = h.id
			none.Overloaded = h.overloads > 0 && h.overloaded >= o.begun
		}
		errs = append(errs, none)
	}
	switch {
	case o.risky():
		errs = append([]error{ErrUnknownOutcome}, errs...)
	case !errors.Is(cause, context.Canceled) && !errors.Is(cause, ErrClosed):
		errs = append([]error{ErrUnavailable}, errs...)
	}
	o.err = &callError{errs}
	e.finish(now, o)
}

// tick does what is due: it repeats, places anew, and gives up. Of more than tickOps it looks at a
// quarter, those that come next: who waits among thousands is in no cache.
func (e *engine) tick(now time.Duration) {
	e.ticking = true
	n := e.live.len
	if n > tickOps {
		n = max(tickOps, n/4)
	} else {
		e.live.next = nil
	}
	for ; n > 0 && e.live.len > 0; n-- {
		o := e.turn(now)
		switch {
		case o.ctx.Err() != nil:
			e.giveUp(now, o, o.ctx.Err())
		case now >= o.deadline:
			e.giveUp(now, o, context.DeadlineExceeded)
		case now < o.due:
		case o.state == opSent:
			e.repeat(now, o)
		case o.state == opPausing:
			e.place(now, o)
		}
	}
	e.ticking = false
	for _, h := range e.hosts {
		e.fly(now, h)
		if h.opening.active && now >= h.opening.due {
			e.knock(now, h)
		}
	}
}

// turn returns the op that a tick looks at next; there are some. A round goes through those that
// were there when it began: with all who come meanwhile it might never end, and not come back to
// one who waits for long.
func (e *engine) turn(now time.Duration) *op {
	o := e.live.next
	if o == nil || o.begun > e.round {
		o, e.round = e.live.first, now
	}
	e.live.next = o.next
	return o
}

// repeat sends again what was not answered in time: under the same number at the
// same host, but for a read that a silent host leaves alone for long.
func (e *engine) repeat(now time.Duration, o *op) {
	if hook := e.observer.Repeated; hook != nil {
		hook(o.host.id)
	}
	if o.aboard > 0 && len(o.value) <= bulkBytes {
		o.host.flight.lost(now, o)
	}
	o.host.silent++
	if o.host.silent%detourAfter == 0 && len(e.hosts) > 1 {
		e.reroute(now, o.host)
	}
	if o.sent >= detourAfter && o.refusals == 0 && !o.kind.numbered() && o.target == 0 && len(e.hosts) > 1 {
		e.detour(now, o)
		return
	}
	e.transmit(now, o)
}

// silentHost is the host that an error about o names: the one that it was at; but the owner, as
// far as the client knows, where that one was silent, and o only asked around for it.
func (e *engine) silentHost(o *op) *host {
	if o.host != nil && o.target == 0 && o.refusals == 0 && !o.risky() && o.kind != opDial {
		if owner := e.host(e.route.owners.Lookup(o.routeKey())); owner != nil && max(owner.silent, owner.opening.silent) >= detourAfter {
			return owner
		}
	}
	return o.host
}

// detour asks the next host by id who owns o's key. The client's map is left as
// it is: only a redirect teaches it.
func (e *engine) detour(now time.Duration, o *op) {
	next := e.after(o.host)
	e.leave(now, o)
	e.placeAt(now, o, next)
}

func (e *engine) after(h *host) *host { return e.hosts[(slices.Index(e.hosts, h)+1)%len(e.hosts)] }

// pause lets o wait a little before it is placed again, n being how often it was
// sent away.
func (e *engine) pause(now time.Duration, o *op, n int) {
	o.state = opPausing
	o.due = now + e.backoff(n)
}

func (e *engine) backoff(n int) time.Duration {
	d := min(maxPause, firstPause<<min(max(n-1, 0), 10))
	return d + time.Duration(e.random.Int64N(int64(d/2)))
}

// close ends every op, and the sessions, as far as the hosts can be told.
func (e *engine) close(now time.Duration) {
	e.closed = true
	for e.live.first != nil {
		e.giveUp(now, e.live.first, ErrClosed)
	}
	for _, h := range e.hosts {
		if s := h.current; s != nil {
			e.send(h, &marshal.CloseRequest{RequestHeader: marshal.RequestHeader{Session: s.id, Number: s.next}})
		}
	}
}

// host returns the member of this id, or nil.
func (e *engine) host(id HostID) *host {
	i, ok := slices.BinarySearchFunc(e.hosts, id, func(h *host, id HostID) int {
		return int(int64(h.id) - int64(id))
	})
	if !ok {
		return nil
	}
	return e.hosts[i]
}

// adopt replaces the addresses that were dialed by the members that one of them
// named. Sessions that are open stay open.
func (e *engine) adopt(hosts []*host, root HostID) {
	slices.SortFunc(hosts, func(a, b *host) int { return int(int64(a.id) - int64(b.id)) })
	e.hosts = hosts
	e.byAddr = make(map[netip.AddrPort]*host, len(hosts))
	for _, h := range hosts {
		e.byAddr[h.addr] = h
	}
	e.route = route{root: root, owners: delegation.NewMap(root)}
}
