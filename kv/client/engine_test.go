package client

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"ironkv/delegation"
	"ironkv/marshal"
)

func TestHandshake(t *testing.T) {
	w := newWorld(t, 1)
	o := w.get("k")
	hello := next[*marshal.Hello](w, 1)
	w.hear(1, &marshal.CookieReply{Nonce: marshal.Nonce{200}, Cookie: marshal.Cookie{1}}) // another's
	w.quiet()
	w.pass(firstRepeat + tickInterval)
	if again := next[*marshal.Hello](w, 1); again.Nonce != hello.Nonce {
		t.Fatal("a repeated hello has another nonce: the host would keep two sessions")
	}
	w.hear(1, &marshal.CookieReply{Nonce: hello.Nonce, Cookie: marshal.Cookie{1}})
	open := next[*marshal.Open](w, 1)
	w.hear(1, &marshal.CookieReply{Nonce: hello.Nonce, Cookie: marshal.Cookie{2}}) // a late copy
	w.quiet()

	// A cookie that is not honoured is too old: another is asked for, by the same nonce.
	hellos := 0
	for range 10 {
		w.pass(maxRepeat + tickInterval)
		for _, l := range w.sent {
			if h, ok := l.m.(*marshal.Hello); ok {
				hellos++
				if h.Nonce != hello.Nonce {
					t.Fatal("the nonce changed")
				}
			}
		}
		w.sent = nil
		if o.state == opDone {
			break
		}
	}
	if hellos == 0 {
		t.Fatal("a dead cookie was shown for ever")
	}
	if !errors.Is(o.err, ErrUnavailable) || !errors.Is(o.err, context.DeadlineExceeded) {
		t.Fatalf("a read that no host took: %v", o.err)
	}
	p := w.get("k")
	w.opened(1, open.Nonce)
	m := next[*marshal.GetRequest](w, 1)
	w.hear(1, &marshal.GetReply{RequestHeader: m.RequestHeader, Found: true, Value: []byte("v")})
	w.done(p)
	// A late copy of the answer opens no second session.
	current := w.e.hosts[0].current
	w.opened(1, open.Nonce)
	if w.e.hosts[0].current != current || len(w.e.hosts[0].sessions) != 1 {
		t.Fatal("a late answer was taken for a new one")
	}
}

// TestNumbers: writes are numbered from 1, reads apart from them; the floor is
// the lowest number that has no answer.
func TestNumbers(t *testing.T) {
	w := newWorld(t, 1)
	first := w.put("a")
	s := w.open(1)
	read, second, third := w.get("r"), w.put("b"), w.put("c")
	m1 := next[*marshal.SetRequest](w, 1)
	r := next[*marshal.GetRequest](w, 1)
	m2, m3 := next[*marshal.SetRequest](w, 1), next[*marshal.SetRequest](w, 1)
	for i, m := range []*marshal.SetRequest{m1, m2, m3} {
		if m.Session != s || m.Number != uint64(i+1) || m.Floor != 1 {
			t.Fatalf("write %d: %+v", i, m)
		}
	}
	if m1.Operation == m2.Operation || m1.Operation.Client != 77 {
		t.Fatalf("operation ids %v, %v", m1.Operation, m2.Operation)
	}
	if r.Number < firstRead {
		t.Fatalf("a read has the write's number %d", r.Number)
	}
	w.hear(1, &marshal.SetReply{RequestHeader: header(m2), Version: 5})
	w.done(second)
	w.pending(first)
	fourth := w.put("d")
	if m := next[*marshal.SetRequest](w, 1); m.Number != 4 || m.Floor != 1 {
		t.Fatalf("number %d, floor %d; want 4 and 1, since 1 has no answer", m.Number, m.Floor)
	}
	w.hear(1, &marshal.SetReply{RequestHeader: header(m1)})
	w.hear(1, &marshal.SetReply{RequestHeader: header(m1)}) // a copy closes nothing else
	w.done(first)
	fifth := w.put("e")
	if m := next[*marshal.SetRequest](w, 1); m.Number != 5 || m.Floor != 3 {
		t.Fatalf("number %d, floor %d; want 5 and 3, since 1 and 2 have answers", m.Number, m.Floor)
	}
	for _, o := range []*op{third, fourth, fifth, read} {
		w.pending(o)
	}
}

// TestWindow: numbers stay below floor + window; who finds no room waits, in
// order, and goes when the floor rises, also where it rises by giving up.
func TestWindow(t *testing.T) {
	w := newWorld(t, 1)
	w.window = 3
	first := w.put("0")
	w.open(1)
	var ops []*op
	for range 5 {
		ops = append(ops, w.put("k"))
	}
	var sent []*marshal.SetRequest
	for range 3 {
		sent = append(sent, next[*marshal.SetRequest](w, 1))
	}
	w.quiet()
	w.hear(1, &marshal.SetReply{RequestHeader: header(sent[1])})
	w.hear(1, &marshal.SetReply{RequestHeader: header(sent[2])})
	w.quiet() // the floor is still 1
	w.pending(first)
	w.hear(1, &marshal.SetReply{RequestHeader: header(sent[0])})
	for i := range 3 {
		if m := next[*marshal.SetRequest](w, 1); m.Number != uint64(4+i) {
			t.Fatalf("number %d, want %d", m.Number, 4+i)
		}
	}
	w.quiet()
	for _, o := range ops {
		o.ctx = canceled()
	}
	w.e.tick(w.now)
	for i, o := range ops[2:] {
		w.done(o)
		if !errors.Is(o.err, context.Canceled) || !errors.Is(o.err, ErrUnknownOutcome) {
			t.Fatalf("op %d was sent and canceled: %v", i, o.err)
		}
	}
	last := w.put("z")
	if m := next[*marshal.SetRequest](w, 1); m.Floor != m.Number {
		t.Fatalf("number %d, floor %d: what was given up is below the floor", m.Number, m.Floor)
	}
	w.pending(last)
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// TestWaitingForTheWindowIsNotSent: a write that never left was not executed.
func TestWaitingForTheWindowIsNotSent(t *testing.T) {
	w := newWorld(t, 1)
	w.window = 1
	w.put("a")
	w.open(1)
	o := w.put("b")
	o.ctx = canceled()
	w.e.tick(w.now)
	w.done(o)
	if !errors.Is(o.err, context.Canceled) || errors.Is(o.err, ErrUnknownOutcome) {
		t.Fatalf("canceled before it was sent: %v", o.err)
	}
	if n := len(w.e.hosts[0].current.waiting); n != 0 {
		t.Fatalf("%d ops still wait for the window", n)
	}
}

// TestRefusalClosesNoNumber: only a recorded answer does. A refused write is
// sent again under its number, to the same host, until its deadline; then its
// outcome is unknown, and the reason is told.
func TestRefusalClosesNoNumber(t *testing.T) {
	for _, reason := range []marshal.RefusalReason{
		marshal.HoldTimedOut, marshal.TooManyHolds, marshal.Overloaded, marshal.NotServing, marshal.BeyondWindow,
	} {
		w := newWorld(t, 3)
		o := w.put("a")
		w.open(1)
		m := next[*marshal.SetRequest](w, 1)
		for range 5 {
			w.hear(1, &marshal.Refusal{RequestHeader: header(m), Reason: reason})
			w.e.tick(w.now)
			w.quiet() // not at once
			w.pass(2 * maxPause)
			if again := next[*marshal.SetRequest](w, 1); again.RequestHeader != m.RequestHeader || again.Operation != m.Operation {
				t.Fatalf("%v: repeated as %+v, want %+v", reason, again.RequestHeader, m.RequestHeader)
			}
			w.sent = nil
		}
		w.pass(5 * time.Second)
		w.done(o)
		for _, l := range w.sent {
			if l.to != 1 || header(l.m.(*marshal.SetRequest)) != m.RequestHeader {
				t.Fatalf("%v: sent %+v to host %d", reason, l.m, l.to)
			}
		}
		var why *NoAnswerError
		if !errors.Is(o.err, ErrUnknownOutcome) || !errors.As(o.err, &why) || !why.Refused || why.Reason != reason {
			t.Fatalf("%v: %v", reason, o.err)
		}
	}
}

// TestAFullHostIsAskedForASecond: a host that has no room to record an answer is
// asked again under the same number for as long as it takes it to look at its room,
// and not until the deadline. What was given up is below the floor then.
func TestAFullHostIsAskedForASecond(t *testing.T) {
	w := newWorld(t, 3)
	o := w.put("a")
	w.open(1)
	m := next[*marshal.SetRequest](w, 1)
	full := &marshal.Refusal{RequestHeader: header(m), Reason: marshal.DiskFull}
	for w.now-o.first < fullPatience {
		w.hear(1, full)
		w.pending(o)
		w.quiet() // not at once
		w.pass(2 * maxPause)
		if again := next[*marshal.SetRequest](w, 1); again.RequestHeader != m.RequestHeader || again.Operation != m.Operation {
			t.Fatalf("repeated as %+v, want %+v", again.RequestHeader, m.RequestHeader)
		}
		w.sent = nil
	}
	w.pending(o) // without a word it may be just slow
	w.hear(1, full)
	w.done(o)
	w.quiet()
	var why *NoAnswerError
	if !errors.Is(o.err, ErrUnknownOutcome) || !errors.Is(o.err, ErrFull) || errors.Is(o.err, context.DeadlineExceeded) ||
		!errors.As(o.err, &why) || why.Host != 1 || why.Reason != marshal.DiskFull {
		t.Fatalf("a put that a full host cannot answer: %v", o.err)
	}
	w.put("b")
	if m := next[*marshal.SetRequest](w, 1); m.Floor != m.Number {
		t.Fatalf("number %d, floor %d: what was given up is below the floor", m.Number, m.Floor)
	}

	short := w.begin(&op{kind: opSet, key: "c", deadline: w.now + fullPatience/2})
	n := next[*marshal.SetRequest](w, 1)
	w.hear(1, &marshal.Refusal{RequestHeader: header(n), Reason: marshal.DiskFull})
	w.pass(fullPatience)
	w.done(short)
	if !errors.Is(short.err, ErrUnknownOutcome) || !errors.Is(short.err, ErrFull) || !errors.Is(short.err, context.DeadlineExceeded) {
		t.Fatalf("a put whose time was over first: %v", short.err)
	}
}

// TestRefusedRead: a read that is refused to its end was just not available.
func TestRefusedRead(t *testing.T) {
	w := newWorld(t, 1)
	o := w.get("a")
	w.open(1)
	m := next[*marshal.GetRequest](w, 1)
	w.hear(1, &marshal.Refusal{RequestHeader: m.RequestHeader, Reason: marshal.Overloaded})
	w.pass(5 * time.Second)
	w.done(o)
	if !errors.Is(o.err, ErrUnavailable) || !errors.Is(o.err, context.DeadlineExceeded) || errors.Is(o.err, ErrUnknownOutcome) {
		t.Fatalf("a refused read: %v", o.err)
	}
}

// TestRedirect: a redirect closes the number, and the write is tried in the
// owner's own session, under a number of that one and the same operation id, with
// the hint; the range is remembered.
func TestRedirect(t *testing.T) {
	w := newWorld(t, 3)
	o := w.put("m")
	s1 := w.open(1)
	m := next[*marshal.SetRequest](w, 1)
	hint := marshal.Hint{Sender: 1, Incarnation: 101, Seqno: 7}
	w.hear(1, &marshal.Redirect{RequestHeader: header(m), Range: keys("l", "p"), Owner: 2, Hint: hint})
	s2 := w.open(2)
	n := next[*marshal.SetRequest](w, 2)
	if n.Session != s2 || n.Number != 1 || n.Operation != m.Operation || n.Hint != hint {
		t.Fatalf("tried at the owner as %+v, after %+v", n, m)
	}
	w.hear(1, &marshal.SetReply{RequestHeader: header(m)}) // it cannot be: the number is closed
	w.pending(o)
	w.hear(2, &marshal.SetReply{RequestHeader: header(n), Version: 3})
	w.done(o)
	if o.err != nil || o.version != 3 {
		t.Fatalf("version %d, %v", o.version, o.err)
	}
	// Others of the range go to the owner at once, and show the hint while it is fresh.
	w.put("o")
	if k := next[*marshal.SetRequest](w, 2); k.Hint != hint {
		t.Fatalf("hint %+v, want %+v", k.Hint, hint)
	}
	w.get("z")
	if k := next[*marshal.GetRequest](w, 1); k.Session != s1 {
		t.Fatalf("session %v, want %v", k.Session, s1)
	}
	w.now += hintLife
	w.get("n")
	if k := next[*marshal.GetRequest](w, 2); k.Hint != (marshal.Hint{}) {
		t.Fatalf("an old hint %+v is still shown", k.Hint)
	}
	// The redirected number is below the floor.
	w.put("a")
	if k := next[*marshal.SetRequest](w, 1); k.Number != 2 || k.Floor != 2 {
		t.Fatalf("number %d, floor %d; want 2 and 2", k.Number, k.Floor)
	}
}

// TestALateRedirectOfARead: a redirect says only a number, and that of a read is no write's:
// taken for a write's, it would have it tried elsewhere, and executed twice.
func TestALateRedirectOfARead(t *testing.T) {
	w := newWorld(t, 2)
	write := w.put("a")
	w.open(1)
	number := next[*marshal.SetRequest](w, 1).Number
	w.get("q")
	next[*marshal.GetRequest](w, 1)
	w.get("r") // of reads the second, which is numbered from 0 where writes are from 1
	m := next[*marshal.GetRequest](w, 1)
	if m.Number&(firstRead-1) != number {
		t.Fatalf("the read has number %#x, the write %#x: this tests nothing", m.Number, number)
	}
	away := &marshal.Redirect{RequestHeader: m.RequestHeader, Range: keys("r", "s"), Owner: 2}
	w.hear(1, away)
	w.open(2)
	if n := next[*marshal.GetRequest](w, 2); string(n.Key) != "r" {
		t.Fatalf("host 2 is asked for %s", n.Key)
	}
	w.hear(1, away)
	w.pending(write)
	if write.host.id != 1 || write.redirects != 0 {
		t.Fatalf("the write is tried at host %d after %d redirects", write.host.id, write.redirects)
	}
}

// TestHintIsOfTheLastRedirect: what an earlier redirect named is not shown to an
// owner that a later one names.
func TestHintIsOfTheLastRedirect(t *testing.T) {
	w := newWorld(t, 3)
	w.get("m")
	w.open(1)
	m := next[*marshal.GetRequest](w, 1)
	w.hear(1, &marshal.Redirect{RequestHeader: m.RequestHeader, Range: delegation.All, Owner: 2, Hint: marshal.Hint{Sender: 1, Seqno: 7}})
	w.open(2)
	m = next[*marshal.GetRequest](w, 2)
	w.hear(2, &marshal.Redirect{RequestHeader: m.RequestHeader, Range: delegation.All, Owner: 3})
	w.open(3)
	if m = next[*marshal.GetRequest](w, 3); m.Hint != (marshal.Hint{}) {
		t.Fatalf("shown to host 3: %+v", m.Hint)
	}
}

// TestHintIsForTheOwner: a host for which a delegate is not meant would wait for
// its number in vain, so who asks it instead of the owner shows it no hint.
func TestHintIsForTheOwner(t *testing.T) {
	w := newWorld(t, 3)
	o := w.get("m")
	w.open(1)
	m := next[*marshal.GetRequest](w, 1)
	hint := marshal.Hint{Sender: 1, Seqno: 7}
	w.hear(1, &marshal.Redirect{RequestHeader: m.RequestHeader, Range: delegation.All, Owner: 2, Hint: hint})
	w.open(2)
	if m = next[*marshal.GetRequest](w, 2); m.Hint != hint {
		t.Fatalf("shown to the owner: %+v", m.Hint)
	}
	for o.host.id == 2 {
		w.pass(tickInterval) // the owner is silent
	}
	w.sent = w.sent[len(w.sent)-1:]
	w.open(3)
	if m = next[*marshal.GetRequest](w, 3); m.Hint != (marshal.Hint{}) {
		t.Fatalf("shown to host 3: %+v", m.Hint)
	}
}

// TestHintInVain: what a host held in vain is repeated without the hint.
func TestHintInVain(t *testing.T) {
	w := newWorld(t, 2)
	w.put("m")
	w.open(1)
	m := next[*marshal.SetRequest](w, 1)
	w.hear(1, &marshal.Redirect{RequestHeader: header(m), Range: delegation.All, Owner: 2, Hint: marshal.Hint{Sender: 1, Seqno: 7}})
	w.open(2)
	m = next[*marshal.SetRequest](w, 2)
	w.hear(2, &marshal.Refusal{RequestHeader: header(m), Reason: marshal.HoldTimedOut})
	w.pass(2 * firstPause)
	if n := next[*marshal.SetRequest](w, 2); n.RequestHeader != m.RequestHeader || n.Hint != (marshal.Hint{}) {
		t.Fatalf("repeated as %+v, %+v", n.RequestHeader, n.Hint)
	}
}

// TestRedirectThenSilence: a write that was redirected, and could then not be
// sent, was not executed.
func TestRedirectThenSilence(t *testing.T) {
	w := newWorld(t, 2)
	o := w.put("m")
	w.open(1)
	m := next[*marshal.SetRequest](w, 1)
	w.hear(1, &marshal.Redirect{RequestHeader: header(m), Range: delegation.All, Owner: 2})
	o.ctx = canceled()
	w.e.tick(w.now)
	w.done(o)
	if errors.Is(o.err, ErrUnknownOutcome) || !errors.Is(o.err, context.Canceled) {
		t.Fatalf("a write that was redirected and never sent to the owner: %v", o.err)
	}
}

// TestRedirectsInCircles: redirects are followed at once at first, then after
// pauses, and not for ever.
func TestRedirectsInCircles(t *testing.T) {
	w := newWorld(t, 2)
	o := w.get("m")
	w.open(1)
	at, redirects, pauses := HostID(1), 0, 0
	for o.state != opDone {
		if len(w.sent) == 0 {
			if redirects <= directRedirects {
				t.Fatalf("redirect %d was not followed at once", redirects)
			}
			pauses++
			w.now += maxPause * 2
			o.deadline = w.now + time.Second
			w.e.tick(w.now)
			continue
		}
		if _, ok := w.sent[0].m.(*marshal.Hello); ok {
			w.open(2)
			continue
		}
		m := next[*marshal.GetRequest](w, at)
		at = 3 - at
		redirects++
		w.hear(3-at, &marshal.Redirect{RequestHeader: m.RequestHeader, Range: delegation.All, Owner: at})
	}
	if pauses != maxRedirects-directRedirects {
		t.Errorf("%d pauses in %d redirects", pauses, redirects)
	}
	if redirects != maxRedirects+1 || !errors.Is(o.err, ErrUnavailable) || !errors.Is(o.err, errManyRedirects) {
		t.Fatalf("after %d redirects: %v", redirects, o.err)
	}
}

// TestRedirectToStranger: an owner that is no member cannot be asked.
func TestRedirectToStranger(t *testing.T) {
	w := newWorld(t, 2)
	o := w.put("m")
	w.open(1)
	m := next[*marshal.SetRequest](w, 1)
	w.hear(1, &marshal.Redirect{RequestHeader: header(m), Range: delegation.All, Owner: 9})
	w.done(o)
	if !errors.Is(o.err, ErrUnknownHost) || errors.Is(o.err, ErrUnknownOutcome) {
		t.Fatalf("redirected to a stranger: %v", o.err)
	}
}

// TestRepeat: what has no answer is repeated, the same, less and less often.
func TestRepeat(t *testing.T) {
	w := newWorld(t, 1)
	w.put("a")
	w.open(1)
	m := next[*marshal.SetRequest](w, 1)
	var gaps []time.Duration
	last := w.now
	for len(gaps) < 4 {
		w.pass(tickInterval)
		if len(w.sent) == 0 {
			continue
		}
		if again := next[*marshal.SetRequest](w, 1); again.RequestHeader != m.RequestHeader {
			t.Fatalf("repeated as %+v", again)
		}
		gaps = append(gaps, w.now-last)
		last = w.now
	}
	if gaps[0] != firstRepeat || !slices.IsSorted(gaps) || gaps[3] < 4*gaps[0] {
		t.Fatalf("repeated after %v", gaps)
	}
}

// TestBulkIsRepeatedRarely: udp repeats the fragments of a large request.
func TestBulkIsRepeatedRarely(t *testing.T) {
	w := newWorld(t, 1)
	w.begin(&op{kind: opSet, key: "a", value: make([]byte, bulkBytes+1)})
	w.open(1)
	next[*marshal.SetRequest](w, 1)
	w.pass(bulkRepeat - tickInterval)
	w.quiet()
	w.pass(2 * tickInterval)
	next[*marshal.SetRequest](w, 1)
}

// TestBulkAnswersAreAwaited: what brings answers that travel as fragments, which udp
// repeats, is not asked for twice soon, or all that is under way would wait for copies.
func TestBulkAnswersAreAwaited(t *testing.T) {
	w := newWorld(t, 1)
	w.get("a")
	w.open(1)
	m := next[*marshal.GetRequest](w, 1)
	w.hear(1, &marshal.GetReply{RequestHeader: m.RequestHeader, Found: true, Value: make([]byte, 8*bulkAnswerBytes)})
	w.get("a")
	next[*marshal.GetRequest](w, 1)
	w.pass(bulkAnswerRepeat - tickInterval)
	w.quiet()
	w.pass(2 * tickInterval)
	next[*marshal.GetRequest](w, 1)
}

// TestSilentHost: a read asks around; a write that was sent does not.
func TestSilentHost(t *testing.T) {
	w := newWorld(t, 3)
	write := w.put("a")
	w.open(1)
	m := next[*marshal.SetRequest](w, 1)
	read := w.get("a")
	asked := map[HostID]bool{}
	for range 400 {
		w.pass(tickInterval)
		for _, l := range w.sent {
			switch r := l.m.(type) {
			case *marshal.SetRequest:
				if l.to != 1 || r.RequestHeader != m.RequestHeader {
					t.Fatalf("a write that host 1 may have executed went to host %d as %+v", l.to, r)
				}
			case *marshal.Hello:
				asked[l.to] = true
			}
		}
		w.sent = nil
	}
	if !asked[2] {
		t.Fatalf("a read was repeated at a silent host only; asked besides: %v", asked)
	}
	w.pending(write)
	w.pending(read)
	// A new write asks another host first, which may know better, and insists
	// only when that one sends it back.
	fresh := w.put("b")
	if fresh.host.id != 2 {
		t.Fatalf("a new write went to host %d, which is silent", fresh.host.id)
	}
	// Whoever was asked last, and also where nobody answers, the errors name whom they are about.
	reads := []*op{read}
	for i := range 40 {
		reads = append(reads, w.begin(&op{kind: opGet, key: "a", deadline: w.now + time.Duration(i+1)*100*time.Millisecond}))
	}
	w.pass(DefaultTimeout)
	for _, o := range append(reads, write, fresh) {
		var why *NoAnswerError
		if w.done(o); !errors.As(o.err, &why) || why.Host != 1 {
			t.Errorf("%s: %v, want an error that names host 1", o.key, o.err)
		}
	}
}

// TestUnknownSession: what a host refuses since it does not know the session was
// not executed there, and is done in a new one if the host is the same life.
func TestUnknownSession(t *testing.T) {
	w := newWorld(t, 1)
	write, read := w.put("a"), w.get("b")
	s1 := w.open(1)
	m := next[*marshal.SetRequest](w, 1)
	next[*marshal.GetRequest](w, 1)
	other := w.put("c")
	next[*marshal.SetRequest](w, 1)
	w.hear(1, &marshal.Refusal{RequestHeader: header(m), Reason: marshal.UnknownSession})
	s2 := w.open(1)
	if s1 == s2 {
		t.Fatal("the same session again")
	}
	for _, l := range w.sent {
		switch r := l.m.(type) {
		case *marshal.SetRequest:
			if r.Session != s2 || r.Key == "a" && r.Operation != m.Operation {
				t.Fatalf("repeated as %+v", r)
			}
			w.hear(1, &marshal.SetReply{RequestHeader: r.RequestHeader, Version: 1})
		case *marshal.GetRequest:
			w.hear(1, &marshal.GetReply{RequestHeader: r.RequestHeader})
		}
	}
	for _, o := range []*op{write, read, other} {
		w.done(o)
		if o.err != nil {
			t.Fatal(o.err)
		}
	}
}

// TestUnknownSessionOfAnotherLife: a host that lost its state cannot say whether
// it executed a write before. Reads do not care.
func TestUnknownSessionOfAnotherLife(t *testing.T) {
	w := newWorld(t, 1)
	write, read := w.put("a"), w.get("b")
	w.open(1)
	m := next[*marshal.SetRequest](w, 1)
	next[*marshal.GetRequest](w, 1)
	w.incarnations[1]++
	w.hear(1, &marshal.Refusal{RequestHeader: header(m), Reason: marshal.UnknownSession})
	w.open(1)
	w.done(write)
	if !errors.Is(write.err, ErrUnknownOutcome) {
		t.Fatalf("a write into a life that is over: %v", write.err)
	}
	next[*marshal.GetRequest](w, 1)
	w.quiet()
	w.pending(read)
}

// TestUnknownSessionAfterLong: where a copy may have been executed so long ago
// that the session can have expired since, the outcome is unknown.
func TestUnknownSessionAfterLong(t *testing.T) {
	w := newWorld(t, 1)
	w.idle = 4 * time.Second
	write := w.put("a")
	w.open(1)
	m := next[*marshal.SetRequest](w, 1)
	w.pass(w.idle / 2)
	w.sent = nil
	w.hear(1, &marshal.Refusal{RequestHeader: header(m), Reason: marshal.UnknownSession})
	w.open(1)
	w.done(write)
	if !errors.Is(write.err, ErrUnknownOutcome) {
		t.Fatalf("a write that may have been executed before its session expired: %v", write.err)
	}
	w.quiet()
}

// TestUnknownSessionUntilDeadline: while nobody knows which life the host is in,
// nobody knows the outcome.
func TestUnknownSessionUntilDeadline(t *testing.T) {
	w := newWorld(t, 2)
	write := w.put("a")
	w.open(1)
	m := next[*marshal.SetRequest](w, 1)
	w.hear(1, &marshal.Refusal{RequestHeader: header(m), Reason: marshal.UnknownSession})
	w.pass(6 * time.Second)
	w.done(write)
	if !errors.Is(write.err, ErrUnknownOutcome) {
		t.Fatalf("a write of a lost session, host silent: %v", write.err)
	}
	for _, l := range w.sent {
		if l.to != 1 {
			t.Fatalf("it asked host %d meanwhile", l.to)
		}
	}
}

// TestIdleSession: a session that has idled half of what the host allows takes
// no more writes; reads may go on.
func TestIdleSession(t *testing.T) {
	w := newWorld(t, 1)
	w.put("a")
	s1 := w.open(1)
	w.hear(1, &marshal.SetReply{RequestHeader: header(next[*marshal.SetRequest](w, 1))})
	w.now += w.idle/2 - 1
	w.put("b")
	m := next[*marshal.SetRequest](w, 1)
	if m.Session != s1 {
		t.Fatal("a new session too early")
	}
	w.hear(1, &marshal.SetReply{RequestHeader: header(m)})
	w.now += w.idle / 2
	w.get("r")
	if m := next[*marshal.GetRequest](w, 1); m.Session != s1 {
		t.Fatal("a read needs no new session")
	} else {
		w.hear(1, &marshal.GetReply{RequestHeader: m.RequestHeader})
	}
	w.now += w.idle / 2
	w.put("c")
	hello := next[*marshal.Hello](w, 1)
	w.hear(1, &marshal.CookieReply{Nonce: hello.Nonce})
	s2 := w.opened(1, next[*marshal.Open](w, 1).Nonce)
	if m := next[*marshal.CloseRequest](w, 1); m.Session != s1 {
		t.Fatalf("closed session %v, want %v", m.Session, s1)
	}
	if m := next[*marshal.SetRequest](w, 1); m.Session != s2 || m.Number != 1 {
		t.Fatalf("written as %+v", m.RequestHeader)
	}
	if n := len(w.e.hosts[0].sessions); n != 1 {
		t.Fatalf("%d sessions, want 1", n)
	}
}

// TestIdleSessionWithWaiters: who waited for the window of a session that has
// idled meanwhile writes in a new one.
func TestIdleSessionWithWaiters(t *testing.T) {
	w := newWorld(t, 1)
	w.window = 1
	first := w.begin(&op{kind: opSet, key: "a", deadline: w.idle/2 + time.Second})
	s1 := w.open(1)
	second := w.begin(&op{kind: opSet, key: "b", deadline: time.Hour})
	for first.state != opDone {
		w.sent = nil
		w.pass(time.Second)
	}
	for _, l := range w.sent {
		if m, ok := l.m.(*marshal.SetRequest); ok && m.Key == "b" && m.Session == s1 {
			t.Fatal("a write on a session that has idled")
		}
	}
	w.pending(second)
	w.sent = w.sent[len(w.sent)-1:]
	w.open(1)
	next[*marshal.CloseRequest](w, 1)
	if m := next[*marshal.SetRequest](w, 1); m.Key != "b" || m.Session == s1 {
		t.Fatalf("written as %+v", m.RequestHeader)
	}
}

// TestOldSessionDrains: an old session that still has a write is kept for it, and
// is not closed under it.
func TestOldSessionDrains(t *testing.T) {
	w := newWorld(t, 1)
	o := w.begin(&op{kind: opSet, key: "a", deadline: time.Hour})
	s1 := w.open(1)
	m := next[*marshal.SetRequest](w, 1)
	w.now += w.idle / 2
	w.put("b")
	w.open(1)
	if m := next[*marshal.SetRequest](w, 1); m.Session == s1 {
		t.Fatal("a write on a session that has idled")
	}
	w.quiet()
	w.hear(1, &marshal.SetReply{RequestHeader: header(m), Version: 9})
	w.done(o)
	if o.version != 9 || len(w.e.hosts[0].sessions) != 1 {
		t.Fatalf("version %d; %d sessions, want 1", o.version, len(w.e.hosts[0].sessions))
	}
}

// TestRefusedSession: a host that gives no session now is asked again, and the
// error says why it gave none.
func TestRefusedSession(t *testing.T) {
	w := newWorld(t, 1)
	o := w.put("a")
	hello := next[*marshal.Hello](w, 1)
	w.hear(1, &marshal.CookieReply{Nonce: hello.Nonce})
	next[*marshal.Open](w, 1)
	w.hear(1, &marshal.Refusal{Reason: marshal.TooManySessions})
	w.quiet()
	w.pass(2 * maxPause)
	next[*marshal.Open](w, 1)
	w.pass(5 * time.Second)
	w.done(o)
	var why *NoAnswerError
	if !errors.Is(o.err, ErrUnavailable) || !errors.As(o.err, &why) || why.Reason != marshal.TooManySessions || errors.Is(o.err, ErrUnknownOutcome) {
		t.Fatalf("no session to be had: %v", o.err)
	}
}

// TestStrangers: answers from elsewhere, of another session, number or kind are
// not taken.
func TestStrangers(t *testing.T) {
	w := newWorld(t, 2)
	o := w.put("a")
	w.open(1)
	m := next[*marshal.SetRequest](w, 1)
	reply := &marshal.SetReply{RequestHeader: header(m), Version: 1}
	w.hear(2, reply)
	w.hear(9, reply)
	w.hear(1, &marshal.SetReply{RequestHeader: marshal.RequestHeader{Session: m.Session, Number: m.Number + 1}})
	w.hear(1, &marshal.SetReply{RequestHeader: marshal.RequestHeader{Session: marshal.SessionID{5}, Number: m.Number}})
	w.hear(1, &marshal.GetReply{RequestHeader: header(m), Found: true})
	w.hear(1, &marshal.OrderReply{RequestHeader: header(m)})
	w.hear(1, &marshal.GetRequest{RequestHeader: header(m), Key: "a"})
	w.pending(o)
	w.hear(1, reply)
	w.done(o)
}

// TestWrongHostAtAddress: a session is not taken from a host that says that it
// is another.
func TestWrongHostAtAddress(t *testing.T) {
	w := newWorld(t, 2)
	o := w.put("a")
	hello := next[*marshal.Hello](w, 1)
	w.hear(1, &marshal.CookieReply{Nonce: hello.Nonce})
	open := next[*marshal.Open](w, 1)
	w.hear(1, &marshal.Opened{Nonce: open.Nonce, Session: marshal.SessionID{1}, Host: 2, Window: 1})
	w.quiet()
	w.pending(o)
}

// TestClose: who waits is told, and hosts are told that the sessions end.
func TestClose(t *testing.T) {
	w := newWorld(t, 1)
	sent := w.put("a")
	s := w.open(1)
	next[*marshal.SetRequest](w, 1)
	read := w.get("b")
	next[*marshal.GetRequest](w, 1)
	w.e.close(w.now)
	w.done(sent)
	w.done(read)
	if !errors.Is(sent.err, ErrClosed) || !errors.Is(sent.err, ErrUnknownOutcome) {
		t.Errorf("a write that was sent: %v", sent.err)
	}
	if !errors.Is(read.err, ErrClosed) || errors.Is(read.err, ErrUnknownOutcome) {
		t.Errorf("a read: %v", read.err)
	}
	if m := next[*marshal.CloseRequest](w, 1); m.Session != s {
		t.Errorf("closed %v, want %v", m.Session, s)
	}
	late := w.put("c")
	w.done(late)
	if !errors.Is(late.err, ErrClosed) || errors.Is(late.err, ErrUnknownOutcome) {
		t.Errorf("a write after the close: %v", late.err)
	}
}

// TestHotPathTakesNoMemory: in steady state a request costs the engine none.
func TestHotPathTakesNoMemory(t *testing.T) {
	w := newWorld(t, 1)
	w.get("k")
	w.open(1)
	var last marshal.RequestHeader
	w.e.send = func(_ *host, m marshal.Message) { last = m.(*marshal.GetRequest).RequestHeader }
	o := &op{}
	waiter := newWaiter()
	reply := &marshal.GetReply{}
	if n := testing.AllocsPerRun(1000, func() {
		*o = op{kind: opGet, key: "k", ctx: context.Background(), deadline: time.Hour, w: waiter}
		waiter.left, waiter.ready = 1, false
		w.e.start(w.now, o)
		*reply = marshal.GetReply{RequestHeader: last}
		w.hear(1, reply)
	}); n != 0 {
		t.Errorf("%v allocations per get, want none", n)
	}
}

// TestTheLostAreSeenInACrowd: who waits for long is looked at, however many come and go meanwhile.
func TestTheLostAreSeenInACrowd(t *testing.T) {
	w := newWorld(t, 1)
	lost := w.get("lost")
	w.open(1)
	w.e.hosts[0].flight.getReply.known = true // lest the crowd wait for room
	number := next[*marshal.GetRequest](w, 1).Number
	const half = 4 * tickOps
	var crowd []marshal.RequestHeader
	for range 100 {
		for range half {
			w.get("k")
			crowd = append(crowd, next[*marshal.GetRequest](w, 1).RequestHeader)
		}
		w.pass(tickInterval)
		for len(w.sent) > 0 {
			if next[*marshal.GetRequest](w, 1).Number == number {
				return
			}
		}
		if len(crowd) > half { // those before these are answered
			for _, rh := range crowd[:half] {
				w.hear(1, &marshal.GetReply{RequestHeader: rh})
			}
			crowd = crowd[half:]
		}
	}
	w.pending(lost)
	t.Error("nobody asked again for half a second")
}
