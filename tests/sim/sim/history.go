package sim

import (
	"fmt"
	"math"
	"slices"

	"github.com/anishathalye/porcupine"

	"ironkv/delegation"
	"ironkv/marshal"
	"ironkv/tests/world"
)

// A call is an operation on one key, as its client saw it.
type call struct {
	*asked
	begun int64
	ended int64 // 0 while it is outstanding
}

// history is what clients saw, in the order of events.
type history struct {
	open  []*call
	calls map[delegation.Key][]*call
	clock int64
	tags  map[*world.Op]int
	// last is the version of a key that a client saw last.
	last               map[delegation.Key]marshal.Version
	checked, undecided int
}

func newHistory() history {
	return history{calls: map[delegation.Key][]*call{}, tags: map[*world.Op]int{}, last: map[delegation.Key]marshal.Version{}}
}

func (h *history) begin(a *asked) {
	h.clock++
	h.tags[a.Op] = a.tag
	c := &call{asked: a, begun: h.clock}
	h.open = append(h.open, c)
	switch a.Kind {
	case world.OpGet, world.OpPut, world.OpDelete:
		h.calls[a.Key] = append(h.calls[a.Key], c)
	case world.OpScan, world.OpShard, world.OpPause, world.OpResume, world.OpCancel, world.OpThrottle, world.OpMoves, world.OpStatus, world.OpAudit:
	}
}

func (h *history) tagOf(o *world.Op) int { return h.tags[o] }

// end closes the calls that were answered or given up by now.
func (h *history) end() {
	h.open = slices.DeleteFunc(h.open, func(c *call) bool {
		if !c.Done && !c.Unknown {
			return false
		}
		h.clock++
		c.ended = h.clock
		delete(h.tags, c.Op)
		switch m := c.Answer.(type) {
		case *marshal.GetReply:
			h.last[c.Key] = m.Version
		case *marshal.SetReply:
			h.last[c.Key] = m.Version
		}
		return true
	})
}

// A register is a state of one key. Its version is 0 while it is absent, and
// unseen while the key has a value whose write was never answered.
type register struct {
	value   string
	version marshal.Version
	highest marshal.Version
}

// unseen is a version that no client knows.
const unseen = marshal.Version(math.MaxUint64)

func (r register) read(a *marshal.GetReply) []any {
	present := r.version != 0
	if present != a.Found || (present && r.value != string(a.Value)) {
		return nil
	}
	return r.seen(a.Version)
}

// seen is the register once its version is known to be v.
func (r register) seen(v marshal.Version) []any {
	if r.version == unseen && v > r.highest {
		r.version, r.highest = v, v
	}
	if r.version != v {
		return nil
	}
	return []any{r}
}

func (r register) write(op *world.Op, a *marshal.SetReply) []any {
	switch a.Result {
	case marshal.SetConditionFailed:
		if !op.Condition.Set || a.Version == op.Condition.Version {
			return nil
		}
		return r.seen(a.Version)
	case marshal.SetAbsent:
		if r.version != 0 || op.Kind != world.OpDelete || (op.Condition.Set && op.Condition.Version != 0) {
			return nil
		}
		return []any{r}
	case marshal.SetNoRoom:
		if op.Kind != world.OpPut {
			return nil
		}
		return []any{r}
	case marshal.SetApplied:
	}
	if op.Condition.Set {
		known := r.seen(op.Condition.Version)
		if known == nil {
			return nil
		}
		r = known[0].(register)
	}
	if op.Kind == world.OpDelete {
		known := r.seen(a.Version)
		if known == nil || r.version == 0 {
			return nil
		}
		return []any{register{highest: known[0].(register).highest}}
	}
	if a.Version <= r.highest {
		return nil
	}
	return []any{register{value: string(op.Value), version: a.Version, highest: a.Version}}
}

// perhaps is all that may become of the register by an operation whose outcome
// nobody knows. That it never happens is the same as that it happens at the end.
func (r register) perhaps(op *world.Op) []any {
	same := []any{r}
	if !op.Kind.Writes() {
		return same
	}
	if op.Condition.Set {
		known := r.seen(op.Condition.Version)
		if known == nil {
			return same
		}
		r = known[0].(register)
	}
	if op.Kind == world.OpDelete {
		return append(same, register{highest: r.highest})
	}
	return append(same, register{value: string(op.Value), version: unseen, highest: r.highest})
}

// check asks porcupine about the history of each key.
func (h *history) check() error {
	for _, key := range sortedKeys(h.calls) {
		ops := operations(h.calls[key])
		h.checked++
		switch linearizable(ops, maxSearch) {
		case porcupine.Illegal:
			return fmt.Errorf("what clients saw of %v, %d operations, has no order in which one register would have said it", key, len(ops))
		case porcupine.Unknown:
			h.undecided++
		case porcupine.Ok:
		}
	}
	return nil
}

func sortedKeys[V any](m map[delegation.Key]V) []delegation.Key {
	keys := make([]delegation.Key, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
