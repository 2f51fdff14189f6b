//go:build chaos

package main

import (
	"os"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"ironkv/tests/faultfs"
)

// slowDisk names the variable that names a file: while that says a duration, each
// sync takes so much longer.
const slowDisk = "KVD_CHAOS_SLOW_DISK"

func init() {
	path := os.Getenv(slowDisk)
	if path == "" {
		return
	}
	diskFS = faultfs.Inject(vfs.Default, func(op errorfs.Op) error {
		if op.Kind != errorfs.OpFileSync && op.Kind != errorfs.OpFileSyncData {
			return nil
		}
		if text, err := os.ReadFile(path); err == nil {
			if d, err := time.ParseDuration(string(text)); err == nil {
				time.Sleep(d)
			}
		}
		return nil
	})
}
