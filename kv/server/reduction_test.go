package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ironkv/delegation"
	"ironkv/ghost"
	"ironkv/ghost/judge"
	"ironkv/kv"
	"ironkv/kv/client"
	"ironkv/kv/store"
	"ironkv/marshal"
	"ironkv/udp"
)

// A history is what several hosts did at their sockets and with their clocks, in the
// order in which it happened.
type history struct {
	mu     sync.Mutex
	grew   *sync.Cond
	events []judge.Event
	faults []string
	// toTear is how many batches are still to be kept from leaving until another host
	// has done something: whatever the scheduler does, these are not contiguous.
	toTear int
	over   bool // nothing is kept from leaving any more
}

// note adds an event, and returns its place. The lock is held.
func (y *history) note(host, step uint64, kind judge.Kind, packet string) int {
	y.events = append(y.events, judge.Event{Host: host, Step: step, Kind: kind, Packet: packet})
	y.grew.Broadcast()
	return len(y.events) - 1
}

// A heardHost is one whose loop, as it ships, is overheard: it is its observer, and the
// clock is its own. A turn of the loop is a step of the host.
type heardHost struct {
	*ghost.Memory
	history *history
	id      uint64
	conn    *udp.Conn
	members members
	server  *Server

	// The rest is under the history's lock.
	turn  uint64
	timed bool // the turn has read the clock
	// waiting are the places of what was received and not stepped over yet, by packet.
	waiting map[string][]int
	// batches are the turns of the journal's batches, unsent those of the messages that
	// have not been sent yet.
	batches, unsent []uint64
}

// noTurn is the step of what was received and is never stepped over.
const noTurn = ^uint64(0)

func (h *heardHost) self() netip.AddrPort { return h.conn.LocalAddr() }

func packetName(src, dst netip.AddrPort, msg []byte) string {
	return fmt.Sprintf("%v>%v %x", src, dst, msg)
}

// A turn begins with the first look at the socket after the clock was read.
func (h *heardHost) look() {
	h.history.mu.Lock()
	defer h.history.mu.Unlock()
	if h.timed {
		h.turn, h.timed = h.turn+1, false
	}
}

func (h *heardHost) hear(deliver func(netip.AddrPort, []byte)) func(netip.AddrPort, []byte) {
	return func(src netip.AddrPort, msg []byte) {
		h.history.mu.Lock()
		name := packetName(src, h.self(), msg)
		h.waiting[name] = append(h.waiting[name], h.history.note(h.id, noTurn, judge.Receive, name))
		h.history.mu.Unlock()
		deliver(src, msg)
	}
}

// A heardSocket is the host's own.
type heardSocket struct {
	*udp.Conn
	host *heardHost
}

func (s heardSocket) Receive(deadline time.Time, deliver func(netip.AddrPort, []byte)) (int, error) {
	s.host.look()
	return s.Conn.Receive(deadline, s.host.hear(deliver))
}

func (s heardSocket) TryReceive(deliver func(netip.AddrPort, []byte)) (int, error) {
	s.host.look()
	return s.Conn.TryReceive(s.host.hear(deliver))
}

func (s heardSocket) Send(dst netip.AddrPort, msg []byte, mode udp.Mode) error {
	s.host.say(dst, msg)
	return s.Conn.Send(dst, msg, mode)
}

func (h *heardHost) now() time.Time {
	h.history.mu.Lock()
	h.history.note(h.id, h.turn, judge.Clock, "")
	h.timed = true
	h.history.mu.Unlock()
	return time.Now()
}

// say notes that a message is about to be sent: of the first batch that was flushed and
// has not been sent whole.
func (h *heardHost) say(dst netip.AddrPort, msg []byte) {
	h.history.mu.Lock()
	defer h.history.mu.Unlock()
	turn := h.turn
	if len(h.unsent) == 0 {
		h.history.faults = append(h.history.faults, fmt.Sprintf("host %d sends before its batch is whole", h.id))
	} else {
		turn, h.unsent = h.unsent[0], h.unsent[1:]
	}
	h.history.note(h.id, turn, judge.Send, packetName(h.self(), dst, msg))
}

// belongs says that the present turn steps over a packet that was received.
func (h *heardHost) belongs(src kv.Endpoint, msg []byte) {
	from := src.Client
	if src.Host != 0 {
		from = h.members.addressOf(src.Host)
	}
	h.history.mu.Lock()
	defer h.history.mu.Unlock()
	name := packetName(from, h.self(), msg)
	places := h.waiting[name]
	if len(places) == 0 {
		h.history.faults = append(h.history.faults, fmt.Sprintf("host %d steps over what it has not received: %s", h.id, name))
		return
	}
	h.history.events[places[0]].Step = h.turn
	h.waiting[name] = places[1:]
}

func (h *heardHost) Observe(now kv.Time, step uint64, in kv.Input, received []byte, out *kv.Effects, sent []byte) {
	if in.Kind == kv.InputPacket {
		h.belongs(in.Packet.Src, received)
	}
	h.Memory.Observe(now, step, in, received, out, sent)
}

func (h *heardHost) Shed(request kv.Packet, sent []byte) {
	h.belongs(request.Src, marshal.Append(nil, request.Msg))
	h.Memory.Shed(request, sent)
}

func (h *heardHost) Flush(outputs int) error {
	h.history.mu.Lock()
	h.batches = append(h.batches, h.turn)
	h.unsent = append(h.unsent, slices.Repeat([]uint64{h.turn}, outputs)...)
	h.history.mu.Unlock()
	return h.Memory.Flush(outputs)
}

// A heardStore is in memory, and as slow as it takes for a batch to be torn.
type heardStore struct {
	*store.Memory
	host *heardHost
}

func (s heardStore) Commit(c kv.Counters) (store.Pending, error) {
	y := s.host.history
	y.mu.Lock()
	tear := y.toTear > 0 && len(s.host.unsent) > 0 && s.host.unsent[len(s.host.unsent)-1] == s.host.turn
	if tear {
		y.toTear--
	}
	from := len(y.events)
	y.mu.Unlock()
	pending, err := s.Memory.Commit(c)
	if tear && err == nil && pending == nil {
		pending = othersTurn{s.host, from}
	}
	return pending, err
}

// An othersTurn is a sync that ends when another host has done something.
type othersTurn struct {
	host *heardHost
	from int
}

func (p othersTurn) Wait() error {
	y := p.host.history
	y.mu.Lock()
	defer y.mu.Unlock()
	for {
		for ; p.from < len(y.events); p.from++ {
			if y.events[p.from].Host != p.host.id {
				return nil
			}
		}
		if y.over {
			return nil
		}
		y.grew.Wait()
	}
}

// hearHosts brings hosts up that know each other and are overheard.
func hearHosts(t *testing.T, n int, y *history) (hosts []*heardHost) {
	t.Helper()
	limits := kv.Limits{ChunkBytes: 1} // of one entry
	var list []marshal.Member
	for i := range n {
		conn, err := udp.Listen(netip.MustParseAddrPort("127.0.0.1:0"), Transport(udp.Config{}, limits))
		if err != nil {
			t.Fatal(err)
		}
		hosts = append(hosts, &heardHost{conn: conn, history: y, id: uint64(i + 1), waiting: map[string][]int{}})
		list = append(list, marshal.Member{ID: delegation.HostID(i + 1), Address: conn.LocalAddr().String()})
	}
	for i, h := range hosts {
		cfg := kv.Config{Me: list[i].ID, Root: 1, Members: list, Software: "test", Durable: true, Limits: limits}
		var err error
		if h.members, err = newMembers(list); err != nil {
			t.Fatal(err)
		}
		h.server, err = Listen(Config{
			Config: cfg, Conn: h.conn, Store: heardStore{store.NewMemory(store.MemoryOptions{Records: true}), h},
			Observer: func(s *kv.State) (Observer, error) {
				h.Memory = ghost.NewMemory(1, cfg, s)
				return h, nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		l := h.server.loop
		socket := heardSocket{h.conn, h}
		l.socket, l.pipeline.socket, l.watch.clock = socket, socket, h.now
	}
	return hosts
}

// serveTraffic serves the hosts while callers write and read and ranges move, until
// enough has been torn.
func serveTraffic(t *testing.T, hosts []*heardHost) {
	t.Helper()
	const callers, moves = 6, 6
	y := hosts[0].history
	ctx, cancel := context.WithCancel(t.Context())
	var serving, calling sync.WaitGroup
	for _, h := range hosts {
		serving.Go(func() {
			if err := h.server.Serve(ctx); err != nil {
				t.Errorf("host %d: %v", h.id, err)
			}
		})
	}
	defer func() {
		y.mu.Lock()
		y.over = true
		y.grew.Broadcast()
		y.mu.Unlock()
		cancel()
		serving.Wait()
	}()
	c, err := client.Dial(t.Context(), []string{hosts[0].self().String()}, client.WithTimeout(time.Minute))
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = c.Close() }()
	working, stop := context.WithCancel(t.Context())
	for i := range callers {
		calling.Go(func() {
			key := []byte{byte('a' + i)}
			for working.Err() == nil {
				version, err := c.Put(t.Context(), key, key)
				if err != nil {
					t.Error(err)
					return
				}
				if e, err := c.Get(t.Context(), key); err != nil || e.Version != version {
					t.Errorf("get %s: %+v, %v; version %d was put", key, e, err, version)
					return
				}
			}
		})
	}
	enough := func() bool {
		y.mu.Lock()
		defer y.mu.Unlock()
		return y.toTear == 0
	}
	for i := 0; (i < moves || !enough()) && !t.Failed(); i++ {
		ids, err := c.MoveShard(t.Context(), delegation.All, delegation.HostID((i+1)%len(hosts)+1), client.Unlimited())
		if err != nil {
			t.Error(err)
		}
		for _, id := range ids {
			if _, err := c.WaitMove(t.Context(), id, nil); err != nil {
				t.Error(err)
			}
		}
	}
	stop()
	calling.Wait()
}

// torn counts the steps between whose events those of other steps stand.
func torn(run []judge.Event) int {
	type step struct{ host, turn uint64 }
	first, last, events := map[step]int{}, map[step]int{}, map[step]int{}
	for i, e := range run {
		s := step{e.Host, e.Step}
		if events[s] == 0 {
			first[s] = i
		}
		last[s] = i
		events[s]++
	}
	n := 0
	for s, count := range events {
		if last[s]-first[s]+1 > count {
			n++
		}
	}
	return n
}

// TestReductionOfARealRun overhears three hosts as they ship, on real sockets, with a
// client of several callers and moves that chase each other. It commutes what they did
// into atomic steps by the mover rules, and takes these one after the other: every one
// sends what it sent, nothing is received before it is sent, each is a step of the
// protocol, and all together arrive at the same states.
func TestReductionOfARealRun(t *testing.T) {
	const toTear = 100
	y := &history{toTear: toTear}
	y.grew = sync.NewCond(&y.mu)
	hosts := hearHosts(t, 3, y)
	serveTraffic(t, hosts)
	for _, fault := range y.faults {
		t.Error(fault)
	}
	if t.Failed() {
		return
	}
	run := slices.DeleteFunc(slices.Clone(y.events), func(e judge.Event) bool { return e.Step == noTurn })
	if n := torn(run); n < toTear {
		t.Errorf("%d steps were torn, want at least %d: the run was nearly atomic", n, toTear)
	}
	atomic, exchanges, err := judge.Reduce(run)
	if err != nil {
		t.Fatal(err)
	}
	if n := torn(atomic); n != 0 {
		t.Errorf("%d steps are torn still", n)
	}
	r := newAtomicReplay(t, hosts)
	for len(atomic) > 0 {
		n := slices.IndexFunc(atomic, func(e judge.Event) bool { return e.Host != atomic[0].Host || e.Step != atomic[0].Step })
		if n < 0 {
			n = len(atomic)
		}
		r.step(atomic[:n])
		atomic = atomic[n:]
	}
	r.end()
	t.Logf("%d events, %d of messages never stepped over, %d steps torn, %d exchanges, %+v",
		len(y.events), len(y.events)-len(run), torn(run), exchanges, r.checker.Counts())
	if exchanges == 0 || r.checker.Counts().Delegates == 0 {
		t.Error("nothing was commuted, or no shard was moved")
	}
}

// An atomicReplay executes the hosts' machines again, one whole step after the other.
type atomicReplay struct {
	*testing.T
	heard   []*heardHost
	hosts   []*kv.Host
	batches []map[uint64]ghost.Batch // of the journals, by turn
	clock   []kv.Time
	sent    map[string]bool
	checker *ghost.Checker
}

func newAtomicReplay(t *testing.T, heard []*heardHost) *atomicReplay {
	t.Helper()
	r := &atomicReplay{T: t, heard: heard, clock: make([]kv.Time, len(heard)), sent: map[string]bool{}}
	for _, h := range heard {
		if err := h.Memory.Close(); err != nil {
			t.Fatal(err)
		}
		life, batches := h.Life(), map[uint64]ghost.Batch{}
		for b, err := range life.Batches {
			if err != nil {
				t.Fatal(err)
			}
			batches[h.batches[len(batches)]] = b
		}
		birth := kv.Birth{Incarnation: life.Header.Incarnation, Secret: life.Header.Secret}
		host, err := kv.New(life.Header.Config, kv.NewState(life.Header.Config, birth), store.NewMemory(store.MemoryOptions{Records: true}))
		if err != nil {
			t.Fatal(err)
		}
		r.hosts, r.batches = append(r.hosts, host), append(r.batches, batches)
	}
	var err error
	if r.checker, err = ghost.NewChecker(1, r.hosts...); err != nil {
		t.Fatal(err)
	}
	return r
}

// step takes the step that these events are.
func (r *atomicReplay) step(events []judge.Event) {
	r.Helper()
	i, turn := int(events[0].Host)-1, events[0].Step
	var left []string
	received := 0
	for _, e := range events {
		switch e.Kind {
		case judge.Receive:
			received++
			if r.fromHost(e.Packet) && !r.sent[e.Packet] {
				r.Fatalf("host %d, step %d: %s is received before it is sent", i+1, turn, e.Packet)
			}
		case judge.Send:
			left = append(left, e.Packet)
			r.sent[e.Packet] = true
		case judge.Clock:
		}
	}
	b := r.batches[i][turn]
	delete(r.batches[i], turn)
	if err := errors.Join(ghost.ReductionObligation(r.clock[i], b), ghost.OutputsAccountedFor(b)); err != nil {
		r.Fatalf("host %d, step %d: %v", i+1, turn, err)
	}
	for _, s := range b.Steps {
		r.clock[i] = s.Now
		if s.Input.Kind == kv.InputPacket {
			received--
		}
		for _, name := range r.machine(i, s) {
			if k := slices.Index(left, name); k < 0 {
				r.Fatalf("host %d, step %d: did not send %s", i+1, turn, name)
			} else {
				left = slices.Delete(left, k, k+1)
			}
		}
	}
	if len(left) != len(b.Shed) || received != len(b.Shed) {
		r.Fatalf("host %d, step %d: %d messages were received and %d sent beside those of its machine; %d requests were shed",
			i+1, turn, received, len(left), len(b.Shed))
	}
}

// machine takes a step of a machine, and names what it sends.
func (r *atomicReplay) machine(i int, s ghost.Step) (sent []string) {
	r.Helper()
	var out kv.Effects
	r.hosts[i].Step(s.Now, s.Input, &out)
	if err := r.checker.Step(r.hosts[i], s.Input, &out); err != nil {
		r.Fatal(err)
	}
	if r.hosts[i].Counters().Step != s.Number || ghost.Digest(s.Input.Packet.Src, out.Packets) != s.Digest {
		r.Fatalf("host %d does not do what its journal says in step %d", i+1, s.Number)
	}
	for _, p := range out.Packets {
		dst := p.Dst.Client
		if p.Dst.Host != 0 {
			dst = r.heard[i].members.addressOf(p.Dst.Host)
		}
		sent = append(sent, packetName(r.heard[i].self(), dst, marshal.Append(nil, p.Msg)))
	}
	return sent
}

func (r *atomicReplay) fromHost(packet string) bool {
	return slices.ContainsFunc(r.heard, func(h *heardHost) bool { return strings.HasPrefix(packet, h.self().String()+">") })
}

// end compares the states with those at which the run has arrived.
func (r *atomicReplay) end() {
	r.Helper()
	for i, h := range r.heard {
		if n := len(r.batches[i]); n != 0 {
			r.Errorf("host %d: %d batches are no step", i+1, n)
		}
		real := h.server.loop.machine.(*kv.Host)
		if !bytes.Equal(real.Encode(nil), r.hosts[i].Encode(nil)) {
			r.Errorf("host %d: another state than in the run", i+1)
		}
		if got, want := entriesOf(r.hosts[i].Store()), entriesOf(real.Store()); got != want {
			r.Errorf("host %d: another table than in the run: %s, then %s", i+1, got, want)
		}
	}
}

func entriesOf(s kv.Store) string {
	var b []byte
	s.Ascend(delegation.All, func(e marshal.Entry) bool {
		b = fmt.Appendf(b, "%q=%q@%d ", string(e.Key), e.Value, e.Version)
		return true
	})
	return string(b)
}
