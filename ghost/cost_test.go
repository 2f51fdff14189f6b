package ghost_test

import (
	"fmt"
	"net/netip"
	"testing"

	"ironkv/delegation"
	"ironkv/ghost"
	"ironkv/kv"
	"ironkv/marshal"
)

// loads are a client's reads of values of 128 bytes and its writes of them, with what
// they take in a journal, in bytes: of a read half its request, of a write its value.
var loads = map[string]struct {
	most float64
	pair func(marshal.RequestHeader, delegation.Key) (request, reply marshal.Message)
}{
	"get": {36, func(h marshal.RequestHeader, key delegation.Key) (request, reply marshal.Message) {
		return &marshal.GetRequest{RequestHeader: h, Key: key}, &marshal.GetReply{RequestHeader: h, Found: true, Version: 1 << 20, Value: make([]byte, 128)}
	}},
	"set": {180, func(h marshal.RequestHeader, key delegation.Key) (request, reply marshal.Message) {
		w := marshal.WriteHeader{Floor: h.Number - 64, Operation: marshal.OperationID{Counter: h.Number}}
		return &marshal.SetRequest{RequestHeader: h, WriteHeader: w, Key: key, Value: make([]byte, 128)}, &marshal.SetReply{RequestHeader: h, Version: 1 << 20}
	}},
}

// noting returns a journal's file, and what notes the next step in it; 16 are a batch.
func noting(t testing.TB, pair func(marshal.RequestHeader, delegation.Key) (request, reply marshal.Message)) (*ghost.File, func()) {
	c := newCluster(t, 1, testLimits)
	f, err := ghost.Create(t.TempDir(), c.configs[0], c.hosts[0].State())
	if err != nil {
		t.Fatal(err)
	}
	const different, batch = 1 << 10, 16
	var in [different]kv.Input
	var out [different]kv.Effects
	var received, sent [different][]byte
	client := kv.Endpoint{Client: netip.MustParseAddrPort("127.0.0.1:9")}
	for i := range in {
		n := uint64(i)
		request, reply := pair(marshal.RequestHeader{Session: marshal.SessionID{1}, Number: 1<<31 + n}, delegation.Key(fmt.Sprintf("key:%012d", n*7919%different)))
		in[i] = kv.Input{Kind: kv.InputPacket, Packet: kv.Packet{Src: client, Msg: request}}
		out[i].Packets = []kv.Packet{{Dst: client, Msg: reply}}
		received[i], sent[i] = marshal.Append(nil, request), marshal.Append(nil, reply)
	}
	step := 0
	return f, func() {
		n := step % different
		f.Observe(kv.Time(step/batch), uint64(step+1), in[n], received[n], &out[n], sent[n])
		if step++; step%batch == 0 {
			if err := f.Flush(batch); err != nil {
				t.Fatal(err)
			}
			f.Durable(uint64(step))
		}
	}
}

// A journal takes no memory for a step, and few bytes.
func TestCostOfAJournal(t *testing.T) {
	for name, load := range loads {
		f, note := noting(t, load.pair)
		const steps = 10_000
		if n := testing.AllocsPerRun(steps, note); n != 0 {
			t.Errorf("%s: %v allocations a step", name, n)
		}
		if bytes := float64(f.Bytes()) / steps; bytes > load.most {
			t.Errorf("%s: %.1f bytes a step, want %v", name, bytes, load.most)
		}
	}
}

func BenchmarkObserve(b *testing.B) {
	for name, load := range loads {
		b.Run(name, func(b *testing.B) {
			f, note := noting(b, load.pair)
			b.ReportAllocs()
			for b.Loop() {
				note()
			}
			b.ReportMetric(float64(f.Bytes())/float64(b.N), "file-B/op")
		})
	}
}
