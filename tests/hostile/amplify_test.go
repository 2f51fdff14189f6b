//go:build unix

package hostile_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"ironkv/delegation"
	"ironkv/kv/client"
	"ironkv/kv/cluster"
	"ironkv/marshal"
	"ironkv/udp"
)

// stage is two live hosts, of which the first owns all, an honest client, and
// entries that are worth asking for.
type stage struct {
	*testing.T
	hosts  *cluster.Cluster
	victim netip.AddrPort
	db     *client.Client
}

func newStage(t *testing.T, opts ...cluster.Option) *stage {
	t.Helper()
	c := cluster.Start(t, 2, opts...)
	db, err := client.Dial(t.Context(), c.Addrs(), client.WithTimeout(patience))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s := &stage{T: t, hosts: c, victim: netip.MustParseAddrPort(c.Addrs()[0]), db: db}
	for i := range 100 {
		s.put(fmt.Sprintf("entry %02d", i), bytes.Repeat([]byte("v"), 1000))
	}
	s.put("large", make([]byte, 1<<20))
	return s
}

func (s *stage) put(key string, value []byte) {
	s.Helper()
	if _, err := s.db.Put(s.Context(), []byte(key), value); err != nil {
		s.Fatal(err)
	}
}

// settle returns when the victim has answered all that was sent to it before: it
// takes datagrams in order, and answers those of one moment in order.
func (s *stage) settle() {
	s.Helper()
	if _, err := s.db.Get(s.Context(), []byte("entry 00")); err != nil {
		s.Fatal(err)
	}
}

// requests returns requests within a session whose answers are long.
func requests(id marshal.SessionID) (list []sample) {
	hd := marshal.RequestHeader{Session: id, Number: 1 << 31}
	w := marshal.WriteHeader{Floor: 1}
	write := marshal.RequestHeader{Session: id, Number: 1}
	for _, m := range []marshal.Message{
		&marshal.GetRequest{RequestHeader: hd, Key: "large"},
		&marshal.GetRequest{RequestHeader: hd, Key: "entry 01"},
		&marshal.GetRequest{RequestHeader: hd, Key: "absent"},
		&marshal.ScanRequest{RequestHeader: hd, Range: delegation.All},
		&marshal.SetRequest{RequestHeader: write, WriteHeader: w, Key: "k", Delete: true},
		&marshal.Shard{RequestHeader: write, WriteHeader: w, Range: delegation.All, Recipient: 9},
		&marshal.MovesRequest{RequestHeader: hd},
		&marshal.StatusRequest{RequestHeader: hd},
		&marshal.AuditRequest{RequestHeader: hd},
	} {
		list = append(list, sample{fmt.Sprintf("%T in a session", m)[len("*marshal."):], marshal.Append(nil, m)})
	}
	return list
}

// The samples have every kind of message: one that is added to the wire and not to them
// would be asked by no test what it can be made to send back.
func TestSamplesHaveEveryKind(t *testing.T) {
	has := map[byte]bool{}
	for _, s := range samples(t) {
		has[s.bytes[1]] = true
	}
	known := 0
	for code := range byte(128) { // the codes that one byte holds
		_, err := marshal.Decode([]byte{0x90, code})
		var m *marshal.MalformedError
		if !errors.As(err, &m) {
			t.Fatalf("a message without fields: %v", err)
		}
		if m.Fault == marshal.FaultUnknown {
			continue
		}
		if known++; !has[code] {
			t.Errorf("no sample of the kind with code %d (%s)", code, m.Message)
		}
	}
	if known < 20 || known != len(has) {
		t.Errorf("%d kinds are known and %d sampled", known, len(has))
	}
}

// The same while a host is overloaded, when it sheds, and tells of what it drops unread.
func TestNoAmplificationUnderOverload(t *testing.T) {
	s := newStage(t)
	stranger, crowd := newProbe(t, s.victim), newProbe(t, s.victim)
	list := append(requests(crowd.session().Session), samples(t)...)
	var all [][]byte
	for _, k := range list {
		all = append(all, datagrams(5, udp.Once, k.bytes)...)
	}
	for i := range 20_000 {
		crowd.send(all[i%len(all)])
		if i%10 == 0 {
			stranger.send(all[i/10%len(all)])
		}
	}
	s.settle()
	if stranger.checkReturn("a stranger among a crowd") == 0 {
		t.Error("nothing came back to the stranger: the test is vacuous")
	}
	if len(crowd.received()) == 0 {
		t.Error("nothing came back to the crowd: the test is vacuous")
	}
}

// From an unproven address, for each kind of message alone, many in a datagram,
// in acknowledged fragments and in first fragments only, and for requests within a
// session that somebody else opened: no more bytes come back than were sent.
func TestNoAmplification(t *testing.T) {
	s := newStage(t)
	kinds := append(samples(t), requests(newProbe(t, s.victim).session().Session)...)
	answered := 0
	for i, k := range kinds {
		nonce := uint64(100 + i)
		many := make([][]byte, 1+1000/len(k.bytes))
		for j := range many {
			many[j] = k.bytes
		}
		padded := append(bytes.Clone(k.bytes), make([]byte, 3000)...)
		for how, list := range map[string][][]byte{
			"alone": datagrams(nonce, udp.Once, k.bytes), "twice": append(datagrams(nonce, udp.Once, k.bytes), datagrams(nonce, udp.Once, k.bytes)...),
			"many": datagrams(nonce, udp.Once, many...), "acknowledged": datagrams(nonce, udp.Reliable, k.bytes),
			"begun": datagrams(nonce, udp.Reliable, padded)[:1],
		} {
			p := newProbe(t, s.victim)
			for _, d := range list {
				p.send(d)
			}
			s.settle()
			answered += p.checkReturn(k.name + " " + how)
		}
	}
	if answered < 10 {
		t.Errorf("only %d kinds of datagrams were answered at all: the test is vacuous", answered)
	}
}

// checkReturn fails where the probe got more bytes back than it sent, and reports
// whether it got any.
func (p *probe) checkReturn(what string) (answered int) {
	p.tb.Helper()
	back := 0
	for _, d := range p.received() {
		back += len(d)
	}
	if back > p.sent {
		p.tb.Errorf("%s: %d bytes sent, %d came back", what, p.sent, back)
	}
	return min(back, 1)
}

// The same for what is no message: random bytes, frames with random contents, pings,
// acknowledgements, and every single bit of an honest datagram flipped.
func TestNoAmplificationOfJunk(t *testing.T) {
	s := newStage(t)
	rng := rand.New(rand.NewPCG(1, 2))
	hello := datagrams(7, udp.Once, marshal.Append(nil, &marshal.Hello{}))[0]
	p := newProbe(t, s.victim)
	for i := range 8 * len(hello) {
		flipped := bytes.Clone(hello)
		flipped[i/8] ^= 1 << (i % 8)
		p.send(flipped)
	}
	s.settle()
	if back := p.received(); len(back) != 0 {
		t.Errorf("%d answers to datagrams with a flipped bit", len(back))
	}
	for range 500 {
		p := newProbe(t, s.victim)
		p.send(randomBytes(rng, rng.IntN(1400)))
		for kind := range byte(8) {
			p.send(sealed(uint64(rng.IntN(3)), append([]byte{kind}, randomBytes(rng, rng.IntN(60))...)))
		}
		p.send(sealed(9, []byte{framePing}))
		p.send(sealed(9, bytes.Repeat([]byte{framePing}, 1+rng.IntN(1000))))
		s.settle()
		p.checkReturn("junk")
		_ = p.conn.Close()
	}
}

// The address that a request was sent from is forgotten for another one before it is
// answered, as in a flood: it gets no more than it sent all the same. One round in
// some forgets it in time; package udp has the test that always does.
func TestAForgottenAddressGetsNoMore(t *testing.T) {
	s := newStage(t, cluster.Transport(udp.Config{MaxStrangers: 1}))
	request := datagrams(3, udp.Once, requests(newProbe(t, s.victim).session().Session)[0].bytes)[0]
	for range 50 {
		p, other := newProbe(t, s.victim), newProbe(t, s.victim)
		p.send(request)
		other.send(sealed(1, []byte{framePing}))
		s.settle()
		p.checkReturn("a request from an address that was forgotten")
	}
}
