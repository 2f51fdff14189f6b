//go:build unix

package hostile_test

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"ironkv/marshal"
)

// While more clients than the memory for long messages has places for begin the longest and
// finish none, and ask for long answers and take none, others' long values are written and read.
func TestLongValuesAmongTheGreedy(t *testing.T) {
	const many = 20
	const trickle = 20 * time.Millisecond // the attack's pace: what is begun is kept alive, and is no flood
	b := besiege(t, 0)
	a := &attacker{}
	for range many {
		p := newProbe(t, b.addrs[0])
		a.probes, a.opened = append(a.probes, p), append(a.opened, p.session())
	}
	ctx, cancel := context.WithCancel(t.Context())
	var attacking sync.WaitGroup
	begun := make(chan struct{})
	attacking.Go(func() {
		for n := uint64(1); ctx.Err() == nil; n++ {
			for i, p := range a.probes {
				_, _ = p.conn.Write(sealed(1, fragment(1, 0, marshal.MaxMessageBytes, 7, make([]byte, 100))))
				_, _ = p.conn.Write(sealed(1, message(&marshal.GetRequest{
					RequestHeader: marshal.RequestHeader{Session: a.opened[i].Session, Number: 1<<31 + n}, Key: "large",
				})))
			}
			if n == many {
				close(begun)
			}
			time.Sleep(trickle)
		}
	})
	<-begun
	want := bytes.Repeat([]byte("long"), 256<<10)
	began := time.Now()
	for i := range 5 {
		key := fmt.Appendf(nil, "honest long %d", i)
		if _, err := b.work.db.Put(ctx, key, want); err != nil {
			t.Fatal(err)
		}
		if e, err := b.work.db.Get(ctx, key); err != nil || !bytes.Equal(e.Value, want) {
			t.Fatalf("%d bytes were read, %v", len(e.Value), err)
		}
	}
	t.Logf("five values of 1 MiB are written and read in %v", time.Since(began).Round(time.Millisecond))
	cancel()
	attacking.Wait()
	if peak := b.peakMemory(0); peak > memoryBound {
		t.Errorf("host 1 took %d MiB, more than %d", peak>>20, memoryBound>>20)
	}
}
