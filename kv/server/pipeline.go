package server

import (
	"errors"
	"net/netip"
	"sync/atomic"

	"ironkv/udp"
)

// PipelineDepth is the greatest number of batches whose syncs are awaited at one
// time. The store's log syncs all that wait at once, so few are enough to keep it
// busy, and the bound keeps their outputs' memory small.
const PipelineDepth = 32

// pipeline sends batches in order, each when it and all before it are durable:
// the rule of group commit (DESIGN: outputs of every kind leave in batch order).
//
// The loop's goroutine calls next, idle and queue; run is the sender's. An outbox
// belongs to one of them at a time and travels by the two channels.
type pipeline struct {
	socket socket
	paths  paths
	queued chan *outbox
	free   chan *outbox
	// underWay counts the batches that are queued and not sent.
	underWay atomic.Int32
	// starved says that the loop found no free outbox and wants to be woken.
	starved atomic.Bool
	// muted says that nothing may leave any more.
	muted  atomic.Bool
	failed atomic.Pointer[error]
	done   chan struct{}
	sends  sendCounts
	choked choked
}

func newPipeline(s socket) *pipeline {
	p := &pipeline{
		socket: s,
		paths:  paths{},
		queued: make(chan *outbox, PipelineDepth),
		free:   make(chan *outbox, PipelineDepth+1),
		done:   make(chan struct{}),
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
		if err := p.await(o); err != nil {
			p.muted.Store(true)
			p.failed.CompareAndSwap(nil, &err)
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
	if err := o.pending.Wait(); err != nil {
		return errors.Join(ErrSync, err)
	}
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
