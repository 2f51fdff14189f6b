package client_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/kv/client"
	"ironkv/kv/cluster"
	"ironkv/marshal"
	"ironkv/udp"
)

func between(from, until string) delegation.Range {
	return delegation.Range{From: delegation.At(delegation.Key(from)), Until: delegation.At(delegation.Key(until))}
}

func fill(t testing.TB, c *client.Client, keys int) {
	t.Helper()
	b := c.Batch()
	for i := range keys {
		b.Put(key(i), make([]byte, 128))
	}
	for _, r := range b.Do(t.Context()) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
}

// move moves a range and waits until it is there.
func move(t testing.TB, c *client.Client, r delegation.Range, to client.HostID) []client.MoveID {
	t.Helper()
	ids, err := c.MoveShard(t.Context(), r, to, client.Unlimited())
	if err != nil {
		t.Fatalf("move %v to %d: %v", r, to, err)
	}
	for _, id := range ids {
		m, err := c.WaitMove(t.Context(), id, nil)
		if err != nil || m.Phase != marshal.MoveDone {
			t.Fatalf("wait for %v: %+v, %v", id, m, err)
		}
	}
	return ids
}

// TestMoveShard: an order is split by owner, and what is there already is left.
func TestMoveShard(t *testing.T) {
	cl := cluster.Start(t, 3)
	c, fresh := dial(t, cl), dial(t, cl)
	fill(t, c, 1000)
	if ids := move(t, c, between("key-00200", "key-00400"), 2); len(ids) != 1 || ids[0].Host != 1 {
		t.Fatalf("moves %v, want one of host 1", ids)
	}
	if ids := move(t, c, between("key-00600", "key-00700"), 3); len(ids) != 1 {
		t.Fatalf("moves %v, want one", ids)
	}
	// This client has learned nothing yet: it believes that all is at host 1.
	ids := move(t, fresh, between("key-00300", "key-00650"), 3)
	if len(ids) != 2 || ids[0].Host != 2 || ids[1].Host != 1 {
		t.Fatalf("moves %v, want one of host 2 and one of host 1", ids)
	}
	if ids := move(t, fresh, between("key-00350", "key-00650"), 3); len(ids) != 0 {
		t.Fatalf("moves %v of what is there already", ids)
	}
	shards, err := c.Shards(t.Context(), client.WithSizes())
	if err != nil {
		t.Fatal(err)
	}
	want := []client.Shard{
		{Range: delegation.Range{Until: delegation.At("key-00200")}, Owner: 1, Keys: 200},
		{Range: between("key-00200", "key-00300"), Owner: 2, Keys: 100},
		{Range: between("key-00300", "key-00700"), Owner: 3, Keys: 400},
		{Range: delegation.Range{From: delegation.At("key-00700"), Until: delegation.PosInf}, Owner: 1, Keys: 300},
	}
	for i := range want {
		want[i].Bytes = want[i].Keys * (128 + 9)
	}
	if !slices.Equal(shards, want) {
		t.Fatalf("got  %+v\nwant %+v", shards, want)
	}
	hosts, err := c.Hosts(t.Context(), client.WithSizes())
	if err != nil || len(hosts) != 3 || hosts[0].Keys != 500 || hosts[2].Keys != 400 || hosts[1].Ranges != 1 || hosts[0].Incarnation == 0 {
		t.Fatalf("hosts %+v, %v", hosts, err)
	}
	moves, err := c.Moves(t.Context())
	if err != nil || len(moves) != 4 {
		t.Fatalf("moves %+v, %v", moves, err)
	}
}

// Dial refuses what cannot be, a context that is over and a timeout of nothing, also
// where a host would answer.
func TestDialRefuses(t *testing.T) {
	addrs := cluster.Start(t, 1).Addrs()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancel()
	for _, test := range []struct {
		ctx  context.Context
		opts []client.Option
		want error
	}{
		{canceled, nil, context.Canceled},
		{late, nil, context.DeadlineExceeded},
		{late, nil, client.ErrUnavailable},
		{t.Context(), []client.Option{client.WithTimeout(0)}, client.ErrConfig},
		{t.Context(), []client.Option{client.WithTimeout(-time.Second)}, client.ErrConfig},
	} {
		c, err := client.Dial(test.ctx, addrs, test.opts...)
		if !errors.Is(err, test.want) {
			t.Errorf("Dial: %v, want %v", err, test.want)
		}
		if err == nil {
			_ = c.Close()
		}
	}
}

func TestMoveErrors(t *testing.T) {
	c := dial(t, cluster.Start(t, 2))
	ctx := t.Context()
	if _, err := c.MoveShard(ctx, between("b", "a"), 2); !errors.Is(err, client.ErrEmptyRange) {
		t.Errorf("an inverted range: %v", err)
	}
	if _, err := c.MoveShard(ctx, delegation.All, 7); !errors.Is(err, client.ErrUnknownHost) {
		t.Errorf("to a stranger: %v", err)
	}
	for _, id := range []client.MoveID{{Host: 1, Number: 9}, {Host: 7, Number: 1}} {
		if _, err := c.Move(ctx, id); !errors.Is(err, client.ErrNoSuchMove) {
			t.Errorf("move %v: %v", id, err)
		}
		if err := c.CancelMove(ctx, id); !errors.Is(err, client.ErrNoSuchMove) {
			t.Errorf("cancel %v: %v", id, err)
		}
	}
	ids := move(t, c, between("a", "b"), 2)
	err := c.PauseMove(ctx, ids[0])
	var why *client.RefusedError
	if !errors.Is(err, client.ErrMoveRefused) || !errors.As(err, &why) || why.Reason != marshal.MoveEnded {
		t.Errorf("pause of a move that has ended: %v", err)
	}
}

// TestForgottenMoves: a move that its host has forgotten has ended, and one that was
// never ordered has not; also after the host has started again.
func TestForgottenMoves(t *testing.T) {
	cl := cluster.Start(t, 2, cluster.Limits(kv.Limits{EndedMoves: 2}), cluster.Disk(t.TempDir()))
	c := dial(t, cl)
	var ids []client.MoveID
	for _, r := range []delegation.Range{between("a", "b"), between("c", "d"), between("e", "f"), between("g", "h")} {
		ids = append(ids, move(t, c, r, 2)...)
	}
	check := func() {
		t.Helper()
		for i, id := range ids {
			m, err := c.WaitMove(t.Context(), id, nil)
			if forgotten := i < 2; err != nil || m.ID != id || m.Forgotten != forgotten || !m.Ended() || (m.Phase == marshal.MoveDone) == forgotten {
				t.Errorf("wait for %v: %+v, %v", id, m, err)
			}
		}
		if _, err := c.Move(t.Context(), ids[1]); !errors.Is(err, client.ErrMoveForgotten) {
			t.Errorf("a move that was forgotten: %v", err)
		}
		for _, id := range []client.MoveID{{Host: 1}, {Host: 1, Number: 5}, {Host: 2, Number: 1}} {
			if _, err := c.WaitMove(t.Context(), id, nil); !errors.Is(err, client.ErrNoSuchMove) {
				t.Errorf("wait for %v, which was never ordered: %v", id, err)
			}
		}
	}
	check()
	cl.Kill(1)
	if err := cl.Restart(1); err != nil {
		t.Fatal(err)
	}
	check()
}

// TestMoveOrders: a move is paused, throttled, resumed and canceled, and what has
// moved stays moved.
func TestMoveOrders(t *testing.T) {
	c := dial(t, cluster.Start(t, 2, cluster.Limits(kv.Limits{ChunkBytes: 1 << 10})))
	ctx := t.Context()
	fill(t, c, 2000)
	ids, err := c.MoveShard(ctx, delegation.All, 2, client.WithRate(1))
	if err != nil || len(ids) != 1 {
		t.Fatalf("moves %v, %v", ids, err)
	}
	id := ids[0]
	if _, err := c.MoveShard(ctx, between("x", "y"), 2); !errors.Is(err, client.ErrMoveRefused) {
		t.Errorf("a move over an unfinished one: %v", err)
	}
	if err := c.PauseMove(ctx, id); err != nil {
		t.Fatal(err)
	}
	if m, err := c.Move(ctx, id); err != nil || m.Phase != marshal.MovePaused || m.Rate != 1 || m.To != 2 || m.Range != delegation.All {
		t.Fatalf("%+v, %v", m, err)
	}
	if err := c.ThrottleMove(ctx, id, 2); err != nil {
		t.Fatal(err)
	}
	if err := c.ResumeMove(ctx, id); err != nil {
		t.Fatal(err)
	}
	if m, err := c.Move(ctx, id); err != nil || m.Phase == marshal.MovePaused || m.Rate != 2 {
		t.Fatalf("%+v, %v", m, err)
	}
	if err := c.CancelMove(ctx, id); err != nil {
		t.Fatal(err)
	}
	seen := 0
	m, err := c.WaitMove(ctx, id, func(client.Move) { seen++ })
	if err != nil || m.Phase != marshal.MoveCanceled || seen == 0 {
		t.Fatalf("%+v, %v, seen %d times", m, err, seen)
	}
	n, _, err := c.Count(ctx, delegation.All)
	if err != nil || n != 2000 {
		t.Fatalf("%d keys, %v", n, err)
	}
}

// TestHostDown: what a dead host owns is unavailable, the rest is not; the audit
// says what it does not know, and knows it again after the restart.
func TestHostDown(t *testing.T) {
	cl := cluster.Start(t, 3)
	c := dial(t, cl, client.WithTimeout(400*time.Millisecond))
	ctx := t.Context()
	fill(t, c, 100)
	move(t, c, between("key-00020", "key-00040"), 2)
	cl.Kill(2)
	if _, err := c.Get(ctx, key(30)); !errors.Is(err, client.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("get at a dead host: %v", err)
	}
	if _, err := c.Put(ctx, key(30), nil); err == nil {
		t.Error("put at a dead host succeeded")
	}
	if _, err := c.Get(ctx, key(50)); err != nil {
		t.Errorf("get at a living host: %v", err)
	}
	report, err := c.Audit(ctx)
	if !errors.Is(err, client.ErrUndetermined) || errors.Is(err, client.ErrViolation) || !slices.Equal(report.Unreachable, []client.HostID{2}) {
		t.Errorf("audit: %+v, %v", report, err)
	}
	if len(report.Shards) != 3 || !report.Shards[1].Unknown || report.Shards[1].Range != between("key-00020", "key-00040") {
		t.Errorf("shards %+v", report.Shards)
	}
	hosts, err := c.Hosts(ctx)
	if err != nil || len(hosts) != 3 || hosts[0].Err != nil || !errors.Is(hosts[1].Err, client.ErrUnavailable) || hosts[2].Err != nil {
		t.Errorf("hosts %+v, %v", hosts, err)
	}
	shards, err := c.Shards(ctx)
	if !errors.Is(err, client.ErrUnavailable) || len(shards) != 3 {
		t.Errorf("shards %+v, %v", shards, err)
	}
	if err := cl.Restart(2); err != nil {
		t.Fatal(err)
	}
	long, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if _, err := c.Get(long, key(30)); err != nil {
		t.Errorf("get after the restart: %v", err)
	}
	if report, err := c.Audit(long); err != nil || len(report.Shards) != 3 {
		t.Errorf("audit after the restart: %+v, %v", report, err)
	}
}

// TestManyCallers: thousands of goroutines share a client; no write is lost or
// done twice, over a bad network and while ranges move; none of them stays.
func TestManyCallers(t *testing.T) {
	const callers, rounds = 2000, 5
	rates := udp.FaultRates{Drop: 0.02, Duplicate: 0.02, Reorder: 0.05}
	cl := cluster.Start(t, 3, cluster.Faults(1, rates))
	before := runtime.NumGoroutine()
	var repeated, redirected atomic.Int64
	c := dial(t, cl, client.WithFaults(udp.NewFaults(2, rates)), client.WithTimeout(time.Minute), client.WithObserver(client.Observer{
		Repeated:   func(client.HostID) { repeated.Add(1) },
		Redirected: func(_, _ client.HostID) { redirected.Add(1) },
	}))
	ctx := t.Context()
	var g sync.WaitGroup
	for i := range callers {
		g.Go(func() {
			var last uint64
			for range rounds {
				cond := client.IfVersion(last)
				version, err := c.Put(ctx, key(i), []byte{byte(i)}, cond)
				if err != nil || version <= last {
					t.Errorf("put %d: version %d after %d, %v", i, version, last, err)
					return
				}
				last = version
				if e, err := c.Get(ctx, key(i)); err != nil || e.Version != last {
					t.Errorf("get %d: version %d, want %d, %v", i, e.Version, last, err)
					return
				}
			}
		})
	}
	move(t, c, between("key-00500", "key-01000"), 2)
	move(t, c, between("key-00800", "key-01500"), 3)
	g.Wait()
	if redirected.Load() == 0 || repeated.Load() == 0 {
		t.Errorf("%d redirects, %d repetitions: the test did not test much", redirected.Load(), repeated.Load())
	}
	if _, err := c.Audit(ctx); err != nil {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if now := runtime.NumGoroutine(); now > before+10 {
		t.Errorf("%d goroutines, %d before: callers stay behind", now, before)
	}
}

// TestClose: calls that wait return, later ones fail, twice is once.
func TestClose(t *testing.T) {
	cl := cluster.Start(t, 1)
	c, err := client.Dial(t.Context(), cl.Addrs())
	if err != nil {
		t.Fatal(err)
	}
	cl.Kill(1)
	var g sync.WaitGroup
	for i := range 50 {
		g.Go(func() {
			if _, err := c.Get(context.Background(), key(i)); !errors.Is(err, client.ErrClosed) {
				t.Errorf("a get that was waiting: %v", err)
			}
		})
	}
	runtime.Gosched()
	if err := errors.Join(c.Close(), c.Close()); err != nil {
		t.Error(err)
	}
	g.Wait()
	if _, err := c.Put(t.Context(), key(1), nil); !errors.Is(err, client.ErrClosed) || errors.Is(err, client.ErrUnknownOutcome) {
		t.Errorf("a put after Close: %v", err)
	}
}

// TestCanceled: a cancellation is noticed, by whoever reads the socket and by
// those who wait behind him.
func TestCanceled(t *testing.T) {
	cl := cluster.Start(t, 1)
	c := dial(t, cl)
	cl.Kill(1)
	ctx, cancel := context.WithCancel(t.Context())
	var g sync.WaitGroup
	for i := range 10 {
		g.Go(func() {
			if _, err := c.Get(ctx, key(i)); !errors.Is(err, context.Canceled) {
				t.Errorf("a get that was canceled: %v", err)
			}
		})
	}
	cancel()
	g.Wait()
	if _, err := c.Put(ctx, key(1), nil); !errors.Is(err, context.Canceled) || errors.Is(err, client.ErrUnknownOutcome) {
		t.Errorf("a put with a context that has ended: %v", err)
	}
}

func TestDialErrors(t *testing.T) {
	for _, addrs := range [][]string{nil, {"nonsense"}, {"127.0.0.1:0"}, {"127.0.0.1:99999"}, {"127.0.0.1"}} {
		if _, err := client.Dial(t.Context(), addrs); !errors.Is(err, client.ErrConfig) {
			t.Errorf("dial %q: %v", addrs, err)
		}
	}
	_, err := client.Dial(t.Context(), []string{"127.0.0.1:9"}, client.WithTimeout(50*time.Millisecond))
	if !errors.Is(err, client.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("dial of nobody: %v", err)
	}
	cl := cluster.Start(t, 2)
	c, err := client.Dial(t.Context(), []string{"127.0.0.1:9", cl.Addrs()[1]})
	if err != nil {
		t.Fatalf("one living host is enough: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestParseMoveID(t *testing.T) {
	id, err := client.ParseMoveID("1-7")
	if err != nil || id != (client.MoveID{Host: 1, Number: 7}) || id.String() != "1-7" {
		t.Errorf("%v, %v", id, err)
	}
	for _, s := range []string{"", "1", "-", "1-", "-7", "0-1", "1-0", "a-1", "1-7-2", "99999999999-1"} {
		if _, err := client.ParseMoveID(s); !errors.Is(err, client.ErrConfig) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

// A call whose time is over before it begins was not answered in time, like any
// other: a move of many pieces gets there in the middle.
func TestATimeThatIsOverIsNoAnswer(t *testing.T) {
	c := dial(t, cluster.Start(t, 1))
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	_, put := c.Put(ctx, key(1), nil)
	_, get := c.Get(ctx, key(1))
	_, move := c.MoveShard(ctx, delegation.All, 1)
	b := c.Batch()
	b.Get(key(1))
	for what, err := range map[string]error{"put": put, "get": get, "move": move, "batch": b.Do(ctx)[0].Err} {
		if !errors.Is(err, client.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v, want one that is ErrUnavailable", what, err)
		}
	}
}
