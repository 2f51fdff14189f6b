package sim

import (
	"fmt"
	"log/slog"

	"github.com/cockroachdb/pebble/v2/vfs"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/kv/store"
)

// crashable is a [store.Disk] on a file system in memory that keeps in a crash
// exactly what was synced.
type crashable struct {
	*store.Disk // nil where it could not be opened again
	fs          *vfs.MemFS
	opts        store.DiskOptions
	id          store.DirIdentity
}

const (
	simMemTableBytes = 64 << 10
	simCacheBytes    = 1 << 20
)

func newCrashable(id delegation.HostID, window uint32) *crashable {
	c := &crashable{id: store.DirIdentity{Cluster: "sim", Host: id}, fs: vfs.NewCrashableMem(), opts: store.DiskOptions{
		Logger: slog.New(slog.DiscardHandler), MemTableBytes: simMemTableBytes, CacheBytes: simCacheBytes, BallastBytes: -1,
		Window: window, Free: func() (uint64, error) { return 1 << 40, nil },
	}}
	c.open()
	return c
}

func (c *crashable) open() {
	c.opts.FS = c.fs
	disk, err := store.OpenDisk("data", c.id, c.opts)
	if err != nil {
		panic(fmt.Sprintf("sim: host %d's disk cannot be opened: %v", c.id.Host, err))
	}
	c.Disk = disk
}

// Crash goes on from what a power failure would leave now. What the old process
// still writes is lost on it.
func (c *crashable) Crash() {
	after := c.fs.CrashClone(vfs.CrashCloneCfg{})
	if err := c.Close(); err != nil {
		panic(fmt.Sprintf("sim: host %d's disk cannot be closed: %v", c.id.Host, err))
	}
	c.fs, c.Disk = after, nil
	c.open()
}

// Close closes the disk, if it is open: one that does not open again after a crash
// ends the run, which then closes all.
func (c *crashable) Close() error {
	if c.Disk == nil {
		return nil
	}
	return c.Disk.Close()
}

// Commit waits for the sync: nothing leaves a host before.
func (c *crashable) Commit(n kv.Counters) (store.Pending, error) {
	p, err := c.Disk.Commit(n)
	if err == nil && p != nil {
		err = p.Wait()
	}
	return nil, err
}
