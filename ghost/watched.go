package ghost

import (
	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

// watched is a store that notes whether anything was written.
type watched struct {
	ReplayStore
	wrote bool
}

// The methods of kv.Store that write, each noted and passed on.

func (w *watched) Put(e marshal.Entry) {
	w.wrote = true
	w.ReplayStore.Put(e)
}

func (w *watched) PutAll(entries []marshal.Entry) {
	w.wrote = true
	w.ReplayStore.PutAll(entries)
}

func (w *watched) Delete(key delegation.Key) {
	w.wrote = true
	w.ReplayStore.Delete(key)
}

func (w *watched) RemoveRange(r delegation.Range) {
	w.wrote = true
	w.ReplayStore.RemoveRange(r)
}

func (w *watched) SetIdentity(i kv.Identity) {
	w.wrote = true
	w.ReplayStore.SetIdentity(i)
}

func (w *watched) Assign(r delegation.Range, to delegation.HostID) {
	w.wrote = true
	w.ReplayStore.Assign(r, to)
}

func (w *watched) SetPeer(id delegation.HostID, p kv.PeerRecord) {
	w.wrote = true
	w.ReplayStore.SetPeer(id, p)
}

func (w *watched) AddUnacked(to delegation.HostID, seqno uint64, d *marshal.Delegate) {
	w.wrote = true
	w.ReplayStore.AddUnacked(to, seqno, d)
}

func (w *watched) DropUnacked(to delegation.HostID, first, last uint64) {
	w.wrote = true
	w.ReplayStore.DropUnacked(to, first, last)
}

func (w *watched) OpenSession(s kv.SessionRecord) {
	w.wrote = true
	w.ReplayStore.OpenSession(s)
}

func (w *watched) CloseSession(id marshal.SessionID) {
	w.wrote = true
	w.ReplayStore.CloseSession(id)
}

func (w *watched) SetAnswer(id marshal.SessionID, number, floor uint64, answer marshal.Message) {
	w.wrote = true
	w.ReplayStore.SetAnswer(id, number, floor, answer)
}

func (w *watched) SetMove(m kv.Move) {
	w.wrote = true
	w.ReplayStore.SetMove(m)
}

func (w *watched) DropMove(number uint64) {
	w.wrote = true
	w.ReplayStore.DropMove(number)
}
