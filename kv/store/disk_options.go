package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"ironkv/kv"
)

// Defaults of [DiskOptions]. On a disk of less than 4 GiB memory tables and
// ballast are a sixty-fourth of it, at least 4 MiB. Logs are as large as memory
// tables, and after a crash a host first reads up to stopMemTables of them.
const (
	DefaultCacheBytes    = 64 << 20
	DefaultMemTableBytes = 16 << 20
	DefaultBallastBytes  = 64 << 20

	smallDiskShare = 64
	smallestBytes  = 4 << 20
)

const (
	// directoryMode is for a data directory that has to be made.
	directoryMode = 0o700
	// headroomMemTables is how many memory tables' bytes of a disk are not
	// offered as room: logs that are written, and the tables made of them.
	headroomMemTables = 4
	// stopMemTables is how many memory tables may wait to be written before
	// commits wait, too.
	stopMemTables = 4
	// l0Threshold is how many overlapping layers of young tables call for a
	// compaction, l0Stop how many make commits wait: practically never.
	l0Threshold, l0Stop = 4, 256
	// bloomBitsPerKey makes one lookup in a hundred of an absent key read a table.
	bloomBitsPerKey = 10
	// tableFormat is Pebble's own format of the directory: the newest without
	// experiments; with it logs tell a torn tail from a damaged middle.
	tableFormat = pebble.FormatTableFormatV6
)

// DiskOptions adjust a [Disk]. The zero value is right for a host.
type DiskOptions struct {
	// FS is the file system; nil for the machine's own.
	FS vfs.FS
	// Logger gets what the database reports; nil for [slog.Default].
	Logger *slog.Logger
	// CacheBytes bounds the cache of blocks of tables; 0 for the default.
	CacheBytes int64
	// MemTableBytes is the size of a memory table, and of its log; 0 for the default.
	MemTableBytes uint64
	// BallastBytes is the size of the file that only takes room; 0 for the
	// default, negative for none.
	BallastBytes int64
	// Free returns the room on the disk, in bytes; nil to ask the file system.
	Free func() (uint64, error)
	// Window is the greatest distance of two numbers of a session that are both
	// needed; 0 for [kv.DefaultWindow]. A directory keeps the greatest it was
	// ever opened with.
	Window uint32
}

func (o DiskOptions) withDefaults(fs vfs.FS, dir string) DiskOptions {
	small := uint64(DefaultBallastBytes)
	if usage, err := fs.GetDiskUsage(dir); err == nil {
		small = min(small, max(usage.TotalBytes/smallDiskShare, smallestBytes))
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = DefaultCacheBytes
	}
	if o.MemTableBytes == 0 {
		o.MemTableBytes = min(DefaultMemTableBytes, small)
	}
	if o.BallastBytes == 0 {
		o.BallastBytes = min(DefaultBallastBytes, int64(small))
	}
	o.BallastBytes = max(o.BallastBytes, 0)
	if o.Free == nil {
		o.Free = diskFree(fs, dir)
	}
	if o.Window == 0 {
		o.Window = kv.DefaultWindow
	}
	return o
}

// pebble returns Pebble's options: logs are recycled (a sync of an overwritten
// file is half the price of one that grows), nothing but commits syncs them, and
// errors go to the fault instead of ending the process.
func (o DiskOptions) pebble(fs vfs.FS, f *fault) *pebble.Options {
	po := &pebble.Options{
		FS:                          fs,
		CacheSize:                   o.CacheBytes,
		FormatMajorVersion:          tableFormat,
		MemTableSize:                o.MemTableBytes,
		MemTableStopWritesThreshold: stopMemTables,
		L0CompactionThreshold:       l0Threshold,
		L0StopWritesThreshold:       l0Stop,
		CompactionConcurrencyRange:  func() (lower, upper int) { return 1, 2 },
		LoggerAndTracer:             diskLogger{Logger: o.Logger, fault: f},
	}
	for i := range po.Levels {
		po.Levels[i].FilterPolicy = bloom.FilterPolicy(bloomBitsPerKey)
	}
	po.EventListener = &pebble.EventListener{
		BackgroundError: func(err error) {
			switch {
			case f.err() != nil || errors.Is(err, pebble.ErrCancelledCompaction):
			case vfs.IsNoSpaceError(err):
				o.Logger.Error("the disk is full: free room on it; the host goes on meanwhile, and nothing acknowledged is lost", "err", err)
			default:
				o.Logger.Error("the database failed in the background", "err", err)
			}
		},
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			_ = f.note(corrupt(info.Path, info.Details))
		},
		WriteStallBegin: func(info pebble.WriteStallBeginInfo) {
			o.Logger.Warn("commits wait for the disk", "reason", info.Reason)
		},
		WriteStallEnd: func() { o.Logger.Warn("commits go on") },
	}
	return po
}

// A diskLogger is what Pebble logs to. What would end the process is a fault.
type diskLogger struct {
	*slog.Logger
	fault *fault
}

// Infof logs for debugging.
func (l diskLogger) Infof(format string, args ...any) {
	if l.Enabled(context.Background(), slog.LevelDebug) {
		l.Debug("database: " + fmt.Sprintf(format, args...))
	}
}

// Errorf logs an error that the database lives with.
func (l diskLogger) Errorf(format string, args ...any) {
	if l.fault.err() == nil {
		l.Error("database: " + fmt.Sprintf(format, args...))
	}
}

// Fatalf notes the fault; the fence keeps what follows from the disk.
func (l diskLogger) Fatalf(format string, args ...any) {
	err := fmt.Errorf("%s", fmt.Sprintf(format, args...))
	for _, arg := range args {
		if e, ok := arg.(error); ok {
			err = fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), e)
		}
	}
	l.Error("the database gives up", "err", l.fault.note(classify("database", err)))
}

// Eventf is for traces, of which there are none.
func (diskLogger) Eventf(context.Context, string, ...any) {}

// IsTracingEnabled says so.
func (diskLogger) IsTracingEnabled(context.Context) bool { return false }
