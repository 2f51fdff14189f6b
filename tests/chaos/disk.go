package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// diskBytes is the size of the small disk that one host of some clusters has.
const diskBytes = 192 << 20

// A disk is a small file system that can be filled up, for the data of one host.
type disk struct {
	host int
	dir  string // where it is mounted
}

// newDisk mounts a small file system in dir, which it makes. It needs the
// privilege to mount.
func newDisk(host int, dir string) (*disk, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := mount(dir, diskBytes); err != nil {
		return nil, fmt.Errorf("mount %s: %w", dir, err)
	}
	return &disk{host, dir}, nil
}

// data is the host's directory.
func (d *disk) data() string { return filepath.Join(d.dir, "data") }

func (d *disk) ballast() string { return filepath.Join(d.dir, "filled-up") }

// close unmounts it; what is on it is kept in dir if that is wanted.
func (d *disk) close(keep bool) error {
	var err error
	if keep {
		err = os.CopyFS(d.dir+"-kept", os.DirFS(d.dir))
	}
	return errors.Join(err, unmount(d.dir))
}

// setSlow says how much longer each sync of the host's disk takes.
func (h *host) setSlow(sync time.Duration) error {
	if sync == 0 {
		err := os.Remove(h.slow)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	}
	return os.WriteFile(h.slow, []byte(sync.String()), 0o600)
}

// slow makes the disk of a host slow for a time.
func (n *nemesis) slow(ctx context.Context, f fault) {
	h := n.hosts[f.hosts[0]-1]
	if err := h.setSlow(f.sync); err != nil {
		n.fail(err)
	}
	wait(ctx, f.last)
	if err := h.setSlow(0); err != nil {
		n.fail(err)
	}
}

// fill leaves so many bytes of room.
func (d *disk) fill(leave uint64) error {
	var s syscall.Statfs_t
	if err := syscall.Statfs(d.dir, &s); err != nil {
		return err
	}
	room := s.Bavail * uint64(s.Bsize)
	if room <= leave {
		return nil
	}
	f, err := os.Create(d.ballast())
	if errors.Is(err, syscall.ENOSPC) {
		return nil // it is full
	}
	if err != nil {
		return err
	}
	defer f.Close()
	for piece := make([]byte, 1<<20); room > leave; room -= min(room, uint64(len(piece))) {
		_, err := f.Write(piece[:min(uint64(len(piece)), room-leave)])
		if errors.Is(err, syscall.ENOSPC) {
			return nil // somebody else wrote, too
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// free gives the room back.
func (d *disk) free() error {
	if err := os.Remove(d.ballast()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// fill fills the disk for a time; its host may end by itself then.
func (n *nemesis) fill(ctx context.Context, f fault) {
	n.hosts[n.disk.host-1].weaken()
	if err := n.disk.fill(f.leave); err != nil {
		n.fail(err)
	}
	wait(ctx, f.last)
	if err := n.disk.free(); err != nil {
		n.fail(err)
	}
}
