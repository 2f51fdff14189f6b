package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"ironkv/kv"
)

// Size is how large a cluster is simulated.
type Size uint8

// The sizes.
const (
	// Small is two or three hosts with few keys and the narrowest limits, where
	// everything that can get in another's way does.
	Small Size = iota
	// Big is five hosts, eight clients and hundreds of keys.
	Big
)

// Wire is what packets travel as.
type Wire uint8

// The wires.
const (
	Values    Wire = iota // message values: fast
	Bytes                 // each message is encoded, and decoded by its receiver
	Datagrams             // in datagrams and fragments of package udp
	numWires  = iota
)

// String is the wire's name, as flags have it.
func (w Wire) String() string { return [numWires]string{"values", "bytes", "datagrams"}[w] }

// Options say which run it is. Equal options are the same run.
type Options struct {
	Seed uint64
	// Steps of hosts after which the adversary ends and the network becomes fair.
	Steps int
	Size  Size
	Wire  Wire
	// Disk keeps hosts on Pebble, on a file system in memory that forgets in a
	// crash what was not synced. Otherwise they are on a store in memory.
	Disk bool
	// Every is at how many steps all invariants and the whole state are checked;
	// 1 for each step. Refinement is checked at each step in any case.
	Every uint64
}

// Flags returns the flags of the command that runs o.
func (o Options) Flags() string {
	var b strings.Builder
	fmt.Fprintf(&b, "-seed %d -steps %d -every %d", o.Seed, o.Steps, o.Every)
	if o.Size == Big {
		b.WriteString(" -big")
	}
	if o.Disk {
		b.WriteString(" -disk")
	}
	if o.Wire != Values {
		fmt.Fprintf(&b, " -wire %v", o.Wire)
	}
	return b.String()
}

// mix is what a seed makes of its run, drawn before the first event.
type mix struct {
	hosts, clients, keys int
	met                  bool
	limits               kv.Limits
	weights              [numOps]int
	// ways are the weights of how the network is cut.
	ways [numWays]int
	// requests are the weights of what clients ask for.
	requests [numRequests]int
	// outstanding is how many operations a client has at once.
	outstanding int
	// reorder is how likely another packet than the oldest is delivered; batch,
	// that a host takes more than one input before it commits; fatal, that it
	// crashes then; patience, that time leaps to a timer far ahead.
	reorder, batch, fatal, patience float64
	valueBytes                      int
}

// usual are the weights of events before a seed bends them.
var usual = [numOps]int{
	opDeliver: 600, opTimer: 200, opInvoke: 90, opRetransmit: 30, opWait: 10,
	opLose: 20, opCopy: 20, opLate: 15, opForge: 4, opDamage: 4, opGiveUp: 4, opClose: 1,
	opCrash: 3, opRestart: 60, opJump: 1, opCut: 2, opMend: 12, opRoom: 1,
}

// usualRequests are the weights of what clients ask for.
var usualRequests = [numRequests]int{
	askPut: 30, askGet: 20, askDelete: 8, askScan: 8, askShard: 24, askOrder: 10, askQuestion: 3,
}

// essential events are in every mix: without them nothing happens.
var essential = map[Op]bool{opDeliver: true, opTimer: true, opInvoke: true, opRetransmit: true, opWait: true, opRestart: true, opMend: true}

func newMix(rng *rand.Rand, size Size) mix {
	m := mix{
		hosts: 2 + rng.IntN(2), clients: 1 + rng.IntN(3), keys: 3 + rng.IntN(8), met: rng.IntN(4) > 0,
		outstanding: 1 + rng.IntN(6), valueBytes: 1 + rng.IntN(60),
		reorder: pick(rng, 0, 0.1, 0.5, 1), batch: pick(rng, 0, 0.2, 0.6), fatal: pick(rng, 0, 0.01, 0.05),
		patience: pick(rng, 0.01, 0.03, 0.2),
	}
	if size == Big {
		m.hosts, m.clients, m.keys, m.outstanding = 5, 8, 200, 1+rng.IntN(24)
	}
	m.limits = drawLimits(rng, size)
	m.requests = usualRequests
	if rng.IntN(4) == 0 { // a shard storm
		m.requests[askShard], m.requests[askOrder] = 60, 40
	}
	for op, w := range usual {
		m.weights[op] = w * pick(rng, 0, 1, 1, 4)
		if essential[Op(op)] {
			m.weights[op] = w
		}
	}
	for way, w := range usualWays {
		m.ways[way] = w * pick(rng, 0, 1, 1, 4)
	}
	if m.ways == [numWays]int{} {
		m.ways = usualWays
	}
	return m
}

// weighted draws a place by the weights, not all of them 0.
func weighted(rng *rand.Rand, weights []int) int {
	total := 0
	for _, w := range weights {
		total += w
	}
	n, at := rng.IntN(total), 0
	for n >= weights[at] {
		n -= weights[at]
		at++
	}
	return at
}

func pick[T any](rng *rand.Rand, of ...T) T { return of[rng.IntN(len(of))] }

// drawLimits returns limits so narrow that runs reach them.
func drawLimits(rng *rand.Rand, size Size) kv.Limits {
	l := kv.Limits{
		ChunkBytes: pick(rng, 1, 1, 400, 1000), InFlightBytes: pick(rng, 600, 1500, 1<<20), Moves: pick(rng, 2, 8), EndedMoves: pick(rng, 1, 4),
		Sessions: pick(rng, 3, 6, 64, 64, 64), SessionsPerClient: pick(rng, 2, 8), SessionIdle: pick(rng, 5*kv.Second, 60*kv.Second, 600*kv.Second, 600*kv.Second),
		Window: pick[uint32](rng, 2, 4, 32), Answers: pick(rng, 8, 1000), Holds: pick(rng, 2, 100), HoldsPerSession: pick(rng, 1, 50),
		HoldTime: pick(rng, 20*kv.Millisecond, 2*kv.Second), HoldBytes: pick(rng, 1000, 1<<20),
		Cuts: 2, CutTime: kv.Second, PageEntries: pick(rng, 1, 2, 100), CountEntries: pick(rng, 2, 100), PageBytes: pick(rng, 100, 100_000),
		ReserveBytes: reserveBytes,
	}
	if l.Answers == 8 {
		l.AnswerBytes = 1 // what is said again names no range
	}
	if size == Big {
		l.ChunkBytes = pick(rng, 400, 2000, 10_000)
		l.InFlightBytes = 4 * l.ChunkBytes
		l.Sessions, l.SessionsPerClient = 64, 16
	}
	return l
}

// reserveBytes is the reserve of room of every host of a run.
const reserveBytes = 10_000
