package store

import (
	"encoding/binary"
	"unsafe"

	"ironkv/delegation"
	"ironkv/marshal"
)

// versionBytes is the encoded length of a version.
const versionBytes = 8

// A packed is an entry in one allocation of key, value and version, in this
// order: 16 bytes in the tree and 8 in the allocation are all that an entry
// costs beyond its key and value (and what the tree's nodes and the allocator's
// size classes leave empty).
//
// Invariant: data points to keyLen+valueLen+versionBytes bytes that are never
// changed, except in a probe for a key, which has only the key.
type packed struct {
	data     *byte
	valueLen uint32 // at most marshal.MaxValueBytes
	keyLen   uint32 // at most delegation.MaxKeyBytes, or one more in a probe for a bound
}

// pack copies e into one allocation.
func pack(e marshal.Entry) packed {
	data := make([]byte, len(e.Key)+len(e.Value)+versionBytes)
	n := copy(data, e.Key)
	n += copy(data[n:], e.Value)
	binary.LittleEndian.PutUint64(data[n:], uint64(e.Version))
	return packed{data: unsafe.SliceData(data), valueLen: uint32(len(e.Value)), keyLen: uint32(len(e.Key))}
}

// probe returns what is compared to find key; it has no value and no version.
func probe(key string) packed {
	return packed{data: unsafe.StringData(key), keyLen: uint32(len(key))}
}

func (p packed) key() string { return unsafe.String(p.data, p.keyLen) }

// entry returns the entry, which shares p's memory.
func (p packed) entry() marshal.Entry {
	n := int(p.keyLen) + int(p.valueLen)
	data := unsafe.Slice(p.data, n+versionBytes)
	return marshal.Entry{
		Key:     delegation.Key(p.key()),
		Value:   data[p.keyLen:n:n],
		Version: marshal.Version(binary.LittleEndian.Uint64(data[n:])),
	}
}

// size is what p counts for against a limit of memory, in bytes.
func (p packed) size() uint64 {
	return uint64(p.keyLen) + uint64(p.valueLen) + memoryOverheadBytes
}

func packedLess(a, b packed) bool { return a.key() < b.key() }
