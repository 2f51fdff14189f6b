package server

import (
	"errors"
	"net/netip"
	"sync/atomic"
	"time"

	"ironkv/udp"
)

// PipelineDepth is the greatest number of batches whose syncs are awaited at one
// time. The store's log syncs all that wait at once, so few are enough to keep it
// busy, and the bound keeps their outputs' memory small.
const PipelineDepth = 32

// quickSync is how long the loop at most waits for a sync by itself, deaf meanwhile.
// It answers all who asked at one moment with one sync, and wakes no other goroutine;
// who comes meanwhile waits for this sync in any case.
const quickSync = 2 * time.Millisecond

// pipeline sends batches in order, each when it and all before it are durable:
// the rule of group commit: outputs of every kind leave in batch order.
//
// The loop's goroutine calls next, idle and queue; run is the sender's. An outbox
// belongs to one of them at a time and travels by the two channels.
type pipeline struct {
	socket socket
	paths  paths
	// observer is set before run.
	observer Observer
	queued   chan *outbox
	free     chan *outbox
	// underWay counts the batches that are queued and not sent.
	underWay atomic.Int32
	// starved says that the loop found no free outbox and wants to be woken.
	starved atomic.Bool
	// muted says that nothing may leave any more.
	muted  atomic.Bool
	failed atomic.Pointer[error]
	done   chan struct{}
	// quick is quickSync, and syncTime how long the latest sync took, or what a longer
	// one before has faded to; zero before the first.
	quick    time.Duration
	syncTime atomic.Int64
	sends    sendCounts
	choked   choked
}

func newPipeline(s socket) *pipeline {
	p := &pipeline{
		socket:   s,
		paths:    paths{},
		observer: nobody{},
		queued:   make(chan *outbox, PipelineDepth),
		free:     make(chan *outbox, PipelineDepth+1),
		done:     make(chan struct{}),
		quick:    quickSync,
	}
	for range PipelineDepth + 1 {
		p.free <- new(outbox)
	}
	return p
}

// next returns an outbox for the next batch, or nil where the greatest number of
// batches is under way; then the socket is woken once there is one. With wait it
// waits for one instead.
func (p *pipeline) next(wait bool) *outbox {
	if wait {
		return <-p.free
	}
	select {
	case o := <-p.free:
		return o
	default:
	}
	// The sender frees, then looks at the flag; so after setting it one look more
	// is needed, and enough.
	p.starved.Store(true)
	select {
	case o := <-p.free:
		p.starved.Store(false)
		return o
	default:
		return nil
	}
}

// idle reports whether every batch that was queued is durable and sent.
func (p *pipeline) idle() bool { return p.underWay.Load() == 0 }

// queue hands a batch over, to be sent in its turn. It never blocks: there are
// no more outboxes than places.
func (p *pipeline) queue(o *outbox) {
	p.underWay.Add(1)
	p.queued <- o
}

// failure returns the error of the first sync that failed.
func (p *pipeline) failure() error {
	if err := p.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// run waits for and sends the queued batches until close.
func (p *pipeline) run() {
	defer close(p.done)
	for o := range p.queued {
		if p.settle(o) != nil {
			p.socket.Wake()
		}
		if p.failed.Load() == nil {
			p.transmit(o)
			p.underWay.Add(-1) // never after a failure: nothing overtakes what failed
		}
		o.reset()
		p.free <- o
		if p.starved.CompareAndSwap(true, false) {
			p.socket.Wake()
		}
	}
}

func (p *pipeline) await(o *outbox) error {
	if o.pending == nil {
		return nil
	}
	began := time.Now()
	if err := o.pending.Wait(); err != nil {
		return errors.Join(ErrSync, err)
	}
	before := p.syncTime.Load()
	p.syncTime.Store(max(int64(time.Since(began)), before-before/8, 1))
	if p.failed.Load() == nil { // else an earlier batch may be missing
		p.observer.Durable(o.step)
	}
	return nil
}

// prompt reports whether the next sync is expected to be quick, and no batch is
// under way.
func (p *pipeline) prompt() bool {
	t := time.Duration(p.syncTime.Load())
	return t > 0 && t < p.quick && p.idle()
}

// settle waits until o is durable. After a failure nothing leaves any more.
func (p *pipeline) settle(o *outbox) error {
	err := p.await(o)
	if err != nil {
		p.muted.Store(true)
		p.failed.CompareAndSwap(nil, &err)
		return err
	}
	o.pending = nil
	return nil
}

// close ends run when it has sent what is queued.
func (p *pipeline) close() {
	close(p.queued)
	<-p.done
}

// transmit sends a batch that is durable. What the socket does not take is
// counted and counts as lost on the way.
func (p *pipeline) transmit(o *outbox) {
	if p.muted.Load() || len(o.list) == 0 {
		return
	}
	start := 0
	for i := range o.list {
		d := &o.list[i]
		if d.proven {
			p.welcome(d.dst)
		}
		err := p.socket.Send(d.dst, o.buf[start:d.end], d.mode)
		if errors.Is(err, udp.ErrBacklog) {
			p.choked.note(d.dst)
		}
		p.sends.count(err)
		start = d.end
	}
	p.sends.count(p.socket.Flush())
}

// welcome has an address that has proven itself treated as a client's. It is not
// called while a batch is being transmitted elsewhere.
func (p *pipeline) welcome(addr netip.AddrPort) {
	if !addr.IsValid() {
		return
	}
	p.socket.Classify(addr, udp.Client)
	p.socket.SetDatagram(addr, p.paths.datagram(addr))
}

// maxPaths bounds how many routes are remembered.
const maxPaths = 1024

// paths remembers what udp.PathMTU said of a route, for asking takes several
// system calls. A route that shrinks later is found out by the transport.
type paths map[netip.Addr]int

func (p paths) datagram(addr netip.AddrPort) int {
	size, ok := p[addr.Addr()]
	if !ok {
		if len(p) >= maxPaths {
			clear(p)
		}
		size = udp.PathMTU(addr)
		p[addr.Addr()] = size
	}
	return size
}
