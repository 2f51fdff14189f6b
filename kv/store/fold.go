package store

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/google/btree"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

// A fold is what records add up to, in a shape that is copied in constant time.
// The zero fold keeps nothing; see newFold.
type fold struct {
	window   uint64
	identity kv.Identity // Host is 0 as long as there is no state
	counters kv.Counters
	owners   *delegation.Map // nil until the first SetIdentity or Assign
	rest     *btree.BTreeG[record]
}

// A recordKind tells the records of a fold's tree apart.
type recordKind uint8

const (
	peerRecord    recordKind = iota // number: host; value: kv.PeerRecord
	unackedRecord                   // number: host; place: seqno; value: *marshal.Delegate
	sessionRecord                   // id; value: kv.SessionRecord
	answerRecord                    // id; place: number modulo window; value: answer
	moveRecord                      // number; value: kv.Move
)

// A record is one item of the tree, ordered by all fields but its value, which
// never changes.
type record struct {
	kind   recordKind
	id     marshal.SessionID
	number uint64
	place  uint64
	value  any
}

// An answer is the recorded answer to a number, with the session's floor then.
type answer struct {
	number, floor uint64
	message       marshal.Message
}

func recordLess(a, b record) bool {
	if a.kind != b.kind {
		return a.kind < b.kind
	}
	if c := bytes.Compare(a.id[:], b.id[:]); c != 0 {
		return c < 0
	}
	return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.place, b.place)) < 0
}

func newFold(window uint32) fold {
	return fold{window: uint64(window), rest: btree.NewG(recordsDegree, recordLess)}
}

func (f *fold) clone() fold {
	c := *f
	if f.rest != nil {
		c.rest = f.rest.Clone()
	}
	if f.owners != nil {
		c.owners = f.owners.Clone()
	}
	return c
}

// assignOwners changes owners, which is nil for a store without a map: the first
// assignment has to give every key to one host.
func assignOwners(owners *delegation.Map, r delegation.Range, to delegation.HostID) *delegation.Map {
	if owners == nil {
		if r != delegation.All {
			panic(fmt.Sprintf("store: Assign of %v before any host owns all keys (invariant MapComplete)", r))
		}
		return delegation.NewMap(to)
	}
	if err := owners.Assign(r, to); err != nil {
		panic(fmt.Sprintf("store: %v (the host assigns only ranges that it has checked)", err))
	}
	return owners
}

// load returns the state, built of fresh maps; nil if there is none.
func (f *fold) load() *kv.State {
	if f.identity.Host == 0 {
		return nil
	}
	l := newLoader(f.identity, f.counters, f.owners.Clone())
	f.rest.Ascend(func(r record) bool {
		switch v := r.value.(type) {
		case kv.PeerRecord:
			l.peer(delegation.HostID(r.number), v)
		case *marshal.Delegate:
			l.delegate(delegation.HostID(r.number), v)
		case kv.SessionRecord:
			l.session(v)
		case answer:
			l.answer(r.id, v)
		case kv.Move:
			l.move(v)
		}
		return true
	})
	return l.finish()
}

// SetIdentity replaces the host's identity and counters of ids.
func (m *Memory) SetIdentity(id kv.Identity) {
	if !m.opts.Records {
		return
	}
	f := &m.write().records
	f.identity = id
	if f.owners == nil {
		f.owners = delegation.NewMap(id.Root)
	}
}

// Assign changes the delegation map.
func (m *Memory) Assign(r delegation.Range, to delegation.HostID) {
	if !m.opts.Records {
		return
	}
	f := &m.write().records
	f.owners = assignOwners(f.owners, r, to)
}

// SetPeer replaces a peer's incarnation and numbers.
func (m *Memory) SetPeer(id delegation.HostID, p kv.PeerRecord) {
	m.set(record{kind: peerRecord, number: uint64(id), value: p})
}

// AddUnacked keeps the delegate numbered seqno.
func (m *Memory) AddUnacked(to delegation.HostID, seqno uint64, d *marshal.Delegate) {
	if m.opts.Records {
		m.set(record{kind: unackedRecord, number: uint64(to), place: seqno, value: cloneDelegate(d)})
	}
	if len(m.gone) > 0 {
		m.flying[flight{to, seqno}] = slices.Clone(m.gone)
		m.gone = m.gone[:0]
		if m.late.is(lateRemoved) {
			m.late.what = lateFlying
		}
	}
}

// DropUnacked forgets the delegates numbered from first to last.
func (m *Memory) DropUnacked(to delegation.HostID, first, last uint64) {
	m.unset(record{kind: unackedRecord, number: uint64(to), place: first},
		record{kind: unackedRecord, number: uint64(to), place: last + 1})
	if m.late.is(lateFlying) {
		m.settle()
	}
	for n := first; n <= last && len(m.flying) > 0; n++ {
		m.gone = append(m.gone, m.flying[flight{to, n}]...)
		delete(m.flying, flight{to, n})
	}
}

// OpenSession keeps a session.
func (m *Memory) OpenSession(s kv.SessionRecord) {
	m.set(record{kind: sessionRecord, id: s.ID, value: s})
}

// CloseSession forgets a session with all its answers.
func (m *Memory) CloseSession(id marshal.SessionID) {
	m.unset(record{kind: sessionRecord, id: id}, record{kind: sessionRecord, id: id, number: 1})
	m.unset(record{kind: answerRecord, id: id}, record{kind: answerRecord, id: id, number: 1})
}

// SetAnswer keeps the answer to a number, and the session's floor with it.
func (m *Memory) SetAnswer(id marshal.SessionID, number, floor uint64, a marshal.Message) {
	if m.opts.Records {
		m.set(record{kind: answerRecord, id: id, place: number % uint64(m.opts.Window),
			value: answer{number: number, floor: floor, message: cloneAnswer(a)}})
	}
}

// SetMove replaces a move.
func (m *Memory) SetMove(v kv.Move) {
	if m.opts.Records {
		v.Range, v.Cursor = v.Range.Clone(), v.Cursor.Clone()
		m.set(record{kind: moveRecord, number: v.Number, value: v})
	}
}

// DropMove forgets a move that has ended.
func (m *Memory) DropMove(number uint64) {
	m.unset(record{kind: moveRecord, number: number}, record{kind: moveRecord, number: number + 1})
}

func (m *Memory) set(r record) {
	if m.opts.Records {
		m.write().records.rest.ReplaceOrInsert(r)
	}
}

// unset removes the records from (included) until (excluded).
func (m *Memory) unset(from, until record) {
	if !m.opts.Records {
		return
	}
	var doomed []record
	m.now.records.rest.AscendRange(from, until, func(r record) bool {
		doomed = append(doomed, r)
		return true
	})
	if len(doomed) == 0 {
		return
	}
	rest := m.write().records.rest
	for _, r := range doomed {
		rest.Delete(r)
	}
}

// cloneDelegate returns a copy that shares no memory with d.
func cloneDelegate(d *marshal.Delegate) *marshal.Delegate {
	c := &marshal.Delegate{Range: d.Range.Clone(), Clock: d.Clock}
	for _, e := range d.Entries {
		c.Entries = append(c.Entries, pack(e).entry())
	}
	return c
}

// cloneAnswer returns a copy that shares no memory with a. Only the answers to
// writes and orders are recorded, so there are no others.
func cloneAnswer(a marshal.Message) marshal.Message {
	switch a := a.(type) {
	case *marshal.SetReply:
		c := *a
		return &c
	case *marshal.Redirect:
		c := *a
		c.Range = a.Range.Clone()
		return &c
	case *marshal.OrderReply:
		c := *a
		c.Range = a.Range.Clone()
		return &c
	}
	panic(fmt.Sprintf("store: a %T is no answer to a write or an order, so it is not recorded", a))
}
