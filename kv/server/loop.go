package server

import (
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/kv/store"
	"ironkv/marshal"
	"ironkv/udp"
)

// Bounds of a batch, of what waits, and of the loop's own timers.
const (
	// maxBatchSteps is the greatest number of packets in a batch: a few
	// milliseconds of work, so that nobody's reply waits long for others' steps.
	maxBatchSteps = 1024
	// warmKeys is for how many requests the store is warmed at a time, few enough
	// that they are still in the processor's cache when their turn comes, and
	// warmLeast from how many on it is: BenchmarkWarm of kv/store.
	warmKeys  = 64
	warmLeast = 8
	// maxBatchBytes is the soft size of a batch's outputs, in bytes.
	maxBatchBytes = 8 << 20
	// maxTimerSteps is the greatest number of timer steps in a batch, so that they do
	// not starve receiving, and as many as there may be holds are soon ended: each costs
	// what a request does. Of those that cut a chunk of a move, or send delegates again,
	// there are at most maxMoveSteps.
	maxTimerSteps = maxBatchSteps / 4
	maxMoveSteps  = 4
	// busyDatagrams is how many datagrams one receive brings where more may wait.
	busyDatagrams = 8
	// maxReceives is how often a turn receives at most: about as many datagrams as
	// a batch takes, also of a flood of those that hold no message.
	maxReceives = 64
	// lingerLeast is how far away the next timer has to be for the loop to linger at
	// the socket (udp.Conn.Linger), which may make it late. It lingers also where twice the
	// time is left in which something arrives as a rule: a move that yields has a timer all
	// the while, and clients ask meanwhile.
	lingerLeast = 10 * kv.Millisecond
	// MaxWait is how long a client's read or write may wait to be stepped over
	// before it is refused with marshal.Overloaded: well below a client's patience.
	MaxWait = 100 * kv.Millisecond
	// ShedBytes is how many bytes of messages may wait before clients' reads and
	// writes are refused without regard to their age.
	ShedBytes = 32 << 20
	// MaxBacklogBytes is how many bytes of messages may wait before no more is
	// taken from the socket, whose own buffer then fills and drops.
	MaxBacklogBytes = 64 << 20
	// roomInterval is between two looks at how much room the store has; so is
	// roomBytes of messages, whichever comes first: a small part of the reserve
	// (kv.DefaultReserveBytes), so that a fast writer is told before it is full.
	roomInterval = kv.Second
	roomBytes    = 4 << 20
	// MinReserveBytes is the least reserve that is not written past between two looks:
	// twice what comes in meanwhile, since an entry takes more than its message.
	MinReserveBytes = 2 * roomBytes
)

// machine is what the loop needs of *kv.Host.
type machine interface {
	Step(now kv.Time, in kv.Input, out *kv.Effects)
	Deadline() (kv.Time, bool)
	Pressing() (kv.Time, bool)
	Counters() kv.Counters
	Serving() bool
	Waiting() []delegation.HostID
}

// socket is what the loop needs of *udp.Conn.
type socket interface {
	Receive(deadline time.Time, deliver func(src netip.AddrPort, msg []byte)) (int, error)
	TryReceive(deliver func(src netip.AddrPort, msg []byte)) (int, error)
	Wake()
	Linger(alone bool)
	Send(dst netip.AddrPort, msg []byte, mode udp.Mode) error
	Flush() error
	Classify(addr netip.AddrPort, c udp.Class)
	Blame(addr netip.AddrPort)
	SetDatagram(addr netip.AddrPort, bytes int)
}

// loop is the state of the goroutine that steps. Only what is said to be shared
// is touched by others.
type loop struct {
	me       delegation.HostID
	machine  machine
	store    store.Store
	socket   socket
	members  members
	observer Observer
	watch    stopwatch
	report   *reporter
	stopping atomic.Bool // shared: set by whoever stops the server

	decoder  marshal.Decoder
	effects  kv.Effects
	inbox    lanes
	notices  notices
	deliver  func(src netip.AddrPort, msg []byte) // arrive, made once
	pipeline *pipeline
	out      *outbox          // the batch in the making; nil while the pipeline is full
	nextRoom kv.Time          // when the store is asked for its room again
	keys     []delegation.Key // of the requests that come next; shares the inbox's memory
	taken    int              // bytes of messages stepped with since it was asked
	pace     pace             // of turns in which something arrived
	arrived  bool             // in this one
	// fullBatch says that the last batch ended because it had maxBatchSteps.
	fullBatch bool
	// postponed says that the last turn was for those who waited, whatever a move had to do.
	postponed bool
	stats     counts
}

func newLoop(me delegation.HostID, m machine, st store.Store, s socket, mb members) *loop {
	l := &loop{
		me: me, machine: m, store: st, socket: s, members: mb, observer: nobody{},
		watch: newStopwatch(), pipeline: newPipeline(s), inbox: newLanes(mb.ids),
	}
	l.deliver = l.arrive
	return l
}

// arrive takes a message that was received into the inbox, unless it is of a stranger
// too many, or what it asks for could not be answered. Those are blamed for it, but not who
// sends more than may wait: a client of many callers does, when the host is slow.
func (l *loop) arrive(src netip.AddrPort, msg []byte) {
	switch {
	case l.pipeline.choked.has(l.watch.last, src) && marshal.IsRequest(msg):
		l.inbox.crowded++
		l.socket.Blame(src)
	case l.inbox.add(src, msg):
		return
	case l.inbox.stranger(src, msg):
		l.socket.Blame(src)
	}
	l.notices.note(src, msg)
}

// run repeats the main loop until it is told to stop or may not go on.
func (l *loop) run() error {
	for !l.stopping.Load() {
		if err := l.turn(); err != nil {
			return err
		}
	}
	return nil
}

// turn is the paper's main loop: receive, step, commit, send, in this order. The
// clock is read once, between receiving and sending (Common/Framework/Main.s.dfy;
// the reduction obligation of IronFleet, section 3.6).
func (l *loop) turn() error {
	if err := l.receive(); err != nil {
		return err
	}
	now := l.watch.now()
	if l.arrived {
		l.pace.note(now)
	}
	l.inbox.stamp(now)
	l.stats.Crowded = l.inbox.crowded
	if err := l.pipeline.failure(); err != nil {
		return err
	}
	if l.out == nil {
		return nil // every batch that may be under way is: the next one waits
	}
	stepped, err := l.step(now)
	if err != nil {
		return err
	}
	if stepped || len(l.out.list) > 0 {
		if err := l.commit(); err != nil {
			return err
		}
	}
	if err := l.send(); err != nil {
		return err
	}
	if l.inbox.debts.served {
		l.inbox.debts.end(l.watch.now())
	}
	l.report.turn(now, l.machine, l.stats)
	return nil
}

// step steps the machine over a batch, and reports whether it took any step.
func (l *loop) step(now kv.Time) (stepped bool, err error) {
	l.notices.write(now, l.out, l.observer)
	if now >= l.nextRoom || l.taken >= roomBytes {
		l.nextRoom, l.taken = now+roomInterval, 0
		room := l.room()
		l.report.room(now, room)
		if err := l.one(now, kv.Input{Kind: kv.InputRoom, Room: room}, nil); err != nil {
			return true, err
		}
		stepped = true
	}
	l.postponed = !l.postponed && l.inbox.len() > 0
	timed, err := l.timers(now)
	if err != nil {
		return true, err
	}
	received, err := l.packets(now)
	l.inbox.tidy()
	return stepped || timed || received, err
}

// timers takes the steps that are due. Where somebody waits they are those that are pressing,
// but never two turns in a row: replies are not kept until a chunk of a move is cut.
func (l *loop) timers(now kv.Time) (stepped bool, err error) {
	next := l.machine.Deadline
	if l.postponed {
		next = l.machine.Pressing
	}
	for timers, moves := 0, 0; timers < maxTimerSteps && moves < maxMoveSteps && !l.out.full(); timers++ {
		if due, ok := next(); !ok || due > now {
			break
		}
		if err := l.one(now, kv.Input{Kind: kv.InputTimer}, nil); err != nil {
			return true, err
		}
		if a := l.effects.Action; a == kv.ActChunk || a == kv.ActRetransmit {
			moves++
		}
		stepped = true
	}
	return stepped, nil
}

// packets steps over a batch of messages: those of who waits, or a delegate alone. What is
// shed is no step: else more than a batch of it would keep all that follows waiting until it
// is shed as well.
func (l *loop) packets(now kv.Time) (stepped bool, err error) {
	if a, bytes, ok := l.freight(); ok {
		l.fullBatch = false
		return l.packet(now, a, bytes)
	}
	steps := 0
	for seen := 0; steps < maxBatchSteps && !l.out.full(); seen++ {
		if seen%warmKeys == 0 {
			l.warm()
		}
		a, bytes, ok := l.inbox.take()
		if !ok {
			break
		}
		stepped, err := l.packet(now, a, bytes)
		if err != nil {
			return true, err
		}
		if stepped {
			steps++
		}
		if l.inbox.debts.served && len(l.out.buf) >= longBatch {
			break
		}
	}
	l.fullBatch = steps == maxBatchSteps
	return steps > 0, nil
}

// freight takes a delegate, if one is there and it is its turn.
func (l *loop) freight() (a arrival, bytes []byte, ok bool) {
	if l.postponed {
		return a, nil, false
	}
	return l.inbox.freight.take()
}

// packet steps over one message, unless it is none or is shed.
func (l *loop) packet(now kv.Time, a arrival, bytes []byte) (stepped bool, err error) {
	l.taken += len(bytes)
	packet, ok := l.admit(now, a, bytes)
	if !ok {
		return false, nil
	}
	return true, l.one(now, kv.Input{Kind: kv.InputPacket, Packet: packet}, bytes)
}

// warm tells the store what the next requests are about, where there are enough
// of them to gain from it.
func (l *loop) warm() {
	if l.inbox.len() < warmLeast {
		return
	}
	l.keys = l.keys[:0]
	for i := range min(l.inbox.len(), warmKeys) {
		if key, ok := marshal.KeyOf(l.inbox.at(i)); ok {
			l.keys = append(l.keys, key)
		}
	}
	l.store.Warm(l.keys)
}

// one takes one step, encodes what it wants sent, and has it observed. received are
// the bytes of the packet, if that is the input.
func (l *loop) one(now kv.Time, in kv.Input, received []byte) error {
	l.effects.Reset()
	before := len(l.out.buf)
	l.machine.Step(now, in, &l.effects)
	l.stats.Steps++
	l.stats.Drops[l.effects.Drop]++
	for i := range l.effects.Packets {
		p := &l.effects.Packets[i]
		if p.Dst.Host != 0 {
			l.out.add(l.members.addressOf(p.Dst.Host), p.Msg, udp.Reliable)
		} else {
			if l.out.add(p.Dst.Client, p.Msg, udp.Once) {
				l.inbox.prove(p.Dst.Client)
			}
		}
	}
	if in.Packet.Src.Host == 0 && received != nil {
		l.inbox.debts.charge(in.Packet.Src.Client, len(l.out.buf)-before)
	}
	l.observer.Observe(now, l.machine.Counters().Step, in, received, &l.effects, l.out.buf[before:])
	if l.effects.Halt != nil {
		return fmt.Errorf("%w: %w", ErrHalted, l.effects.Halt)
	}
	return nil
}

// commit makes the batch one: observed, then durable or on its way to be.
func (l *loop) commit() error {
	l.stats.Batches++
	if err := l.observer.Flush(len(l.out.list)); err != nil {
		return fmt.Errorf("observe a batch: %w", err)
	}
	pending, err := l.store.Commit(l.machine.Counters())
	if err != nil {
		return fmt.Errorf("commit a batch: %w", err)
	}
	l.out.pending, l.out.step = pending, l.machine.Counters().Step
	return nil
}

// send lets the batch's outputs leave: at once where it and all before it are
// durable, or will be in a moment and there is nothing else to do; else in their turn.
func (l *loop) send() error {
	if l.out.pending != nil && len(l.out.list) > 0 && l.inbox.empty() && l.pipeline.prompt() {
		if err := l.pipeline.settle(l.out); err != nil {
			return err
		}
	}
	if l.out.pending == nil && l.pipeline.idle() {
		l.pipeline.transmit(l.out)
		l.out.reset()
		return nil
	}
	l.pipeline.queue(l.out)
	l.out = nil
	return nil
}
