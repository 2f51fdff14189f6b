package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"ironkv/delegation"
	"ironkv/marshal"
)

// rangeDeleteKeys is from how many entries on a range is removed by one range
// deletion: cheap to write, but each makes reading around it dearer until it is
// compacted away. A chunk of a move of small entries stays below.
const rangeDeleteKeys = 2048

// versionBytes is the encoded length of a version.
const versionBytes = 8

// Get returns key's entry.
func (d *Disk) Get(key delegation.Key) (marshal.Entry, bool) {
	d.key = appendEntryKey(d.key[:0], string(key))
	reader := pebble.Reader(d.db)
	if !d.table.Empty() {
		reader = d.table
	}
	v, closer, err := reader.Get(d.key)
	if errors.Is(err, pebble.ErrNotFound) {
		return marshal.Entry{}, false
	}
	if err != nil {
		_ = d.fail("read the entry of key "+key.String(), err)
		return marshal.Entry{}, false
	}
	e, err := entryOf(string(key), v)
	if err = errors.Join(err, closer.Close()); err != nil {
		_ = d.fail("read the entry of key "+key.String(), err)
		return marshal.Entry{}, false
	}
	return e, true
}

// entryOf returns the entry of a key and value of the database, copied.
func entryOf(key string, value []byte) (marshal.Entry, error) {
	if len(value) < versionBytes {
		return marshal.Entry{}, corrupt("entry of key "+delegation.Key(key).String(),
			fmt.Errorf("%w: %d bytes", errRecord, len(value)))
	}
	version := marshal.Version(binary.BigEndian.Uint64(value))
	return pack(marshal.Entry{Key: delegation.Key(key), Value: value[versionBytes:], Version: version}).entry(), nil
}

// Put inserts or replaces.
func (d *Disk) Put(e marshal.Entry) {
	d.key = appendEntryKey(d.key[:0], string(e.Key))
	op := d.table.SetDeferred(len(d.key), versionBytes+len(e.Value))
	copy(op.Key, d.key)
	appendEntryValue(op.Value[:0], e)
	if err := op.Finish(); err != nil {
		_ = d.fail("write the entry of key "+e.Key.String(), err)
	}
}

// PutAll puts each of the entries, in their order.
func (d *Disk) PutAll(entries []marshal.Entry) {
	for _, e := range entries {
		d.Put(e)
	}
}

// Delete removes key's entry, if there is one.
func (d *Disk) Delete(key delegation.Key) {
	d.key = appendEntryKey(d.key[:0], string(key))
	d.deleteEntry(d.key)
}

func (d *Disk) deleteEntry(key []byte) {
	if err := d.table.Delete(key, nil); err != nil {
		_ = d.fail("remove an entry", err)
	}
}

// Ascend yields the entries of r in order.
func (d *Disk) Ascend(r delegation.Range, yield func(marshal.Entry) bool) {
	d.ascend(r, func(key, value []byte) bool {
		e, err := entryOf(string(key[1:]), value)
		if err != nil {
			_ = d.fail("read entries", err)
			return false
		}
		return yield(e)
	})
}

// ascend yields the keys and values of the database for the entries of r, valid
// until the next one.
func (d *Disk) ascend(r delegation.Range, yield func(key, value []byte) bool) {
	if r.Empty() {
		return
	}
	from, until := entryBounds(r)
	reader := pebble.Reader(d.db)
	if !d.table.Empty() {
		reader = d.table
	}
	it, err := reader.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: until})
	if err != nil {
		_ = d.fail("read entries", err)
		return
	}
	for ok := it.First(); ok; ok = it.Next() {
		v, err := it.ValueAndErr()
		if err != nil || !yield(it.Key(), v) {
			break // an error is the iterator's, too
		}
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		_ = d.fail("read entries", err)
	}
}

// RemoveRange removes every entry of r.
func (d *Disk) RemoveRange(r delegation.Range) {
	var doomed [][]byte
	d.ascend(r, func(key, _ []byte) bool {
		doomed = append(doomed, append([]byte(nil), key...))
		return len(doomed) < rangeDeleteKeys
	})
	if len(doomed) == rangeDeleteKeys {
		from, until := entryBounds(r)
		if err := d.table.DeleteRange(from, until, nil); err != nil {
			_ = d.fail("remove entries", err)
		}
		return
	}
	for _, key := range doomed {
		d.deleteEntry(key)
	}
}
