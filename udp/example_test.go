package udp_test

import (
	"fmt"
	"net/netip"
	"time"

	"ironkv/udp"
)

// Two sockets on loopback: a short message, and one that travels in fragments.
func Example() {
	listen := func() *udp.Conn {
		c, err := udp.Listen(netip.MustParseAddrPort("127.0.0.1:0"), udp.Config{})
		if err != nil {
			panic(err)
		}
		return c
	}
	alice, bob := listen(), listen()
	deadline := time.Now().Add(20 * time.Second)
	alice.Classify(bob.LocalAddr(), udp.Peer)
	bob.Classify(alice.LocalAddr(), udp.Peer)

	for _, msg := range []string{"hello", string(make([]byte, 100_000))} {
		if err := alice.Send(bob.LocalAddr(), []byte(msg), udp.Reliable); err != nil {
			panic(err)
		}
		if err := alice.Flush(); err != nil {
			panic(err)
		}
		for done := false; !done; {
			_, err := bob.Receive(deadline, func(src netip.AddrPort, msg []byte) {
				fmt.Println(len(msg), "bytes from alice:", src == alice.LocalAddr())
				done = true
			})
			if err != nil {
				panic(err)
			}
			// Acknowledgements are read where somebody receives.
			if _, err := alice.TryReceive(func(netip.AddrPort, []byte) {}); err != nil {
				panic(err)
			}
		}
	}
	_ = alice.Close()
	_ = bob.Close()
	// Output:
	// 5 bytes from alice: true
	// 100000 bytes from alice: true
}

// A Transport without a socket: the caller carries the datagrams and tells the time.
func ExampleTransport() {
	a := netip.MustParseAddrPort("10.0.0.1:7001")
	b := netip.MustParseAddrPort("10.0.0.2:7001")
	sender := udp.NewTransport(udp.Config{Nonce: 1})
	receiver := udp.NewTransport(udp.Config{Nonce: 2})

	now := time.Duration(0)
	for _, msg := range []string{"one", "two"} {
		if err := sender.Send(now, b, []byte(msg), udp.Once); err != nil {
			panic(err)
		}
	}
	sender.Flush(now, func(dst netip.AddrPort, datagram []byte) {
		fmt.Println(len(datagram), "bytes to", dst)
		receiver.Receive(now, a, datagram, func(src netip.AddrPort, msg []byte) {
			fmt.Printf("%s from %v\n", msg, src)
		})
	})
	// Output:
	// 23 bytes to 10.0.0.2:7001
	// one from 10.0.0.1:7001
	// two from 10.0.0.1:7001
}
