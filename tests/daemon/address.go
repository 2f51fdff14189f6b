package daemon

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
)

// The ports of hosts: below those that systems give to sockets that ask for none.
const (
	firstPort = 11_000
	ports     = 20_000
	// portsApart is how far apart processes begin that run at the same time.
	portsApart = 97
)

// lastPort is how many ports were tried.
var lastPort atomic.Uint32

// Address returns a free loopback address for a host, each time another one. Nobody
// who asks for no port in particular is ever given it, before the host is started
// or while it is down.
func Address() (netip.AddrPort, error) {
	for range ports {
		n := uint32(os.Getpid())*portsApart + lastPort.Add(1)
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(firstPort+n%ports))
		conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(addr))
		if err == nil {
			return addr, conn.Close()
		}
	}
	return netip.AddrPort{}, fmt.Errorf("no free port from %d to %d", firstPort, firstPort+ports)
}
