//go:build !linux

package udp

import "net"

// routeMTU is unknown here; the interface's is used.
func routeMTU(*net.UDPConn, bool) int { return 0 }
