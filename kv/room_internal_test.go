package kv

import (
	"testing"

	"ironkv/marshal"
)

// Chunks are cut against the room that the recipient spoke of last, not against
// more that it had before.
func TestChunksFollowTheLatestRoom(t *testing.T) {
	h := moving(t, 50)
	var out Effects
	h.Step(0, Input{Kind: InputTimer}, &out)
	if out.Action != ActChunk {
		t.Fatalf("the first chunk was not cut: action %d", out.Action)
	}
	h.Step(0, Input{Kind: InputPacket, Packet: Packet{Src: Endpoint{Host: 2}, Msg: &marshal.Ack{
		PeerHeader: marshal.PeerHeader{From: 2, FromIncarnation: 2, ToIncarnation: 1}, Seqno: 1, Room: 100,
	}}}, &out)
	if out.Action != ActAck {
		t.Fatalf("the acknowledgement was not taken: action %d", out.Action)
	}
	out.Reset()
	for range 5 {
		h.Step(0, Input{Kind: InputTimer}, &out)
	}
	if len(out.Transfers) != 0 {
		t.Errorf("%d chunks are cut for a recipient that has no room any more", len(out.Transfers))
	}
}
