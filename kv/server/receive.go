package server

import (
	"errors"
	"fmt"
	"net"
	"os"

	"ironkv/kv"
	"ironkv/marshal"
)

// receive takes what has arrived into the inbox. It blocks only where there is
// nothing to do, and leaves to the socket what exceeds [MaxBacklogBytes] or would
// keep it from stepping: what the socket drops costs nothing, what is taken and
// cannot be answered costs as much as an answer.
func (l *loop) receive() error {
	n, err := l.await()
	l.arrived = n > 0
	receives := 1
	for err == nil && receives < maxReceives && l.inbox.front.len() < maxBatchSteps && n >= busyDatagrams && l.inbox.bytes() < MaxBacklogBytes {
		n, err = l.socket.TryReceive(l.deliver)
		receives++
	}
	switch {
	case err == nil, errors.Is(err, os.ErrDeadlineExceeded):
		return nil
	case errors.Is(err, net.ErrClosed):
		return ErrClosed
	}
	return fmt.Errorf("receive datagrams: %w", err)
}

// await receives once. While the pipeline is full it goes on receiving until a
// batch has been sent, or the backlog's bound is reached as well.
func (l *loop) await() (int, error) {
	full := l.inbox.bytes() >= MaxBacklogBytes
	if l.out == nil {
		l.out = l.pipeline.next(full)
	}
	switch {
	case full:
		return 0, nil
	case l.out == nil:
		l.socket.Linger(false)
		return l.socket.Receive(l.watch.never(), l.deliver)
	case l.fullBatch && l.inbox.front.len() >= maxBatchSteps:
		return 0, nil // the next one is there as well
	}
	due := l.deadline()
	if !l.inbox.empty() || due <= l.watch.last {
		return l.socket.TryReceive(l.deliver)
	}
	for l.store.Tidy() {
		if n, err := l.socket.TryReceive(l.deliver); n > 0 || err != nil {
			return n, err
		}
	}
	wait := due - l.watch.last
	l.socket.Linger(l.pipeline.idle() && (wait >= lingerLeast || wait > 2*l.pace.gap))
	n, err := l.socket.Receive(l.watch.at(due), l.deliver)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		// A deadline that had passed before the call took nothing from the
		// socket; timers in close order must not starve receiving.
		return l.socket.TryReceive(l.deliver)
	}
	return n, err
}

// A pace is how often something arrives.
type pace struct {
	at  kv.Time // when it did last
	gap kv.Time // how long that takes from one time to the next, the latest ones counting most
}

func (p *pace) note(at kv.Time) {
	p.gap += (at - p.at - p.gap) / 4
	p.at = at
}

// deadline is when the loop has something to do though nothing arrives.
func (l *loop) deadline() kv.Time {
	due := min(l.nextRoom, l.report.nextWord)
	if d, ok := l.machine.Deadline(); ok {
		due = min(due, d)
	}
	if !l.inbox.long.empty() {
		due = min(due, l.inbox.debts.due())
	}
	return due
}

// room asks the store how many bytes it can still take in. A store that cannot
// say has none to promise.
func (l *loop) room() uint64 {
	room, err := l.store.Room()
	if err != nil {
		l.report.log.Warn("cannot tell how much room is left; refusing writes until it is known", "error", err)
		return 0
	}
	return room
}

// admit turns a message that arrived into a packet for the machine. It reports
// false for bytes that are no message, and for requests that come too late, or whose
// answers nobody takes.
func (l *loop) admit(now kv.Time, a arrival, bytes []byte) (kv.Packet, bool) {
	m, err := l.decoder.Decode(bytes)
	if err != nil {
		l.stats.malformed(err)
		return kv.Packet{}, false
	}
	self := kv.Endpoint{Host: l.me}
	if a.host != 0 {
		return kv.Packet{Dst: self, Src: kv.Endpoint{Host: a.host}, Msg: m}, true
	}
	if l.pipeline.choked.has(now, a.src) && marshal.IsRequest(bytes) {
		l.inbox.crowded++ // since it came
		l.notices.note(a.src, bytes)
		return kv.Packet{}, false
	}
	packet := kv.Packet{Dst: self, Src: kv.Endpoint{Client: a.src}, Msg: m}
	if now-a.at > MaxWait || l.inbox.bytes() > ShedBytes {
		if header, ok := sheddable(m); ok {
			l.stats.Shed++
			l.out.refuse(packet, header, l.observer)
			return kv.Packet{}, false
		}
	}
	return packet, true
}

// sheddable returns the header of a read or a write, which may be refused under
// overload; orders, sessions and questions about the host's state are few, and
// are what an overloaded cluster is mended with.
func sheddable(m marshal.Message) (marshal.RequestHeader, bool) {
	//nolint:gochecksumtype // the rest is all alike here: it is not shed
	switch m := m.(type) {
	case *marshal.GetRequest:
		return m.RequestHeader, true
	case *marshal.SetRequest:
		return m.RequestHeader, true
	case *marshal.ScanRequest:
		return m.RequestHeader, true
	}
	return marshal.RequestHeader{}, false
}
