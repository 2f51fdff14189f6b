package udp

import (
	"errors"
	"net/netip"
	"testing"
)

// TestAForgottenStrangerGetsNothing: an unproven address spoke, and others made it
// forgotten before it is answered. What it had sent is forgotten too, so no byte
// goes back; and what a Stranger that was never heard of gets is as it was.
func TestAForgottenStrangerGetsNothing(t *testing.T) {
	n := NewTransport(Config{MaxStrangers: 10})
	_ = n.Send(0, spoof(99), make([]byte, 100), Once)
	for i := range 11 {
		d := appendMessage(appendHeader(nil, 1), []byte("request"))
		sealDatagram(d)
		n.Receive(0, spoof(i), d, func(netip.AddrPort, []byte) {})
	}
	for _, size := range []int{10, 100_000} {
		for _, mode := range []Mode{Once, Reliable} {
			if err := n.Send(0, spoof(0), make([]byte, size), mode); err != nil && !errors.Is(err, ErrUnproven) {
				t.Fatal(err)
			}
		}
	}
	out := 0
	n.Flush(0, func(dst netip.AddrPort, d []byte) {
		if dst == spoof(0) {
			out += len(d)
		}
	})
	if out > 0 {
		t.Errorf("%d bytes went to an address of which nothing is known but that others were forgotten", out)
	}
}
