package server

import (
	"net/netip"
	"testing"
	"time"

	"ironkv/marshal"
)

// floodSocket always has more datagrams, of which none holds a message: its
// transport drops them.
type floodSocket struct {
	*fakeSocket
	calls, most int
}

func (s *floodSocket) TryReceive(deliver func(netip.AddrPort, []byte)) (int, error) {
	if s.calls++; s.calls >= s.most {
		return 0, nil
	}
	n, err := s.fakeSocket.TryReceive(deliver)
	return n + busyDatagrams, err
}

func (s *floodSocket) Receive(_ time.Time, deliver func(netip.AddrPort, []byte)) (int, error) {
	return s.TryReceive(deliver)
}

// However much arrives that is dropped at once, the host goes on stepping.
func TestAFloodOfJunkDoesNotStarveSteps(t *testing.T) {
	b := newBench(t)
	b.must()
	flood := &floodSocket{fakeSocket: b.socket, most: 100_000}
	b.loop.socket = flood
	b.machine.inputs = nil
	b.socket.put(clientAddr, get(1))
	b.must()
	if flood.calls >= flood.most {
		t.Errorf("received %d times before the first step: as long as the flood lasts, none is taken", flood.calls)
	}
	if len(b.machine.inputs) != 1 {
		t.Errorf("%d steps, want 1", len(b.machine.inputs))
	}
}

// What has waited for too long is refused in the turn in which that is found out,
// however much it is: were it to count as steps, a host to which more comes in a turn
// than one batch would refuse for ever, and serve nobody.
func TestSheddingIsNoStep(t *testing.T) {
	b := newBench(t)
	b.must()
	b.machine.inputs = nil
	for i := range 3 * maxBatchSteps {
		b.inbox.add(clientAddr, marshal.Append(nil, get(uint64(i+1))))
	}
	b.inbox.stamp(b.watch.now())
	b.clock = b.clock.Add(time.Duration(MaxWait) + 1)
	b.socket.put(clientAddr, get(1<<20))
	b.must()
	if got := b.report.counts().Shed; got != 3*maxBatchSteps {
		t.Errorf("shed %d, want the %d that waited", got, 3*maxBatchSteps)
	}
	if len(b.machine.inputs) != 1 {
		t.Errorf("%d steps, want 1: the request that has just come", len(b.machine.inputs))
	}
}

// crowdSocket always has as many messages as one receive may bring, of many clients.
type crowdSocket struct {
	*fakeSocket
	clients []netip.AddrPort
	brought int
}

func (s *crowdSocket) TryReceive(deliver func(netip.AddrPort, []byte)) (int, error) {
	m := marshal.Append(nil, get(1))
	for _, src := range s.clients {
		for range laneShare {
			deliver(src, m)
			s.brought++
		}
	}
	return len(s.clients), nil
}

func (s *crowdSocket) Receive(_ time.Time, deliver func(netip.AddrPort, []byte)) (int, error) {
	return s.TryReceive(deliver)
}

// Of more than it can answer a host takes about as much as it answers, and leaves the rest to
// the socket: were it to take all, it would do little else.
func TestWhatCannotBeAnsweredIsNotTaken(t *testing.T) {
	b := newBench(t)
	b.must()
	crowd := &crowdSocket{fakeSocket: b.socket}
	for i := range 4 * maxBatchSteps / laneShare {
		crowd.clients = append(crowd.clients, forged(i))
		b.inbox.prove(forged(i))
	}
	b.loop.socket, b.pipeline.socket = crowd, crowd
	b.machine.inputs = nil
	for range 20 {
		b.must()
	}
	steps := len(b.machine.inputs)
	if steps < 19*maxBatchSteps {
		t.Errorf("%d steps in 20 turns with batches of %d", steps, maxBatchSteps)
	}
	if most := steps + 8*maxBatchSteps; crowd.brought > most {
		t.Errorf("took %d messages and stepped over %d; want at most %d", crowd.brought, steps, most)
	}
}
