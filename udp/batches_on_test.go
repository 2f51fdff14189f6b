//go:build linux && !plainudp

package udp

// batches says that one system call moves many datagrams.
const batches = true
