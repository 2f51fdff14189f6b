package server

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// quickBench is a bench whose syncs are taken to be quick.
func quickBench(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	b.must() // the first look at the store's room
	b.pipeline.quick = time.Hour
	b.pipeline.syncTime.Store(1)
	return b
}

// The loop waits for a quick sync by itself, and its outputs leave in the same
// turn, but not before.
func TestQuickSyncIsAwaitedByTheLoop(t *testing.T) {
	b := quickBench(t)
	pending := newPending()
	b.store.commits = []commitResult{{pending: pending}, {}}
	b.socket.put(clientAddr, set(1), get(2))
	turned := make(chan error)
	go func() { turned <- b.turn() }()
	<-pending.waiting
	if sent := b.socket.taken(); len(sent) != 0 {
		t.Fatalf("sent %v before the sync", numbers(sent))
	}
	pending.result <- nil
	if err := <-turned; err != nil {
		t.Fatal(err)
	}
	if got, want := numbers(b.socket.taken()), []uint64{1, 2}; !slices.Equal(got, want) {
		t.Fatalf("sent %v, want %v", got, want)
	}
	b.socket.put(clientAddr, get(3))
	b.must()
	if got, want := numbers(b.socket.taken()), []uint64{3}; !slices.Equal(got, want) {
		t.Fatalf("sent %v, want %v", got, want)
	}
}

func TestFailedQuickSyncStopsAndNothingLeaves(t *testing.T) {
	b := quickBench(t)
	pending, broken := newPending(), errors.New("input/output error")
	b.store.commits = []commitResult{{pending: pending}}
	b.socket.put(clientAddr, set(1))
	turned := make(chan error)
	go func() { turned <- b.turn() }()
	pending.result <- broken
	if err := <-turned; !errors.Is(err, ErrSync) || !errors.Is(err, broken) {
		t.Fatalf("turn with a failed sync: %v, want ErrSync and the cause", err)
	}
	b.socket.put(clientAddr, get(2))
	if err := b.turn(); !errors.Is(err, ErrSync) {
		t.Fatalf("turn after a failed sync: %v", err)
	}
	if sent := b.socket.taken(); len(sent) != 0 {
		t.Fatalf("sent %v after a sync had failed", numbers(sent))
	}
}

// Slow syncs are left to the sender, and so is what comes behind a batch that is.
func TestSlowSyncIsLeftToTheSender(t *testing.T) {
	b := quickBench(t)
	b.sender()
	b.pipeline.syncTime.Store(int64(2 * time.Hour))
	first, second := newPending(), newPending()
	b.store.commits = []commitResult{{pending: first}, {pending: second}}
	b.socket.put(clientAddr, set(1))
	b.must() // returns
	b.pipeline.syncTime.Store(1)
	b.socket.put(clientAddr, set(2))
	b.must() // returns, too
	second.result <- nil
	first.result <- nil
	for range 2 {
		<-b.socket.sending
	}
	if got, want := numbers(b.socket.taken()), []uint64{1, 2}; !slices.Equal(got, want) {
		t.Fatalf("sent %v, want %v", got, want)
	}
}

// One slow sync is remembered for a while, an unknown one is not taken to be quick.
func TestPrompt(t *testing.T) {
	b := quickBench(t)
	p := b.pipeline
	p.quick = time.Minute
	await := func() {
		pending := newPending()
		pending.result <- nil
		if err := p.settle(&outbox{pending: pending}); err != nil {
			t.Fatal(err)
		}
	}
	p.syncTime.Store(0)
	if p.prompt() {
		t.Error("nothing was synced yet")
	}
	p.syncTime.Store(int64(2 * time.Minute))
	await()
	if p.prompt() {
		t.Error("a slow sync is forgotten at once")
	}
	for range 100 {
		await()
	}
	if !p.prompt() {
		t.Error("a slow sync is remembered for ever")
	}
	p.underWay.Add(1)
	if p.prompt() {
		t.Error("a batch is under way")
	}
}
