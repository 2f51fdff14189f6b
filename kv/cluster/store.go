package cluster

import (
	"fmt"
	"path/filepath"

	"ironkv/kv/store"
)

// clusterBlockCache bounds each host's cache of disk blocks, in bytes: they share
// a process, and mostly a small one.
const clusterBlockCache = 8 << 20

// openStore opens what h has kept.
func (c *Cluster) openStore(h *host) error {
	limits := store.MemoryOptions{LimitBytes: c.opts.memory, Window: c.opts.limits.Window}
	switch c.opts.keeping {
	case inMemory:
		if h.memory == nil {
			limits.Records = true
			h.memory = store.NewMemory(limits)
		}
		h.store = h.memory
	case nowhere:
		h.store = store.NewMemory(limits)
	case inFiles:
		// The ports are others each time, so they are no part of the name.
		id := store.DirIdentity{Cluster: fmt.Sprintf("%d hosts in one process", len(c.members)), Host: h.id}
		disk, err := store.OpenDisk(filepath.Join(c.opts.dir, h.id.String()), id, store.DiskOptions{
			Logger: c.opts.logger, CacheBytes: clusterBlockCache, Window: limits.Window,
		})
		if err != nil {
			return err
		}
		h.store = disk
	}
	return nil
}
