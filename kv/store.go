package kv

import (
	"ironkv/delegation"
	"ironkv/marshal"
)

// A Table holds entries, sorted by key. An entry that it returns stays valid and
// unchanged until its key is put again, or, where it is removed, until the commit after
// that: one that is a delegate's, and was removed by the step that then called AddUnacked,
// until the commit after DropUnacked. Those that it is given it copies.
//
// A Table that cannot read or write notes the error and answers anything: the
// commit that follows fails with it, and nothing of the steps since leaves.
type Table interface {
	// Get returns key's entry.
	Get(key delegation.Key) (marshal.Entry, bool)
	// Put inserts or replaces.
	Put(e marshal.Entry)
	// PutAll puts each of the entries, in their order. It is quicker than that where
	// their keys ascend and no other entry lies between them, as in a delegate.
	PutAll(entries []marshal.Entry)
	// Delete removes key's entry, if there is one.
	Delete(key delegation.Key)
	// Ascend yields the entries of r in order. The table may not be changed meanwhile.
	Ascend(r delegation.Range, yield func(marshal.Entry) bool)
	// RemoveRange removes every entry of r.
	RemoveRange(r delegation.Range)
}

// Records keeps everything durable that is not an entry: each call replaces a
// part of the [State] that the store will load after a restart. All calls of a
// step, and its changes of the table, become durable together or not at all.
type Records interface {
	// SetIdentity replaces the host's identity and counters of ids.
	SetIdentity(Identity)
	// Assign changes the delegation map.
	Assign(r delegation.Range, to delegation.HostID)
	// SetPeer replaces a peer's incarnation and numbers; the unacknowledged
	// delegates are kept by the two calls below.
	SetPeer(id delegation.HostID, p PeerRecord)
	// AddUnacked keeps the delegate numbered seqno until DropUnacked.
	AddUnacked(to delegation.HostID, seqno uint64, d *marshal.Delegate)
	// DropUnacked forgets the delegates numbered from first to last.
	DropUnacked(to delegation.HostID, first, last uint64)
	// OpenSession and CloseSession keep and forget a session.
	OpenSession(s SessionRecord)
	// CloseSession forgets a session with all its answers.
	CloseSession(id marshal.SessionID)
	// SetAnswer keeps the answer to a number, and the session's floor with it.
	// Answers below the floor may be forgotten. Two numbers that are window or
	// more apart are never both needed, so number modulo window may be the place.
	// The answer's memory is used again after the call.
	SetAnswer(id marshal.SessionID, number, floor uint64, answer marshal.Message)
	// SetMove replaces a move; DropMove forgets one that has ended.
	SetMove(m Move)
	// DropMove forgets a move that has ended.
	DropMove(number uint64)
}

// A Store is a host's memory that outlives it: a table and records, committed
// together. Its implementations are in kv/store.
type Store interface {
	Table
	Records
}
