package client

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"

	"ironkv/marshal"
	"ironkv/udp"
)

// Of a crowd whose answers come at once, the first are waked before the leader takes the
// others' answers.
func TestACrowdIsWakedInGroups(t *testing.T) {
	w := newWorld(t, 1)
	c := &Client{engine: w.e, clock: newClock()}
	w.e.wake = c.wake
	var crowd []*op
	for range wakeGroup + 1 {
		o := w.get("k")
		c.park(o.w)
		crowd = append(crowd, o)
	}
	w.open(1)
	for i, o := range crowd {
		m := next[*marshal.GetRequest](w, 1)
		c.receive(address(1), marshal.Append(nil, &marshal.GetReply{RequestHeader: m.RequestHeader}))
		w.done(o)
		if waked, want := len(crowd[0].w.wake) > 0, i >= wakeGroup-1; waked != want {
			t.Errorf("after %d answers the first caller was waked: %v, want %v", i+1, waked, want)
		}
	}
	last := crowd[wakeGroup].w
	if len(crowd[wakeGroup-1].w.wake) == 0 || len(last.wake) > 0 {
		t.Errorf("not the first %d were waked", wakeGroup)
	}
	c.mu.Lock()
	c.wakeAnswered() // the batch is over
	c.mu.Unlock()
	if len(last.wake) == 0 {
		t.Error("the last caller was not waked")
	}
}

// crowded is a client that one caller waits at, and ops of callers who came after him.
func crowded(t *testing.T, n int) (*world, *Client, []*op) {
	w := newWorld(t, 1)
	c := &Client{engine: w.e, clock: newClock(), opts: options{timeout: time.Hour, logger: slog.New(slog.DiscardHandler)}}
	w.e.wake, c.entersFrom = c.wake, 1
	w.get("k")
	w.open(1)
	m := next[*marshal.GetRequest](w, 1)
	w.get("k")
	w.hear(1, &marshal.GetReply{RequestHeader: m.RequestHeader}) // now it is known how long answers are
	next[*marshal.GetRequest](w, 1)
	var ops []*op
	for range n {
		o := &op{kind: opGet, key: "k", ctx: t.Context(), w: newWaiter()}
		o.w.left = 1
		c.enter(o)
		ops = append(ops, o)
	}
	return w, c, ops
}

// Who comes while many others wait is started by the one who gathers, in order, and by groups.
func TestTheEnteredAreStartedByGroups(t *testing.T) {
	w, c, ops := crowded(t, enterGroup+1)
	w.quiet()
	if !c.busy(1) {
		t.Error("nobody will gather")
	}
	if !c.startEntered(enterGroup) {
		t.Error("none is left")
	}
	if n := len(w.sent); n != enterGroup {
		t.Errorf("%d were sent, want %d", n, enterGroup)
	}
	if c.startEntered(enterGroup) {
		t.Error("some are left")
	}
	for i, o := range ops {
		if m := next[*marshal.GetRequest](w, 1); m.Number != o.number {
			t.Errorf("the request sent as number %d is not that of op %d", m.Number, i)
		}
	}
	if c.begun() != 1+len(ops) {
		t.Errorf("%d are under way, want %d", c.begun(), 1+len(ops))
	}
}

// Where the socket fails before they are started, they end as the others do.
func TestTheEnteredFailWithTheSocket(t *testing.T) {
	w, c, ops := crowded(t, 3)
	c.fail(w.now, net.ErrClosed)
	for _, o := range ops {
		w.done(o)
		if !errors.Is(o.err, ErrClosed) {
			t.Error(o.err)
		}
	}
	if c.begun() != 0 {
		t.Errorf("%d are left", c.begun())
	}
}

// Many callers, beside the end of their client: all of them return.
func TestCloseAmongCallers(t *testing.T) {
	for range 5 {
		conn, err := udp.Listen(netip.MustParseAddrPort("127.0.0.1:0"), udp.Config{})
		if err != nil {
			t.Fatal(err)
		}
		c := newClient(options{timeout: time.Hour, logger: slog.New(slog.DiscardHandler)}, conn)
		c.engine.adopt([]*host{{id: 1, addr: conn.LocalAddr()}}, 1) // who does not answer
		c.entersFrom = 1
		var callers sync.WaitGroup
		for range 200 {
			callers.Go(func() {
				for {
					if _, err := c.Get(t.Context(), []byte("k")); errors.Is(err, ErrClosed) {
						return
					}
				}
			})
		}
		runtime.Gosched()
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		callers.Wait()
	}
}
