package store

import (
	"encoding/binary"

	"ironkv/delegation"
	"ironkv/marshal"
)

// formatVersion is the format of a data directory as a whole: the layout of
// keys below and the encoding of records. It stands in the identity file.
const formatVersion = 1

// The first byte of every key in the database says what it is of. Numbers are
// big-endian, so that they sort. The layout is described in doc.go.
const (
	prefixAnswer   = 'a' // session id, slot (4 bytes)
	prefixCounters = 'c'
	prefixDelegate = 'd' // host (4 bytes), seqno (8 bytes)
	prefixEntry    = 'e' // key
	prefixIdentity = 'i'
	prefixMove     = 'm' // number (8 bytes)
	prefixOwner    = 'o' // boundary; none for −∞
	prefixPeer     = 'p' // host (4 bytes)
	prefixSession  = 's' // session id
	prefixWindow   = 'w'
)

func appendEntryKey(b []byte, key string) []byte {
	return append(append(b, prefixEntry), key...)
}

// entryBounds returns the keys of the database between which the entries of r
// lie; the second is exclusive.
func entryBounds(r delegation.Range) (from, until []byte) {
	key, _ := r.From.Key()
	from = appendEntryKey(nil, string(key))
	if key, ok := r.Until.Key(); ok {
		return from, appendEntryKey(nil, string(key))
	}
	return from, []byte{prefixEntry + 1}
}

func appendAnswerKey(b []byte, id marshal.SessionID, slot uint64) []byte {
	b = append(append(b, prefixAnswer), id[:]...)
	return binary.BigEndian.AppendUint32(b, uint32(slot))
}

func appendDelegateKey(b []byte, to delegation.HostID, seqno uint64) []byte {
	b = binary.BigEndian.AppendUint32(append(b, prefixDelegate), uint32(to))
	return binary.BigEndian.AppendUint64(b, seqno)
}

func appendMoveKey(b []byte, number uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b, prefixMove), number)
}

// appendOwnerKey takes −∞ or a key, never +∞: no boundary is there.
func appendOwnerKey(b []byte, at delegation.Bound) []byte {
	key, _ := at.Key()
	return append(append(b, prefixOwner), key...)
}

func appendPeerKey(b []byte, id delegation.HostID) []byte {
	return binary.BigEndian.AppendUint32(append(b, prefixPeer), uint32(id))
}

func appendSessionKey(b []byte, id marshal.SessionID) []byte {
	return append(append(b, prefixSession), id[:]...)
}
