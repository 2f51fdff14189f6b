package udp

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// A siege is a guard, and a kernel that does what it says.
type siege struct {
	*testing.T
	*guard
	rng            *rand.Rand
	at             time.Duration
	clients, peers []netip.AddrPort
	told           int // times
	passed         int // datagrams in the last window
}

func newSiege(t *testing.T) *siege {
	rng := rand.New(rand.NewPCG(3, 4))
	return &siege{T: t, guard: newGuard(rng.Uint32), rng: rng}
}

// stranger returns one of many addresses.
func stranger(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 7)
}

// colliding returns another address in somebody's cell.
func (s *siege) colliding(with netip.AddrPort) netip.AddrPort {
	for i := 0; ; i++ {
		if src := stranger(i); src != with && s.key.cell(src) == s.key.cell(with) {
			return src
		}
	}
}

// send sends n datagrams, all that a guard counts, as far as the kernel lets them through.
func (s *siege) send(src netip.AddrPort, n int) {
	class := Stranger
	switch {
	case slices.Contains(s.clients, src):
		class = Client
	case slices.Contains(s.peers, src):
		class = Peer
	}
	for range n {
		if s.rng.Uint32N(s.now.weight(s.key.cell(src))) == 0 {
			s.passed++
			s.note(src, class)
		}
	}
}

// window ends one, after each source has sent so many in it.
func (s *siege) window(n int, sources ...netip.AddrPort) {
	s.passed = 0
	for _, src := range sources {
		s.send(src, n)
	}
	if s.decide(s.at, slices.Values(s.clients), slices.Values(s.peers)) {
		s.told++
	}
	s.at += guardWindow
}

// open asserts whether all of somebody's datagrams pass.
func (s *siege) open(src netip.AddrPort, want bool) {
	s.Helper()
	if got := s.now.weight(s.key.cell(src)) == 1; got != want {
		s.Errorf("after %v, %v passes: %v; want %v", s.at, src, got, want)
	}
}

// windowsUntilOff returns how many windows without a datagram end before the guard is off.
func (s *siege) windowsUntilOff() (n int) {
	s.Helper()
	for ; s.now.on(); n++ {
		if n > 1000 {
			s.Fatal("the guard never ends")
		}
		s.window(0)
	}
	return n
}

// Strangers that greet, and Clients that err now and then, are none that the kernel has to know.
func TestNoGuardInPeace(t *testing.T) {
	s := newSiege(t)
	s.clients = []netip.AddrPort{stranger(1), stranger(2)}
	for i := range 100 {
		s.send(s.clients[0], clientScore/2/forgotten/unit)
		var newcomers []netip.AddrPort
		for j := range 100 {
			newcomers = append(newcomers, stranger(100+100*i+j))
		}
		s.window(crowdScore/2/forgotten/unit/len(newcomers), newcomers...)
	}
	if s.now.on() || s.told != 0 || s.due() != never {
		t.Errorf("%d cells are closed, told %d times", s.now.closed(), s.told)
	}
}

// Who floods is shut out, as long as he does and a few seconds longer; newcomers are let in
// meanwhile, and so are Clients who have the luck to share his cell.
func TestGuardClosesFloods(t *testing.T) {
	s := newSiege(t)
	floods := []netip.AddrPort{stranger(1), stranger(2), netip.MustParseAddrPort("[2001:db8::1]:9")}
	for range 3 * int(guardKeyLife/guardWindow) / 2 {
		s.window(2000, floods...)
		if s.at < time.Second || s.keyEnd-s.at > guardKeyLife-4*guardWindow {
			continue // a new hash, under which nobody is known
		}
		for _, src := range floods {
			s.open(src, false)
		}
		s.open(stranger(3), true)
		if s.passed > 500 || s.due() == never {
			t.Fatalf("%d of %d passed in the window before %v", s.passed, 2000*len(floods), s.at)
		}
	}
	if s.count > 4 {
		t.Errorf("began %d times in less than two lives of a hash", s.count)
	}
	if n := s.windowsUntilOff(); n < 10 || n > int(5*time.Second/guardWindow) {
		t.Errorf("off %d windows after the flood", n)
	}
	s.open(floods[0], true)
}

// A Client is let in whatever a stranger does whose cell it shares, and a Peer whatever a Client
// does; nobody else in their cells is safe.
func TestGuardKnowsFriends(t *testing.T) {
	s := newSiege(t)
	honest, wrong, peer := stranger(1), stranger(2), stranger(3)
	s.clients, s.peers = []netip.AddrPort{honest, wrong}, []netip.AddrPort{peer}
	thief := s.colliding(honest)
	s.clients = append(s.clients, s.colliding(peer))
	for range 20 {
		s.window(2000, thief, wrong, peer, s.clients[2])
	}
	s.open(honest, true)
	s.open(peer, true)
	s.open(wrong, false)
	s.clients = s.clients[1:]
	s.window(2000, thief, wrong)
	s.open(thief, false)
	s.windowsUntilOff()
	s.open(wrong, true)
}

// Of very many strangers who each send little some pass, by chance, and all Clients; what passes
// tells when it is over.
func TestGuardAgainstACrowd(t *testing.T) {
	s := newSiege(t)
	s.clients, s.peers = []netip.AddrPort{stranger(1)}, []netip.AddrPort{stranger(2)}
	var crowd []netip.AddrPort
	for i := range 5_000 {
		crowd = append(crowd, stranger(100+i))
	}
	offered := func() { s.window(1, crowd...) }
	for range 40 {
		offered()
	}
	s.open(s.clients[0], true)
	s.open(s.peers[0], true)
	if got := s.now.closed(); got < cells/2 {
		t.Errorf("%d of %d cells are closed", got, cells)
	}
	passed, newcomer, came := 0, stranger(50_000), false
	const n = 100
	for range n {
		offered()
		passed += s.passed
		came = came || s.now.weight(s.key.cell(newcomer)) == 1
	}
	if got, want := passed/n, crowdScore/forgotten/unit; got < want/4 || got > 2*want {
		t.Errorf("%d pass in a window, want some %d", got, want)
	}
	if !came {
		t.Error("no newcomer ever has a turn")
	}
	told := s.told
	s.clients = append(s.clients, stranger(3))
	offered()
	s.open(stranger(3), true)
	if s.told == told {
		t.Error("the kernel does not learn of a new client")
	}
	if n := s.windowsUntilOff(); n > 40 {
		t.Errorf("off %d windows after the flood", n)
	}
}

// What was queued before the kernel was told to drop most of it is counted for what it is, not for
// what would have been dropped.
func TestGuardCountsTheQueued(t *testing.T) {
	s := newSiege(t)
	flood := stranger(1)
	s.window(20_000, flood)
	s.window(0)
	s.open(flood, false)
	for range 20_000 {
		s.note(flood, Stranger)
	}
	s.window(0)
	if most := chance(2 * unit * 20_000 / closedScore); s.now.oneOf > most {
		t.Errorf("1 of %d passes, want at least 1 of %d", s.now.oneOf, most)
	}
}

// Where the kernel is told the same again and again it is told once.
func TestGuardIsConstant(t *testing.T) {
	s := newSiege(t)
	flood := stranger(1)
	for range 100 {
		s.window(2000, flood)
	}
	if s.told > 5 {
		t.Errorf("told %d times of one flood", s.told)
	}
}

// What a datagram is worth: nothing of a Stranger, and of a Client nothing that is malformed, begins
// more than a sender of this package has unfinished, or only acknowledges what is not under way.
func TestWhatIsWorthNothing(t *testing.T) {
	tr := NewTransport(Config{Nonce: 1})
	client, other := stranger(1), stranger(2)
	tr.Classify(client, Client)
	sealed := func(frame func([]byte) []byte) []byte {
		b := frame(appendHeader(nil, 7))
		sealDatagram(b)
		return b
	}
	message := sealed(func(b []byte) []byte { return appendMessage(b, []byte("hello")) })
	begin := func(id uint64) []byte {
		return sealed(func(b []byte) []byte { return appendFragment(b, id, 0, DefaultMaxMessage, 1, make([]byte, 100)) })
	}
	if err := tr.Send(0, client, []byte("long"), Reliable); err != nil {
		t.Fatal(err)
	}
	tr.Flush(0, func(netip.AddrPort, []byte) {})
	ack := func(ids ...uint64) []byte {
		return sealed(func(b []byte) []byte {
			for _, id := range ids {
				b = appendAck(b, 1, id, nil)
			}
			return b
		})
	}
	for _, c := range []struct {
		what     string
		src      netip.AddrPort
		datagram []byte
		want     bool
	}{
		{"acknowledgements of nothing", client, ack(8, 9), true},
		{"those beside one of something", client, ack(8, 0, 9), false},
		{"the same again", client, ack(8, 0, 9), true},
		{"a message beside one of nothing", client, sealed(func(b []byte) []byte { return appendMessage(appendAck(b, 1, 8, nil), nil) }), false},
		{"a sign of life", client, sealed(func(b []byte) []byte { return append(b, framePong) }), false},
		{"a stranger's message", other, message, true},
		{"a client's message", client, message, false},
		{"a client's junk", client, []byte("junk"), true},
		{"a client's long message", client, begin(1), false},
		{"another one, before the first is there", client, begin(2), true},
		{"more of the first", client, begin(1), false},
	} {
		if got := tr.receive(0, c.src, c.datagram); got != c.want {
			t.Errorf("%s is worth nothing: %v, want %v", c.what, got, c.want)
		}
	}
}

// A hash spreads what differs little.
func TestCellsSpread(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 20 {
		key := hashKey{rng.Uint32(), rng.Uint32() | 1}
		ports, hosts := map[uint16]bool{}, map[uint16]bool{}
		for i := range 1000 {
			ports[key.cell(netip.AddrPortFrom(netip.IPv6Loopback(), uint16(30_000+i)))] = true
			hosts[key.cell(stranger(i))] = true
		}
		if len(ports) < 900 || len(hosts) < 900 {
			t.Errorf("1,000 ports are in %d cells, 1,000 hosts in %d", len(ports), len(hosts))
		}
	}
}
