package kv_test

import (
	"strings"
	"testing"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

// instant lets everything happen that happens without time passing.
func (r *rig) instant() {
	for range 2000 {
		if len(r.Net) > 0 {
			r.Deliver(0)
			continue
		}
		acted := false
		for _, n := range r.Nodes {
			if due, ok := r.Due(n.ID); ok && due <= r.Now {
				r.Tick(n.ID)
				acted = true
			}
		}
		if !acted {
			return
		}
	}
	r.Fatal("hosts have something to do at once, again and again")
}

// stock puts n entries of so many bytes each, in a session of the host.
func (r *rig) stock(host delegation.HostID, s marshal.SessionID, n, bytes int) {
	for i := range n {
		key := delegation.Key(string(rune('a'+i/26)) + string(rune('a'+i%26)))
		r.ask(host, put(s, uint64(i+1), uint64(i+1), key, strings.Repeat("v", bytes)))
	}
}

// A move that was held up does not catch up at full speed: it may send what its rate
// makes of one second, and no more.
func TestARateIsKeptAfterAStop(t *testing.T) {
	const entries, bytes, rate = 60, 400, 2000
	r := newRig(t, 2, kv.Limits{ChunkBytes: 1})
	s := r.session(1, 1)
	r.stock(1, s, entries, bytes)
	m := shard(s, entries+1, delegation.All, 2)
	m.Rate = rate
	r.ask(1, m)
	r.delegateInFlight(1)
	r.Now += 100 * kv.Second
	r.instant() // they greet each other, and the delegate is sent again
	r.Now += kv.Second
	r.instant()
	sent := r.Node(1).Host.State().Moves[1].Bytes
	if sent <= bytes+2 || sent > 2*rate+2*bytes {
		t.Errorf("%d bytes went in two seconds, behind a stop of 100 s; the rate is %d/s", sent, rate)
	}
}

// A chunk is of 128 KiB at most, and of a move that yields to clients half as large, so that
// they wait for less.
func TestChunksAreSmallerWhileClientsAreServed(t *testing.T) {
	for rate, most := range map[uint64]int{0: 64 << 10, marshal.RateUnlimited: 128 << 10} {
		r := newRig(t, 2, kv.Limits{})
		s := r.session(1, 1)
		r.stock(1, s, 100, 2<<10)
		order := shard(s, 101, delegation.All, 2)
		order.Rate = rate
		r.ask(1, order)
		size := 0
		for _, e := range r.delegateInFlight(1).Msg.(*marshal.Single).Delegate.Entries {
			size += len(e.Key) + len(e.Value)
		}
		if size > most || size < most/4*3 {
			t.Errorf("a chunk of %d bytes at the rate %d while clients are served, want %d", size, rate, most)
		}
	}
}

// An entry that is too much to fly is looked at again: a client may have made it smaller.
func TestAPieceThatBecameSmallerGoes(t *testing.T) {
	r := newRig(t, 2, kv.Limits{ChunkBytes: 1, InFlightBytes: 1500})
	s := r.session(1, 1)
	r.ask(1, put(s, 1, 1, "a", "v"))
	r.ask(1, put(s, 2, 2, "b", strings.Repeat("v", 2000)))
	m := shard(s, 3, delegation.All, 2)
	m.Rate = marshal.RateUnlimited
	r.ask(1, m)
	r.delegateInFlight(1) // and lost: nothing is acknowledged
	r.Tick(1)
	r.Net = nil
	r.ask(1, put(s, 4, 4, "b", "v"))
	r.Now += 600 * kv.Millisecond
	for range 10 {
		r.Tick(1)
	}
	if move := r.Node(1).Host.State().Moves[1]; move.Chunks != 2 {
		t.Errorf("%d chunks are sent; the second entry is small enough by now", move.Chunks)
	}
}

// A session ends in its time, also where a request of it is held.
func TestASessionWithAHeldRequestExpires(t *testing.T) {
	r := newRig(t, 2, kv.Limits{SessionIdle: 5 * kv.Second, HoldTime: 60 * kv.Second})
	s := r.session(2, 1)
	m := get(s, 1, "k")
	m.Hint = marshal.Hint{Sender: 1, Incarnation: r.Node(1).Host.State().Incarnation, Seqno: 1}
	if answers := r.ask(2, m); len(answers) != 0 {
		t.Fatalf("answered, not held: %+v", answers[0])
	}
	r.Now += 6 * kv.Second
	r.instant()
	if r.Node(2).Host.State().Sessions[s] != nil {
		t.Error("the session is still open")
	}
}

// A page ends where the next entry would make it longer than the request or the host
// wants, keys counted, and values where they are asked for.
func TestPagesAreBoundedInBytes(t *testing.T) {
	const keyBytes = 1000
	for _, c := range []struct {
		page, asked int
		value       string
		mode        marshal.ScanMode
		keys        uint64
	}{
		{page: 1 << 20, asked: 3000, keys: 2},
		{page: 3000, asked: 1 << 20, keys: 2},
		{page: 3000, keys: 2},
		{page: 3000, mode: marshal.ScanKeys, value: strings.Repeat("v", 3000), keys: 2},
		{page: 3000, value: strings.Repeat("v", 3000), keys: 1},
		{page: 1 << 20, keys: 4},
		{page: 1, mode: marshal.ScanCount, keys: 4},
	} {
		r := newRig(t, 1, kv.Limits{PageBytes: c.page})
		s := r.session(1, 1)
		for i := range 4 {
			key := delegation.Key(strings.Repeat(string(rune('a'+i)), keyBytes))
			r.ask(1, put(s, uint64(i+1), uint64(i+1), key, c.value))
		}
		m := one[*marshal.ScanReply](r, r.ask(1, &marshal.ScanRequest{
			RequestHeader: head(s, 1<<32), Range: delegation.All, Mode: c.mode, MaxBytes: uint32(c.asked),
		}))
		if m.Keys != c.keys || (m.Covered == delegation.All) != (c.keys == 4) {
			t.Errorf("%+v: a page of %d keys, want %d", c, m.Keys, c.keys)
		}
	}
}
