package ghost_test

import (
	"fmt"
	"net/netip"
	"testing"

	"ironkv/delegation"
	"ironkv/ghost"
	"ironkv/kv"
	"ironkv/kv/store"
	"ironkv/marshal"
)

// A cluster is a few real machines on stores in memory, and a network that is a
// list of packets: everything that happens is a call of its methods.
type cluster struct {
	t       testing.TB
	configs []kv.Config
	hosts   []*kv.Host
	stores  []*store.Memory
	now     kv.Time
	network []kv.Packet // sent by hosts to hosts, not delivered yet
	replies []kv.Packet // sent to clients
	// observe is told of every step, after it was taken.
	observe func(host int, now kv.Time, in kv.Input, out *kv.Effects)
	// journals, where there are some, are told of it too; each step is a batch.
	journals []ghost.Journal
	// born, where set, makes the journal of a host's next life.
	born func(host int, s *kv.State) ghost.Journal
}

// testLimits make chunks of one entry of a few bytes.
var testLimits = kv.Limits{ChunkBytes: 1, HoldTime: 100 * kv.Millisecond, EndedMoves: 2}

func newCluster(t testing.TB, n int, limits kv.Limits) *cluster {
	c := &cluster{t: t}
	var members []marshal.Member
	for i := range n {
		members = append(members, marshal.Member{ID: delegation.HostID(i + 1), Address: fmt.Sprintf("127.0.0.1:%d", 7001+i)})
	}
	for i := range n {
		cfg := kv.Config{Me: members[i].ID, Root: 1, Members: members, Software: "test", Durable: true, Limits: limits}
		s := store.NewMemory(store.MemoryOptions{Records: true})
		h, err := kv.New(cfg, kv.NewState(cfg, birth(i)), s)
		if err != nil {
			t.Fatal(err)
		}
		c.configs, c.hosts, c.stores = append(c.configs, cfg), append(c.hosts, h), append(c.stores, s)
		c.commit(i)
	}
	return c
}

// birth is what host i of a test is born with.
func birth(i int) kv.Birth {
	return kv.Birth{Incarnation: marshal.Incarnation(0xc0ffee00 + i), Secret: [32]byte{byte(i + 1)}}
}

func (c *cluster) commit(i int) {
	if _, err := c.stores[i].Commit(c.hosts[i].Counters()); err != nil {
		c.t.Fatal(err)
	}
}

// step takes a step of host i, commits, and puts what it sends on its way.
func (c *cluster) step(i int, in kv.Input) *kv.Effects {
	c.t.Helper()
	var out kv.Effects
	c.hosts[i].Step(c.now, in, &out)
	if c.observe != nil {
		c.observe(i, c.now, in, &out)
	}
	if c.journals != nil {
		c.note(i, in, &out)
	}
	c.commit(i)
	if c.journals != nil {
		state, err := c.stores[i].Load()
		if err != nil {
			c.t.Fatal(err)
		}
		c.journals[i].Durable(state.Step)
	}
	for _, p := range out.Packets {
		p.Msg = marshal.Clone(p.Msg)
		if p.Dst.Host == 0 {
			c.replies = append(c.replies, p)
		} else {
			c.network = append(c.network, p)
		}
	}
	return &out
}

// note tells host i's journal of a batch of one step.
func (c *cluster) note(i int, in kv.Input, out *kv.Effects) {
	c.t.Helper()
	observe(c.journals[i], c.now, c.hosts[i].Counters().Step, in, out)
	if err := c.journals[i].Flush(len(out.Packets)); err != nil {
		c.t.Fatal(err)
	}
}

// observe tells a journal of a step, with the bytes that a server has at hand.
func observe(j ghost.Journal, now kv.Time, step uint64, in kv.Input, out *kv.Effects) {
	var received, sent []byte
	if in.Kind == kv.InputPacket {
		received = marshal.Append(nil, in.Packet.Msg)
	}
	for _, p := range out.Packets {
		sent = marshal.Append(sent, p.Msg)
	}
	j.Observe(now, step, in, received, out, sent)
}

func (c *cluster) receive(i int, p kv.Packet) *kv.Effects {
	c.t.Helper()
	return c.step(i, kv.Input{Kind: kv.InputPacket, Packet: p})
}

// deliver lets the oldest packet arrive.
func (c *cluster) deliver() {
	c.t.Helper()
	p := c.network[0]
	c.network = c.network[1:]
	c.receive(int(p.Dst.Host)-1, p)
}

// settle delivers everything and lets every timer that is due act, until there
// is nothing to do for a while.
func (c *cluster) settle() {
	c.t.Helper()
	for quiet := 0; quiet < 3; {
		busy := false
		for len(c.network) > 0 {
			c.deliver()
			busy = true
		}
		for i, h := range c.hosts {
			for due, ok := h.Deadline(); ok && due <= c.now; due, ok = h.Deadline() {
				c.step(i, kv.Input{Kind: kv.InputTimer})
				busy = true
			}
		}
		if !busy {
			quiet++
			c.now += 10 * kv.Millisecond
		}
	}
}

// heal lets time pass, with a network that loses nothing, until whatever was lost
// before has been repeated.
func (c *cluster) heal() {
	c.t.Helper()
	for range 40 {
		c.settle()
		c.now += 500 * kv.Millisecond
	}
}

// crash loses what is volatile of host i and starts it again from its store.
func (c *cluster) crash(i int) {
	c.stores[i].Crash()
	state, err := c.stores[i].Load()
	if err != nil {
		c.t.Fatal(err)
	}
	if c.born != nil {
		c.journals[i] = c.born(i, state)
	}
	if c.hosts[i], err = kv.New(c.configs[i], state, c.stores[i]); err != nil {
		c.t.Fatal(err)
	}
}

// lose takes a step of host i that is journaled but never becomes durable, so
// that nothing of it leaves; the host crashes.
func (c *cluster) lose(i int, in kv.Input) {
	c.t.Helper()
	var out kv.Effects
	c.hosts[i].Step(c.now, in, &out)
	c.note(i, in, &out)
	c.crash(i)
}

// A client has one session at each host, and counts its numbers and operations.
type client struct {
	c        *cluster
	at       kv.Endpoint
	id       uint64
	sessions []marshal.SessionID
	numbers  []uint64
	counter  uint64
}

func newClientEndpoint(id uint64) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(9000+id))
}

func newClient(c *cluster, id uint64) *client {
	cl := &client{c: c, id: id, at: kv.Endpoint{Client: newClientEndpoint(id)}}
	for i := range c.hosts {
		nonce := marshal.Nonce{byte(id), byte(i)}
		cookie := cl.ask(i, &marshal.Hello{Nonce: nonce}).(*marshal.CookieReply).Cookie
		opened := cl.ask(i, &marshal.Open{Nonce: nonce, Cookie: cookie}).(*marshal.Opened)
		cl.sessions, cl.numbers = append(cl.sessions, opened.Session), append(cl.numbers, 0)
	}
	return cl
}

// ask sends a message to host i and returns the last reply, if one came at once.
func (cl *client) ask(i int, m marshal.Message) marshal.Message {
	cl.c.t.Helper()
	before := len(cl.c.replies)
	cl.c.receive(i, kv.Packet{Src: cl.at, Msg: m})
	if len(cl.c.replies) == before {
		return nil
	}
	return cl.c.replies[len(cl.c.replies)-1].Msg
}

func (cl *client) header(i int) marshal.RequestHeader {
	cl.numbers[i]++
	return marshal.RequestHeader{Session: cl.sessions[i], Number: cl.numbers[i]}
}

func (cl *client) operation(hd marshal.RequestHeader) marshal.WriteHeader {
	cl.counter++
	return marshal.WriteHeader{Floor: hd.Number, Operation: marshal.OperationID{Client: cl.id, Counter: cl.counter}}
}

func (cl *client) setRequest(i int, key delegation.Key, value string) *marshal.SetRequest {
	hd := cl.header(i)
	return &marshal.SetRequest{RequestHeader: hd, WriteHeader: cl.operation(hd), Key: key, Value: []byte(value)}
}

func (cl *client) put(i int, key delegation.Key, value string) marshal.Message {
	cl.c.t.Helper()
	return cl.ask(i, cl.setRequest(i, key, value))
}

func (cl *client) get(i int, key delegation.Key) marshal.Message {
	cl.c.t.Helper()
	return cl.ask(i, &marshal.GetRequest{RequestHeader: cl.header(i), Key: key})
}

func (cl *client) scan(i int, r delegation.Range, mode marshal.ScanMode) marshal.Message {
	cl.c.t.Helper()
	return cl.ask(i, &marshal.ScanRequest{RequestHeader: cl.header(i), Range: r, Mode: mode})
}

func (cl *client) shard(i int, r delegation.Range, to int) marshal.Message {
	cl.c.t.Helper()
	hd := cl.header(i)
	return cl.ask(i, &marshal.Shard{
		RequestHeader: hd, WriteHeader: cl.operation(hd), Range: r, Recipient: delegation.HostID(to + 1), Rate: marshal.RateUnlimited,
	})
}

func keyRange(from, until delegation.Key) delegation.Range {
	return delegation.Range{From: delegation.At(from), Until: delegation.At(until)}
}
