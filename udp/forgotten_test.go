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

// TestAClientThatMadeRoomIsAClientAgain: however many clients came meanwhile, up to a bound, who has
// proven himself gets answers of any length when he comes back; who was told to be a Stranger does not.
func TestAClientThatMadeRoomIsAClientAgain(t *testing.T) {
	const most = 10
	answered := func(others int, between func(n *Transport)) int {
		n := NewTransport(Config{MaxClients: most})
		for i := range 1 + others {
			n.Classify(spoof(i), Client)
		}
		between(n)
		d := appendMessage(appendHeader(nil, 1), []byte("request"))
		sealDatagram(d)
		n.Receive(0, spoof(0), d, func(src netip.AddrPort, _ []byte) { _ = n.Send(0, src, make([]byte, 1000), Once) })
		if n.lists[Client].length > most {
			t.Errorf("%d clients, the bound is %d", n.lists[Client].length, most)
		}
		out := 0
		n.Flush(0, func(_ netip.AddrPort, d []byte) { out += len(d) })
		return out
	}
	for _, others := range []int{0, most, 2*most - 1} {
		if answered(others, func(*Transport) {}) == 0 {
			t.Errorf("after %d others a client is not answered", others)
		}
	}
	if answered(most, func(n *Transport) { n.Forget(spoof(0)) }) > 0 {
		t.Error("who was forgotten on purpose is a client again")
	}
	if answered(100*most, func(*Transport) {}) > 0 {
		t.Error("all that there ever were are remembered")
	}
}
