package main

import (
	"github.com/cockroachdb/pebble/v2/vfs"

	"ironkv/kv/store"
)

// diskFS is the file system of the data directory; nil for the machine's own.
// The build for tests/chaos has another.
var diskFS vfs.FS

// openStore opens what the host keeps.
func openStore(s *settings) (store.Store, error) {
	window := s.server.Limits.Window
	if s.memory {
		return store.NewMemory(store.MemoryOptions{LimitBytes: uint64(s.memoryLimit), Window: window}), nil
	}
	id := store.DirIdentity{Cluster: clusterName(s.server.Config), Host: s.server.Me}
	return store.OpenDisk(s.data, id, store.DiskOptions{FS: diskFS, Logger: s.log, CacheBytes: int64(s.cache), Window: window})
}
