package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/anishathalye/porcupine"
)

// A regState is what a register may hold. Its version is 0 while it is absent,
// and unseen while the write of its value was never answered.
type regState struct {
	value   string
	version uint64
	highest uint64 // that was ever seen
}

// unseen is a version that no client knows.
const unseen = math.MaxUint64

// regModel is a register with versions, conditions and deletions; of a write with
// an unknown outcome all that may have become of it is possible. It is the
// simulator's model (tests/sim/sim/history.go) as seen from kv/client, which says
// less: no version with a failed condition, none with a deletion.
var regModel = (&porcupine.NondeterministicModel{
	Init: func() []any { return []any{regState{}} },
	Step: func(state, input, output any) []any {
		s, c, a := state.(regState), input.(regCall), output.(regAnswer)
		switch {
		case a.unknown:
			return s.perhaps(c)
		case a.failed:
			if !c.guarded || s.version == c.version {
				return nil
			}
			return []any{s}
		case c.kind == regGet:
			return s.read(a)
		default:
			return s.write(c, a)
		}
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v: %+v", input, output) },
}).ToModel()

func (s regState) read(a regAnswer) []any {
	if a.absent != (s.version == 0) || s.value != a.value {
		return nil
	}
	return s.known(a.version)
}

// known is the state once its version is known to be v.
func (s regState) known(v uint64) []any {
	if s.version == unseen && v > s.highest {
		s.version, s.highest = v, v
	}
	if s.version != v {
		return nil
	}
	return []any{s}
}

func (s regState) write(c regCall, a regAnswer) []any {
	if c.guarded {
		known := s.known(c.version)
		if known == nil {
			return nil
		}
		s = known[0].(regState)
	}
	switch {
	case a.absent: // a deletion that found nothing
		if s.version != 0 {
			return nil
		}
		return []any{s}
	case c.kind == regDelete:
		if s.version == 0 {
			return nil
		}
		return []any{regState{highest: s.highest}}
	case a.version <= s.highest:
		return nil
	}
	return []any{regState{value: c.value, version: a.version, highest: a.version}}
}

// perhaps is all that may become of the register by a write that was never
// answered. That it never happens is the same as that it happens at the end.
func (s regState) perhaps(c regCall) []any {
	same := []any{s}
	if c.guarded && s.version != unseen && s.version != c.version {
		return same
	}
	if c.kind == regDelete {
		return append(same, regState{highest: s.highest})
	}
	return append(same, regState{value: c.value, version: unseen, highest: s.highest})
}

// describe lists a history, for whoever has to find out what went wrong.
func describe(ops []porcupine.Operation) string {
	var b strings.Builder
	for _, o := range ops {
		ended := "never"
		if o.Return != math.MaxInt64 {
			ended = fmt.Sprintf("%.3f ms", float64(o.Return)/1e6)
		}
		fmt.Fprintf(&b, "  worker %2d  %.3f ms to %s  %+v: %+v\n", o.ClientId, float64(o.Call)/1e6, ended, o.Input, o.Output)
	}
	return b.String()
}
