// Package e2e tests the store as its users run it: real kvd processes, real
// disks, real datagrams, the real client; SIGKILL at any moment.
package e2e
