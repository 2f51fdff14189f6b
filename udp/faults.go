package udp

import (
	"container/heap"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"
)

// FaultRates says how bad a network is. Probabilities are from 0 to 1, each per datagram.
type FaultRates struct {
	Drop      float64
	Duplicate float64 // delivered twice, each copy with its own delay
	Truncate  float64 // cut to a random shorter length
	Flip      float64 // one random bit inverted
	Reorder   float64 // held back by a random time up to ReorderBy
	ReorderBy time.Duration
	Delay     time.Duration // every datagram
	Jitter    time.Duration // and a random time up to this
	// MTU drops datagrams of more bytes; zero lets all pass.
	MTU int
}

// Faults is a seeded bad network. Between Transports in a simulation it carries datagrams itself:
// Push them, and Pop what is due. As Config.Faults it disturbs what a Conn sends. The same seed and
// the same calls have the same results. Any goroutine may call any method.
type Faults struct {
	mu      sync.Mutex
	rates   FaultRates
	rng     *rand.Rand
	cut     map[link]bool
	flights faultHeap
	count   uint64 // orders flights of one moment
}

// link is one direction between two addresses; a zero address stands for all.
type link struct{ src, dst netip.AddrPort }

type faultFlight struct {
	due   time.Duration
	order uint64
	src   netip.AddrPort
	dst   netip.AddrPort
	data  []byte
}

type faultHeap []faultFlight

func (h faultHeap) Len() int { return len(h) }
func (h faultHeap) Less(i, j int) bool {
	return h[i].due < h[j].due || h[i].due == h[j].due && h[i].order < h[j].order
}
func (h faultHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *faultHeap) Push(v any)   { *h = append(*h, v.(faultFlight)) }
func (h *faultHeap) Pop() any {
	old := *h
	v := old[len(old)-1]
	old[len(old)-1] = faultFlight{}
	*h = old[:len(old)-1]
	return v
}

// NewFaults returns a network with the given rates.
func NewFaults(seed uint64, rates FaultRates) *Faults {
	return &Faults{rates: rates, rng: rand.New(rand.NewPCG(seed, seed^0x9E3779B97F4A7C15)), cut: make(map[link]bool)}
}

// Set changes the rates for what is pushed from now on; the zero value heals.
func (f *Faults) Set(rates FaultRates) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rates = rates
}

// Partition cuts or mends the way from src to dst; the other way is another matter. A zero address
// stands for every address; what is cut for all is mended for all.
func (f *Faults) Partition(src, dst netip.AddrPort, cut bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if l := (link{unmap(src), unmap(dst)}); cut {
		f.cut[l] = true
	} else {
		delete(f.cut, l)
	}
}

// A Fate is what a network does to a datagram: it drops it, delivers it twice, delivers
// damaged what it delivers, or late.
type Fate struct{ Dropped, Doubled, Damaged, Late bool }

// Push gives a datagram to the network, which keeps a copy.
func (f *Faults) Push(now time.Duration, src, dst netip.AddrPort, datagram []byte) (fate Fate) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := &f.rates
	src, dst = unmap(src), unmap(dst)
	var all netip.AddrPort
	if f.cut[link{src, dst}] || f.cut[link{all, dst}] || f.cut[link{src, all}] || f.cut[link{all, all}] {
		return Fate{Dropped: true}
	}
	if r.MTU > 0 && len(datagram) > r.MTU || f.chance(r.Drop) {
		return Fate{Dropped: true}
	}
	copies := 1
	if f.chance(r.Duplicate) {
		copies, fate.Doubled = 2, true
	}
	for range copies {
		data := append([]byte(nil), datagram...)
		if f.chance(r.Truncate) && len(data) > 0 {
			data, fate.Damaged = data[:f.rng.IntN(len(data))], true
		}
		if f.chance(r.Flip) && len(data) > 0 {
			data[f.rng.IntN(len(data))] ^= 1 << f.rng.IntN(8)
			fate.Damaged = true
		}
		due := now + r.Delay + f.upTo(r.Jitter)
		if f.chance(r.Reorder) {
			due += f.upTo(r.ReorderBy)
		}
		fate.Late = fate.Late || due > now
		f.count++
		heap.Push(&f.flights, faultFlight{due, f.count, src, dst, data})
	}
	return fate
}

func (f *Faults) chance(p float64) bool { return p > 0 && f.rng.Float64() < p }

func (f *Faults) upTo(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(f.rng.Int64N(int64(d) + 1))
}

// Pop takes out the next datagram that is due; ok is false when there is none.
func (f *Faults) Pop(now time.Duration) (src, dst netip.AddrPort, datagram []byte, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.flights) == 0 || f.flights[0].due > now {
		return netip.AddrPort{}, netip.AddrPort{}, nil, false
	}
	v := heap.Pop(&f.flights).(faultFlight)
	return v.src, v.dst, v.data, true
}

// Deadline returns when the next datagram is due, and whether there is one.
func (f *Faults) Deadline() (time.Duration, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.flights) == 0 {
		return 0, false
	}
	return f.flights[0].due, true
}

// disturb replaces what is about to be sent by what the faulty network delivers now. The caller
// holds sending.
func (c *Conn) disturb() {
	now := c.Now()
	for i := range c.unsent {
		c.faults.Push(now, c.local, c.unsent[i].dst, c.unsent[i].buf)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.transport.recycle(c.unsent)
	c.unsent = c.unsent[:0]
	for {
		_, dst, data, ok := c.faults.Pop(now)
		if !ok {
			return
		}
		c.unsent = append(c.unsent, outgoing{dst, append(c.transport.pool.get(len(data)), data...)})
	}
}

func (c *Conn) faultsDue(now time.Duration) bool {
	if c.faults == nil {
		return false
	}
	at, ok := c.faults.Deadline()
	return ok && at <= now
}
