package udp

import (
	"net"

	"golang.org/x/sys/unix"
)

// routeMTU asks the kernel for the MTU of a connected socket's path; 0 if it does not say.
func routeMTU(conn *net.UDPConn, v4 bool) int {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0
	}
	level, option := unix.IPPROTO_IPV6, unix.IPV6_MTU
	if v4 {
		level, option = unix.IPPROTO_IP, unix.IP_MTU
	}
	mtu := 0
	var known error
	err = raw.Control(func(fd uintptr) { mtu, known = unix.GetsockoptInt(int(fd), level, option) })
	if err != nil || known != nil {
		return 0
	}
	return mtu
}
