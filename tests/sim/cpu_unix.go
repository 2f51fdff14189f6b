//go:build unix

package main

import "syscall"

// cpuSeconds is the processor time that this process has taken so far, in seconds;
// false where it is not known.
func cpuSeconds() (float64, bool) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, false
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9, true
}
