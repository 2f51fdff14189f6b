package main

import (
	"fmt"
	"syscall"
)

// mount mounts a file system in memory.
func mount(dir string, bytes int) error {
	return syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, fmt.Sprintf("size=%d,mode=0700", bytes))
}

// unmount undoes it, at the latest when the last file there is closed.
func unmount(dir string) error { return syscall.Unmount(dir, syscall.MNT_DETACH) }
