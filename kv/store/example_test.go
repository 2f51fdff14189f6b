package store_test

import (
	"fmt"
	"log/slog"

	"github.com/cockroachdb/pebble/v2/vfs"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/kv/store"
	"ironkv/marshal"
)

// A batch is written, committed, and there after the store was opened again.
func ExampleOpenDisk() {
	id := store.DirIdentity{Cluster: "1=127.0.0.1:7001", Host: 1}
	opts := store.DiskOptions{FS: vfs.NewMem(), Logger: slog.New(slog.DiscardHandler)} // no FS: the real one
	s, err := store.OpenDisk("data", id, opts)
	if err != nil {
		fmt.Println(err)
		return
	}
	s.Put(marshal.Entry{Key: "apple", Value: []byte("red"), Version: 1})
	s.Put(marshal.Entry{Key: "pear", Value: []byte("green"), Version: 2})
	pending, err := s.Commit(kv.Counters{Step: 1, Clock: 2})
	if err == nil {
		err = pending.Wait() // the next batch may begin meanwhile
	}
	if err == nil {
		err = s.Close()
	}
	if err == nil {
		s, err = store.OpenDisk("data", id, opts)
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	s.Ascend(delegation.All, func(e marshal.Entry) bool {
		fmt.Printf("%s %s @%d\n", string(e.Key), e.Value, e.Version)
		return true
	})
	fmt.Println(s.Close())
	// Output:
	// apple red @1
	// pear green @2
	// <nil>
}
