package server

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"
	"time"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

// newReaders is a bench whose machine has one long value, which takes it a millisecond, two
// clients, and a host that has been up for a while.
func newReaders(t *testing.T) (b *bench, reader, other netip.AddrPort) {
	t.Helper()
	b = newBench(t)
	long := bytes.Repeat([]byte("long"), 256<<10)
	b.machine.value = func(key delegation.Key) []byte {
		if key != "long" {
			return nil
		}
		b.clock = b.clock.Add(time.Millisecond)
		return long
	}
	reader, other = clientAddr, netip.MustParseAddrPort("127.0.0.1:9001")
	b.inbox.prove(other)
	b.clock = b.clock.Add(time.Second)
	b.must()
	return b, reader, other
}

func getLong(n uint64) *marshal.GetRequest {
	return &marshal.GetRequest{RequestHeader: marshal.RequestHeader{Number: n}, Key: "long"}
}

// Who has long values read again and again, at once or one by one, has a fifth of a host's time while
// others ask for short ones, and all of it while they do not.
func TestLongReadersWaitForOthers(t *testing.T) {
	b, reader, other := newReaders(t)
	answered := map[netip.AddrPort]int{}
	turns := func(n int, others bool) (took time.Duration) {
		began := b.clock
		for i := range n {
			b.socket.put(reader, getLong(uint64(2*i)), getLong(uint64(2*i+1)))
			if others {
				b.socket.put(other, get(uint64(i)))
				b.must()
			}
			b.must()
			b.clock = b.clock.Add(100 * time.Microsecond)
		}
		for _, s := range b.socket.taken() {
			if r, ok := s.msg.(*marshal.GetReply); ok && (s.dst == other) == (len(r.Value) == 0) {
				answered[s.dst]++
			}
		}
		return b.clock.Sub(began)
	}
	turns(10, true) // it is not known before
	clear(answered)
	took := turns(500, true)
	if share := time.Duration(answered[reader]) * time.Millisecond * (longRest + 1) / took; share > 1 || answered[reader] == 0 {
		t.Errorf("%d long values were read in %v beside others", answered[reader], took)
	}
	if answered[other] != 500 {
		t.Errorf("%d of 500 short ones were read", answered[other])
	}
	clear(answered)
	if took := turns(100, false); answered[reader] < int(took/time.Millisecond)/2 {
		t.Errorf("%d long values were read in %v, and nothing else", answered[reader], took)
	}
}

// What came before it was known what it asks for waits as what comes then, and is as old as it is.
func TestWhatLongReadersHaveInFrontWaits(t *testing.T) {
	b, reader, other := newReaders(t)
	for n := range uint64(10) {
		b.inbox.add(reader, marshal.Append(nil, getLong(n)))
	}
	b.inbox.add(other, marshal.Append(nil, get(10)))
	b.must()
	if got := numbers(b.socket.taken()); !slices.Equal(got, []uint64{0, 10, 1}) {
		t.Errorf("answered %v, want the other's after the first long one", got)
	}
	if b.inbox.long.len() != 8 || b.inbox.front.len() != 0 {
		t.Errorf("%d wait as a long reader's, %d in front", b.inbox.long.len(), b.inbox.front.len())
	}
	b.clock = b.clock.Add(time.Duration(MaxWait) + time.Millisecond)
	b.must()
	for _, s := range b.socket.taken() {
		if _, refused := s.msg.(*marshal.Refusal); !refused {
			t.Errorf("a request that waited for more than MaxWait got %T", s.msg)
		}
	}
	if !b.inbox.empty() || b.inbox.bytes() != 0 {
		t.Errorf("%d bytes wait still", b.inbox.bytes())
	}
}

// A batch ends with an answer of some length to a long reader.
func TestALongAnswerIsABatch(t *testing.T) {
	b, reader, _ := newReaders(t)
	b.inbox.debts.charge(reader, 1<<30)
	for n := range uint64(5) {
		b.inbox.add(reader, marshal.Append(nil, getLong(n)))
	}
	for n := range uint64(5) {
		b.must()
		if got := numbers(b.socket.taken()); len(got) != 1 || got[0] != n {
			t.Fatalf("a batch answers %v, want %d", got, n)
		}
	}
}

// What is owed is forgotten at a rate, of all together, and then who owed it.
func TestDebtsAreForgotten(t *testing.T) {
	d := debts{now: kv.Second}
	d.charge(clientAddr, longAnswer-1)
	if d.owed != nil {
		t.Error("a short answer is charged")
	}
	const most = creditBytes + 10*debtRate
	d.charge(clientAddr, most)
	for _, c := range []struct {
		ms   int
		long bool
	}{{9, true}, {1, false}, {1, false}} {
		d.now += kv.Time(c.ms) * kv.Millisecond
		d.pass(c.ms)
		if got := d.long(clientAddr); got != c.long {
			t.Errorf("a long reader: %v, %d ms later", got, c.ms)
		}
	}
	for i := range 3 {
		d.charge(forged(i), most) // they share what is forgotten
	}
	d.pass(10)
	if !d.long(forged(0)) || d.long(clientAddr) {
		t.Error("one of four is forgiven as fast as one alone")
	}
	d.now += kv.Second
	d.pass(1000)
	if len(d.owed) != 0 {
		t.Errorf("%d are remembered who owe nothing", len(d.owed))
	}
	d.charge(clientAddr, 1<<30)
	d.pass(maxDebt / debtRate)
	if d.long(clientAddr) {
		t.Error("more than maxDebt is remembered")
	}
}
