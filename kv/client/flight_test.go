package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"ironkv/delegation"
	"ironkv/marshal"
)

// bulky begins a write of a value of so many bytes.
func (w *world) bulky(key string, bytes int) *op {
	return w.begin(&op{kind: opSet, key: delegation.Key(key), value: make([]byte, bytes)})
}

// TestFlight: no more bytes are under way than the sockets hold; what finds no
// room waits, in order, and is sent as answers come.
func TestFlight(t *testing.T) {
	w := newWorld(t, 1)
	w.window = 1000
	w.put("first")
	w.open(1)
	w.hear(1, &marshal.SetReply{RequestHeader: header(next[*marshal.SetRequest](w, 1))})
	w.e.hosts[0].flight.getReply.known = true
	const size = 8 << 10
	fit := mostFlying / (envelope + 1 + size)
	var ops []*op
	for range fit + 3 {
		ops = append(ops, w.bulky("k", size))
	}
	small := w.get("g")
	var sent []*marshal.SetRequest
	for range fit {
		sent = append(sent, next[*marshal.SetRequest](w, 1))
	}
	w.quiet()
	for i := range 3 {
		w.hear(1, &marshal.SetReply{RequestHeader: header(sent[i])})
		w.done(ops[i])
		m := next[*marshal.SetRequest](w, 1)
		if m.Number != uint64(2+fit+i) {
			t.Fatalf("number %d, want %d: they wait in order", m.Number, 2+fit+i)
		}
		if i < 2 {
			w.quiet()
		}
	}
	next[*marshal.GetRequest](w, 1) // a little room was left
	w.pending(small)
	w.quiet()
}

// TestFlightCountsReplies: what gets are expected to bring counts as well.
func TestFlightCountsReplies(t *testing.T) {
	w := newWorld(t, 1)
	w.get("k")
	w.open(1)
	const size = 32 << 10
	value := make([]byte, size)
	for range 100 {
		m := next[*marshal.GetRequest](w, 1)
		w.hear(1, &marshal.GetReply{RequestHeader: m.RequestHeader, Found: true, Value: value})
		w.get("k")
	}
	for range 100 {
		w.get("k")
	}
	if n := len(w.sent); n > mostFlying/size || n < mostFlying/size-2 {
		t.Fatalf("%d gets of %d bytes are under way at once", n, size)
	}
}

// Before a client knows how long answers are it asks for a few: of hundreds of 4 MiB the host would
// queue some and drop the others, which would be missed when a timer runs out. None is asked for twice.
func TestAnswersOfUnknownLength(t *testing.T) {
	w := newWorld(t, 1)
	var ops []*op
	for range 64 {
		ops = append(ops, w.get("k"))
	}
	w.open(1)
	value := make([]byte, marshal.MaxValueBytes)
	asked := 0
	for len(w.sent) > 0 {
		if n := len(w.sent); n > mostFlying/flyingShare {
			t.Fatalf("%d gets under way, of 4 MiB each", n)
		}
		m := next[*marshal.GetRequest](w, 1)
		asked++
		w.pass(10 * time.Millisecond)
		w.hear(1, &marshal.GetReply{RequestHeader: m.RequestHeader, Found: true, Value: value})
	}
	for _, o := range ops {
		w.done(o)
	}
	if asked != len(ops) {
		t.Errorf("%d gets were asked for %d times", len(ops), asked)
	}
}

// Once one answer has come, and is short, all go.
func TestAnswersThatAreShort(t *testing.T) {
	w := newWorld(t, 1)
	for range 1000 {
		w.get("k")
	}
	w.open(1)
	m := next[*marshal.GetRequest](w, 1)
	w.hear(1, &marshal.GetReply{RequestHeader: m.RequestHeader, Found: true, Value: []byte("short")})
	if n := len(w.sent); n != 999 {
		t.Errorf("%d gets under way, want the other 999", n)
	}
}

// TestWaitingForTheFlightIsNotSent: a write that never left was not executed; nor
// is it sent as others are given up with it.
func TestWaitingForTheFlightIsNotSent(t *testing.T) {
	w := newWorld(t, 1)
	w.window = 1000
	w.put("first")
	w.open(1)
	var ops []*op
	ctx, cancel := context.WithCancel(context.Background())
	for range 3 * mostFlying / flyingShare {
		ops = append(ops, w.begin(&op{kind: opSet, key: "k", value: make([]byte, flyingShare), ctx: ctx}))
	}
	last := w.bulky("last", flyingShare)
	w.sent = nil
	cancel()
	w.e.tick(w.now)
	sent := 0
	for _, o := range ops {
		w.done(o)
		if !errors.Is(o.err, context.Canceled) {
			t.Fatal(o.err)
		}
		if errors.Is(o.err, ErrUnknownOutcome) {
			sent++
		}
	}
	if sent != mostFlying/flyingShare-1 {
		t.Errorf("%d writes may have been executed; %d were sent", sent, mostFlying/flyingShare-1)
	}
	if m := next[*marshal.SetRequest](w, 1); m.Key != "last" {
		t.Errorf("sent %s", m.Key)
	}
	w.quiet()
	w.pending(last)
}

// TestFlightHalvesOnLoss: once per round trip, and grows again by what is answered.
func TestFlightHalvesOnLoss(t *testing.T) {
	w := newWorld(t, 1)
	w.window = 4000
	w.put("first")
	w.open(1)
	const size = 30 << 10
	f := &w.e.hosts[0].flight
	w.pass(time.Millisecond)
	for range 200 {
		w.bulky("k", size)
	}
	w.pass(firstRepeat + tickInterval)
	if f.size != mostFlying/2 {
		t.Fatalf("after a loss: %d bytes, want %d", f.size, mostFlying/2)
	}
	w.pass(4 * time.Second)
	if f.size != leastFlying {
		t.Fatalf("after many: %d bytes, want %d", f.size, leastFlying)
	}
	grown := f.size
	for range 200 {
		w.now += time.Millisecond
		w.bulky("k", size)
		list := w.sent
		w.sent = nil
		for _, l := range list {
			if m, ok := l.m.(*marshal.SetRequest); ok {
				w.hear(1, &marshal.SetReply{RequestHeader: header(m)})
			}
		}
		if f.size < grown {
			t.Fatalf("%d bytes after %d, and nothing was lost", f.size, grown)
		}
		grown = f.size
	}
	if grown == leastFlying {
		t.Error("it does not grow again")
	}
}

// TestCrowdLeavesSilentHost: who waits for room at a host that has fallen silent
// asks another, as those do who are to be sent there.
func TestCrowdLeavesSilentHost(t *testing.T) {
	w := newWorld(t, 2)
	w.get("k")
	w.open(1)
	for range 3 * mostFlying / flyingShare {
		w.get("k")
	}
	w.sent = nil
	if w.e.hosts[0].flight.crowd() == 0 {
		t.Fatal("nobody waits")
	}
	w.pass(time.Second)
	if n := w.e.hosts[0].flight.crowd(); n > 0 {
		t.Errorf("%d still wait for a silent host", n)
	}
}

// TestFlightLeavesNobodyBehind: whatever becomes of the requests, what is counted is
// what is aboard, and while any waits for room there is something aboard.
func TestFlightLeavesNobodyBehind(t *testing.T) {
	w := newWorld(t, 3)
	random := rand.New(rand.NewPCG(5, 6))
	var live []*op
	w.window = 40
	value := make([]byte, 2*flyingShare)
	for range 5_000 {
		switch random.IntN(5) {
		case 0, 1:
			kind := []opKind{opGet, opSet, opScan}[random.IntN(3)]
			o := &op{kind: kind, key: "k", rng: keys("a", "z"), ctx: context.Background()}
			if kind == opSet {
				o.value = value[:random.IntN(len(value))]
			}
			if random.IntN(10) == 0 {
				o.ctx = canceled()
			}
			live = append(live, w.begin(o))
		case 2:
			w.pass(time.Duration(random.IntN(30)) * time.Millisecond)
		default:
			w.respond(random)
		}
		w.checkFlights(live)
	}
	w.pass(10 * time.Second)
	for _, o := range live {
		w.done(o)
	}
	w.checkFlights(live)
}

// respond answers, refuses, redirects or loses what was sent first.
func (w *world) respond(random *rand.Rand) {
	if len(w.sent) == 0 {
		return
	}
	l := w.sent[0]
	w.sent = w.sent[1:]
	dice := random.IntN(10)
	if dice == 0 {
		return
	}
	answer := func(rh marshal.RequestHeader, m marshal.Message) {
		switch dice {
		case 1:
			m = &marshal.Redirect{RequestHeader: rh, Range: keys("a", "z"), Owner: HostID(1 + random.IntN(3))}
		case 2:
			m = &marshal.Refusal{RequestHeader: rh, Reason: marshal.Overloaded}
		case 3:
			m = &marshal.Refusal{RequestHeader: rh, Reason: marshal.UnknownSession}
		}
		w.hear(l.to, m)
	}
	switch m := l.m.(type) {
	case *marshal.Hello:
		w.hear(l.to, &marshal.CookieReply{Nonce: m.Nonce, Cookie: marshal.Cookie{9}})
	case *marshal.Open:
		w.opened(l.to, m.Nonce)
	case *marshal.GetRequest:
		answer(m.RequestHeader, &marshal.GetReply{RequestHeader: m.RequestHeader, Found: true, Value: make([]byte, random.IntN(64<<10))})
	case *marshal.SetRequest:
		answer(m.RequestHeader, &marshal.SetReply{RequestHeader: m.RequestHeader})
	case *marshal.ScanRequest:
		answer(m.RequestHeader, &marshal.ScanReply{RequestHeader: m.RequestHeader, Covered: m.Range})
	}
}

func (w *world) checkFlights(live []*op) {
	w.t.Helper()
	aboard, queued := map[*host]int{}, map[*host]int{}
	for _, o := range live {
		if o.host == nil {
			continue
		}
		aboard[o.host] += o.aboard
		if o.aboard > 0 && o.state != opSent && o.state != opWaiting {
			w.t.Fatalf("an op in state %d is aboard", o.state)
		}
		if o.state == opQueued {
			queued[o.host]++
		}
	}
	for _, h := range w.e.hosts {
		f := &h.flight
		if f.used != aboard[h] || f.crowd() != queued[h] {
			w.t.Fatalf("host %d: %d bytes counted, %d aboard; %d in the queue, %d queued", h.id, f.used, aboard[h], f.crowd(), queued[h])
		}
		if f.crowd() > 0 && f.used == 0 {
			w.t.Fatalf("host %d: %d wait, and nothing is under way", h.id, f.crowd())
		}
		if f.used > max(f.most, flyingShare) {
			w.t.Fatalf("host %d: %d bytes under way", h.id, f.used)
		}
	}
}
