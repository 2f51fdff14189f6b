package main

import "syscall"

// dieWithUs lets a child end when its parent does, however that ends.
func dieWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
