package sim

import (
	"fmt"
	"math"

	"github.com/anishathalye/porcupine"

	"ironkv/marshal"
	"ironkv/tests/world"
)

// maxSearch bounds the search for an order of one key's history, in steps of the
// register: an order of one with many unknown outcomes may take for ever to find, or
// not to find. A bound in time would be another one on each machine.
const maxSearch = 1 << 20

// linearizable reports whether there is an order of the operations in which one
// register would have answered them so; Unknown where the search would take more than most steps.
func linearizable(ops []porcupine.Operation, most int) porcupine.CheckResult {
	steps := 0
	verdict := porcupine.CheckOperationsTimeout(registerModel(&steps, most), ops, 0)
	if steps > most {
		return porcupine.Unknown
	}
	return verdict
}

// registerModel is a register with versions, conditional writes and deletes; of a
// write with an unknown outcome all that may have become of it is possible. It counts
// its steps, and allows no more than most, which ends the search.
func registerModel(steps *int, most int) porcupine.Model {
	m := porcupine.NondeterministicModel{
		Init: func() []any { return []any{register{}} },
		Step: func(state, input, output any) []any {
			if *steps++; *steps > most {
				return nil
			}
			r, op := state.(register), input.(*world.Op)
			switch answer := output.(type) {
			case *marshal.GetReply:
				return r.read(answer)
			case *marshal.SetReply:
				return r.write(op, answer)
			}
			return r.perhaps(op)
		},
		DescribeOperation: func(input, output any) string { return fmt.Sprintf("%s → %+v", describe(input.(*world.Op)), output) },
	}
	return m.ToModel()
}

// operations are what porcupine has to order of one key's calls. Nobody writes a
// value twice. So a put of unknown outcome whose value was read has taken effect, with
// the version that was read, before the read's end. And one whose value was not, and
// which began too late for its version to be one that an answer names, was overwritten before anybody looked, or not
// executed: it is left out, for without it there is an order if and only if there is
// one with it.
func operations(calls []*call) (ops []porcupine.Operation) {
	w := witnessesOf(calls)
	for _, c := range calls {
		op := porcupine.Operation{ClientId: c.client, Input: c.Op, Call: c.begun, Output: c.Answer, Return: c.ended}
		if !c.Done {
			if !c.Kind.Writes() {
				continue // a read without an answer says nothing
			}
			op.Return = math.MaxInt64
			if seen := w.read[string(c.Value)]; c.Kind == world.OpPut && seen != nil {
				op.Output, op.Return = &marshal.SetReply{Result: marshal.SetApplied, Version: seen.Answer.(*marshal.GetReply).Version}, max(seen.ended, c.begun)
			} else if c.Kind == world.OpPut && c.begun > w.until {
				continue
			}
		}
		ops = append(ops, op)
	}
	return ops
}

// witnesses are what the answers about one key say of its writes.
type witnesses struct {
	// read holds, for each value that was read, the read that ended first.
	read map[string]*call
	// until is when the last of the answers ended that name a version first, where it
	// is that of no write that was answered or read: by then a write had taken effect
	// of which nothing else is known. 0 where there is none.
	until int64
}

func witnessesOf(calls []*call) witnesses {
	w := witnesses{read: map[string]*call{}}
	known := map[marshal.Version]bool{0: true}
	named := map[marshal.Version]int64{}
	name := func(v marshal.Version, ended int64) {
		if old, ok := named[v]; !ok || ended < old {
			named[v] = ended
		}
	}
	for _, c := range calls {
		switch m := c.Answer.(type) {
		case *marshal.GetReply:
			known[m.Version] = true
			if old := w.read[string(m.Value)]; m.Found && (old == nil || c.ended < old.ended) {
				w.read[string(m.Value)] = c
			}
		case *marshal.SetReply:
			switch {
			case m.Result == marshal.SetApplied && c.Kind == world.OpPut:
				known[m.Version] = true
			case m.Result == marshal.SetApplied || m.Result == marshal.SetConditionFailed:
				name(m.Version, c.ended)
			}
			if c.Condition.Set && m.Result == marshal.SetApplied {
				name(c.Condition.Version, c.ended)
			}
		}
	}
	for _, c := range calls {
		if c.Done || !c.Condition.Set {
			continue
		}
		if seen := w.read[string(c.Value)]; c.Kind == world.OpPut && seen != nil {
			name(c.Condition.Version, seen.ended) // it was applied
		} else {
			name(c.Condition.Version, math.MaxInt64) // it may have been
		}
	}
	for v, ended := range named {
		if !known[v] {
			w.until = max(w.until, ended)
		}
	}
	return w
}
