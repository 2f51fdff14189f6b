//go:build !linux || plainudp

package udp

const batches = false
