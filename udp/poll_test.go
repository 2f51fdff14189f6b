package udp

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"
)

// A pollWorld is what a polling lives in: who asks when he was answered, so that messages come the
// sooner one after the other the sooner they are taken.
type pollWorld struct {
	polling
	now            time.Duration
	polled, waited int // receives
}

// receive receives times times, each message a gap after the one before.
func (w *pollWorld) receive(times int, waiting, polling time.Duration) {
	for range times {
		if w.may(w.now) {
			w.now += polling
			w.polled++
		} else {
			w.now += waiting
			w.waited++
		}
		w.note(w.now, 1)
	}
}

// share receives many times and returns the share of those that polled.
func (w *pollWorld) share(waiting, polling time.Duration) float64 {
	w.polled, w.waited = 0, 0
	w.receive(1000*turnReceives, waiting, polling)
	return float64(w.polled) / float64(w.polled+w.waited)
}

// TestPollsWherePollingPays: and stops where it does no more, however often that changes.
func TestPollsWherePollingPays(t *testing.T) {
	const us = time.Microsecond
	for _, c := range []struct {
		name             string
		waiting, polling time.Duration
		least, most      float64
	}{
		{"it pays", 30 * us, 12 * us, 0.95, 0.999},
		{"it costs", 30 * us, 60 * us, 0.001, 0.02},
		{"it pays a little", 30 * us, 25 * us, 0.95, 0.999},
		{"it is all the same", 30 * us, 30 * us, 0.001, 0.02},
		{"next to nothing is gained", 30 * us, 29 * us, 0.001, 0.02},
		{"more seldom than it is worth", 350 * us, 300 * us, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var fresh, used pollWorld
			used.share(30*us, 12*us)
			used.share(30*us, 60*us)
			for _, w := range []*pollWorld{&fresh, &used} {
				w.share(30*us, 12*us)
				w.receive(mostRest*turnReceives, c.waiting, c.polling) // what it knew is outdated
				if share := w.share(c.waiting, c.polling); share < c.least || share > c.most {
					t.Errorf("%.3f of the receives poll, want %v to %v", share, c.least, c.most)
				}
			}
		})
	}
}

// TestOneGoodTurnIsNotEnough: on a busy machine turns differ anyway.
func TestOneGoodTurnIsNotEnough(t *testing.T) {
	var w pollWorld
	for trial := 0; trial < 20; trial++ {
		for !w.on {
			w.receive(1, 30*time.Microsecond, 0)
		}
		polling := 60 * time.Microsecond
		if trial%2 == 0 {
			polling = 12 * time.Microsecond
		}
		for w.on && !w.pays {
			w.receive(1, 0, polling)
		}
		if w.pays {
			t.Fatalf("it polls after trial %d", trial)
		}
	}
}

// TestWhoHasLittleToDoDoesNotPoll: from the first moment on.
func TestWhoHasLittleToDoDoesNotPoll(t *testing.T) {
	var w pollWorld
	w.receive(20000, 30*time.Microsecond, 12*time.Microsecond)
	if !w.pays {
		t.Fatal("it does not poll")
	}
	w.now += time.Second
	w.receive(1, 0, 0)
	w.polled = 0
	w.receive(1000, 10*time.Millisecond, 10*time.Millisecond)
	if w.polled > 0 {
		t.Errorf("%d receives of 1,000 in 10 s poll", w.polled)
	}
}

// TestPollingMakesRoom: whoever finds that others wanted the processor leaves it to them for fifty
// times as long, and what he receives meanwhile says nothing of polling.
func TestPollingMakesRoom(t *testing.T) {
	var w pollWorld
	w.receive(20000, 30*time.Microsecond, 12*time.Microsecond)
	w.looked(w.now, stallLeast-1)
	if !w.may(w.now) {
		t.Fatal("a look that took as long as an answer takes ended it")
	}
	w.looked(w.now, 3*time.Millisecond)
	w.looked(w.now, time.Millisecond)
	end := w.now + 150*time.Millisecond
	w.polled = 0
	for w.now < end-time.Millisecond {
		w.receive(1, 10*time.Microsecond, 10*time.Microsecond) // as quick as never before
	}
	if w.polled > 0 {
		t.Errorf("%d receives poll", w.polled)
	}
	w.now = end
	if !w.may(w.now) || !w.pays {
		t.Error("it does not go on")
	}
}

// pollingConn is one that polls whatever that brings.
func pollingConn(t *testing.T, cfg Config) *Conn {
	t.Helper()
	if runtime.GOMAXPROCS(0) < 2 {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	}
	c := listen(t, cfg)
	c.polling = polling{on: true, pays: true, rest: 1 << 30}
	may := c.mayPoll(never)
	if may {
		lingerers.Add(-1)
	}
	if may != (c.sock.lingers && !cfg.NoPoll) {
		t.Fatalf("it polls: %v", may)
	}
	return c
}

// TestPoll: who polls gets what comes, keeps his deadline, and is found by Wake and Close.
func TestPoll(t *testing.T) {
	a, b := listen(t, Config{}), pollingConn(t, Config{})
	got := 0
	count := func(netip.AddrPort, []byte) { got++ }
	for range 1000 {
		b.polling.on = true
		_ = a.Send(b.LocalAddr(), []byte("hello"), Once)
		_ = a.Flush()
		if _, err := b.Receive(b.start.Add(b.Now()+time.Minute), count); err != nil {
			t.Fatal(err)
		}
	}
	if got != 1000 {
		t.Fatalf("%d messages of 1,000", got)
	}
	for _, wait := range []time.Duration{0, pollTime / 2, 2 * pollTime, 20 * pollTime} {
		at := b.Now() + wait
		if _, err := b.Receive(b.start.Add(at), count); !errors.Is(err, os.ErrDeadlineExceeded) || b.Now() < at {
			t.Fatalf("%v, %v before the deadline", err, at-b.Now())
		}
		time.AfterFunc(wait, b.Wake)
		if n, err := b.Receive(time.Time{}, count); n != 0 || err != nil {
			t.Fatalf("waked after %v: %d, %v", wait, n, err)
		}
	}
	time.AfterFunc(10*pollTime, func() { _ = b.Close() })
	if _, err := b.Receive(time.Time{}, count); !errors.Is(err, net.ErrClosed) {
		t.Fatal(err)
	}
	if n := lingerers.Load(); n != 0 {
		t.Fatalf("%d poll, and nobody receives", n)
	}
}

// TestPollNever: not where it was told so, or is to be somewhere else before.
func TestPollNever(t *testing.T) {
	pollingConn(t, Config{NoPoll: true})
	c := pollingConn(t, Config{})
	if c.mayPoll(c.Now() + pollTime/2) {
		t.Error("it polls though it has to do something else before it is done")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if c.mayPoll(never) {
		t.Error("it polls with the only processor")
	}
}
