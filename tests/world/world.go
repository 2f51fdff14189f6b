package world

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/kv/store"
	"ironkv/marshal"
)

// Config describes a world.
type Config struct {
	// Hosts is how many hosts there are, with ids from 1.
	Hosts int
	Root  delegation.HostID // 0: host 1
	// Limits are those of every host.
	Limits kv.Limits
	// Clients is how many model clients there are, with ids from 1.
	Clients int
	// NewStore makes a host's store; nil for a [store.Memory] that keeps records.
	NewStore func(delegation.HostID) Store
	// Met starts with all hosts acquainted and joined, as after their first start.
	Met bool
}

// Store is a store that can lose what was not committed.
type Store interface {
	store.Store
	Crash()
}

// Node is one host with its store. Host is nil while it is down.
type Node struct {
	ID    delegation.HostID
	Host  *kv.Host
	Store Store
	// Started is when the present process started, on the world's clock.
	Started kv.Time
	lives   uint64 // births of its state, for secrets
}

// A Flight is a packet on the network.
type Flight struct {
	Serial uint64 // in the order of sending, from 1
	Packet kv.Packet
}

// A Step is one step of a host, told to the Observer after its commit.
type Step struct {
	Node *Node
	Now  kv.Time
	In   kv.Input
	Out  *kv.Effects
}

// World is the whole: hosts, clients, network, and time.
type World struct {
	Config  Config
	Members []marshal.Member
	Nodes   []*Node
	Clients []*Client
	Net     []Flight
	Now     kv.Time
	// Observer, if set, is told each step of a host. Before, if set, is called
	// before the step with Out nil.
	Observer func(Step)
	Before   func(Step)
	// Carry, if set, is what the network does to a message on its way; else the
	// receiver gets a copy.
	Carry func(marshal.Message) marshal.Message
	// Halted holds, per host, why it stopped for good.
	Halted map[delegation.HostID]error
	serial uint64
	places []Flight    // what Net is a part of
	batch  []kv.Packet // sent by the steps of the present batch
}

// New returns a world in which every host has just started for the first time.
func New(cfg Config) *World {
	if cfg.Root == 0 {
		cfg.Root = 1
	}
	w := &World{Config: cfg, Halted: map[delegation.HostID]error{}}
	for i := 1; i <= cfg.Hosts; i++ {
		w.Members = append(w.Members, marshal.Member{ID: delegation.HostID(i), Address: fmt.Sprintf("10.0.0.%d:7000", i)})
	}
	for _, m := range w.Members {
		n := &Node{ID: m.ID}
		w.Nodes = append(w.Nodes, n)
		n.Store = w.newStore(m.ID)
	}
	for _, n := range w.Nodes {
		w.start(n)
	}
	for i := 1; i <= cfg.Clients; i++ {
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 1, byte(i)}), 9000)
		w.Clients = append(w.Clients, NewClient(uint64(i), addr, cfg.Root))
	}
	if cfg.Met {
		w.meet()
	}
	return w
}

func (w *World) newStore(id delegation.HostID) Store {
	if w.Config.NewStore != nil {
		return w.Config.NewStore(id)
	}
	return store.NewMemory(store.MemoryOptions{Records: true})
}

func (w *World) hostConfig(id delegation.HostID) kv.Config {
	return kv.Config{Me: id, Root: w.Config.Root, Members: w.Members, Software: "world", Durable: true, Limits: w.Config.Limits}
}

// birth gives each life of a host's state its own secrets, the same in every run.
func (n *Node) birth() kv.Birth {
	n.lives++
	b := kv.Birth{Incarnation: marshal.Incarnation(uint64(n.ID)<<8 | n.lives)}
	binary.BigEndian.PutUint64(b.Secret[:], uint64(b.Incarnation))
	return b
}

func (w *World) start(n *Node) {
	state, err := n.Store.Load()
	if err != nil {
		panic(fmt.Sprintf("world: host %d cannot load its state: %v", n.ID, err))
	}
	cfg := w.hostConfig(n.ID)
	if state == nil {
		state = kv.NewState(cfg, n.birth())
	}
	h, err := kv.New(cfg, state, n.Store)
	if err != nil {
		panic(fmt.Sprintf("world: host %d: %v", n.ID, err))
	}
	n.Host, n.Started = h, w.Now
	w.commit(n)
}

func (w *World) commit(n *Node) {
	pending, err := n.Store.Commit(n.Host.Counters())
	if err == nil && pending != nil {
		err = pending.Wait()
	}
	if err != nil {
		panic(fmt.Sprintf("world: host %d cannot commit: %v", n.ID, err))
	}
}

// meet lets the hosts greet each other until all have joined.
func (w *World) meet() {
	for range 4 * len(w.Nodes) * len(w.Nodes) {
		for _, n := range w.Nodes {
			for {
				if t, ok := n.Host.Deadline(); !ok || t > w.nodeNow(n) {
					break
				}
				w.Tick(n.ID)
			}
		}
		for len(w.Net) > 0 {
			w.Deliver(0)
		}
		if w.joined() {
			return
		}
	}
	panic("world: the hosts did not meet")
}

func (w *World) joined() bool {
	return !slices.ContainsFunc(w.Nodes, func(n *Node) bool { return n.Host == nil || !n.Host.Serving() })
}

// nodeNow is the host's own clock: time since its process started.
func (w *World) nodeNow(n *Node) kv.Time { return w.Now - n.Started }

// Node returns the host with the id.
func (w *World) Node(id delegation.HostID) *Node { return w.Nodes[id-1] }

// Step lets a host take one step, commits it, and puts what it sends on the
// network. A host that is down takes none.
func (w *World) Step(id delegation.HostID, in kv.Input) *kv.Effects {
	n := w.Node(id)
	out := &kv.Effects{}
	if n.Host == nil {
		return out
	}
	now := w.nodeNow(n)
	if w.Before != nil {
		w.Before(Step{Node: n, Now: now, In: in})
	}
	n.Host.Step(now, in, out)
	if out.Halt != nil {
		w.Halted[id] = out.Halt
		n.Store.Crash()
		n.Host = nil
		return out
	}
	w.commit(n)
	w.send(out.Packets)
	if w.Observer != nil {
		w.Observer(Step{Node: n, Now: now, In: in, Out: out})
	}
	return out
}

func (w *World) send(packets []kv.Packet) {
	for _, p := range packets {
		if len(w.Net) == cap(w.Net) {
			w.makeRoom()
		}
		w.serial++
		w.Net = append(w.Net, Flight{Serial: w.serial, Packet: p})
	}
}

// makeRoom takes the places of packets that have left, or new ones.
func (w *World) makeRoom() {
	if 2*len(w.Net) <= len(w.places) {
		n := copy(w.places, w.Net)
		clear(w.places[n:])
		w.Net = w.places[:n]
		return
	}
	w.Net = slices.Grow(w.Net, len(w.Net)+1)
	w.places = w.Net[:cap(w.Net)]
}

// A Fate is what becomes of a batch of steps.
type Fate uint8

// The fates of a batch.
const (
	Sent         Fate = iota // committed, and what it sends is on the network
	LostUnsynced             // the host crashes before the commit: it never happened
	LostUnsent               // the host crashes behind the commit: nothing of it is sent
)

// Batch lets a host take several steps and commit them at once, as its loop does.
// It returns the batch's fate, which for a host that halts is LostUnsynced. The
// Observer is told of each step as it is taken, whatever becomes of it.
func (w *World) Batch(id delegation.HostID, inputs []kv.Input, fate Fate) Fate {
	n := w.Node(id)
	if n.Host == nil {
		return LostUnsynced
	}
	now, start := w.nodeNow(n), len(w.batch)
	for _, in := range inputs {
		if in.Kind == kv.InputPacket {
			in.Packet.Msg = w.carry(in.Packet.Msg)
		}
		if w.Before != nil {
			w.Before(Step{Node: n, Now: now, In: in})
		}
		out := &kv.Effects{}
		n.Host.Step(now, in, out)
		if out.Halt != nil {
			w.Halted[id], fate = out.Halt, LostUnsynced
			break
		}
		w.batch = append(w.batch, out.Packets...)
		if w.Observer != nil {
			w.Observer(Step{Node: n, Now: now, In: in, Out: out})
		}
	}
	if fate != LostUnsynced {
		w.commit(n)
	}
	if fate == Sent {
		w.send(w.batch[start:])
	}
	w.batch = w.batch[:start]
	if fate != Sent {
		w.Crash(id)
	}
	return fate
}

func (w *World) carry(m marshal.Message) marshal.Message {
	if w.Carry != nil {
		return w.Carry(m)
	}
	return marshal.Clone(m)
}

// Hand gives a packet, which need not be on the network, to its receiver.
func (w *World) Hand(p kv.Packet) { w.hand(p) }

// Send puts packets on the network.
func (w *World) Send(packets ...kv.Packet) { w.send(packets) }

// Deliver takes the i-th packet off the network and hands it to its receiver.
func (w *World) Deliver(i int) {
	p := w.Net[i].Packet
	w.Drop(i)
	w.hand(p)
}

// DeliverCopy hands the i-th packet to its receiver and leaves it on the network.
func (w *World) DeliverCopy(i int) { w.hand(w.Net[i].Packet) }

// Drop loses the i-th packet. The fewer are before it, mostly none, the quicker.
func (w *World) Drop(i int) {
	copy(w.Net[1:i+1], w.Net[:i])
	w.Net[0] = Flight{}
	w.Net = w.Net[1:]
}

func (w *World) hand(p kv.Packet) {
	// The receiver gets its own copy: nobody shares memory over a network.
	p.Msg = w.carry(p.Msg)
	if p.Dst.Host != 0 {
		w.Step(p.Dst.Host, kv.Input{Kind: kv.InputPacket, Packet: p})
		return
	}
	for _, c := range w.Clients {
		if c.Addr == p.Dst.Client {
			w.send(c.Receive(p))
		}
	}
}

// Tick lets a host's timer fire once.
func (w *World) Tick(id delegation.HostID) *kv.Effects {
	return w.Step(id, kv.Input{Kind: kv.InputTimer})
}

// Due returns when a host's timer is next due, on the world's clock.
func (w *World) Due(id delegation.HostID) (kv.Time, bool) {
	n := w.Node(id)
	if n.Host == nil {
		return 0, false
	}
	t, ok := n.Host.Deadline()
	return t + n.Started, ok
}

// Crash kills a host: what was not committed is gone, and so is all that is volatile.
func (w *World) Crash(id delegation.HostID) {
	n := w.Node(id)
	if n.Host != nil {
		n.Host = nil
		n.Store.Crash()
	}
}

// Restart starts a host that is down, from what its store holds.
func (w *World) Restart(id delegation.HostID) {
	if n := w.Node(id); n.Host == nil {
		w.start(n)
	}
}

// Wipe replaces a host that is down by one with an empty disk, and starts it.
func (w *World) Wipe(id delegation.HostID) {
	n := w.Node(id)
	n.Store = w.newStore(id)
	n.Host = nil
	w.start(n)
}

// Invoke starts an operation of a client.
func (w *World) Invoke(client int, op Op) *Op {
	o, packets := w.Clients[client-1].Invoke(op)
	w.send(packets)
	return o
}

// Retransmit repeats what a client has outstanding.
func (w *World) Retransmit(client int) { w.send(w.Clients[client-1].Retransmit()) }

// GiveUp lets a client give an operation up: its outcome stays unknown.
func (w *World) GiveUp(client int, op *Op) { w.Clients[client-1].GiveUp(op) }

// Settle is the fair network: it delivers everything and fires every timer that
// is due, moving time to the next one when nothing else is left, until done
// reports true or n events have happened. It reports whether it got there.
func (w *World) Settle(n int, done func() bool) bool {
	for range n {
		switch {
		case done():
			return true
		case len(w.Net) > 0:
			w.Deliver(0)
		case !w.advance():
			for i := range w.Clients {
				w.Retransmit(i + 1)
			}
		}
	}
	return done()
}

// advance fires the timer that is due first, moving time there.
func (w *World) advance() bool {
	var first *Node
	var at kv.Time
	for _, n := range w.Nodes {
		if t, ok := w.Due(n.ID); ok && (first == nil || t < at) {
			first, at = n, t
		}
	}
	// Clients repeat themselves before the network goes quiet for long.
	if first == nil || at > w.Now+10*kv.Second {
		w.Now += 100 * kv.Millisecond
		return false
	}
	for i, c := range w.Clients {
		if at > w.Now && c.Waiting() {
			w.Retransmit(i + 1)
		}
	}
	w.Now = max(w.Now, at)
	w.Tick(first.ID)
	return true
}

// Clone returns a copy that goes on by itself. Stores have to be
// [store.Memory]; observers are not copied.
func (w *World) Clone() *World {
	c := *w
	c.Observer, c.Before = nil, nil
	c.Net, c.places = slices.Clone(w.Net), nil
	c.Halted = map[delegation.HostID]error{}
	for id, err := range w.Halted {
		c.Halted[id] = err
	}
	c.Nodes = make([]*Node, len(w.Nodes))
	for i, n := range w.Nodes {
		cn := *n
		cn.Store = n.Store.(*store.Memory).Clone()
		if n.Host != nil {
			cn.Host = n.Host.Clone(cn.Store)
		}
		c.Nodes[i] = &cn
	}
	c.Clients = make([]*Client, len(w.Clients))
	for i, cl := range w.Clients {
		c.Clients[i] = cl.Clone()
	}
	return &c
}
