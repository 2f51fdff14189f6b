//go:build unix

package hostile_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"ironkv/ghost"
	"ironkv/ghost/judge"
	"ironkv/kv"
	"ironkv/marshal"
	"ironkv/tests/world"
	"ironkv/udp"
)

// Who sends a datagram of a script: an address that has proven nothing, one that
// opened a session, and the peer's own, which is what a host believes in.
const (
	byStranger = iota
	byClient
	byPeer
	senders
)

var sources = [senders]netip.AddrPort{
	byStranger: netip.MustParseAddrPort("10.9.9.1:1"),
	byClient:   netip.MustParseAddrPort("10.9.9.2:2"),
	byPeer:     netip.MustParseAddrPort("10.0.0.2:7000"),
}

var honest = kv.Endpoint{Client: netip.MustParseAddrPort("10.9.9.3:3")}

// A target is all of a host but its sockets and its disk: transport, decoder and
// machine, with a peer, two sessions and some entries. It is the same each time.
type target struct {
	testing.TB
	*world.World
	checker   *ghost.Checker // nil once what is said cannot be judged any more
	transport *udp.Transport
	decoder   marshal.Decoder
	session   marshal.SessionID // of byClient
	write     marshal.Message   // of the honest client
	answer    marshal.Message
	in, out   int  // bytes of the stranger's datagrams, and of those to it
	used      bool // byClient named its session
	acted     map[kv.Action]bool
}

func newTarget(t testing.TB) *target {
	t.Helper()
	s := &target{
		TB: t, World: world.New(world.Config{Hosts: 2, Met: true, Limits: kv.Limits{ChunkBytes: 1000, Sessions: 8}}),
		acted:     map[kv.Action]bool{},
		transport: udp.NewTransport(udp.Config{Nonce: 77, MaxMessage: marshal.MaxMessageBytes}),
	}
	s.transport.Classify(sources[byPeer], udp.Peer)
	s.Observer = func(step world.Step) {
		s.acted[step.Out.Action] = true
		if s.checker == nil {
			return
		}
		var violation *judge.Violation
		err := s.checker.Step(step.Node.Host, step.In, step.Out)
		switch {
		case errors.As(err, &violation) && violation.Name == "OperationsExecuteAtMostOnce":
			s.checker = nil // a client gave one name to two operations of its own: that harms nobody else
		case err != nil:
			t.Fatal(err)
		}
	}
	var err error
	if s.checker, err = ghost.NewChecker(1, s.Node(1).Host, s.Node(2).Host); err != nil {
		t.Fatal(err)
	}
	id := s.opened(honest, 1)
	s.write = &marshal.SetRequest{
		RequestHeader: marshal.RequestHeader{Session: id, Number: 1},
		WriteHeader:   marshal.WriteHeader{Floor: 1, Operation: marshal.OperationID{Client: 1 << 60, Counter: 1}},
		Key:           "m", Value: make([]byte, 3000),
	}
	s.answer = s.ask(honest, s.write)
	s.session = s.opened(kv.Endpoint{Client: sources[byClient]}, 2)
	s.transport.Classify(sources[byClient], udp.Client)
	return s
}

// ask hands a message to the machine and returns its only answer.
func (s *target) ask(from kv.Endpoint, m marshal.Message) marshal.Message {
	s.Helper()
	out := s.Step(1, kv.Input{Kind: kv.InputPacket, Packet: kv.Packet{Dst: kv.Endpoint{Host: 1}, Src: from, Msg: m}})
	if len(out.Packets) != 1 {
		s.Fatalf("%T: %d answers", m, len(out.Packets))
	}
	return out.Packets[0].Msg
}

func (s *target) opened(from kv.Endpoint, nonce byte) marshal.SessionID {
	s.Helper()
	cookie := s.ask(from, &marshal.Hello{Nonce: marshal.Nonce{nonce}}).(*marshal.CookieReply)
	return s.ask(from, &marshal.Open{Nonce: cookie.Nonce, Cookie: cookie.Cookie}).(*marshal.Opened).Session
}

// receive takes a datagram the way kv/server does, and answers it.
func (s *target) receive(who int, datagram []byte) {
	now := time.Duration(s.Now)
	s.transport.Receive(now, sources[who], datagram, func(src netip.AddrPort, b []byte) {
		m, err := s.decoder.Decode(b)
		if err != nil {
			return
		}
		if hd := reflect.ValueOf(m).Elem().FieldByName("RequestHeader"); hd.IsValid() {
			s.used = s.used || who == byClient && hd.Interface().(marshal.RequestHeader).Session == s.session
		}
		from := kv.Endpoint{Client: src}
		if who == byPeer {
			s.checker = nil // P knows that its hosts never sent this
			from = kv.Endpoint{Host: 2}
		}
		out := s.Step(1, kv.Input{Kind: kv.InputPacket, Packet: kv.Packet{Dst: kv.Endpoint{Host: 1}, Src: from, Msg: m}})
		for _, p := range out.Packets {
			to := p.Dst.Client
			if p.Dst.Host != 0 {
				to = sources[byPeer]
			}
			_ = s.transport.Send(now, to, marshal.Append(nil, p.Msg), udp.Once)
		}
	})
	s.transport.Flush(now, func(dst netip.AddrPort, d []byte) {
		if dst == sources[byStranger] {
			s.out += len(d)
		}
	})
	if who == byStranger {
		s.in += len(datagram)
	}
	clear(datagram) // its memory is used again for the next one: nobody may have kept any of it
}

// A scripted datagram: who sends it, whether its bytes are frames or one message,
// and the bytes.
func scripted(who int, message bool, b []byte) []byte {
	head := byte(who)
	if message {
		head += senders
	}
	return append(binary.LittleEndian.AppendUint16([]byte{head}, uint16(len(b))), b...)
}

// play sends all datagrams of a script, and says who sent any.
func (s *target) play(script []byte) (sent [senders]bool) {
	for len(script) >= 3 {
		who, message := int(script[0])%senders, script[0]/senders%2 == 1
		size := min(int(binary.LittleEndian.Uint16(script[1:])), len(script)-3)
		b := script[3 : 3+size]
		script = script[3+size:]
		sent[who] = true
		if !message {
			s.receive(who, sealed(5, b))
			continue
		}
		for _, d := range datagrams(5, udp.Once, b) {
			s.receive(who, d)
		}
	}
	return sent
}

// seeds are scripts with each kind of message and each kind of frame, by everyone,
// those within a session or between hosts as they would really be said.
func (s *target) seeds(tb testing.TB) (list [][]byte) {
	for _, k := range samples(tb) {
		list = append(list, scripted(byStranger, true, k.bytes))
	}
	var real []sample
	host := s.Node(2).Host.State()
	kinds := append(samples(tb), requests(s.session)...)
	for _, k := range append(kinds, sample{"Ack of nothing", marshal.Append(nil, &marshal.Ack{})}) {
		m, err := marshal.Decode(k.bytes)
		if err != nil {
			tb.Fatal(err)
		}
		m = marshal.Clone(m)
		v := reflect.ValueOf(m).Elem()
		if f := v.FieldByName("RequestHeader"); f.IsValid() {
			f.FieldByName("Session").Set(reflect.ValueOf(s.session))
		}
		if f := v.FieldByName("PeerHeader"); f.IsValid() {
			f.Set(reflect.ValueOf(marshal.PeerHeader{
				From: 2, FromIncarnation: host.Incarnation, ToIncarnation: s.Node(1).Host.State().Incarnation,
			}))
		}
		real = append(real, sample{k.name, marshal.Append(nil, m)})
	}
	var all []byte
	for _, k := range real {
		list = append(list, scripted(byStranger, true, k.bytes), scripted(byClient, true, k.bytes), scripted(byPeer, true, k.bytes))
		all = append(all, scripted(byClient, true, k.bytes)...)
	}
	frames := [][]byte{
		fragment(1, 0, 4000, 7, make([]byte, 1000)), fragment(1, 500, 4000, 7, make([]byte, 1000)),
		acknowledgement(77, 0), {framePing}, {framePong}, append([]byte{frameMessage, 3}, "abc"...),
	}
	for who := range senders {
		var script []byte
		for _, f := range frames {
			script = append(script, scripted(who, false, f)...)
		}
		list = append(list, script)
	}
	return append(list, all)
}

// FuzzLiveHost reads its input as datagrams that are sent to a live host by others
// than the honest. A stranger's change nothing and bring no more bytes back than
// they had; a client's are judged by the refinement and every invariant, at each
// step; whoever sends, nothing panics, no memory grows beyond bounds, and the honest
// client's write has the answer that it had.
func FuzzLiveHost(f *testing.F) {
	for _, script := range newTarget(f).seeds(f) {
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		s := newTarget(t)
		before := s.durable()
		sent := s.play(script)
		if s.out > s.in {
			t.Fatalf("%d bytes came from a stranger, %d went back", s.in, s.out)
		}
		if st := s.transport.Stats(); st.Reassembling > udp.DefaultClientPool+udp.DefaultStrangerPool+marshal.MaxMessageBytes {
			t.Fatalf("%d bytes for unfinished messages", st.Reassembling)
		}
		if sent[byPeer] {
			return
		}
		if after := s.durable(); !s.used && before != after {
			t.Fatalf("a stranger changed clock, sessions or owners: %s, before %s", after, before)
		}
		if got := s.ask(honest, s.write); !reflect.DeepEqual(got, s.answer) {
			t.Fatalf("the honest write's answer was %+v and is %+v", s.answer, got)
		}
		s.Settle(300, func() bool { return false })
	})
}

// durable tells what a stranger may not change.
func (s *target) durable() string {
	state := s.Node(1).Host.State()
	text := fmt.Sprintf("clock %d, sessions %d of %d", state.Clock, len(state.Sessions), state.LastSession)
	for r, owner := range state.Map.Ranges() {
		text += fmt.Sprintf(", %v at %d", r, owner)
	}
	return text
}

// The fuzz target's seeds are no junk: there is one for every action that a message
// can make a host take.
func TestSeedsReachTheMachine(t *testing.T) {
	acted := map[kv.Action]bool{}
	for _, script := range newTarget(t).seeds(t) {
		s := newTarget(t)
		clear(s.acted)
		s.play(script)
		maps.Copy(acted, s.acted)
	}
	for a := kv.ActDrop; a <= kv.ActPeer; a++ {
		if !acted[a] {
			t.Errorf("no seed makes a host take action %d", a)
		}
	}
}
