package main

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
)

// private marks a process whose mounts are its own.
const private = "IRONKV_CHAOS_PRIVATE"

// keepMountsPrivate makes what is mounted from now on visible to this process and its
// children only, so that it goes when they end, however they do. The namespace is that of
// a thread: the program begins anew on it. Where there is no right to do so, nothing is
// done, and as a rule nothing can be mounted either.
func keepMountsPrivate() {
	if os.Getenv(private) != "" {
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if syscall.Unshare(syscall.CLONE_NEWNS) != nil ||
		syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "") != nil {
		return
	}
	_ = syscall.Exec("/proc/self/exe", os.Args, append(os.Environ(), private+"=1")) // returns where it fails
}

// mount mounts a file system in memory.
func mount(dir string, bytes int) error {
	return syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, fmt.Sprintf("size=%d,mode=0700", bytes))
}

// unmount undoes it, at the latest when the last file there is closed.
func unmount(dir string) error { return syscall.Unmount(dir, syscall.MNT_DETACH) }
