package sim

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"math"
	"math/rand/v2"
	"net/netip"
	"runtime/debug"

	"ironkv/delegation"
	"ironkv/ghost"
	"ironkv/ghost/judge"
	"ironkv/kv"
	"ironkv/kv/store"
	"ironkv/marshal"
	"ironkv/tests/world"
)

// Kind is what kind of failure ended a run.
type Kind uint8

// The kinds of failures.
const (
	None     Kind = iota
	Crash         // the code under test panicked, or a host stopped by itself
	Safety        // a violation: of an invariant, of the spec, or of a client's history
	Liveness      // something did not come to its end though the network was fair
)

// A Failure is why a run is not as it should be.
type Failure struct {
	Kind Kind
	Err  error
}

// Error tells it.
func (f *Failure) Error() string {
	return [...]string{"none", "crash", "safety", "liveness"}[f.Kind] + ": " + f.Err.Error()
}

// A Result is what became of a run.
type Result struct {
	Options Options
	// Failure is nil where all is well.
	Failure *Failure
	// Steps of hosts, Events of the adversary.
	Steps, Events uint64
	// Hash is over every step of every host: its input and what it sent.
	Hash string
	// Counts are the judge's.
	Counts ghost.Counts
	// Seen is what was seen of what there is.
	Seen *judge.Coverage
	// Histories is how many keys' histories were checked, Undecided how many of
	// them porcupine did not get done with.
	Histories, Undecided int
	// Waited is the longest wait of the fair end.
	Waited Wait
	// Trace are the adversary's events, if they were recorded; Fair says that the
	// run went on to its fair end, Packets that of the run named by Options only the
	// packets flew that arrived in it, between hosts in memory.
	Trace         []Event
	Fair, Packets bool
	stuck         bool
	mix           mix
	told          []string // what each event of the trace led to
}

// stranger is an address that is nobody's.
var stranger = netip.MustParseAddrPort("10.9.9.9:9")

// Sim is a run in progress.
type Sim struct {
	opts    Options
	tamper  func(world.Store) world.Store
	alter   func(marshal.Message)
	mix     mix
	keys    []delegation.Key
	rng     *rand.Rand
	world   *world.World
	net     network
	checker *ghost.Checker
	seen    *judge.Coverage
	tallies tallies
	hash    hash.Hash
	scratch []byte
	packets []kv.Packet // those of one event, and the inputs that they are
	inputs  []kv.Input
	failure *Failure
	steps   uint64
	events  uint64
	gaps    []gap // where the network is cut
	attic   []kv.Packet
	ops     map[int]*asked
	tags    int
	values  int
	history history
	// recording fills in the names of events and keeps them; replaying finds
	// flights by these names.
	// fairly says that the adversary has ended; resting, that it goes on behind a rest.
	// Where strict, a clone takes each step, too, and each bound is looked at behind it.
	recording, replaying, fairly, resting, strict bool
	past                                          map[string]kv.Packet // replaying: what left the network, by its names
	// patience is the fair end's; stuck says that it failed for having been idle. When
	// bare, what flies when it begins is lost.
	patience    patience
	waited      Wait
	stuck, bare bool
	trace       []Event
	told        []string
	// lost is the host that has lost its state, and may stop; 0 for none. From
	// then on the judge, who knows of no such thing, is not asked. wiped says that
	// its disk is empty: then it may serve nobody.
	lost delegation.HostID
	twin twin
	// repeats is when a host last repeated itself to a peer, on its clock.
	repeats map[repeated]kv.Time
	// rooms is what room a host was told last by a peer; audits, what it was asked for.
	rooms  map[link]uint64
	audits map[delegation.HostID]*audits
	wiped  bool
	note   string // what the present event led to
}

// asked is an operation with its client.
type asked struct {
	*world.Op
	client int
	tag    int
}

// A setting is a run, and what tests do to it.
type setting struct {
	Options
	// tamper, if set, puts a store that is at fault in the place of a host's.
	tamper func(world.Store) world.Store
	// alter, if set, changes messages on their way, where they travel as values.
	alter func(marshal.Message)
	// bare says that packets arrive by themselves (see asPackets); strict is as in Sim.
	bare, strict bool
}

// Run runs o to its end, or to the first failure.
func Run(o Options) *Result { return setting{Options: o}.start().run() }

func (t setting) start() *Sim {
	o := t.Options
	rng := rand.New(rand.NewPCG(o.Seed, 0x51_4d))
	s := &Sim{
		opts: o, tamper: t.tamper, alter: t.alter, mix: newMix(rng, o.Size), rng: rng, seen: newCoverage(), tallies: newTallies(), hash: sha256.New(),
		repeats: map[repeated]kv.Time{}, rooms: map[link]uint64{}, audits: map[delegation.HostID]*audits{},
		ops: map[int]*asked{}, past: map[string]kv.Packet{}, history: newHistory(),
		patience: patience{whole: fairSteps},
	}
	for i := range s.mix.keys {
		s.keys = append(s.keys, delegation.Key(fmt.Sprintf("k%d", i)))
	}
	s.net = plain{s, map[uint64]string{}}
	return s
}

// build makes the world; what panics in it is a failure like any other.
func (s *Sim) build() {
	cfg := world.Config{Hosts: s.mix.hosts, Clients: s.mix.clients, Limits: s.mix.limits, Met: s.mix.met}
	cfg.NewStore = s.newStore
	s.world = world.New(cfg)
	switch s.opts.Wire {
	case Bytes:
		s.world.Carry = s.carryBytes
	case Datagrams:
		s.net = newDatagrams(s)
	case Values:
		if s.alter != nil {
			s.world.Carry = func(m marshal.Message) marshal.Message {
				m = marshal.Clone(m)
				s.alter(m)
				return m
			}
		}
	}
	s.world.Observer, s.world.Before = s.observe, s.prepareTwin
	var hosts []*kv.Host
	for _, n := range s.world.Nodes {
		hosts = append(hosts, n.Host)
	}
	var err error
	if s.checker, err = ghost.NewChecker(s.opts.Every, hosts...); err != nil {
		s.fail(Safety, err)
	}
}

// split keeps hosts 2 and 3 from meeting at first where none have met, so that host 1
// serves, and may give to hosts that do not.
func (s *Sim) split() {
	if s.mix.met || s.mix.hosts < 3 || s.failure != nil {
		return
	}
	s.apply(&Event{Op: opCut, Host: 2, Peer: 3, Way: wayTwoWay})
}

func (s *Sim) newStore(id delegation.HostID) world.Store {
	var st world.Store
	if s.opts.Disk {
		st = newCrashable(id, s.mix.limits.Window)
	} else {
		st = store.NewMemory(store.MemoryOptions{Records: true, Window: s.mix.limits.Window})
	}
	if s.tamper != nil {
		st = s.tamper(st)
	}
	return st
}

func (s *Sim) run() *Result {
	s.guard(func() {
		s.build()
		s.split()
		for s.failure == nil && s.steps < uint64(s.opts.Steps) {
			e := s.draw()
			s.apply(&e)
		}
		s.finish()
	})
	return s.result()
}

// guard turns a panic into a failure.
func (s *Sim) guard(run func()) {
	defer func() {
		if p := recover(); p != nil {
			s.fail(Crash, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
		s.close()
	}()
	run()
}

func (s *Sim) close() {
	if s.world == nil || !s.opts.Disk {
		return
	}
	for _, n := range s.world.Nodes {
		if err := n.Store.Close(); err != nil {
			s.fail(Crash, fmt.Errorf("host %d's disk cannot be closed: %w", n.ID, err))
		}
	}
}

func (s *Sim) result() *Result {
	r := &Result{
		Options: s.opts, Failure: s.failure, Steps: s.steps, Events: s.events, Hash: hex.EncodeToString(s.hash.Sum(nil)),
		Seen: s.seen, Histories: s.history.checked, Undecided: s.history.undecided, Waited: s.waited, Trace: s.trace, told: s.told, Fair: s.fairly, stuck: s.stuck, mix: s.mix,
	}
	if s.checker != nil {
		r.Counts = s.checker.Counts()
		r.Seen.Add(s.checker.Coverage())
	}
	return r
}

func (s *Sim) fail(k Kind, err error) {
	if s.failure == nil {
		s.failure = &Failure{Kind: k, Err: err}
	}
}

// apply lets an event happen.
func (s *Sim) apply(e *Event) {
	s.events++
	if e.Op < numOps {
		s.tallies.event.saw(s.seen, int(e.Op))
	}
	s.note = ""
	if s.replaying && !s.fairly && !s.find(e) {
		return
	}
	if s.recording && !s.replaying && !s.fairly {
		e.Index = len(s.trace)
		s.nameFlights(e)
	}
	s.happen(e)
	s.net.took()
	if e.Op == opGiveUp || e.Op == opDeliver && e.Host == 0 { // nothing else ends what a client asked for
		s.history.end()
	}
	if s.recording && !s.fairly {
		s.trace, s.told = append(s.trace, *e), append(s.told, s.note)
	}
	for _, n := range s.world.Nodes {
		if err := s.world.Halted[n.ID]; err != nil && n.ID != s.lost {
			s.fail(Crash, fmt.Errorf("host %d stopped: %w", n.ID, err))
		}
	}
}

func (s *Sim) happen(e *Event) {
	w := s.world
	switch e.Op {
	case opDeliver, opTimer:
		s.deliver(e)
	case opInvoke:
		op := w.Invoke(e.Client, e.Request)
		a := &asked{Op: op, client: e.Client, tag: e.Tag}
		s.ops[e.Tag] = a
		s.history.begin(a)
	case opRetransmit:
		w.Retransmit(e.Client)
	case opWait:
		w.Now += e.Span
	case opLose, opCopy, opLate, opForge, opDamage:
		s.disturb(e)
	case opGiveUp:
		if a := s.ops[e.Tag]; a != nil && !a.Done && !a.Unknown {
			w.GiveUp(a.client, a.Op)
		}
	case opClose:
		w.Send(w.Clients[e.Client-1].Close(e.Host)...)
	case opCrash:
		w.Crash(e.Host)
		s.net.restarted(e.Host)
	case opRestart:
		s.restart(e.Host)
	case opJump:
		w.Node(e.Host).Started -= e.Span
	case opCut:
		s.part(e)
	case opMend:
		s.gaps = s.gaps[:0]
	case opRoom:
		w.Batch(e.Host, []kv.Input{{Kind: kv.InputRoom, Room: e.Room}}, world.Sent)
	case opSettle:
		s.rest()
	case numOps:
	}
}

// chance draws what is left open of a damage.
func (e *Event) chance() *rand.Rand { return rand.New(rand.NewPCG(e.Damage, 1)) }

// disturb does what a network does to packets.
func (s *Sim) disturb(e *Event) {
	switch e.Op {
	case opLose:
		s.net.take(nil, e.Flights[0])
	case opCopy:
		s.net.double(e.Flights[0])
	case opLate:
		if s.replaying {
			p, _ := s.gone(e.Names[0])
			s.world.Send(p)
			return
		}
		s.world.Send(s.attic[e.Flights[0]])
	case opForge:
		p, _ := s.original(e)
		s.world.Send(forge(p, e.chance()))
	case opDamage:
		if err := s.net.damage(e.Flights[0], e.chance()); err != nil {
			s.fail(Safety, err)
		}
	default:
		panic("sim: not a disturbance: " + opNames[e.Op])
	}
}

// deliver gives packets, and then timers, to a host as one batch, or a packet to
// a client.
func (s *Sim) deliver(e *Event) {
	packets := s.packets[:0]
	for k, at := range e.Flights {
		for _, gone := range e.Flights[:k] {
			if gone < e.Flights[k] {
				at--
			}
		}
		packets = s.net.take(packets, at)
	}
	s.packets = packets
	if s.recording && !s.replaying {
		for _, p := range packets {
			e.Brought = append(e.Brought, nameOf(p))
		}
	}
	if e.Host == 0 {
		for _, p := range packets {
			s.world.Hand(p)
		}
		return
	}
	inputs := s.inputs[:0]
	for _, p := range packets {
		inputs = append(inputs, kv.Input{Kind: kv.InputPacket, Packet: p})
	}
	for range e.Timers {
		inputs = append(inputs, kv.Input{Kind: kv.InputTimer})
	}
	s.inputs = inputs
	s.net.timers()
	if len(inputs) == 0 || s.world.Node(e.Host).Host == nil {
		return
	}
	before := s.checker
	if e.Fate == world.LostUnsynced {
		before = s.checker.Clone()
	}
	s.tallies.fate.saw(s.seen, int(e.Fate))
	s.world.Batch(e.Host, inputs, e.Fate)
	if e.Fate == world.LostUnsynced {
		s.checker = before
	}
	if e.Fate != world.Sent {
		s.net.restarted(e.Host)
	}
}

func (s *Sim) restart(id delegation.HostID) {
	n := s.world.Node(id)
	if n.Host != nil || s.world.Halted[id] != nil {
		return
	}
	s.world.Restart(id)
	s.forget(id)
	if s.lost != 0 {
		return
	}
	if err := s.checker.Restart(n.Host); err != nil {
		s.fail(Safety, err)
	}
}

// observe judges a step of a host.
func (s *Sim) observe(st world.Step) {
	s.steps++
	s.cover(st)
	s.digest(st)
	if s.recording && !s.fairly {
		s.tell(st)
	}
	if s.failure != nil {
		return
	}
	if s.lost != 0 {
		if st.Node.ID == s.lost && st.Node.Host.Serving() && s.wiped {
			s.fail(Safety, fmt.Errorf("host %d was wiped, and serves", s.lost))
		}
		return
	}
	if err := s.conduct(st); err != nil {
		s.fail(Safety, err)
		return
	}
	if err := s.checker.Step(st.Node.Host, st.In, st.Out); err != nil {
		s.fail(Safety, err)
	}
}

func appendPacket(b []byte, p kv.Packet) []byte {
	b = binary.AppendUvarint(b, uint64(p.Src.Host))
	b = binary.AppendUvarint(b, uint64(p.Dst.Host))
	b = append(p.Src.Client.AppendTo(b), 0)
	b = append(p.Dst.Client.AppendTo(b), 0)
	return marshal.Append(b, p.Msg)
}

// digest adds the step to the run's hash.
func (s *Sim) digest(st world.Step) {
	b := binary.AppendUvarint(s.scratch[:0], uint64(st.Node.ID))
	b = binary.AppendVarint(b, int64(st.Now))
	b = append(b, byte(st.In.Kind), byte(st.Out.Action), byte(st.Out.Drop))
	b = binary.AppendUvarint(b, st.In.Room)
	if st.In.Packet.Msg != nil {
		b = appendPacket(b, st.In.Packet)
	}
	for _, p := range st.Out.Packets {
		b = appendPacket(b, p)
	}
	s.scratch = b
	s.hash.Write(b)
}

// never is a time that does not come.
const never = kv.Time(math.MaxInt64)
