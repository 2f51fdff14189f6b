package main

import "syscall"

// dieWithUs lets a child end when its parent does, however that ends; not by what is
// typed at the parent's terminal.
func dieWithUs() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
