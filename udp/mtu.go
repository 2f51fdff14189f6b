package udp

import (
	"net"
	"net/netip"
)

const (
	headers4 = 20 + 8 // IPv4 and UDP headers, bytes
	headers6 = 40 + 8 // IPv6 and UDP headers, bytes
)

// PathMTU returns the datagram size, in bytes of payload, that the route to dst takes without IP
// fragmentation, as far as this host knows: what the kernel has learned of the path on Linux, the
// outgoing interface's MTU elsewhere, DefaultDatagram where neither is known. It sends nothing. The
// result lies between MinDatagram and MaxDatagram.
func PathMTU(dst netip.AddrPort) int {
	dst = unmap(dst)
	if !dst.Addr().IsValid() {
		return DefaultDatagram
	}
	// Connecting a UDP socket looks up the route and sends nothing; any port but 0 will do.
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(dst.Addr(), max(dst.Port(), 9))))
	if err != nil {
		return DefaultDatagram
	}
	defer func() { _ = conn.Close() }()
	mtu := routeMTU(conn, dst.Addr().Is4())
	if mtu == 0 {
		mtu = interfaceMTU(conn.LocalAddr().(*net.UDPAddr).IP)
	}
	if mtu == 0 {
		return DefaultDatagram
	}
	if dst.Addr().Is4() {
		return clampDatagram(mtu - headers4)
	}
	return clampDatagram(mtu - headers6)
}

// interfaceMTU returns the MTU of the interface that has an address, or 0.
func interfaceMTU(ip net.IP) int {
	list, err := net.Interfaces()
	if err != nil {
		return 0
	}
	for _, i := range list {
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok && n.IP.Equal(ip) {
				return i.MTU
			}
		}
	}
	return 0
}
