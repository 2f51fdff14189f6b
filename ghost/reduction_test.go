package ghost_test

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"ironkv/delegation"
	"ironkv/ghost"
	"ironkv/ghost/judge"
	"ironkv/kv"
	"ironkv/kv/store"
	"ironkv/marshal"
)

func TestReductionObligation(t *testing.T) {
	receive := kv.Input{Kind: kv.InputPacket}
	good := ghost.Batch{Steps: []ghost.Step{{Now: 5, Input: receive, Sends: 2}, {Now: 5, Sends: 1}}, Outputs: 3}
	if err := ghost.ReductionObligation(5, good); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"two readings of the clock": ghost.ReductionObligation(0, ghost.Batch{Steps: []ghost.Step{{Now: 5, Input: receive}, {Now: 6}}}),
		"a clock that goes back":    ghost.ReductionObligation(6, good),
	} {
		var v *judge.Violation
		if !errors.As(err, &v) || v.Name != "ReductionObligation" || !errors.Is(err, judge.ErrReduction) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	r := newRecorded(t, 1)
	r.settle()
	lives := edited(r.ended(), 0, func(s []ghost.Step) []ghost.Step { return append(s, ghost.Step{Number: 99, Now: -1}) })
	if _, err := ghost.Verify(lives, replaying); !errors.Is(err, judge.ErrReduction) {
		t.Errorf("verify: got %v", err)
	}
}

// What a batch sends is what its steps sent, and the refusals of what it shed.
func TestOutputsAccountedFor(t *testing.T) {
	client := kv.Endpoint{Client: newClientEndpoint(1)}
	get := &marshal.GetRequest{RequestHeader: marshal.RequestHeader{Number: 7}, Key: "k"}
	shed := func(src kv.Endpoint, m marshal.Message, answer marshal.Message) ghost.Batch {
		j := ghost.NewMemory(1, kv.Config{}, &kv.State{})
		j.Shed(kv.Packet{Src: src, Msg: m}, marshal.Append(nil, answer))
		if err := errors.Join(j.Flush(1), j.Close()); err != nil {
			t.Fatal(err)
		}
		for b := range j.Life().Batches {
			return b
		}
		return ghost.Batch{}
	}
	refusal := &marshal.Refusal{RequestHeader: get.RequestHeader, Reason: marshal.Overloaded}
	good := shed(client, get, refusal)
	good.Steps, good.Outputs = []ghost.Step{{Sends: 2}, {}}, 3
	if err := ghost.OutputsAccountedFor(good); err != nil {
		t.Error(err)
	}
	hello := &marshal.Hello{}
	if err := ghost.OutputsAccountedFor(shed(client, hello, &marshal.Refusal{Reason: marshal.Overloaded})); err != nil {
		t.Error(err)
	}
	vanished, extra := good, good
	vanished.Outputs, extra.Outputs = 2, 4
	other := *refusal
	other.Number++
	for name, b := range map[string]ghost.Batch{
		"an output vanishes":             vanished,
		"an output comes from nowhere":   extra,
		"a refusal of another request":   shed(client, get, &other),
		"an answer that is no refusal":   shed(client, get, &marshal.GetReply{RequestHeader: get.RequestHeader}),
		"an order is shed":               shed(client, &marshal.Shard{RequestHeader: get.RequestHeader}, refusal),
		"what another host asks is shed": shed(kv.Endpoint{Host: 2}, get, refusal),
	} {
		var v *judge.Violation
		if err := ghost.OutputsAccountedFor(b); !errors.As(err, &v) || v.Name != "OutputsAccountedFor" {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// An inFlight is one transmission of a packet.
type inFlight struct {
	name   string
	packet kv.Packet
}

// A batch is what a host received, stepped over at one time, and sent.
type batch struct {
	now    kv.Time
	inputs []kv.Input
	sent   []inFlight
}

// A concurrentHost is a machine in a goroutine of its own, and another goroutine
// that sends: as when a batch is being synced, the host receives and steps on
// while what it sent before has not left yet.
type concurrentHost struct {
	host    *kv.Host
	mail    chan inFlight
	outbox  chan *batch
	batches []*batch
	// Where leave is set, the first batch that sends anything closes stepped, and may
	// leave when leave is closed.
	stepped, leave chan struct{}
}

// A world is what the hosts run in: real goroutines and real time. Its log is the
// interleaved journal of everything that they did.
type world struct {
	hosts  []*concurrentHost
	client chan kv.Packet
	start  time.Time
	stop   chan struct{}

	mutex sync.Mutex
	log   []judge.Event
	names int
}

func (w *world) note(host, step int, kind judge.Kind, packet string) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.log = append(w.log, judge.Event{Host: uint64(host), Step: uint64(step), Kind: kind, Packet: packet})
}

func (w *world) fly(p kv.Packet) inFlight {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.names++
	p.Msg = marshal.Clone(p.Msg)
	return inFlight{fmt.Sprint(w.names), p}
}

func (w *world) now() kv.Time { return kv.Time(time.Since(w.start)) }

// receive takes at least one packet, unless a timer is due or time is up.
func (w *world) receive(i, step int) (inputs []kv.Input, running bool) {
	h := w.hosts[i]
	take := func(f inFlight) {
		w.note(i, step, judge.Receive, f.name)
		inputs = append(inputs, kv.Input{Kind: kv.InputPacket, Packet: f.packet})
	}
	var due <-chan time.Time
	if at, ok := h.host.Deadline(); ok {
		timer := time.NewTimer(time.Duration(at - w.now()))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case f := <-h.mail:
		take(f)
	case <-due:
	case <-w.stop:
		return nil, false
	}
	for len(inputs) < 8 {
		select {
		case f := <-h.mail:
			take(f)
		default:
			return inputs, true
		}
	}
	return inputs, true
}

// serve is host i's loop.
func (w *world) serve(i int) {
	h := w.hosts[i]
	defer close(h.outbox)
	for step := 0; ; step++ {
		inputs, running := w.receive(i, step)
		if !running {
			return
		}
		b := &batch{now: w.now()}
		w.note(i, step, judge.Clock, "")
		if due, ok := h.host.Deadline(); ok && due <= b.now {
			inputs = append(inputs, kv.Input{Kind: kv.InputTimer})
		}
		for _, in := range inputs {
			var out kv.Effects
			h.host.Step(b.now, in, &out)
			for _, p := range out.Packets {
				b.sent = append(b.sent, w.fly(p))
			}
		}
		b.inputs = inputs
		h.batches = append(h.batches, b)
		h.outbox <- b
	}
}

// send is the goroutine that lets host i's batches leave, in order.
func (w *world) send(i int) {
	step, stepped, leave := 0, w.hosts[i].stepped, w.hosts[i].leave
	for b := range w.hosts[i].outbox {
		if leave != nil && len(b.sent) > 0 {
			close(stepped)
			<-leave
			leave = nil
		}
		for _, f := range b.sent {
			w.note(i, step, judge.Send, f.name)
			if f.packet.Dst.Host == 0 {
				w.client <- f.packet
				continue
			}
			select {
			case w.hosts[f.packet.Dst.Host-1].mail <- f:
			default: // lost
			}
		}
		step++
	}
}

// TestReductionOfARealRun runs three machines concurrently, with a client and a
// move, then commutes the interleaved journal into atomic steps by the mover
// rules, and takes these one after the other: every one sends what it sent, is a
// step of the protocol, and all together arrive at the same states.
func TestReductionOfARealRun(t *testing.T) {
	const mailbox, outboxes = 1 << 10, 4
	c := newCluster(t, 3, testLimits)
	w := &world{client: make(chan kv.Packet, mailbox), start: time.Now(), stop: make(chan struct{})}
	var loops, senders sync.WaitGroup
	for _, h := range c.hosts {
		w.hosts = append(w.hosts, &concurrentHost{host: h, mail: make(chan inFlight, mailbox), outbox: make(chan *batch, outboxes)})
	}
	w.hosts[0].stepped, w.hosts[0].leave = make(chan struct{}), make(chan struct{})
	for i := range w.hosts {
		loops.Go(func() { w.serve(i) })
		senders.Go(func() { w.send(i) })
	}
	tear(t, w)
	concurrentTraffic(t, w)
	close(w.stop)
	loops.Wait()
	senders.Wait()
	replayAtomically(t, w)
}

// tear lets host 2 receive something between what host 1 receives and what it sends in
// the same step: however the run is scheduled, it is not atomic.
func tear(t *testing.T, w *world) {
	me := kv.Endpoint{Client: newClientEndpoint(1)}
	hello := func(id delegation.HostID) {
		w.hosts[id-1].mail <- w.fly(kv.Packet{Src: me, Dst: kv.Endpoint{Host: id}, Msg: &marshal.Hello{}})
	}
	answered := func(id delegation.HostID) {
		if p := <-w.client; p.Src.Host != id {
			t.Errorf("host %d answers when host %d should", p.Src.Host, id)
		}
	}
	hello(1)
	<-w.hosts[0].stepped
	hello(2)
	answered(2)
	close(w.hosts[0].leave)
	answered(1)
}

// concurrentTraffic writes, orders a move, and reads until the move is done.
func concurrentTraffic(t *testing.T, w *world) {
	me := kv.Endpoint{Client: newClientEndpoint(1)}
	ask := func(i int, m marshal.Message) marshal.Message {
		w.hosts[i].mail <- w.fly(kv.Packet{Src: me, Dst: kv.Endpoint{Host: delegation.HostID(i + 1)}, Msg: m})
		select {
		case p := <-w.client:
			return p.Msg
		case <-time.After(30 * time.Second): // a failure, not a pause
			t.Fatal("no reply")
			return nil
		}
	}
	var sessions []marshal.SessionID
	for i := range w.hosts {
		nonce := marshal.Nonce{byte(i + 1)}
		cookie := ask(i, &marshal.Hello{Nonce: nonce}).(*marshal.CookieReply).Cookie
		for {
			if opened, ok := ask(i, &marshal.Open{Nonce: nonce, Cookie: cookie}).(*marshal.Opened); ok {
				sessions = append(sessions, opened.Session)
				break
			}
		}
	}
	number := uint64(0)
	header := func(i int) (marshal.RequestHeader, marshal.WriteHeader) {
		number++
		return marshal.RequestHeader{Session: sessions[i], Number: number},
			marshal.WriteHeader{Floor: number, Operation: marshal.OperationID{Client: 1, Counter: number}}
	}
	for _, key := range []delegation.Key{"a", "b", "c", "d"} {
		hd, wr := header(0)
		ask(0, &marshal.SetRequest{RequestHeader: hd, WriteHeader: wr, Key: key, Value: []byte("x")})
	}
	hd, wr := header(0)
	ask(0, &marshal.Shard{RequestHeader: hd, WriteHeader: wr, Range: delegation.All, Recipient: 2, Rate: marshal.RateUnlimited})
	for {
		hd, _ := header(1)
		if reply, ok := ask(1, &marshal.GetRequest{RequestHeader: hd, Key: "d"}).(*marshal.GetReply); ok && reply.Found {
			return
		}
	}
}

func replayAtomically(t *testing.T, w *world) {
	atomic, exchanges, err := judge.Reduce(w.log)
	if err != nil {
		t.Fatal(err)
	}
	c := newCluster(t, len(w.hosts), testLimits)
	checker, err := ghost.NewChecker(1, c.hosts...)
	if err != nil {
		t.Fatal(err)
	}
	done, received := make([]int, len(w.hosts)), map[string]bool{}
	for k := 0; k < len(atomic); {
		e := atomic[k]
		i := int(e.Host)
		for ; k < len(atomic) && atomic[k].Host == e.Host && atomic[k].Step == e.Step; k++ {
			switch atomic[k].Kind {
			case judge.Receive:
				received[atomic[k].Packet] = true
			case judge.Send:
				if received[atomic[k].Packet] {
					t.Fatalf("packet %s is received before it is sent", atomic[k].Packet)
				}
			case judge.Clock:
			}
		}
		if done[i] != int(e.Step) {
			t.Fatalf("host %d: batch %d comes when %d should", i+1, e.Step, done[i])
		}
		b := w.hosts[i].batches[done[i]]
		done[i]++
		var sent []kv.Packet
		for _, in := range b.inputs {
			var out kv.Effects
			c.hosts[i].Step(b.now, in, &out)
			if err := checker.Step(c.hosts[i], in, &out); err != nil {
				t.Fatal(err)
			}
			sent = append(sent, out.Packets...)
		}
		if len(sent) != len(b.sent) {
			t.Fatalf("host %d, batch %d: sent %d packets, before %d", i+1, e.Step, len(sent), len(b.sent))
		}
		for j := range sent {
			if !bytes.Equal(marshal.Append(nil, sent[j].Msg), marshal.Append(nil, b.sent[j].packet.Msg)) {
				t.Fatalf("host %d, batch %d: sent %+v, before %+v", i+1, e.Step, sent[j].Msg, b.sent[j].packet.Msg)
			}
		}
	}
	for i, h := range w.hosts {
		if done[i] != len(h.batches) {
			t.Errorf("host %d: %d batches of %d", i+1, done[i], len(h.batches))
		}
		if !bytes.Equal(h.host.Encode(nil), c.hosts[i].Encode(nil)) || !bytes.Equal(tableOf(h.host), tableOf(c.hosts[i])) {
			t.Errorf("host %d: another state than in the run", i+1)
		}
	}
	if exchanges == 0 {
		t.Error("the run was atomic: nothing was commuted")
	}
	t.Logf("%d events, %d exchanges, %+v", len(atomic), exchanges, checker.Counts())
}

func tableOf(h *kv.Host) (b []byte) {
	h.Store().(*store.Memory).Ascend(delegation.All, func(e marshal.Entry) bool {
		b = fmt.Appendf(b, "%q %q %d\n", string(e.Key), e.Value, e.Version)
		return true
	})
	return b
}
