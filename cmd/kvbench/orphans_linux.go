package main

import "syscall"

// noOrphans makes a process end with this one, however this one ends. The kernel ties
// it to the thread that starts it; Go's threads stay, but for those that somebody has
// locked a goroutine to, and nobody does here.
func noOrphans() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
