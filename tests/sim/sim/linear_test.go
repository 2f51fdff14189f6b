package sim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/anishathalye/porcupine"

	"ironkv/delegation"
	"ironkv/marshal"
	"ironkv/tests/world"
)

// randomCalls are a few calls on one key with answers that may or may not be those of
// a register.
func randomCalls(rng *rand.Rand) (calls []*call) {
	version := func() marshal.Version { return marshal.Version(rng.IntN(5)) }
	var clock int64
	for i := range 2 + rng.IntN(5) {
		clock++
		c := &call{asked: &asked{Op: &world.Op{Kind: world.OpKind(rng.IntN(3)), Key: delegation.Key("k")}, client: i}, begun: clock}
		if rng.IntN(2) == 0 {
			clock++
		}
		c.ended = clock + 1 + int64(rng.IntN(3))
		if c.Kind == world.OpPut {
			c.Value = fmt.Append(nil, i)
		}
		if c.Kind.Writes() && rng.IntN(4) == 0 {
			c.Condition = marshal.Condition{Set: true, Version: version()}
		}
		calls = append(calls, c)
	}
	for _, c := range calls {
		if c.Kind.Writes() && rng.IntN(2) == 0 {
			c.Unknown = true
			continue
		}
		c.Done = true
		if c.Kind.Writes() {
			c.Answer = &marshal.SetReply{Result: marshal.SetResult(rng.IntN(4)), Version: version()}
			continue
		}
		g := &marshal.GetReply{}
		if from := calls[rng.IntN(len(calls))]; from.Kind == world.OpPut {
			g.Found, g.Value, g.Version = true, from.Value, 1+version()
		}
		c.Answer = g
	}
	return calls
}

// What is known or left out of writes with unknown outcomes makes no history one of a
// register that is none, or the other way round.
func TestWhatIsMadeOfUnknownOutcomesChangesNoVerdict(t *testing.T) {
	legal, less := 0, 0
	for seed := range uint64(30_000) {
		calls := randomCalls(rand.New(rand.NewPCG(seed, 5)))
		var all []porcupine.Operation
		for _, c := range calls {
			op := porcupine.Operation{ClientId: c.client, Input: c.Op, Call: c.begun, Output: c.Answer, Return: c.ended}
			if c.Unknown {
				op.Return = math.MaxInt64
			}
			all = append(all, op)
		}
		part := operations(calls)
		want, got := linearizable(all, maxSearch), linearizable(part, maxSearch)
		if want != got {
			for _, op := range all {
				t.Logf("%d to %d: %s → %+v", op.Call, op.Return, describe(op.Input.(*world.Op)), op.Output)
			}
			t.Fatalf("seed %d: %s, by itself %s", seed, got, want)
		}
		if want == porcupine.Ok {
			legal++
		}
		if len(part) < len(all) {
			less++
		}
	}
	t.Logf("%d of 30000 linearizable, of %d something is left out", legal, less)
	if legal < 3000 || less < 3000 {
		t.Error("too few of either kind to tell")
	}
}

// A search that meets its bound decides nothing.
func TestALongSearchIsUndecided(t *testing.T) {
	var ops []porcupine.Operation
	for i := range 24 { // who deletes when, no answer tells
		ops = append(ops, porcupine.Operation{ClientId: i, Input: &world.Op{Kind: world.OpDelete, Condition: marshal.Condition{Set: true, Version: marshal.Version(i)}}, Return: math.MaxInt64})
		ops = append(ops, porcupine.Operation{ClientId: i, Input: &world.Op{Kind: world.OpPut, Value: fmt.Append(nil, i)}, Return: math.MaxInt64})
	}
	ops = append(ops, porcupine.Operation{ClientId: 99, Input: &world.Op{}, Output: &marshal.GetReply{Found: true, Value: []byte("never written")}, Return: math.MaxInt64 - 1})
	if got := linearizable(ops, 1000); got != porcupine.Unknown {
		t.Errorf("got %s", got)
	}
}
