package world

import (
	"fmt"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

// A Cost is how many messages something takes, answers and acknowledgements included.
type Cost struct {
	PerGet, PerPut float64
	// PerMove is of a move of Moved entries, of which a chunk holds eight; 0 where there
	// is only one host.
	PerMove float64
	Moved   int
}

// costKeys is how many keys a cost is measured with.
const costKeys = 128

// CostOf counts messages in a met cluster in which the keys are spread over all
// hosts: of operations by a client that knows the owners, and of a move of all
// that one host has. It fails where hosts are none, or too many to have keys each.
func CostOf(hosts int) (Cost, error) {
	if hosts < 1 || hosts > costKeys {
		return Cost{}, fmt.Errorf("%d hosts: 1 to %d share %d keys", hosts, costKeys, costKeys)
	}
	m := meter{
		World: New(Config{Hosts: hosts, Clients: 1, Met: true, Limits: kv.Limits{ChunkBytes: 1 << 10}}),
		moved: costKeys / hosts,
	}
	get := func(i int) { m.done(Op{Kind: OpGet, Key: costKey(i)}) }
	put := func(i int) { m.done(Op{Kind: OpPut, Key: costKey(i), Value: make([]byte, 100)}) }
	m.count(costKeys, put)
	for h := 2; h <= hosts; h++ {
		r := delegation.Range{From: delegation.At(costKey((h - 1) * costKeys / hosts)), Until: delegation.PosInf}
		if h < hosts {
			r.Until = delegation.At(costKey(h * costKeys / hosts))
		}
		m.move(r, delegation.HostID(h))
	}
	m.count(costKeys, get) // the client learns who has what
	c := Cost{PerGet: m.count(costKeys, get), PerPut: m.count(costKeys, put), Moved: m.moved}
	if hosts > 1 {
		c.PerMove = m.count(1, func(int) { m.move(delegation.Range{Until: delegation.At(costKey(m.moved))}, 2) })
	}
	if m.err != nil {
		return Cost{}, fmt.Errorf("%d hosts: %w", hosts, m.err)
	}
	return c, nil
}

// A meter is a world whose messages are counted, until something fails.
type meter struct {
	*World
	moved int
	err   error
}

// costKey is the i-th key.
func costKey(i int) delegation.Key { return delegation.Key(fmt.Sprintf("key %03d", i)) }

// count returns how many messages each of n things takes.
func (m *meter) count(n int, each func(i int)) float64 {
	before := m.serial
	for i := range n {
		each(i)
	}
	return float64(m.serial-before) / float64(n)
}

func (m *meter) settle(what string, done func() bool) {
	if m.err == nil && !m.Settle(10_000, done) {
		m.err = fmt.Errorf("%s does not end", what)
	}
}

func (m *meter) done(op Op) {
	if m.err == nil {
		o := m.Invoke(1, op)
		m.settle("an operation", func() bool { return o.Done })
	}
}

// move has host 1 give a range away.
func (m *meter) move(r delegation.Range, to delegation.HostID) {
	m.done(Op{Kind: OpShard, Range: r, Recipient: to, Rate: marshal.RateUnlimited})
	state := m.Node(1).Host.State()
	move := state.Moves[state.LastMove]
	if move == nil {
		m.err = fmt.Errorf("the order to move %v was refused", r)
		return
	}
	m.settle("a move", func() bool { return move.Phase == marshal.MoveDone })
}
