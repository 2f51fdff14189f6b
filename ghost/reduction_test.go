package ghost_test

import (
	"errors"
	"testing"

	"ironkv/ghost"
	"ironkv/ghost/judge"
	"ironkv/kv"
	"ironkv/marshal"
)

func TestReductionObligation(t *testing.T) {
	receive := kv.Input{Kind: kv.InputPacket}
	good := ghost.Batch{Steps: []ghost.Step{{Now: 5, Input: receive, Sends: 2}, {Now: 5, Sends: 1}}, Outputs: 3}
	if err := ghost.ReductionObligation(5, good); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"two readings of the clock": ghost.ReductionObligation(0, ghost.Batch{Steps: []ghost.Step{{Now: 5, Input: receive}, {Now: 6}}}),
		"a clock that goes back":    ghost.ReductionObligation(6, good),
	} {
		var v *judge.Violation
		if !errors.As(err, &v) || v.Name != "ReductionObligation" || !errors.Is(err, judge.ErrReduction) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	r := newRecorded(t, 1)
	r.settle()
	lives := edited(r.ended(), 0, func(s []ghost.Step) []ghost.Step { return append(s, ghost.Step{Number: 99, Now: -1}) })
	if _, err := ghost.Verify(lives, replaying); !errors.Is(err, judge.ErrReduction) {
		t.Errorf("verify: got %v", err)
	}
}

// What a batch sends is what its steps sent, and the refusals of what it shed.
func TestOutputsAccountedFor(t *testing.T) {
	client := kv.Endpoint{Client: newClientEndpoint(1)}
	get := &marshal.GetRequest{RequestHeader: marshal.RequestHeader{Number: 7}, Key: "k"}
	shed := func(src kv.Endpoint, m marshal.Message, answer marshal.Message) ghost.Batch {
		j := ghost.NewMemory(1, kv.Config{}, &kv.State{})
		j.Shed(kv.Packet{Src: src, Msg: m}, marshal.Append(nil, answer))
		if err := errors.Join(j.Flush(1), j.Close()); err != nil {
			t.Fatal(err)
		}
		for b := range j.Life().Batches {
			return b
		}
		return ghost.Batch{}
	}
	refusal := &marshal.Refusal{RequestHeader: get.RequestHeader, Reason: marshal.Overloaded}
	good := shed(client, get, refusal)
	good.Steps, good.Outputs = []ghost.Step{{Sends: 2}, {}}, 3
	if err := ghost.OutputsAccountedFor(good); err != nil {
		t.Error(err)
	}
	hello := &marshal.Hello{}
	if err := ghost.OutputsAccountedFor(shed(client, hello, &marshal.Refusal{Reason: marshal.Overloaded})); err != nil {
		t.Error(err)
	}
	vanished, extra := good, good
	vanished.Outputs, extra.Outputs = 2, 4
	other := *refusal
	other.Number++
	for name, b := range map[string]ghost.Batch{
		"an output vanishes":             vanished,
		"an output comes from nowhere":   extra,
		"a refusal of another request":   shed(client, get, &other),
		"an answer that is no refusal":   shed(client, get, &marshal.GetReply{RequestHeader: get.RequestHeader}),
		"an order is shed":               shed(client, &marshal.Shard{RequestHeader: get.RequestHeader}, refusal),
		"what another host asks is shed": shed(kv.Endpoint{Host: 2}, get, refusal),
	} {
		var v *judge.Violation
		if err := ghost.OutputsAccountedFor(b); !errors.As(err, &v) || v.Name != "OutputsAccountedFor" {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
