package ghost

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

// FuzzStep: whatever bytes stand where a step should, reading them ends, and
// either fails as corrupt or yields a step that is written and read as the same.
func FuzzStep(f *testing.F) {
	client := kv.Endpoint{Client: netip.MustParseAddrPort("[::1]:7")}
	for _, s := range []Step{
		{Number: 1, Now: 5, Input: kv.Input{Kind: kv.InputTimer}, Action: kv.ActChunk, Transfers: []kv.Transfer{{Peer: 2, Seqno: 3, Range: delegation.All}}},
		{Number: 2, Input: kv.Input{Kind: kv.InputRoom, Room: 1 << 40}, Sends: 2, Digest: 7},
		{Number: 3, Input: kv.Input{Packet: kv.Packet{Src: client, Msg: &marshal.GetRequest{Key: "k"}}}},
		{Number: 4, Input: kv.Input{Packet: kv.Packet{Src: kv.Endpoint{Host: 2}, Msg: &marshal.Ack{Seqno: 9}}}, Transfers: []kv.Transfer{{Taken: true, Range: delegation.Single("k")}}},
	} {
		f.Add(appendStep(nil, &s, 0, 0))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := stepReader{rest: b}
		s := r.step(0, 0)
		if r.err != nil {
			if !errors.Is(r.err, ErrCorrupt) {
				t.Fatal(r.err)
			}
			return
		}
		again := stepReader{rest: appendStep(nil, &s, 0, 0)}
		u := again.step(0, 0)
		if again.err != nil || !bytes.Equal(appendStep(nil, &s, 0, 0), appendStep(nil, &u, 0, 0)) {
			t.Fatalf("%+v was read as %+v: %v", s, u, again.err)
		}
	})
}
