package server

import (
	"net/netip"
	"testing"
	"time"
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
