package main

import (
	"ironkv/kv/store"
)

// openStore opens what the host keeps.
func openStore(s *settings) (store.Store, error) {
	window := s.server.Limits.Window
	if s.memory {
		return store.NewMemory(store.MemoryOptions{LimitBytes: uint64(s.memoryLimit), Window: window}), nil
	}
	id := store.DirIdentity{Cluster: clusterName(s.server.Config), Host: s.server.Me}
	return store.OpenDisk(s.data, id, store.DiskOptions{Logger: s.log, CacheBytes: int64(s.cache), Window: window})
}
