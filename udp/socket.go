package udp

import "net/netip"

// arrival is a datagram that was read; data is valid until the next read.
type arrival struct {
	src       netip.AddrPort
	data      []byte
	truncated bool // the buffer was too short for it
}

// written says how a write went.
type written struct {
	done    int   // datagrams that are done with, from the start of the list
	refused int   // those of them that could not be sent
	calls   int   // system calls that sent something
	err     error // net.ErrClosed, or nil
}
