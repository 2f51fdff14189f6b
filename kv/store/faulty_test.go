package store

import (
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// A faultyFS injects what errorfs injects, and also into the logs that are
// reused, which errorfs hands out as they are.
type faultyFS struct {
	*errorfs.FS
	injector errorfs.Injector
}

func injectInto(fs vfs.FS, injector errorfs.InjectorFunc) faultyFS {
	return faultyFS{errorfs.Wrap(fs, injector), injector}
}

// ReuseForWrite makes a file of an old one.
func (f faultyFS) ReuseForWrite(old, name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.ReuseForWrite(old, name, category)
	if err != nil {
		return nil, err
	}
	return errorfs.WrapFile(file, errorfs.InjectorFunc(func(op errorfs.Op) error {
		op.Path = name
		return f.injector.MaybeError(op)
	})), nil
}
