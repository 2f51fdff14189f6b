package server

import (
	"net/netip"
	"slices"
	"sync"
	"testing"

	"ironkv/udp"
)

// slowSocket is a socket whose first Send waits until the test lets it go.
type slowSocket struct {
	*fakeSocket
	first        sync.Once
	begun, leave chan struct{}
}

func (s *slowSocket) Send(dst netip.AddrPort, msg []byte, mode udp.Mode) error {
	first := false
	s.first.Do(func() { first = true })
	if first {
		close(s.begun)
		<-s.leave
	}
	return s.fakeSocket.Send(dst, msg, mode)
}

// A batch that is being sent is under way until it is sent: the loop sends nothing
// past it.
func TestNothingOvertakesABatchThatIsBeingSent(t *testing.T) {
	b := newBench(t)
	b.must() // the first look at the store's room
	slow := &slowSocket{fakeSocket: b.socket, begun: make(chan struct{}), leave: make(chan struct{})}
	b.pipeline.socket = slow
	b.sender()
	p := newPending()
	p.result <- nil
	b.store.commits = []commitResult{{pending: p}, {}}
	b.socket.put(clientAddr, set(1))
	b.must()
	<-slow.begun
	b.socket.put(clientAddr, get(2)) // wrote nothing
	b.must()
	if sent := b.socket.taken(); len(sent) != 0 {
		t.Errorf("sent %v past a batch that is being sent", numbers(sent))
	}
	close(slow.leave)
	for range 2 {
		<-b.socket.sending
	}
	if got, want := numbers(b.socket.taken()), []uint64{1, 2}; !slices.Equal(got, want) {
		t.Errorf("left in the order %v, want %v", got, want)
	}
}
