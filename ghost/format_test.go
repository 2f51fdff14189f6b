package ghost

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"testing"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

// A noted is what a journal was told of a step.
type noted struct {
	now      kv.Time
	step     uint64
	in       kv.Input
	received []byte
	out      kv.Effects
	sent     []byte
}

func packet(src kv.Endpoint, m marshal.Message) noted {
	return noted{in: kv.Input{Packet: kv.Packet{Src: src, Msg: m}}, received: marshal.Append(nil, m)}
}

// examples are steps that use everything that an entry can hold.
func examples() []noted {
	a := kv.Endpoint{Client: netip.MustParseAddrPort("[::1]:7")}
	b := kv.Endpoint{Client: netip.MustParseAddrPort("127.0.0.1:9")}
	peer := kv.Endpoint{Host: 2}
	list := []noted{
		{in: kv.Input{Kind: kv.InputTimer}, out: kv.Effects{Action: kv.ActChunk, Transfers: []kv.Transfer{{Peer: 2, Seqno: 3, Range: delegation.All}}}},
		{in: kv.Input{Kind: kv.InputRoom, Room: 1 << 40}},
		packet(a, &marshal.GetRequest{Key: "k"}),
		packet(a, &marshal.GetRequest{Key: "l"}),
		packet(b, &marshal.SetRequest{Key: "k", Value: []byte("v")}),
		packet(peer, &marshal.Ack{Seqno: 9}),
		packet(peer, &marshal.Greet{}),
	}
	list[2].out.Packets = []kv.Packet{{Dst: a, Msg: &marshal.GetReply{}}}
	list[4].out.Packets = []kv.Packet{{Dst: b, Msg: &marshal.SetReply{}}, {Dst: peer, Msg: &marshal.Ack{}}}
	list[5].out.Drop = kv.DropAckBeyondSent
	list[6].out.Transfers = []kv.Transfer{{Taken: true, Range: delegation.Single("k")}}
	for i := range list {
		n := &list[i]
		n.step, n.now = uint64(i+1), kv.Time(i/2*1000)
		if i > 4 {
			n.step += 10
		}
		for _, p := range n.out.Packets {
			n.sent = marshal.Append(n.sent, p.Msg)
		}
	}
	return list
}

func (w *entryWriter) note(b []byte, n *noted) []byte {
	return w.step(b, n.now, n.step, &n.in, n.received, &n.out, n.sent)
}

func TestEntriesAreReadAsTheyWereWritten(t *testing.T) {
	var w entryWriter
	var b []byte
	list := examples()
	shed := packet(kv.Endpoint{Client: netip.MustParseAddrPort("127.0.0.1:9")}, &marshal.SetRequest{Key: "k", Value: make([]byte, 100)}).in.Packet
	for i := range list {
		b = w.note(b, &list[i])
	}
	b = w.shed(b, shed, []byte("refused"))
	b = append(b, entryEnd, 7)
	r, got := entryReader{rest: b}, Batch{}
	for !r.entry(&got) {
		if r.err != nil {
			t.Fatal(r.err)
		}
	}
	for i, n := range list {
		want := Step{
			Number: n.step, Now: n.now, Input: n.in, Action: n.out.Action, Drop: n.out.Drop,
			Sends: len(n.out.Packets), Digest: Digest(n.in.Packet.Src, n.out.Packets), Transfers: n.out.Transfers,
		}
		if i >= len(got.Steps) || !reflect.DeepEqual(got.Steps[i], want) {
			t.Errorf("step %d of %d: want %+v, got %+v", i, len(got.Steps), want, got.Steps[i])
		}
	}
	m, ok := got.Shed[0].Request.Msg.(*marshal.SetRequest)
	if got.Outputs != 7 || len(r.rest) != 0 || !ok || m.Key != "k" || len(m.Value) != 0 || got.Shed[0].Request.Src != shed.Src {
		t.Errorf("got %+v, %d bytes left", got, len(r.rest))
	}
}

// FuzzEntry: whatever bytes stand where entries should, reading them ends, and
// either fails as corrupt or yields a batch that is written and read as the same.
func FuzzEntry(f *testing.F) {
	var w entryWriter
	for _, n := range examples() {
		f.Add(append(w.note(nil, &n), entryEnd, 1))
	}
	f.Add(w.shed(nil, packet(kv.Endpoint{}, &marshal.GetRequest{Key: "k"}).in.Packet, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, batch := entryReader{rest: b}, Batch{}
		for len(r.rest) > 0 {
			r.entry(&batch)
		}
		if r.err != nil {
			if !errors.Is(r.err, ErrCorrupt) {
				t.Fatal(r.err)
			}
			return
		}
		again := entryReader{}
		var w entryWriter
		for _, s := range batch.Steps {
			var received []byte
			if s.Input.Packet.Msg != nil {
				received = marshal.Append(nil, s.Input.Packet.Msg)
			}
			out := kv.Effects{Action: s.Action, Drop: s.Drop, Transfers: s.Transfers}
			again.rest = w.step(nil, s.Now, s.Number, &s.Input, received, &out, nil)
			var one Batch
			again.entry(&one)
			if again.err != nil || len(again.rest) > 0 || len(one.Steps) != 1 {
				t.Fatalf("%+v was read as %+v, %d bytes left: %v", s, one, len(again.rest), again.err)
			}
			u := one.Steps[0]
			u.Sends, u.Digest = s.Sends, s.Digest
			if !reflect.DeepEqual(s, u) {
				t.Fatalf("%+v was read as %+v", s, u)
			}
		}
	})
}

// A number in the head is read as it was written, and never with a byte changed.
func TestSealedNumbers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		n := r.Uint64() >> (16 + r.UintN(48))
		s := stream{mapped: region{bytes: make([]byte, headBytes)}}
		if err := s.mark(lengthAt, n); err != nil {
			t.Fatal(err)
		}
		b := [8]byte(s.mapped.bytes[lengthAt:])
		if got, err := unsealed(b); got != n || err != nil {
			t.Fatalf("%d was read as %d: %v", n, got, err)
		}
		for i := range b {
			for x := 1; x < 256; x++ {
				c := b
				c[i] ^= byte(x)
				if got, err := unsealed(c); !errors.Is(err, ErrCorrupt) {
					t.Fatalf("%d, its byte %d changed, was read as %d", n, i, got)
				}
			}
		}
	}
	if _, err := unsealed([8]byte{}); err == nil {
		t.Error("zeros are a number")
	}
}
