package udp

import (
	"net/netip"
	"testing"
	"time"
)

// TestWhoNeverAcknowledgesDoesNotTakeAllRoom: however many clients ask for long
// answers and acknowledge none, short answers to others leave, and so does what peers
// are sent, of any length.
func TestWhoNeverAcknowledgesDoesNotTakeAllRoom(t *testing.T) {
	cfg := Config{MaxMessage: 1 << 20, Backlog: 4 << 20, BacklogTotal: 16 << 20}
	n := NewTransport(cfg)
	for _, size := range []int{1 << 20, 64 << 10, 4 << 10, 1500} {
		msg := make([]byte, size)
		for i := range 50 {
			n.Classify(spoof(i), Client)
			for n.Send(time.Second, spoof(i), msg, Once) == nil { // until it is refused
			}
		}
	}
	if s := n.Stats(); s.Queued > cfg.BacklogTotal || s.Queued < cfg.BacklogTotal/2 {
		t.Fatalf("%d bytes queued, the bound is %d", s.Queued, cfg.BacklogTotal)
	}
	honest, host := spoof(5000), spoof(5001)
	n.Classify(honest, Client)
	n.Classify(host, Peer)
	for range 100 {
		if err := n.Send(time.Second, honest, make([]byte, 1000), Once); err != nil {
			t.Fatalf("a short answer: %v", err)
		}
		if err := n.Send(time.Second, host, make([]byte, 100), Reliable); err != nil {
			t.Fatalf("a short message to a peer: %v", err)
		}
	}
	if err := n.Send(time.Second, host, make([]byte, 1<<20), Reliable); err != nil {
		t.Errorf("a long message to a peer: %v", err)
	}
}

// TestWhoHasMostQueuedMakesRoom: however much some ask for and do not acknowledge, there is room for
// others' long answers, and who has less keeps what he has.
func TestWhoHasMostQueuedMakesRoom(t *testing.T) {
	for _, greedy := range []int{8, 30} { // with much waiting for each, and with what was begun alone
		n := NewTransport(Config{MaxMessage: 1 << 20, Backlog: 4 << 20, BacklogTotal: 32 << 20})
		modest, honest := spoof(5000), spoof(5001)
		n.Classify(modest, Client)
		n.Classify(honest, Client)
		if err := n.Send(0, modest, make([]byte, 600<<10), Once); err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{1 << 20, 64 << 10, 1500} {
			for i := range greedy {
				n.Classify(spoof(i), Client)
				for n.Send(0, spoof(i), make([]byte, size), Once) == nil { // until it is refused
				}
				n.Flush(0, func(netip.AddrPort, []byte) {})
			}
		}
		if n.Stats().Drops[DropBacklog] == 0 {
			t.Fatal("the bound was not reached")
		}
		if err := n.Send(0, honest, make([]byte, 600<<10), Once); err != nil {
			t.Errorf("%d greedy: a long answer to somebody else: %v", greedy, err)
		}
		if s := n.Stats(); s.Queued > 24<<20 {
			t.Errorf("%d greedy: %d bytes are queued, the bound is %d", greedy, s.Queued, 24<<20)
		}
		for _, who := range []netip.AddrPort{modest, honest} {
			if n.find(who).queued == 0 {
				t.Errorf("%d greedy: what was queued for who has least was dropped", greedy)
			}
		}
		n.Flush(0, func(netip.AddrPort, []byte) {})
		n.Tick(DefaultGiveUp)
		n.Flush(DefaultGiveUp, func(netip.AddrPort, []byte) {})
		if s := n.Stats(); s.Queued != 0 || len(n.queuers.order)+len(n.queuers.origins) != 0 {
			t.Errorf("%d greedy: %d bytes are queued for who was silent, %d addresses are ranked", greedy, s.Queued, len(n.queuers.order))
		}
	}
}

// TestWhoHasMostUnfinishedMakesRoom: clients that keep the pool full of messages that they do not
// finish lose them to who asks for less, and to nobody else.
func TestWhoHasMostUnfinishedMakesRoom(t *testing.T) {
	const greedy, total = 20, 1 << 20
	n := &node{Transport: NewTransport(Config{MaxMessage: total, ClientPool: greedy/2*total + greedy/2*1000})}
	begin := func(i int, id uint64, total int) {
		n.Classify(spoof(i), Client)
		n.receive1(0, spoof(i), fragmentOf(1, id, 0, total, 0, make([]byte, 900)))
	}
	for i := range greedy {
		begin(i, 1, total)
	}
	if n.Stats().Drops[DropClientRoom] == 0 {
		t.Fatal("the pool is not full")
	}
	if begin(5000, 1, total/2); len(n.find(spoof(5000)).assemblies) != 1 {
		t.Error("who asks for less than others have got no room")
	}
	for i := range greedy { // they come again: of those who have less nobody gives way
		begin(i, 2, total)
	}
	if len(n.find(spoof(5000)).assemblies) != 1 {
		t.Error("who has least had to make room")
	}
	if evicted := n.Stats().Drops[DropEvicted]; evicted != 1 {
		t.Errorf("%d messages were evicted for one", evicted)
	}
	n.Tick(assemblyAge)
	if s := n.Stats(); s.Reassembling != 0 || len(n.holders.order)+len(n.holders.origins) != 0 {
		t.Errorf("%d bytes are held for messages that nobody finishes, %d addresses are ranked", s.Reassembling, len(n.holders.order))
	}
}

// byAddress takes all ports of an address for one origin.
func byAddress(addr netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(addr.Addr(), 0) }

// TestManyPortsAreOneOrigin: whoever has thousands of ports, with little for each, has as much as one
// who has it for one port, and makes room for others; and among his own ports for the one with less.
func TestManyPortsAreOneOrigin(t *testing.T) {
	const ports, each = 1000, 16 << 10
	port := func(i int) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 2}), uint16(i))
	}
	honest := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 1)
	for _, origin := range []func(netip.AddrPort) netip.AddrPort{nil, byAddress} {
		n := &node{Transport: NewTransport(Config{Origin: origin, MaxMessage: 4 << 20, ClientPool: ports * each / 2, BacklogTotal: ports * each / 2})}
		begin := func(addr netip.AddrPort, id uint64, total int) bool {
			n.Classify(addr, Client)
			n.receive1(0, addr, fragmentOf(1, id, 0, total, 0, make([]byte, 900)))
			return len(n.find(addr).assemblies) > 0
		}
		for i := range ports {
			begin(port(1+i), 1, each)
			_ = n.Send(0, port(1+i), make([]byte, each), Once) // until it is refused
		}
		if n.Stats().Drops[DropClientRoom] == 0 || n.Stats().Drops[DropBacklog] == 0 {
			t.Fatal("there is room left")
		}
		unfinished, queued := begin(honest, 1, 2<<20), n.Send(0, honest, make([]byte, 2<<20), Once) == nil
		if fair := origin != nil; unfinished != fair || queued != fair {
			t.Errorf("who takes all from many ports makes room for a long message: %v, and a long answer: %v; want %v", unfinished, queued, fair)
		}
		if neighbour := port(5000); !begin(neighbour, 1, each/2) || n.Send(0, neighbour, make([]byte, each/2), Once) != nil {
			t.Error("who has less gets no room beside others of his own address")
		}
		if unfinished && len(n.find(honest).assemblies) == 0 || queued && n.find(honest).queued == 0 {
			t.Error("who has less than another origin had to make room for it")
		}
		n.Flush(0, func(netip.AddrPort, []byte) {})
		n.Tick(assemblyAge)
		n.Flush(assemblyAge, func(netip.AddrPort, []byte) {})
		if s := n.Stats(); s.Reassembling != 0 || len(n.holders.order)+len(n.holders.origins)+len(n.queuers.order)+len(n.queuers.origins) != 0 {
			t.Errorf("%d bytes are held for nobody, %d origins are ranked", s.Reassembling, len(n.holders.order)+len(n.queuers.order))
		}
	}
}

// TestManyPortsCountTogether: an origin gives way to another only as long as all addresses of that
// one together would have less.
func TestManyPortsCountTogether(t *testing.T) {
	at := func(address byte, port int) *peer {
		return &peer{addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, address}), uint16(port))}
	}
	r := newRanking(partHeld, byAddress)
	other, next := at(1, 1), at(2, 11)
	for i := range 10 {
		r.set(at(2, 1+i), 1)
	}
	r.set(other, 11)
	if got := r.above(next, 1); got != nil {
		t.Errorf("%v gives way to an origin that would have as much", got.addr)
	}
	r.set(other, 12)
	if got := r.above(next, 1); got != other {
		t.Error("who has most does not give way")
	}
}
