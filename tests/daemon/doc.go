// Package daemon runs clusters of real kvd processes on loopback, for tests and
// the demo: each host is a process of its own, with a port, a directory and a
// log, and can be killed as a power cut would end it.
//
// It may be imported by anything under tests, and by tests of what is in cmd.
package daemon
