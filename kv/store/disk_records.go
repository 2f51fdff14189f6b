package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

func (d *Disk) setRecord(key, value []byte) {
	d.key, d.value = key, value // keep what they grew to
	if err := d.records.Set(key, value, nil); err != nil {
		_ = d.fail("write a record", err)
	}
}

func (d *Disk) dropRecord(key []byte) {
	d.key = key
	if err := d.records.Delete(key, nil); err != nil {
		_ = d.fail("remove a record", err)
	}
}

func (d *Disk) dropRecords(from, until []byte) {
	if err := d.records.DeleteRange(from, until, nil); err != nil {
		_ = d.fail("remove records", err)
	}
}

// SetIdentity replaces the host's identity and counters of ids.
func (d *Disk) SetIdentity(id kv.Identity) {
	d.setRecord(append(d.key[:0], prefixIdentity), appendIdentity(d.value[:0], id))
	if d.owners == nil {
		d.Assign(delegation.All, id.Root)
	}
}

// Assign changes the delegation map: it writes the boundaries that the change
// makes or moves, and removes those that it swallows.
func (d *Disk) Assign(r delegation.Range, to delegation.HostID) {
	var swallowed []delegation.Bound
	if d.owners != nil {
		for piece := range d.owners.RangesFrom(r.From) {
			if !piece.From.Less(r.Until) {
				break
			}
			swallowed = append(swallowed, piece.From)
		}
	}
	d.owners = assignOwners(d.owners, r, to)
	for _, at := range append(swallowed, r.From, r.Until) {
		if !at.IsPosInf() {
			d.setBoundary(at)
		}
	}
}

// setBoundary writes the boundary at a bound as it is in owners, or that there
// is none.
func (d *Disk) setBoundary(at delegation.Bound) {
	key, _ := at.Key()
	piece, host := d.owners.LookupRange(key)
	if piece.From != at {
		d.dropRecord(appendOwnerKey(d.key[:0], at))
		return
	}
	d.setRecord(appendOwnerKey(d.key[:0], at), appendHost(d.value[:0], host))
}

// SetPeer replaces a peer's incarnation and numbers.
func (d *Disk) SetPeer(id delegation.HostID, p kv.PeerRecord) {
	d.setRecord(appendPeerKey(d.key[:0], id), appendPeer(d.value[:0], p))
}

// AddUnacked keeps the delegate numbered seqno.
func (d *Disk) AddUnacked(to delegation.HostID, seqno uint64, m *marshal.Delegate) {
	d.setRecord(appendDelegateKey(d.key[:0], to, seqno), appendDelegate(d.value[:0], m))
}

// DropUnacked forgets the delegates numbered from first to last.
func (d *Disk) DropUnacked(to delegation.HostID, first, last uint64) {
	const few = 64 // point deletions leave less behind than a range deletion
	if last-first >= few {
		d.dropRecords(appendDelegateKey(nil, to, first), appendDelegateKey(nil, to, last+1))
		return
	}
	for seqno := first; seqno <= last; seqno++ {
		d.dropRecord(appendDelegateKey(d.key[:0], to, seqno))
	}
}

// OpenSession keeps a session.
func (d *Disk) OpenSession(s kv.SessionRecord) {
	d.setRecord(appendSessionKey(d.key[:0], s.ID), appendSession(d.value[:0], s))
}

// CloseSession forgets a session with all its answers.
func (d *Disk) CloseSession(id marshal.SessionID) {
	d.dropRecord(appendSessionKey(d.key[:0], id))
	d.dropRecords(appendAnswerKey(nil, id, 0), appendAnswerKey(nil, id, d.slots))
}

// SetAnswer keeps the answer to a number in the number's slot, and the session's
// floor with it: an answer costs one write and no deletion.
func (d *Disk) SetAnswer(id marshal.SessionID, number, floor uint64, a marshal.Message) {
	d.setRecord(appendAnswerKey(d.key[:0], id, number%d.slots), appendAnswer(d.value[:0], number, floor, a))
}

// SetMove replaces a move.
func (d *Disk) SetMove(m kv.Move) {
	d.setRecord(appendMoveKey(d.key[:0], m.Number), appendMove(d.value[:0], m))
}

// DropMove forgets a move that has ended.
func (d *Disk) DropMove(number uint64) {
	d.dropRecord(appendMoveKey(d.key[:0], number))
}

// prepare reads what has to be known before the first change: the map, and the
// number of slots, which grows to the window.
func (d *Disk) prepare(window uint64) error {
	var boundaries []delegation.Boundary
	if err := d.readRecords(prefixOwner, func(key []byte, r *reader) error {
		at, err := delegation.NegInf, error(nil)
		if len(key) > 0 {
			at, err = delegation.NewBound(key)
		}
		boundaries = append(boundaries, delegation.Boundary{From: at, Host: delegation.HostID(r.u32())})
		return err
	}); err != nil {
		return err
	}
	if len(boundaries) > 0 {
		owners, err := delegation.MapOf(boundaries)
		if err != nil {
			return corrupt("delegation map", err)
		}
		d.owners = owners
	}
	if err := d.readRecords(prefixWindow, func(key []byte, r *reader) error {
		d.slots = uint64(r.u32())
		return standsUnder(key, nil)
	}); err != nil {
		return err
	}
	if d.slots >= window {
		return nil
	}
	return d.widen(window)
}

// widen puts every answer into its slot among more of them.
func (d *Disk) widen(slots uint64) error {
	type place struct {
		id marshal.SessionID
		a  answer
	}
	var answers []place
	if err := d.readAnswers(func(id marshal.SessionID, a answer) { answers = append(answers, place{id, a}) }); err != nil {
		return err
	}
	d.slots = slots
	d.dropRecords([]byte{prefixAnswer}, []byte{prefixAnswer + 1})
	for _, p := range answers {
		d.SetAnswer(p.id, p.a.number, p.a.floor, p.a.message)
	}
	d.setRecord(append(d.key[:0], prefixWindow), binary.BigEndian.AppendUint32(append(d.value[:0], recordFormat), uint32(slots)))
	batch := d.records
	d.records = d.db.NewBatch()
	if err := batch.Commit(pebble.Sync); err != nil {
		return d.fail("widen the window", err)
	}
	if err := d.fault.err(); err != nil {
		return err
	}
	return batch.Close()
}

// readRecords calls read for every record with a prefix: its key without it, and
// a reader behind its format. What read leaves unread is a corruption.
func (d *Disk) readRecords(prefix byte, read func(key []byte, r *reader) error) error {
	it, err := d.db.NewIter(&pebble.IterOptions{LowerBound: []byte{prefix}, UpperBound: []byte{prefix + 1}})
	if err != nil {
		return d.fail("read records", err)
	}
	for ok := it.First(); ok; ok = it.Next() {
		v, err := it.ValueAndErr()
		if err != nil {
			break // it is the iterator's, too
		}
		r := readRecord(v)
		err = read(it.Key()[1:], &r)
		if err = errors.Join(err, r.end()); err != nil {
			err = corrupt("record "+delegation.Key(it.Key()).String(), err)
			return d.fault.note(errors.Join(err, it.Close()))
		}
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return d.fail("read records", err)
	}
	return nil
}

// standsUnder sees that what is behind the prefix of a record's key is what the record
// says.
func standsUnder(key, want []byte) error {
	if !bytes.Equal(key, want) {
		return fmt.Errorf("%w: it stands under another's key", errRecord)
	}
	return nil
}

// readAnswers calls read for every answer, those of a session one after the other.
func (d *Disk) readAnswers(read func(marshal.SessionID, answer)) error {
	return d.readRecords(prefixAnswer, func(key []byte, r *reader) error {
		var id marshal.SessionID
		copy(id[:], key)
		a := r.answer()
		if d.slots == 0 {
			return fmt.Errorf("%w: an answer, and no number of slots", errRecord)
		}
		read(id, a)
		return standsUnder(key, appendAnswerKey(nil, id, a.number%d.slots)[1:])
	})
}

// Load reads the state from the records, not from the table.
func (d *Disk) Load() (*kv.State, error) {
	var id kv.Identity
	var counters kv.Counters
	if err := d.readRecords(prefixIdentity, func(key []byte, r *reader) error {
		id = r.identity()
		return standsUnder(key, nil)
	}); err != nil || id.Host == 0 {
		return nil, err
	}
	if err := d.readRecords(prefixCounters, func(key []byte, r *reader) error {
		counters = r.counters()
		return standsUnder(key, nil)
	}); err != nil {
		return nil, err
	}
	if d.owners == nil {
		return nil, d.fault.note(corrupt("delegation map", errors.New("there is none")))
	}
	l := newLoader(id, counters, d.owners.Clone())
	if err := d.loadPeers(l); err != nil {
		return nil, err
	}
	if err := d.loadClients(l); err != nil {
		return nil, err
	}
	if err := d.readRecords(prefixMove, func(key []byte, r *reader) error {
		m := r.move()
		l.move(m)
		return standsUnder(key, appendMoveKey(nil, m.Number)[1:])
	}); err != nil {
		return nil, err
	}
	return l.finish(), nil
}

// loadPeers reads peers and the delegates that they have not acknowledged, whose
// numbers have to follow what they have.
func (d *Disk) loadPeers(l *loader) error {
	if err := d.readRecords(prefixPeer, func(key []byte, r *reader) error {
		k := reader{rest: key}
		l.peer(delegation.HostID(k.u32()), r.peer())
		return k.end()
	}); err != nil {
		return err
	}
	return d.readRecords(prefixDelegate, func(key []byte, r *reader) error {
		k := reader{rest: key}
		to, seqno := delegation.HostID(k.u32()), k.u64()
		if want := l.peers[to].Acked + uint64(len(l.unacked[to])) + 1; seqno != want {
			return errors.New("the delegate before it is missing")
		}
		l.delegate(to, r.delegate())
		return k.end()
	})
}

// loadClients reads sessions and their answers.
func (d *Disk) loadClients(l *loader) error {
	if err := d.readRecords(prefixSession, func(key []byte, r *reader) error {
		v := r.session()
		l.session(v)
		return standsUnder(key, appendSessionKey(nil, v.ID)[1:])
	}); err != nil {
		return err
	}
	return d.readAnswers(l.answer)
}
