package store

import (
	"encoding/binary"
	"unsafe"

	"ironkv/delegation"
	"ironkv/marshal"
)

// The layout of an entry's allocation: version, length of the value, length of
// the key, bytes left over at the end, then key and value.
const (
	versionAt  = 0
	valueLenAt = 8
	keyLenAt   = 12
	slackAt    = 14
	keyAt      = 16
	// smallSlackBytes of an allocation may be left over, or a quarter of it, but no more
	// than maxSlackBytes: the allocator rounds great ones up to multiples of 8 KiB.
	smallSlackBytes = 64
	maxSlackBytes   = 16 << 10
	// slotBytes is what an entry is taken to cost beside its allocation, in bytes: its
	// places in a page and in the index, and its share of what is empty there.
	slotBytes = 24
)

// A packed is an entry in one allocation, or in one slot of an [arena]: 8 bytes in a
// page, 8 in the index and 16 in the allocation are all that it costs beyond its key and
// value (and what pages, buckets and the allocator's size classes leave empty).
//
// Invariant: it points to keyAt+keyLen+valueLen+slack bytes, all of the allocation,
// of which all before the value's length, the key's length and the key never change.
// The rest is changed by [packed.overwrite] only.
type packed struct{ data *byte }

// pack copies e into one allocation.
func pack(e marshal.Entry) packed {
	// append, unlike make, tells how much the allocator gave.
	data := append([]byte(nil), make([]byte, keyAt+len(e.Key)+len(e.Value))...)
	return lay(data[:cap(data)], e)
}

// lay copies e into data, which is all for it.
func lay(data []byte, e marshal.Entry) packed {
	p := packed{unsafe.SliceData(data)}
	binary.LittleEndian.PutUint16(data[keyLenAt:], uint16(len(e.Key)))
	copy(data[keyAt:], e.Key)
	p.fill(data, e)
	return p
}

// fill writes what may change of an entry into its allocation.
func (p packed) fill(data []byte, e marshal.Entry) {
	binary.LittleEndian.PutUint64(data[versionAt:], uint64(e.Version))
	binary.LittleEndian.PutUint32(data[valueLenAt:], uint32(len(e.Value)))
	n := keyAt + len(e.Key) + copy(data[keyAt+len(e.Key):], e.Value)
	binary.LittleEndian.PutUint16(data[slackAt:], uint16(len(data)-n))
}

// overwrite replaces version and value where they are, if the value fits without
// leaving too much over, and reports whether it did. Whoever holds the entry sees
// it change.
func (p packed) overwrite(e marshal.Entry) bool {
	data := p.all()
	left := len(data) - keyAt - len(e.Key) - len(e.Value)
	if left < 0 || left > min(max(smallSlackBytes, len(data)/4), maxSlackBytes) {
		return false
	}
	p.fill(data, e)
	return true
}

func (p packed) head() []byte { return unsafe.Slice(p.data, keyAt) }

func (p packed) keyLen() int   { return int(binary.LittleEndian.Uint16(p.head()[keyLenAt:])) }
func (p packed) valueLen() int { return int(binary.LittleEndian.Uint32(p.head()[valueLenAt:])) }

// all returns the whole allocation.
func (p packed) all() []byte {
	return unsafe.Slice(p.data, keyAt+p.keyLen()+p.valueLen()+int(binary.LittleEndian.Uint16(p.head()[slackAt:])))
}

func (p packed) key() string {
	return unsafe.String((*byte)(unsafe.Add(unsafe.Pointer(p.data), keyAt)), p.keyLen())
}

// entry returns the entry, which shares p's memory.
func (p packed) entry() marshal.Entry {
	data, value := p.all(), keyAt+p.keyLen()
	end := value + p.valueLen()
	return marshal.Entry{
		Key:     delegation.Key(p.key()),
		Value:   data[value:end:end],
		Version: marshal.Version(binary.LittleEndian.Uint64(data[versionAt:])),
	}
}

// size is the memory that p takes, in bytes: TestBytesPerEntryBySize.
func (p packed) size() uint64 { return uint64(len(p.all())) + slotBytes }
