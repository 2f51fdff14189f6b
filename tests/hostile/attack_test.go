//go:build unix

package hostile_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"testing"

	"ironkv/delegation"
	"ironkv/marshal"
	"ironkv/udp"
)

const (
	// greedy is how many addresses ask for long answers and acknowledge none: so many
	// that what each may have queued exceeds what all together may.
	greedy = 12
	// crowd is how many addresses send little each.
	crowd = 500
	// largeBytes is how long the answers are.
	largeBytes = 2 << 20
)

// An attacker knows as much as somebody can learn who may talk to the hosts: the
// format, every host's incarnation, sessions of his own, honest keys, datagrams
// that he said himself. He has many ports, of several addresses of which one is the
// honest clients', and reads what he needs of what comes back.
type attacker struct {
	rng     *rand.Rand
	probes  []*probe // proven: each has a session
	opened  []*marshal.Opened
	fresh   []*net.UDPConn // addresses that have proven nothing
	crowd   []*probe       // more of them, connected to nothing
	opening int            // of the crowd, whose turn it is to open a session
	taken   int            // sessions that the crowd was given
	peer    marshal.Incarnation
	real    [][]byte // datagrams that were answered before
	counter uint64
	target  netip.AddrPort
}

// newAttacker prepares an attacker of hosts[0], while there is peace.
func newAttacker(t *testing.T, seed uint64, hosts []netip.AddrPort) *attacker {
	t.Helper()
	a := &attacker{rng: rand.New(rand.NewPCG(seed, 9)), target: hosts[0], peer: newProbe(t, hosts[1]).session().Incarnation}
	for i := range greedy {
		p := newProbeAt(t, place(i), hosts[0])
		a.probes = append(a.probes, p)
		a.opened = append(a.opened, p.session())
		a.fresh = append(a.fresh, newAddress(t, place(i)))
	}
	for i := range crowd {
		a.crowd = append(a.crowd, &probe{tb: t, conn: newAddress(t, place(i))})
	}
	for n := range uint64(50) {
		m := marshal.Append(nil, &marshal.SetRequest{
			RequestHeader: marshal.RequestHeader{Session: a.opened[0].Session, Number: n + 1},
			WriteHeader:   marshal.WriteHeader{Floor: 1, Operation: marshal.OperationID{Client: seed, Counter: n}},
			Key:           delegation.Key(fmt.Sprintf("attacker %d", n)), Value: randomBytes(a.rng, 100),
		})
		request, err := marshal.Decode(m)
		if err != nil {
			t.Fatal(err)
		}
		a.probes[0].ask(request)
		a.real = append(a.real, datagrams(1, udp.Once, m)[0])
	}
	return a
}

func newAddress(t *testing.T, at net.IP) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: at})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// say sends a datagram from one of the unproven addresses.
func (a *attacker) say(datagram []byte) {
	_, _ = a.fresh[a.rng.IntN(len(a.fresh))].WriteToUDPAddrPort(datagram, a.target) // a full buffer is no news
}

// message sends messages in a datagram from an unproven address.
func (a *attacker) message(messages ...marshal.Message) {
	a.say(a.envelope(messages...))
}

func (a *attacker) envelope(messages ...marshal.Message) []byte {
	var frames []byte
	for _, m := range messages {
		frames = append(frames, message(m)...)
	}
	return sealed(a.rng.Uint64(), frames)
}

// message makes the frame of a message.
func message(m marshal.Message) []byte {
	b := marshal.Append(nil, m)
	return append(binary.AppendUvarint([]byte{frameMessage}, uint64(len(b))), b...)
}

// An attack is what an attacker can do, one datagram or few at a time.
type attack struct {
	name string
	step func(*attacker)
}

var attacks = []attack{
	{"random bytes", func(a *attacker) { a.say(randomBytes(a.rng, a.rng.IntN(1400))) }},
	{"replayed", func(a *attacker) { a.say(a.real[a.rng.IntN(len(a.real))]) }},
	{"flipped", func(a *attacker) {
		d := append([]byte(nil), a.real[a.rng.IntN(len(a.real))]...)
		d[a.rng.IntN(len(d))] ^= 1 << a.rng.IntN(8)
		a.say(d)
	}},
	{"truncated", func(a *attacker) {
		d := a.real[a.rng.IntN(len(a.real))]
		a.say(d[:a.rng.IntN(len(d))])
	}},
	{"many addresses", func(a *attacker) {
		_, _ = a.crowd[a.rng.IntN(crowd)].conn.WriteToUDPAddrPort(a.real[a.rng.IntN(len(a.real))], a.target)
	}},
	{"forged by a host", (*attacker).forgeHost},
	{"forged acknowledgements", func(a *attacker) { a.say(a.acks()) }},
	{"forged sessions", (*attacker).forgeSession},
	{"acknowledgements of nothing", func(a *attacker) { a.sendProven(a.rng.IntN(len(a.probes)), a.acks()) }},
	{"never acknowledges", (*attacker).neverAcknowledge},
	{"sessions without end", (*attacker).openSessions},
	{"first fragments", (*attacker).beginFragments},
}

// plausible is what honest clients do too, as far as a host can tell: very many at once that come for
// a session, and some that take long answers as fast as it sends them.
var plausible = []attack{
	{"a crowd's sessions", (*attacker).openCrowd},
	{unasserted, (*attacker).acknowledgeUnread},
}

// unasserted is the attack whose ratio is logged only: around the half that others are held to.
const unasserted = "acknowledged unread"

// forgeHost says what only host 2 may say, from an address that is not its own.
func (a *attacker) forgeHost() {
	h := marshal.PeerHeader{From: 2, FromIncarnation: a.peer, ToIncarnation: a.opened[0].Incarnation}
	a.message(
		&marshal.Single{PeerHeader: h, Seqno: a.rng.Uint64N(4), Delegate: marshal.Delegate{
			Range: delegation.All, Clock: 1 << 40, Entries: []marshal.Entry{{Key: honestKey(0, 0), Value: []byte("forged"), Version: 1 << 39}},
		}},
		&marshal.Ack{PeerHeader: h, Seqno: a.rng.Uint64N(4)},
		&marshal.Greet{PeerHeader: h, Sent: 9, Acked: 9, Received: 9, Answer: true},
		&marshal.Mismatch{PeerHeader: h, Known: 1},
		&marshal.Propose{PeerHeader: h, Range: delegation.All},
		&marshal.Consent{PeerHeader: h, Reason: marshal.OrderAccepted},
	)
}

// acks acknowledges what the host may have sent, or not: in whole, and a part.
func (a *attacker) acks() []byte {
	var frames []byte
	for range 20 {
		id := a.rng.Uint64N(1 << a.rng.IntN(20))
		frames = append(frames, acknowledgement(a.probes[0].run, id)...)
		frames = append(frames, acknowledgement(a.probes[0].run, id, a.rng.Uint64N(1<<20), 1+a.rng.Uint64N(1<<20))...)
	}
	return sealed(a.rng.Uint64N(8), frames)
}

// forgeSession uses sessions that it has to guess.
func (a *attacker) forgeSession() {
	hd := marshal.RequestHeader{Session: marshal.SessionID(randomBytes(a.rng, 16)), Number: 1 + a.rng.Uint64N(4)}
	w := marshal.WriteHeader{Floor: 1, Operation: marshal.OperationID{Client: a.rng.Uint64(), Counter: 1}}
	a.message(
		&marshal.SetRequest{RequestHeader: hd, WriteHeader: w, Key: honestKey(0, 0), Value: []byte("forged")},
		&marshal.Shard{RequestHeader: hd, WriteHeader: w, Range: delegation.All, Recipient: 2},
		&marshal.CloseRequest{RequestHeader: hd},
		&marshal.GetRequest{RequestHeader: hd, Key: honestKey(0, 0)},
	)
}

// neverAcknowledge asks for long answers, from proven addresses.
func (a *attacker) neverAcknowledge() {
	i := a.rng.IntN(len(a.probes))
	a.sendProven(i, a.envelope(a.askForMuch(i)))
}

// askForMuch is a request for a long answer from the i-th proven address.
func (a *attacker) askForMuch(i int) marshal.Message {
	a.counter++
	return &marshal.GetRequest{
		RequestHeader: marshal.RequestHeader{Session: a.opened[i].Session, Number: 1<<31 + a.counter}, Key: "large",
	}
}

// acknowledgeUnread asks for them, and, as soon as some of one has come, acknowledges the whole and
// asks for the next: so that nothing is queued for long of what the host sends.
func (a *attacker) acknowledgeUnread() {
	const askAnyway = 64 // one step in so many asks whatever has come, since some is lost
	i := a.rng.IntN(len(a.probes))
	var frames []byte
	for _, id := range a.probes[i].begun() {
		frames = append(frames, acknowledgement(a.probes[i].run, id)...)
		frames = append(frames, message(a.askForMuch(i))...)
	}
	if a.rng.IntN(askAnyway) == 0 {
		frames = append(frames, message(a.askForMuch(i))...)
	}
	if len(frames) > 0 {
		a.sendProven(i, sealed(a.rng.Uint64(), frames))
	}
}

// sendProven sends from the i-th proven address, to wherever the flood goes.
func (a *attacker) sendProven(i int, d []byte) {
	if a.target == a.probes[i].conn.RemoteAddr().(*net.UDPAddr).AddrPort() {
		_, _ = a.probes[i].conn.Write(d)
		return
	}
	a.say(d)
}

// openSessions opens one after the other, proving its address for each.
func (a *attacker) openSessions() {
	p := a.probes[a.rng.IntN(len(a.probes))]
	for _, back := range p.received() {
		for _, m := range open([][]byte{back}) {
			if cookie, ok := m.(*marshal.CookieReply); ok {
				_, _ = p.conn.Write(a.envelope(&marshal.Open{Nonce: cookie.Nonce, Cookie: cookie.Cookie}))
			}
		}
	}
	for i := range a.probes {
		a.sendProven(i, a.envelope(&marshal.Hello{Nonce: marshal.Nonce(randomBytes(a.rng, 16))}))
	}
}

// openCrowd does so from one after the other of very many addresses.
func (a *attacker) openCrowd() {
	p := a.crowd[a.opening%crowd]
	a.opening++
	messages := []marshal.Message{&marshal.Hello{Nonce: marshal.Nonce(randomBytes(a.rng, 16))}}
	for _, m := range open(p.received()) {
		switch m := m.(type) {
		case *marshal.CookieReply:
			messages = append(messages, &marshal.Open{Nonce: m.Nonce, Cookie: m.Cookie})
		case *marshal.Opened:
			a.taken++
		}
	}
	_, _ = p.conn.WriteToUDPAddrPort(a.envelope(messages...), a.target)
}

// beginFragments begins the longest messages, and finishes none.
func (a *attacker) beginFragments() {
	d := sealed(a.rng.Uint64N(8), fragment(a.rng.Uint64N(1<<40), 0, marshal.MaxMessageBytes, 7, make([]byte, 1200)))
	a.say(d)
	a.sendProven(a.rng.IntN(len(a.probes)), d)
}

// flood makes the attacks in turns until ctx ends, against target, which may be a
// black hole instead of the host. It returns how many there were. After each it lets
// others run: the honest are of the same process, and would else wait some 10 ms for
// its scheduler, whatever the host does.
func (a *attacker) flood(ctx context.Context, target netip.AddrPort, kinds []attack) (n int) {
	a.target = target
	for ; ctx.Err() == nil; n++ {
		kinds[n%len(kinds)].step(a)
		runtime.Gosched()
	}
	return n
}
