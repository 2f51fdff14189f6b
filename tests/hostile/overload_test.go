//go:build unix

package hostile_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ironkv/delegation"
	"ironkv/kv/client"
	"ironkv/marshal"
)

// loadClients is how many clients, each with a socket, offer the load.
const loadClients = 16

// load is callers in a closed loop, spread over some clients.
type load struct {
	clients []*client.Client
	// refused counts what a host refused as overloaded, repeated what was sent again.
	refused, repeated atomic.Int64
}

// newLoad makes the clients, each with so much patience per call. A deadline of its own for each
// call would cost the callers' process more than the call does.
func newLoad(b *besieged, timeout time.Duration) *load {
	b.Helper()
	l := &load{}
	for range loadClients {
		db, err := client.Dial(b.Context(), b.hosts.Addrs(), client.WithTimeout(timeout), client.WithObserver(client.Observer{
			Repeated: func(client.HostID) { l.repeated.Add(1) },
			Refused: func(_ client.HostID, reason marshal.RefusalReason) {
				if reason == marshal.Overloaded {
					l.refused.Add(1)
				}
			},
		}))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = db.Close() })
		l.clients = append(l.clients, db)
	}
	return l
}

// answers is what came of a load.
type answers struct {
	perSecond, perProcessorSecond float64       // of the clock, and of what host 1 used of a processor
	p99                           time.Duration // how long the slowest hundredth took at least
}

// offer lets as many callers read and write for a time. What counts is between their
// coming and their going, which take the longer the more they are.
func (l *load) offer(b *besieged, callers int) answers {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	var all sync.WaitGroup
	var mu sync.Mutex
	var took []time.Duration
	var counts atomic.Bool
	for i := range callers {
		all.Go(func() {
			db, key, mine := l.clients[i%loadClients], fmt.Appendf(nil, "load %d", i), []time.Duration(nil)
			for n := 0; ctx.Err() == nil; n++ {
				start := time.Now()
				var err error
				if n%4 == 0 {
					_, err = db.Put(b.Context(), key, []byte("value"))
				} else {
					_, err = db.Get(b.Context(), key)
				}
				var none *client.NoAnswerError
				switch {
				case err == nil, errors.Is(err, client.ErrNotFound):
					if counts.Load() {
						mine = append(mine, time.Since(start))
					}
				case !errors.As(err, &none) || none.Refused && none.Reason != marshal.Overloaded:
					b.Errorf("an error that does not say that the host is overloaded or silent: %v", err)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, mine...)
		})
	}
	time.Sleep(partTime() / 4)
	counts.Store(true)
	began, used := time.Now(), b.processorTime(0)
	time.Sleep(partTime())
	counts.Store(false)
	lasted, processor := time.Since(began), max(b.processorTime(0)-used, time.Millisecond)
	cancel()
	all.Wait()
	if len(took) == 0 {
		return answers{}
	}
	slices.Sort(took)
	n := float64(len(took))
	return answers{n / lasted.Seconds(), n / processor.Seconds(), took[len(took)*99/100]}
}

// Ten times as many callers as bring a host to its peak, and far more than its queue
// holds, get at least four fifths of the peak's answers, by the clock and for each second of
// the host's processor, and those in time; whoever gets none is told why; memory is bounded. Both
// are measured warm, in turns.
//
// The callers are of one process, which takes two to four times as much of the processors that
// it shares with the host, and more for each answer the more callers there are, since their stacks
// are in no cache. [TestOpenLoopOverload] has a load that costs little to make, and that is sure to
// have requests refused: all of these callers may be answered within what the host lets them wait.
func TestOverload(t *testing.T) {
	b := besiege(t, 0)
	l := newLoad(b, 2*time.Second)
	const enough = 1024
	n := 1
	if *long > 0 {
		n = rounds
		l.offer(b, enough)
		l.offer(b, 10*enough)
	}
	t.Log("| callers | answers/s | answers/s of the host's processor | p99 |")
	var kept, worth, late []float64
	for range n {
		peak, over := l.offer(b, enough), l.offer(b, 10*enough)
		for i, a := range []answers{peak, over} {
			t.Logf("| %d | %.0f | %.0f | %v |", enough*(1+9*i), a.perSecond, a.perProcessorSecond, a.p99.Round(time.Millisecond))
		}
		if peak.perSecond == 0 || over.perSecond == 0 {
			t.Error("nothing was answered")
		}
		kept = append(kept, over.perSecond/max(peak.perSecond, 1))
		worth = append(worth, over.perProcessorSecond/max(peak.perProcessorSecond, 1))
		late = append(late, over.p99.Seconds())
	}
	memory := b.peakMemory(0)
	t.Logf("%.0f %% of the peak by the clock, %.0f %% by the host's processor; %d requests were sent again, %d refused; host 1 took at most %d MiB",
		100*median(kept), 100*median(worth), l.repeated.Load(), l.refused.Load(), memory>>20)
	if memory > memoryBound {
		t.Errorf("host 1 took %d MiB, more than %d", memory>>20, memoryBound>>20)
	}
	if *long > 0 {
		if median(worth) < 0.8 || median(kept) < 0.8 {
			t.Errorf("goodput fell to %.0f %% of the peak for the host's processor time, to %.0f %% by the clock", 100*median(worth), 100*median(kept))
		}
		b.prompt(late)
	}
	if _, err := b.work.db.Audit(t.Context()); err != nil {
		t.Error(err)
	}
}

// lateness is after how long, at most, all but a hundredth of the answers come under overload: ten
// times what a request waits for at the host before it is refused, since it waits in sockets, too, and
// whoever waits for the answer shares the host's processors.
const lateness = time.Second

// prompt asserts of several measurements of that hundredth, in seconds, that most are within bounds.
func (b *besieged) prompt(late []float64) {
	b.Helper()
	if l := median(late); l > lateness.Seconds() {
		b.Errorf("a hundredth of the answers came after more than %.1f s", l)
	}
}

// An open loop: requests are sent without regard to answers, far more than one source
// may have waiting. The honest client beside it is answered each time, and the answers
// to the flooder that are not read are none of the host's concern.
func TestOpenLoopHarmsOnlyItself(t *testing.T) {
	b := besiege(t, 1)
	a := b.attackers[0]
	ctx, cancel := context.WithCancel(t.Context())
	var sending sync.WaitGroup
	sending.Go(func() {
		var requests []marshal.Message
		for n := range uint64(20) {
			requests = append(requests, &marshal.GetRequest{
				RequestHeader: marshal.RequestHeader{Session: a.opened[0].Session, Number: 1<<31 + n}, Key: "attacker 1",
			})
		}
		d := a.envelope(requests...)
		for ctx.Err() == nil {
			_, _ = a.probes[0].conn.Write(d)
		}
	})
	increments := b.work.run(t, partTime())
	cancel()
	sending.Wait()
	t.Logf("%d increments beside the open loop", increments)
	if increments == 0 {
		t.Error("the honest were not served")
	}
	b.conclude()
}

// A reader who stops in the middle of a scan holds nothing up.
func TestASlowReaderHoldsNothingUp(t *testing.T) {
	b := besiege(t, 0)
	for i := range 50 {
		if _, err := b.work.db.Put(t.Context(), fmt.Appendf(nil, "page %02d", i), make([]byte, 100_000)); err != nil {
			t.Fatal(err)
		}
	}
	read := 0
	for e, err := range b.work.db.Scan(t.Context(), delegation.All) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Key[0] != 'p' {
			continue
		}
		if read++; read == 1 || read == 25 {
			if b.work.run(t, short/5) == 0 {
				t.Error("nobody is served while a scan is read slowly")
			}
		}
	}
	if read != 50 {
		t.Errorf("the scan has %d of 50 entries", read)
	}
	b.work.check(t)
}
