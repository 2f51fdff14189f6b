package server

import (
	"bytes"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"ironkv/ghost"
	"ironkv/ghost/judge"
	"ironkv/kv"
	"ironkv/marshal"
	"ironkv/udp"
)

// Outputs of every kind leave in batch order, after all
// batches up to their own are synced, also where their own wrote nothing.
func TestOutputsLeaveInBatchOrderAfterTheSync(t *testing.T) {
	b := newBench(t)
	b.must() // the first look at the store's room
	b.sender()
	first, third := newPending(), newPending()
	b.store.commits = []commitResult{{pending: first}, {}, {pending: third}, {}}

	b.socket.put(clientAddr, set(1))
	b.must()
	<-first.waiting
	b.socket.put(clientAddr, get(2)) // wrote nothing
	b.must()
	b.socket.put(clientAddr, set(3))
	b.must()
	b.socket.put(peerAddr, delegate(4)) // an acknowledgement of a batch that wrote nothing
	b.must()
	third.result <- nil // synced before the first, as far as its own Wait says

	if sent := b.socket.taken(); len(sent) != 0 {
		t.Fatalf("sent %v while the first batch was not synced", numbers(sent))
	}
	first.result <- nil
	for range 4 {
		<-b.socket.sending
	}
	if got, want := numbers(b.socket.taken()), []uint64{1, 2, 3, 4}; !slices.Equal(got, want) {
		t.Fatalf("left in the order %v, want %v", got, want)
	}
}

// Where all is durable nothing takes the way over the sender: it does not even run.
func TestWithoutSyncsRepliesLeaveInTheSameTurn(t *testing.T) {
	b := newBench(t)
	b.socket.put(clientAddr, set(1), get(2))
	b.must()
	if got, want := numbers(b.socket.taken()), []uint64{1, 2}; !slices.Equal(got, want) {
		t.Fatalf("sent %v, want %v", got, want)
	}
	if len(b.socket.sending) != 1 {
		t.Fatalf("%d flushes for the replies of one moment, want 1", len(b.socket.sending))
	}
}

func TestFailedSyncStopsAndNothingLeaves(t *testing.T) {
	b := newBench(t)
	b.must()
	r := &recorder{events: b.events}
	b.pipeline.observer = r
	go b.pipeline.run()
	failing, later := newPending(), newPending()
	b.store.commits = []commitResult{{pending: failing}, {}, {pending: later}}
	b.socket.put(clientAddr, set(1))
	b.must()
	b.socket.put(clientAddr, get(2))
	b.must()
	b.socket.put(clientAddr, set(3))
	b.must()
	broken := errors.New("input/output error")
	failing.result <- broken
	<-b.socket.waked // the loop is told
	b.socket.put(clientAddr, get(4))
	err := b.turn()
	if !errors.Is(err, ErrSync) || !errors.Is(err, broken) {
		t.Fatalf("turn after a failed sync: %v, want ErrSync and the cause", err)
	}
	later.result <- nil // says that it is durable, and yet comes after what is not
	b.pipeline.close()
	if sent := b.socket.taken(); len(sent) != 0 {
		t.Fatalf("sent %v after a sync had failed", numbers(sent))
	}
	if r.durable != 0 {
		t.Fatal("the journal was told that a batch is durable though one before it is not")
	}
	if b.pipeline.idle() {
		t.Fatal("the pipeline calls itself idle after a failure; what comes later would overtake it")
	}
}

func TestFailedCommitStopsAndNothingLeaves(t *testing.T) {
	b := newBench(t)
	b.must()
	broken := errors.New("disk failed")
	b.store.commits = []commitResult{{err: broken}}
	b.socket.put(clientAddr, set(1))
	if err := b.turn(); !errors.Is(err, broken) {
		t.Fatalf("turn: %v, want the store's error", err)
	}
	if sent := b.socket.taken(); len(sent) != 0 {
		t.Fatalf("sent %v of a batch that was not committed", numbers(sent))
	}
}

func TestHaltStopsAndNothingOfTheBatchLeaves(t *testing.T) {
	b := newBench(t)
	b.must()
	b.events.taken()
	b.machine.halt[3] = errStop // the second of the batch below; the first step was the room
	b.socket.put(clientAddr, set(1), set(2), set(3))
	err := b.turn()
	if !errors.Is(err, ErrHalted) || !errors.Is(err, errStop) {
		t.Fatalf("turn: %v, want ErrHalted and the reason", err)
	}
	if got, want := b.events.taken(), []string{"step", "step"}; !slices.Equal(got, want) {
		t.Fatalf("did %v, want %v: no commit, no send", got, want)
	}
}

// recorder observes.
type recorder struct {
	events *events
	steps  []uint64
	fail   error
	// outputs is how many messages the batch sends, durable what Durable was told last.
	outputs int
	durable uint64
}

func (r *recorder) Observe(_ kv.Time, step uint64, in kv.Input, received []byte, out *kv.Effects, sent []byte) {
	r.events.add("observe")
	r.steps = append(r.steps, step)
	if len(out.Packets) > 1 {
		r.events.add("packets of other steps")
	}
	if in.Kind == kv.InputPacket && !bytes.Equal(received, marshal.Append(nil, in.Packet.Msg)) {
		r.events.add("received something else")
	}
	if len(out.Packets) == 1 && !bytes.Equal(sent, marshal.Append(nil, out.Packets[0].Msg)) {
		r.events.add("something else will leave")
	}
	r.outputs += len(out.Packets)
}

func (r *recorder) Shed(request kv.Packet, sent []byte) {
	r.events.add("shed")
	header, _ := sheddable(request.Msg)
	if want := marshal.Append(nil, &marshal.Refusal{RequestHeader: header, Reason: marshal.Overloaded}); !bytes.Equal(sent, want) {
		r.events.add("not its refusal")
	}
	r.outputs++
}

func (r *recorder) Flush(outputs int) error {
	r.events.add("flush")
	if outputs != r.outputs {
		r.events.add("outputs of nobody")
	}
	r.outputs = 0
	return r.fail
}

func (r *recorder) Durable(step uint64) {
	r.events.add("durable")
	r.durable = step
}

// The loop is receive, step, commit, observe, send: each step is observed by
// itself, and the journal is written before the commit.
func TestObservedThenFlushedThenCommittedThenSent(t *testing.T) {
	b := newBench(t)
	b.must()
	b.events.taken()
	r := &recorder{events: b.events}
	b.observer = r
	b.socket.put(clientAddr, set(1), get(2))
	b.must()
	want := []string{"step", "observe", "step", "observe", "flush", "commit", "send", "send"}
	if got := b.events.taken(); !slices.Equal(got, want) {
		t.Fatalf("did %v, want %v", got, want)
	}
	if want := []uint64{2, 3}; !slices.Equal(r.steps, want) {
		t.Fatalf("observed steps %v, want %v", r.steps, want)
	}
}

// What is shed is observed too, also where nothing else happens; else the journal
// could not say where every message that leaves came from.
func TestShedIsObserved(t *testing.T) {
	b := newBench(t)
	b.must()
	b.events.taken()
	b.observer = &recorder{events: b.events}
	for _, m := range []marshal.Message{set(1), get(2)} {
		b.inbox.add(clientAddr, marshal.Append(nil, m))
	}
	b.inbox.stamp(b.watch.now())
	b.clock = b.clock.Add(time.Duration(MaxWait) + 1)
	b.must()
	want := []string{"shed", "shed", "flush", "commit", "send", "send"}
	if got := b.events.taken(); !slices.Equal(got, want) {
		t.Fatalf("did %v, want %v", got, want)
	}
}

// The journal is told what is durable when it is, and before anybody else is.
func TestDurableIsObservedBetweenSyncAndSend(t *testing.T) {
	b := newBench(t)
	b.must()
	b.events.taken()
	r := &recorder{events: b.events}
	b.pipeline.observer = r
	b.sender()
	first, second := newPending(), newPending()
	b.store.commits = []commitResult{{pending: first}, {}, {pending: second}}
	for _, m := range []marshal.Message{set(1), get(2), set(3)} { // the second writes nothing
		b.socket.put(clientAddr, m)
		b.must()
	}
	first.result <- nil
	<-b.socket.sending
	<-b.socket.sending
	life := ghost.Life{Durable: r.durable}
	if err := ghost.DurableStays(life, ghost.Life{Header: ghost.Header{From: 2}}); err != nil || life.Durable != 2 {
		t.Errorf("told that step %d is durable, want 2: %v", life.Durable, err)
	}
	second.result <- nil
	<-b.socket.sending
	if r.durable != 4 {
		t.Errorf("told that step %d is durable, want 4", r.durable)
	}
	got := slices.DeleteFunc(b.events.taken(), func(e string) bool { return e != "durable" && e != "send" })
	if want := []string{"durable", "send", "send", "durable", "send"}; !slices.Equal(got, want) {
		t.Errorf("did %v, want %v", got, want)
	}
}

func TestFailedJournalStopsBeforeTheCommit(t *testing.T) {
	b := newBench(t)
	b.must()
	b.events.taken()
	r := &recorder{events: b.events, fail: errors.New("no space left")}
	b.observer = r
	b.socket.put(clientAddr, set(1))
	if err := b.turn(); !errors.Is(err, r.fail) {
		t.Fatalf("turn: %v, want the journal's error", err)
	}
	if slices.Contains(b.events.taken(), "commit") {
		t.Fatal("committed what is not in the journal")
	}
}

// One reading of the clock serves all steps of a batch.
func TestOneClockReadingPerBatch(t *testing.T) {
	b := newBench(t)
	b.must()
	readings := 0
	clock := b.watch.clock
	b.watch.clock = func() time.Time {
		readings++
		return clock()
	}
	b.clock = b.clock.Add(5)
	b.socket.put(clientAddr, set(1), get(2), get(3))
	b.must()
	if readings != 1 {
		t.Fatalf("%d readings of the clock in one turn, want 1", readings)
	}
	if want := []kv.Time{0, 5, 5, 5}; !slices.Equal(b.machine.times, want) {
		t.Fatalf("steps at %v, want %v", b.machine.times, want)
	}
}

// A notedSocket notes what the loop does with it in the order in which it does.
type notedSocket struct {
	*fakeSocket
	kinds []judge.Kind
}

func (s *notedSocket) TryReceive(deliver func(netip.AddrPort, []byte)) (int, error) {
	n, err := s.fakeSocket.TryReceive(deliver)
	s.kinds = append(s.kinds, slices.Repeat([]judge.Kind{judge.Receive}, n)...)
	return n, err
}

func (s *notedSocket) Receive(_ time.Time, deliver func(netip.AddrPort, []byte)) (int, error) {
	return s.TryReceive(deliver)
}

func (s *notedSocket) Send(dst netip.AddrPort, msg []byte, mode udp.Mode) error {
	s.kinds = append(s.kinds, judge.Send)
	return s.fakeSocket.Send(dst, msg, mode)
}

// A turn of the loop is one atomic step: receives, the one reading of a clock that
// runs, sends. So it was in the order that the socket saw, though more arrives once
// the clock is read; and so the judge reads its batch in the journal.
func TestABatchIsOneAtomicStep(t *testing.T) {
	b := newBench(t)
	b.must()
	socket := &notedSocket{fakeSocket: b.socket}
	b.loop.socket, b.loop.pipeline.socket = socket, socket
	clock := b.watch.clock
	b.watch.clock = func() time.Time {
		socket.kinds = append(socket.kinds, judge.Clock)
		b.socket.put(clientAddr, get(4))
		b.clock = b.clock.Add(1)
		return clock()
	}
	journal := ghost.NewMemory(1, kv.Config{}, &kv.State{})
	b.observer = journal
	b.inbox.add(clientAddr, marshal.Append(nil, get(9)))
	b.inbox.stamp(b.watch.last) // too old below
	b.clock = b.clock.Add(time.Duration(MaxWait) + 1)
	b.socket.put(clientAddr, set(1), get(2), get(3))
	b.must()
	const r, s = judge.Receive, judge.Send
	if want := []judge.Kind{r, r, r, judge.Clock, s, s, s, s}; !slices.Equal(socket.kinds, want) {
		t.Errorf("the loop's turn was %v, want %v", socket.kinds, want)
	}
	var batches []ghost.Batch
	for batch, err := range journal.Life().Batches {
		if err == nil {
			batches = append(batches, batch)
		}
	}
	if len(batches) != 1 || len(batches[0].Steps) != 3 || batches[0].Outputs != 4 {
		t.Fatalf("the journal has %+v, want one batch of 3 steps and 4 outputs", batches)
	}
	if err := errors.Join(ghost.ReductionObligation(0, batches[0]), ghost.OutputsAccountedFor(batches[0])); err != nil {
		t.Error(err)
	}
}

func TestTimeNeverDecreases(t *testing.T) {
	b := newBench(t)
	b.clock = b.clock.Add(10)
	b.must()
	b.clock = b.clock.Add(-5)
	b.socket.put(clientAddr, get(1))
	b.must()
	if want := []kv.Time{10, 10}; !slices.Equal(b.machine.times, want) {
		t.Fatalf("steps at %v, want %v", b.machine.times, want)
	}
}

// Timers that are always due get a few steps per turn where they send delegates, more
// where they end holds, and datagrams are received all the same.
func TestTimersDoNotStarveReceiving(t *testing.T) {
	for action, want := range map[kv.Action]int{
		kv.ActChunk: maxMoveSteps, kv.ActRetransmit: maxMoveSteps, kv.ActExpire: maxTimerSteps, kv.ActSet: maxTimerSteps,
	} {
		b := newBench(t)
		b.must()
		b.machine.inputs = nil
		b.machine.deadline, b.machine.pressing, b.machine.action = 1, 1, action
		b.clock = b.clock.Add(10)
		b.socket.put(clientAddr, get(1))
		b.must()
		kinds := b.machine.kinds()
		if len(kinds) != want+1 || kinds[want] != kv.InputPacket {
			t.Fatalf("action %d: took %v, want %d timers and the packet", action, kinds, want)
		}
		if b.socket.blocked != 0 {
			t.Fatal("waited for datagrams though a timer was due")
		}
	}
}

// TestTidiesWhileNobodyAsks: all that the store has put off before the loop waits, but of what comes
// meanwhile no more than it has begun.
func TestTidiesWhileNobodyAsks(t *testing.T) {
	b := newBench(t)
	b.must()
	b.store.untidy, b.store.meanwhile = 5, func() {
		if b.store.untidy == 3 {
			b.socket.put(clientAddr, get(1))
		}
	}
	b.must()
	if len(b.socket.taken()) != 1 || b.store.untidy != 3 {
		t.Fatalf("answered when %d bites were left, want 3", b.store.untidy)
	}
	before := b.socket.blocked
	b.must()
	if b.store.untidy != 0 || b.socket.blocked != before+1 {
		t.Fatalf("%d bites were left, and it waited %d times", b.store.untidy, b.socket.blocked-before)
	}
}

// The loop waits in the kernel where no timer is near, and where something arrives more
// often than the timer is far away: while a move yields to clients there is always one.
func TestLingersWhereItIsAskedOften(t *testing.T) {
	for _, c := range []struct {
		asked, timer kv.Time
		want         bool
	}{
		{kv.Second / 2, lingerLeast, true},
		{kv.Millisecond / 10, kv.Millisecond / 2, true},
		{kv.Millisecond, kv.Millisecond / 2, false},
		{kv.Millisecond, lingerLeast - 1, true},
		{6 * kv.Millisecond, lingerLeast - 1, false},
	} {
		b := newBench(t)
		b.must()
		for range 40 {
			b.machine.deadline = b.watch.last + c.timer
			b.clock = b.clock.Add(time.Duration(c.asked))
			b.nextRoom = b.watch.last + 2*kv.Second
			b.socket.put(clientAddr, get(1))
			b.must()
		}
		if b.socket.lingers != c.want {
			t.Errorf("asked every %v, with a timer in %v: lingers is %v", time.Duration(c.asked), time.Duration(c.timer), b.socket.lingers)
		}
	}
}

func TestRoomAtOnceAndEverySecond(t *testing.T) {
	b := newBench(t)
	b.must()
	b.clock = b.clock.Add(999_999_999)
	b.must()
	b.store.room = 7
	b.clock = b.clock.Add(1)
	b.must()
	b.store.roomErr = errors.New("statfs")
	b.clock = b.clock.Add(1_000_000_000)
	b.must()
	var rooms []uint64
	for _, in := range b.machine.inputs {
		rooms = append(rooms, in.Room)
	}
	if want := []uint64{1 << 30, 7, 0}; !slices.Equal(rooms, want) {
		t.Fatalf("rooms %v, want %v", rooms, want)
	}
}

// The log says once that puts are refused for want of room, and once that they no longer are.
func TestRoomIsTold(t *testing.T) {
	var log strings.Builder
	r := newReporter(slog.New(slog.NewTextHandler(&log, nil)))
	r.reserve = 100
	for i, room := range []uint64{100, 99, 100, 0, 0} { // that there are 100 again comes too soon to be told
		r.room(kv.Time(i), room)
	}
	r.room(roomWordInterval+1, 100)
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "WARN") || !strings.Contains(lines[0], "room=99 reserve=100") || !strings.Contains(lines[1], "room again") {
		t.Errorf("the log:\n%s", log.String())
	}
}

// The source address proves a host; everyone else is a client, whatever he says.
func TestTheSourceAddressProvesAHost(t *testing.T) {
	b := newBench(t)
	b.must()
	b.machine.inputs = nil
	b.socket.put(peerAddr, delegate(1))
	b.must()
	b.socket.put(clientAddr, delegate(2))
	b.must()
	if src := b.machine.inputs[0].Packet.Src; src != (kv.Endpoint{Host: 2}) {
		t.Errorf("from the peer's address: %v, want host 2", src)
	}
	if src := b.machine.inputs[1].Packet.Src; src != (kv.Endpoint{Client: clientAddr}) {
		t.Errorf("from another address: %v, want a client there", src)
	}
	sent := b.socket.taken()
	if sent[0].mode != udp.Reliable || sent[0].dst != peerAddr {
		t.Errorf("to a host: %+v, want it repeated until it arrives", sent[0])
	}
	if sent[1].mode != udp.Once || sent[1].dst != clientAddr {
		t.Errorf("to a client: %+v, want it sent once", sent[1])
	}
}

func TestWhoOpenedASessionIsAClient(t *testing.T) {
	b := newBench(t)
	b.socket.put(clientAddr, get(1))
	b.must()
	if c := b.socket.class[clientAddr]; c != udp.Stranger {
		t.Fatalf("after a request: %v, want a stranger", c)
	}
	b.socket.put(clientAddr, &marshal.Open{})
	b.must()
	if c := b.socket.class[clientAddr]; c != udp.Client {
		t.Fatalf("after a session was opened: %v, want a client", c)
	}
}

func TestMalformedMessagesAreCountedAndDropped(t *testing.T) {
	b := newBench(t)
	b.must()
	good := marshal.Append(nil, get(1))
	b.socket.putBatch([]inDatagram{
		{clientAddr, nil},
		{clientAddr, good[:len(good)-1]},
		{clientAddr, append(slices.Clone(good), 0)},
		{peerAddr, []byte{0xff, 0xff}},
		{clientAddr, good},
	})
	b.must()
	if got := numbers(b.socket.taken()); !slices.Equal(got, []uint64{1}) {
		t.Fatalf("answered %v, want the one good request", got)
	}
	m := b.report.counts().Malformed
	if sum(m[:]) != 4 || m[marshal.FaultTrailing] != 1 || m[marshal.FaultTruncated] < 2 {
		t.Fatalf("counted %v", m)
	}
}

// What the transport does not take is as good as lost, and counted.
func TestWhatCannotBeSentCountsAsLost(t *testing.T) {
	b := newBench(t)
	b.must()
	for i, err := range []error{udp.ErrBacklog, udp.ErrUnproven, udp.ErrTooLarge} {
		b.socket.refuse = err
		b.socket.put(forged(i), get(1))
		b.must()
	}
	c := &b.pipeline.sends
	if c.backlog.Load() != 1 || c.unproven.Load() != 1 || c.other.Load() != 1 {
		t.Fatalf("counted backlog %d, unproven %d, other %d; want 1 each", c.backlog.Load(), c.unproven.Load(), c.other.Load())
	}
}

// Who waits is answered before a chunk is cut or a delegate taken, but every other turn
// is for those, also where there is no end of requests.
func TestWhoWaitsIsAnsweredBeforeMoves(t *testing.T) {
	b := newBench(t)
	b.must()
	b.machine.deadline, b.machine.action = 1, kv.ActChunk
	b.clock = b.clock.Add(10)
	turn := func() (taken string) {
		b.machine.inputs = nil
		b.must()
		for _, in := range b.machine.inputs {
			what := "request "
			if in.Kind == kv.InputTimer {
				what = "chunk "
			} else if _, is := in.Packet.Msg.(*marshal.Single); is {
				what = "delegate "
			}
			taken += what
		}
		return taken
	}
	b.socket.put(peerAddr, delegate(1), delegate(2))
	b.socket.put(clientAddr, get(1), get(2))
	b.socket.put(clientAddr, get(3))
	if err := b.receive(); err != nil {
		t.Fatal(err)
	}
	const chunks = "chunk chunk chunk chunk "
	for i, want := range []string{"request request ", chunks + "delegate ", "request ", chunks + "delegate ", chunks} {
		if got := turn(); got != want {
			t.Fatalf("turn %d: %s, want %s", i+1, got, want)
		}
	}
}

// While as many batches as may be are under way, the loop receives and does not step.
func TestPipelineIsBounded(t *testing.T) {
	b := newBench(t)
	b.must()
	b.sender()
	pending := make([]*fakePending, PipelineDepth+1)
	for i := range pending {
		pending[i] = newPending()
		b.store.commits = append(b.store.commits, commitResult{pending: pending[i]})
		b.socket.put(clientAddr, set(uint64(i+1)))
		b.must()
	}
	steps := b.machine.steps
	b.socket.put(clientAddr, set(100))
	b.must()
	if b.machine.steps != steps || b.inbox.empty() {
		t.Fatalf("with %d batches under way: stepped %v, received %v; want no and yes",
			len(pending), b.machine.steps != steps, !b.inbox.empty())
	}
	pending[0].result <- nil
	<-b.socket.waked
	b.must()
	if b.machine.steps != steps+1 {
		t.Fatal("did not go on when a batch had been sent")
	}
	for _, p := range pending[1:] {
		p.result <- nil
	}
}

// Within the bound of what waits the socket is read, beyond it is not.
func TestBacklogIsBounded(t *testing.T) {
	b := newBench(t)
	b.must()
	huge := set(1)
	huge.Value = make([]byte, marshal.MaxValueBytes)
	bytes := marshal.Append(nil, huge)
	for range 2 * MaxBacklogBytes / len(bytes) {
		batch := make([]inDatagram, busyDatagrams) // looks as if there were more
		batch[0] = inDatagram{clientAddr, bytes}
		b.socket.putBatch(batch)
	}
	if err := b.receive(); err != nil {
		t.Fatal(err)
	}
	if got := b.inbox.bytes(); got < MaxBacklogBytes || got > MaxBacklogBytes+len(bytes) {
		t.Fatalf("%d bytes wait, the bound is %d", got, MaxBacklogBytes)
	}
}

func TestOverloadShedsReadsAndWritesThatWaited(t *testing.T) {
	b := newBench(t)
	b.must()
	b.machine.inputs = nil
	for _, a := range []netip.AddrPort{clientAddr, peerAddr} {
		for _, m := range []marshal.Message{
			get(1), set(2), &marshal.ScanRequest{RequestHeader: marshal.RequestHeader{Number: 3}},
			&marshal.StatusRequest{RequestHeader: marshal.RequestHeader{Number: 4}}, delegate(5),
		} {
			b.inbox.add(a, marshal.Append(nil, m))
		}
	}
	b.inbox.stamp(b.watch.now())
	b.clock = b.clock.Add(time.Duration(MaxWait) + 1)
	b.must()
	b.must() // the host's delegate
	var refused []uint64
	for _, s := range b.socket.taken() {
		if r, ok := s.msg.(*marshal.Refusal); ok {
			if r.Reason != marshal.Overloaded || s.dst != clientAddr {
				t.Errorf("refused with %v to %v", r.Reason, s.dst)
			}
			refused = append(refused, r.Number)
		}
	}
	if want := []uint64{1, 2, 3}; !slices.Equal(refused, want) {
		t.Errorf("refused %v, want %v: reads and writes of clients, nothing of hosts", refused, want)
	}
	if got := len(b.machine.inputs); got != 7 {
		t.Errorf("stepped over %d messages, want the 7 others", got)
	}
	if got := b.report.counts().Shed; got != 3 {
		t.Errorf("counted %d, want 3", got)
	}
}

func TestOverloadShedsByBytes(t *testing.T) {
	b := newBench(t)
	b.must()
	huge := set(1)
	huge.Value = make([]byte, marshal.MaxValueBytes)
	bytes := marshal.Append(nil, huge)
	n := ShedBytes/len(bytes) + 3
	for range n {
		b.inbox.add(clientAddr, bytes)
	}
	b.must()
	shed := 0
	for _, s := range b.socket.taken() {
		if _, ok := s.msg.(*marshal.Refusal); ok {
			shed++
		}
	}
	if shed == 0 || shed == n {
		t.Fatalf("shed %d of %d, want some", shed, n)
	}
}

// A batch ends after so many steps; the rest is taken at once in the next turn.
func TestBatchIsBounded(t *testing.T) {
	b := newBench(t)
	b.must()
	b.machine.inputs = nil
	for i := range maxBatchSteps + 1 {
		b.inbox.add(clientAddr, marshal.Append(nil, get(uint64(i+1))))
	}
	b.must()
	if got := len(b.machine.inputs); got != maxBatchSteps {
		t.Fatalf("%d steps in a batch, want %d", got, maxBatchSteps)
	}
	b.must()
	if got := len(b.machine.inputs); got != maxBatchSteps+1 || b.socket.blocked != 0 {
		t.Fatalf("%d steps after the next turn, waited %d times; want all and never", got, b.socket.blocked)
	}
}

func TestReadyOnceServing(t *testing.T) {
	b := newBench(t)
	b.machine.serving = false
	b.must()
	select {
	case <-b.report.ready:
		t.Fatal("ready before the peers have confirmed")
	default:
	}
	b.machine.serving = true
	b.socket.put(peerAddr, delegate(1))
	b.must()
	<-b.report.ready
	b.must()
}

// A fast writer is not to pass the reserve before the next look at the room: it comes
// after so many bytes, too, whatever the clock says.
func TestRoomAfterSoManyBytes(t *testing.T) {
	b := newBench(t)
	b.must()
	before := len(b.machine.inputs)
	value := make([]byte, roomBytes/4)
	for range 5 { // the look is that of the batch after the fourth
		b.socket.put(clientAddr, &marshal.SetRequest{RequestHeader: marshal.RequestHeader{Number: 1}, Key: "k", Value: value})
		b.must()
	}
	rooms := 0
	for _, in := range b.machine.inputs[before:] {
		if in.Kind == kv.InputRoom {
			rooms++
		}
	}
	if rooms != 1 {
		t.Errorf("%d looks at the room while %d bytes came, want one", rooms, 5*len(value))
	}
}
