//go:build !linux

package main

import "syscall"

// noOrphans can do nothing here: servers outlive a kvbench that is killed.
func noOrphans() *syscall.SysProcAttr { return nil }
