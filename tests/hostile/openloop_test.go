//go:build unix

package hostile_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ironkv/marshal"
	"ironkv/udp"
)

const (
	// askers is how many clients ask without regard to answers, and burst how many
	// requests each sends at once: what one client has under way at a time.
	askers = 32
	burst  = 128
)

// An openLoop asks at a rate that no answer changes. The number of a read tells when it
// was sent: nothing else is remembered of it.
type openLoop struct {
	probes    []*probe
	datagrams [][]byte // of each asker, made once: to ask must cost less than to answer
	numbers   [][]int  // where the requests' numbers lie in it
	began     time.Time
	mu        sync.Mutex
	took      []time.Duration // of those that were answered
	refused   atomic.Int64    // as overloaded
}

func newOpenLoop(b *besieged) *openLoop {
	b.Helper()
	o := &openLoop{began: time.Now()}
	const mark = 0x8123456789ABCDEF
	for i := range askers {
		p := newProbe(b, b.addrs[0])
		_ = p.conn.SetReadBuffer(4 << 20)
		m := marshal.Append(nil, &marshal.GetRequest{
			Key: "asked for", RequestHeader: marshal.RequestHeader{Session: p.session().Session, Number: mark},
		})
		d := sealed(uint64(i)+1, bytes.Repeat(append(binary.AppendUvarint([]byte{frameMessage}, uint64(len(m))), m...), burst))
		var at []int
		for from, sign := 0, binary.BigEndian.AppendUint64(nil, mark); ; from++ {
			next := bytes.Index(d[from:], sign)
			if next < 0 {
				break
			}
			from += next
			at = append(at, from)
		}
		if len(at) != burst {
			b.Fatalf("%d numbers in %d requests", len(at), burst)
		}
		o.probes, o.datagrams, o.numbers = append(o.probes, p), append(o.datagrams, d), append(o.numbers, at)
	}
	return o
}

// datagram returns the requests of an asker at this moment.
func (o *openLoop) datagram(asker int) []byte {
	d, number := o.datagrams[asker], 1<<63+uint64(time.Since(o.began))
	for _, at := range o.numbers[asker] {
		binary.BigEndian.PutUint64(d[at:], number)
	}
	binary.LittleEndian.PutUint32(d[1:], crc32.Checksum(d[5:], castagnoli))
	return d
}

// send sends so many requests per second until ctx ends, and returns how many it sent.
func (o *openLoop) send(ctx context.Context, rate float64) (sent int) {
	for began := time.Now(); ctx.Err() == nil; {
		for due := int(rate * time.Since(began).Seconds()); sent < due && ctx.Err() == nil; sent += burst {
			i := sent / burst % askers
			_, _ = o.probes[i].conn.Write(o.datagram(i))
		}
		time.Sleep(time.Millisecond)
	}
	return sent
}

// listen takes what comes back to one source, until its socket's deadline.
func (o *openLoop) listen(source int) {
	t, buf := udp.NewTransport(udp.Config{Nonce: 1}), make([]byte, 1<<16)
	var decoder marshal.Decoder
	var took []time.Duration
	for {
		n, src, err := o.probes[source].conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.took = append(o.took, took...)
			return
		}
		t.Receive(0, src, buf[:n], func(_ netip.AddrPort, msg []byte) {
			switch m, _ := decoder.Decode(msg); m := m.(type) {
			case *marshal.GetReply:
				took = append(took, time.Since(o.began)-time.Duration(m.Number-1<<63))
			case *marshal.Refusal:
				if m.Reason == marshal.Overloaded {
					o.refused.Add(1)
				}
			}
		})
	}
}

// offered is what came of asking at some rate.
type offered struct {
	asked, answered, refused float64 // per second
	p99                      time.Duration
}

// offer asks at a rate for a time.
func (o *openLoop) offer(b *besieged, rate float64) offered {
	b.Helper()
	for range 3 { // by when what waits at the host from before has been answered or refused
		if _, err := b.work.db.Get(b.Context(), []byte("asked for")); err != nil {
			b.Fatal(err)
		}
	}
	for _, p := range o.probes {
		_ = p.conn.SetReadDeadline(time.Time{})
		p.received()
	}
	d := partTime()
	ctx, cancel := context.WithTimeout(b.Context(), d)
	defer cancel()
	o.took, o.refused = nil, atomic.Int64{}
	var listening sync.WaitGroup
	for i, p := range o.probes {
		_ = p.conn.SetReadDeadline(time.Now().Add(d + d/4))
		listening.Go(func() { o.listen(i) })
	}
	sent := o.send(ctx, rate)
	listening.Wait()
	if len(o.took) == 0 {
		return offered{}
	}
	slices.Sort(o.took)
	perSecond := func(n int) float64 { return float64(n) / d.Seconds() }
	return offered{perSecond(sent), perSecond(len(o.took)), perSecond(int(o.refused.Load())), o.took[len(o.took)*99/100]}
}

// Ten times as many requests as a host can answer arrive, whether it answers or not: it answers
// four fifths of what it can do at best, those that it answers have not waited for long, and of those
// that it does not it tells some that it is overloaded.
func TestOpenLoopOverload(t *testing.T) {
	b := besiege(t, 0)
	o := newOpenLoop(b)
	if _, err := b.work.db.Put(t.Context(), []byte("asked for"), make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	n := 1
	if *long > 0 {
		n = rounds
	}
	t.Log("| requests/s | answered/s | refused/s | p99 of those answered |")
	var kept, late, refused []float64
	for range n {
		var best offered
		for rate := 40_000.0; rate <= 2_560_000; rate *= 2 {
			if got := o.offer(b, rate); got.answered > best.answered {
				best = got
			}
		}
		over := o.offer(b, 10*best.answered)
		for _, got := range []offered{best, over} {
			t.Logf("| %.0f | %.0f | %.0f | %v |", got.asked, got.answered, got.refused, got.p99.Round(time.Millisecond))
		}
		kept, late = append(kept, over.answered/max(best.answered, 1)), append(late, over.p99.Seconds())
		refused = append(refused, over.refused)
	}
	if *long > 0 {
		if k := median(kept); k < 0.8 {
			t.Errorf("goodput fell to %.0f %% of the peak under overload", 100*k)
		}
		b.prompt(late)
		if median(refused) == 0 {
			t.Error("nobody was told that the host is overloaded")
		}
	}
	b.conclude()
}
