package server

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net/netip"
	"os"
	"reflect"
	"testing"
	"time"

	"ironkv/kv"
	"ironkv/marshal"
	"ironkv/udp"
)

// Who sends a datagram of a script: an address that has proven nothing, one that has a
// session, and the peer's own.
const byStranger, byClient, byPeer, senders = 0, 1, 2, 3

var senderAddrs = [senders]netip.AddrPort{
	byStranger: netip.MustParseAddrPort("192.0.2.1:9"), byClient: netip.MustParseAddrPort("127.0.0.1:9001"), byPeer: peerAddr,
}

// pathBacklog is what the transport of a path queues for one address, in bytes: less than
// the answers to the requests that one address may have waiting.
const pathBacklog = 64 << 10

// A path is all that a datagram passes at a host but the kernel and the disk: transport,
// lanes, loop and machine, with a peer, a client in his session, and the honest one.
type path struct {
	*live
	testing.TB
	transport *udp.Transport
	clock     time.Duration
	arriving  []inDatagram
	nonce     uint64            // of the sender's run; each sending is a run of its own
	client    marshal.SessionID // byClient's session
	honest    *udp.Transport    // at clientAddr
	write     marshal.Message   // of the honest client
	answers   []marshal.Message // that it got
	sent      [senders]bool
	in, out   int // bytes of the stranger's datagrams, and of those to it
}

func newPath(t testing.TB) *path {
	t.Helper()
	p := &path{
		TB: t, clock: time.Second, nonce: 100,
		live:      newLiveOf(t, marshal.Member{ID: 1, Address: hostAddr.String()}, marshal.Member{ID: 2, Address: peerAddr.String()}),
		transport: udp.NewTransport(Transport(udp.Config{Nonce: 77, Backlog: pathBacklog, BacklogTotal: 8 * pathBacklog}, kv.Limits{})),
		honest:    udp.NewTransport(udp.Config{Nonce: 78}),
	}
	p.client = p.open(t, senderAddrs[byClient])
	p.write = &marshal.SetRequest{
		RequestHeader: p.header(1), WriteHeader: marshal.WriteHeader{Floor: 1, Operation: marshal.OperationID{Client: 1 << 60, Counter: 1}},
		Key: "k", Value: make([]byte, 3000),
	}
	p.answers = append(p.answers, p.ask(t, clientAddr, p.write))
	p.inbox.seed = 1
	p.watch = stopwatch{start: time.Unix(0, 0), clock: func() time.Time { return time.Unix(0, int64(p.clock)) }}
	p.nextRoom, p.inbox.now = 0, 0
	p.loop.socket, p.pipeline.socket = p, p
	p.transport.Classify(peerAddr, udp.Peer)
	p.transport.Classify(clientAddr, udp.Client)
	p.transport.Classify(senderAddrs[byClient], udp.Client)
	p.honest.Classify(hostAddr, udp.Peer)
	p.must(t)
	return p
}

// The socket of the loop: its datagrams come from a script.

func (p *path) TryReceive(deliver func(netip.AddrPort, []byte)) (int, error) {
	n := min(len(p.arriving), 4*busyDatagrams)
	for _, d := range p.arriving[:n] {
		p.transport.Receive(p.clock, d.src, d.msg, deliver)
		clear(d.msg) // its memory is used again: nobody may have kept any of it
	}
	p.arriving = p.arriving[n:]
	p.transport.Tick(p.clock)
	return n, p.Flush()
}

func (p *path) Receive(_ time.Time, deliver func(netip.AddrPort, []byte)) (int, error) {
	if len(p.arriving) == 0 {
		return 0, os.ErrDeadlineExceeded
	}
	return p.TryReceive(deliver)
}

func (p *path) Send(dst netip.AddrPort, msg []byte, mode udp.Mode) error {
	return p.transport.Send(p.clock, dst, msg, mode)
}

func (p *path) Flush() error {
	p.transport.Flush(p.clock, func(dst netip.AddrPort, d []byte) {
		switch dst {
		case senderAddrs[byStranger]:
			p.out += len(d)
		case clientAddr:
			p.honest.Receive(p.clock, hostAddr, d, func(_ netip.AddrPort, b []byte) {
				m, err := marshal.Decode(b)
				if err != nil {
					p.Fatalf("the honest client was sent %x: %v", b, err)
				}
				p.answers = append(p.answers, m)
			})
		}
	})
	return nil
}

func (*path) Wake()                                    {}
func (*path) Linger(bool)                              {}
func (*path) Blame(netip.AddrPort)                     {}
func (*path) SetDatagram(netip.AddrPort, int)          {}
func (p *path) Classify(a netip.AddrPort, c udp.Class) { p.transport.Classify(a, c) }

// come lets a datagram come in with the next turn.
func (p *path) come(who int, d []byte) {
	p.sent[who] = true
	if who == byStranger {
		p.in += len(d)
	}
	p.arriving = append(p.arriving, inDatagram{senderAddrs[who], d})
}

// messages sends a message again and again, in as few datagrams as it takes.
func (p *path) messages(who int, msg []byte, copies int) {
	p.nonce++
	t := udp.NewTransport(udp.Config{Nonce: p.nonce, Datagram: udp.MaxDatagram})
	t.Classify(hostAddr, udp.Peer)
	for range copies {
		if t.Send(0, hostAddr, msg, udp.Once) != nil {
			break // longer than any message
		}
	}
	t.Flush(0, func(_ netip.AddrPort, d []byte) { p.come(who, bytes.Clone(d)) })
}

// sealed is a datagram of whatever frames (package udp documents it).
func sealed(nonce uint64, frames []byte) []byte {
	d := append(binary.LittleEndian.AppendUint64([]byte{0xB1, 4: 0}, nonce), frames...)
	binary.LittleEndian.PutUint32(d[1:], crc32.Checksum(d[5:], crc32.MakeTable(crc32.Castagnoli)))
	return d
}

// What a script says, each with who, a number, and bytes.
const (
	doMessages = iota // the bytes as a message, 1 and 16 times the number as often
	doTurn            // after so many milliseconds
	doFrames          // the bytes as frames of a datagram
	does
)

// maxDone and maxSending bound how long a script takes: what it does, and the bytes of one sending.
const maxDone, maxSending = 32, 1 << 17

// maxTurns are more than a script ever takes: a delegate has two to itself.
const maxTurns = 2 * maxDone * maxSending

func do(what, who, n byte, b []byte) []byte {
	return append(binary.LittleEndian.AppendUint16([]byte{what, who, n}, uint16(len(b))), b...)
}

// play does what a script says, and reports false where the peer stopped the host.
func (p *path) play(script []byte) bool {
	for range maxDone {
		if len(script) < 5 {
			break
		}
		what, who, n := script[0]%does, int(script[1])%senders, int(script[2])
		size := min(int(binary.LittleEndian.Uint16(script[3:])), len(script)-5)
		b := script[5 : 5+size]
		script = script[5+size:]
		switch what {
		case doMessages:
			p.messages(who, b, max(1, min(1+16*n, maxSending/max(size, 1))))
		case doFrames:
			p.nonce++
			p.come(who, sealed(p.nonce, b))
		case doTurn:
			p.clock += time.Duration(n) * time.Millisecond
			if !p.turns(1) {
				return false
			}
		}
	}
	p.clock += time.Second
	return p.turns(maxTurns)
}

// turns takes turns, at most so many, until there is nothing left to do, and reports
// false where the peer stopped the host.
func (p *path) turns(most int) bool {
	for range most {
		err := p.turn()
		if errors.Is(err, ErrHalted) && p.sent[byPeer] {
			return false
		}
		if err != nil {
			p.Fatalf("the host stopped: %v", err)
		}
		p.check()
		if len(p.arriving) == 0 && p.inbox.empty() {
			return true
		}
	}
	if most == maxTurns {
		p.Fatalf("%d datagrams, %d messages and %d delegates wait for ever", len(p.arriving), p.inbox.len(), p.inbox.freight.len())
	}
	return true
}

// check holds lanes and transport against their bounds.
func (p *path) check() {
	l := &p.inbox
	if l.beside.len() > maxBehind || l.behind.len() > maxBehind || min(l.strangers, l.again) < 0 || l.strangers > strangerBurst || l.again > againBurst {
		p.Fatalf("%d messages wait beside and %d behind, %d of strangers may come", l.beside.len(), l.behind.len(), l.strangers)
	}
	waiting, ofOrigin := 0, 0
	for i := range l.waiting {
		waiting += int(l.waiting[i])
		ofOrigin += int(l.ofOrigin[i])
	}
	if waiting != l.front.len()+l.beside.len() || ofOrigin != l.front.len() {
		p.Fatalf("%d messages are counted by source and %d by origin; %d wait in front, %d beside", waiting, ofOrigin, l.front.len(), l.beside.len())
	}
	for _, who := range []int{byStranger, byClient} {
		if n := l.waiting[l.place(senderAddrs[who])]; n > laneShare {
			p.Fatalf("%d messages of %v wait in front", n, senderAddrs[who])
		}
	}
	st := p.transport.Stats()
	if st.Reassembling > udp.DefaultClientPool+udp.DefaultStrangerPool+marshal.MaxMessageBytes || st.Queued > 8*pathBacklog {
		p.Fatalf("%d bytes for unfinished messages, %d queued", st.Reassembling, st.Queued)
	}
	if p.out > p.in {
		p.Fatalf("%d bytes came from a stranger, %d went back", p.in, p.out)
	}
}

// durable tells what a stranger may not change.
func (p *path) durable() string {
	state := p.machine.(*kv.Host).State()
	text := fmt.Sprintf("clock %d, sessions %d of %d", state.Clock, len(state.Sessions), state.LastSession)
	for r, owner := range state.Map.Ranges() {
		text += fmt.Sprintf(", %v at %d", r, owner)
	}
	return text
}

// again repeats the honest client's write.
func (p *path) again() {
	if err := p.honest.Send(p.clock, hostAddr, marshal.Append(nil, p.write), udp.Once); err != nil {
		p.Fatal(err)
	}
	p.honest.Flush(p.clock, func(_ netip.AddrPort, d []byte) {
		p.arriving = append(p.arriving, inDatagram{clientAddr, bytes.Clone(d)})
	})
	p.turns(maxTurns)
	if len(p.answers) != 2 || !reflect.DeepEqual(p.answers[0], p.answers[1]) {
		p.Fatalf("the answers to the honest write are %+v", p.answers)
	}
}

// real encodes a message as it would really be said: within the client's session, or by the peer.
func (p *path) real(m marshal.Message) []byte {
	v := reflect.ValueOf(m).Elem()
	if f := v.FieldByName("RequestHeader"); f.IsValid() {
		f.FieldByName("Session").Set(reflect.ValueOf(p.client))
	}
	if f := v.FieldByName("PeerHeader"); f.IsValid() {
		f.Set(reflect.ValueOf(toLive(2)))
	}
	return marshal.Append(nil, m)
}

// seeds are scripts of every kind of message by everyone, and of floods.
func (p *path) seeds() (list [][]byte) {
	now, later := do(doTurn, 0, 0, nil), do(doTurn, 0, 2*byte(MaxWait/kv.Millisecond), nil)
	ping, part := []byte{4}, append([]byte{2, 1, 7: 1, 14: 4}, "part"...) // of a message of 256 bytes
	for who := range byte(senders) {
		all := append(do(doFrames, who, 0, ping), do(doFrames, who, 0, part)...)
		for _, m := range kinds() {
			all = append(all, do(doMessages, who, 0, p.real(m))...)
			list = append(list, bytes.Join([][]byte{do(doMessages, who, 3, p.real(m)), now}, nil))
		}
		list = append(list, bytes.Join([][]byte{all, do(doMessages, who, 0, []byte("junk")), now}, nil))
	}
	read := p.real(get(1))
	flood := func(who byte, msg []byte) []byte { return do(doMessages, who, 255, msg) }
	hello := p.real(&marshal.Hello{})
	return append(list,
		// What waits for long is shed; so is what came before, but not what comes then.
		bytes.Join([][]byte{flood(byClient, read), now, later, do(doMessages, byClient, 0, read), now}, nil),
		// More than a stranger's share, and than strangers may send of a session's requests.
		bytes.Join([][]byte{flood(byStranger, hello), flood(byStranger, read), flood(byStranger, read), now, later, flood(byClient, hello)}, nil),
		// More than may wait, of a client beside a stranger and the peer.
		bytes.Join([][]byte{flood(byClient, read), flood(byClient, read), flood(byStranger, read), flood(byClient, read), flood(byClient, read),
			flood(byClient, read), flood(byClient, read), do(doMessages, byPeer, 3, p.real(delegate(1))), now, now}, nil),
		// Who takes none of his answers is read for no more.
		bytes.Join([][]byte{do(doMessages, byClient, 4, read), now, do(doMessages, byClient, 4, read), now, later, do(doMessages, byClient, 4, read)}, nil))
}

// FuzzPath reads its input as what comes to a live host's socket, and when the host looks.
// However much it is, lanes and transport keep their bounds; a stranger changes nothing and
// gets no more bytes back than it sent; only the peer can stop the host; and once it is over
// the honest client's write has the answer that it had.
func FuzzPath(f *testing.F) {
	for _, script := range newPath(f).seeds() {
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		p := newPath(t)
		before := p.durable()
		if !p.play(script) {
			return
		}
		if after := p.durable(); !p.sent[byClient] && !p.sent[byPeer] && before != after {
			t.Fatalf("a stranger changed clock, sessions or owners: %s, before %s", after, before)
		}
		p.again()
	})
}

// The seeds reach what they are for.
func TestSeedsReachTheLanes(t *testing.T) {
	var crowded, shed, malformed, fragments uint64
	var choked, behind bool
	for _, script := range newPath(t).seeds() {
		p := newPath(t)
		p.play(script)
		crowded += p.stats.Crowded
		shed += p.stats.Shed
		malformed += sum(p.stats.Malformed[:])
		fragments += p.transport.Stats().FragmentsIn
		choked = choked || p.pipeline.choked.some.Load()
		behind = behind || cap(p.inbox.behind.list) > 0
	}
	if crowded == 0 || shed == 0 || malformed == 0 || fragments == 0 || !choked || !behind {
		t.Errorf("%d dropped as too much came, %d shed, %d malformed, %d fragments, choked %v, behind %v",
			crowded, shed, malformed, fragments, choked, behind)
	}
}
