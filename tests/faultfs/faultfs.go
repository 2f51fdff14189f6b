// Package faultfs injects faults into the files of a store, as Pebble's errorfs
// does, and also into the logs that are reused, which errorfs hands out as they
// are. The tests of kv/store use it, and kvd as tests/chaos builds it.
package faultfs

import (
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// Inject returns fs with an injector that is asked before each operation, from any
// goroutine: it may fail it, or take its time.
func Inject(fs vfs.FS, injector errorfs.InjectorFunc) vfs.FS {
	return faulty{errorfs.Wrap(fs, injector), injector}
}

type faulty struct {
	*errorfs.FS
	injector errorfs.Injector
}

// ReuseForWrite makes a file of an old one.
func (f faulty) ReuseForWrite(old, name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.ReuseForWrite(old, name, category)
	if err != nil {
		return nil, err
	}
	return errorfs.WrapFile(file, errorfs.InjectorFunc(func(op errorfs.Op) error {
		op.Path = name // which the file does not know
		return f.injector.MaybeError(op)
	})), nil
}
