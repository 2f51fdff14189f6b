package client

import (
	"fmt"
	"strconv"
	"strings"

	"ironkv/delegation"
	"ironkv/marshal"
)

// A HostID names a host of a cluster.
type HostID = delegation.HostID

// A MoveID names a move: the host that does it, and that host's count.
type MoveID = marshal.MoveID

// ParseMoveID reads the form that [MoveID] prints, HOST-NUMBER. It fails with
// [ErrConfig].
func ParseMoveID(s string) (MoveID, error) {
	host, number, ok := strings.Cut(s, "-")
	h, errHost := strconv.ParseUint(host, 10, 32)
	n, errNumber := strconv.ParseUint(number, 10, 64)
	if !ok || errHost != nil || errNumber != nil || h == 0 || n == 0 {
		return MoveID{}, fmt.Errorf("%w: %q is no move id; one looks like 1-7, host and number", ErrConfig, s)
	}
	return MoveID{Host: HostID(h), Number: n}, nil
}

// An Entry is a key with its value and version.
//
// Key is the slice that was asked with, or, from a scan, the caller's own; Value
// is the caller's own, and nil where values were left out.
type Entry struct {
	Key, Value []byte
	// Version is larger than any that the key ever had before; 0 only in an
	// Entry that was not found.
	Version uint64
}

// A Condition guards a write: see [IfVersion] and [IfAbsent].
type Condition struct{ version marshal.Version }

// IfVersion lets a write happen only where the key's version is n; n = 0 stands
// for "no entry". Otherwise the write fails with [ErrConditionFailed].
func IfVersion(n uint64) Condition { return Condition{version: marshal.Version(n)} }

// IfAbsent lets a write happen only where the key has no entry.
func IfAbsent() Condition { return Condition{} }
