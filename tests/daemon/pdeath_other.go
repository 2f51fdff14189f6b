//go:build !linux

package daemon

import "syscall"

func dieWithUs() *syscall.SysProcAttr { return nil }
