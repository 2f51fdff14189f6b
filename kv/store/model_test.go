package store

import (
	"bytes"
	"cmp"
	"fmt"
	"hash/crc32"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

const testWindow = 16

var testIdentity = DirIdentity{Cluster: "1=a,2=b,3=c", Host: 1}

// A model is the obvious store: it keeps what the interface says that is kept.
type model struct {
	entries  map[delegation.Key]marshal.Entry
	identity kv.Identity
	counters kv.Counters
	owners   *delegation.Map
	peers    map[delegation.HostID]kv.PeerRecord
	unacked  map[delegation.HostID]map[uint64]*marshal.Delegate
	sessions map[marshal.SessionID]kv.SessionRecord
	floors   map[marshal.SessionID]uint64
	answers  map[marshal.SessionID]map[uint64]marshal.Message
	moves    map[uint64]kv.Move
}

func newModel() *model {
	return &model{entries: map[delegation.Key]marshal.Entry{}, peers: map[delegation.HostID]kv.PeerRecord{},
		unacked:  map[delegation.HostID]map[uint64]*marshal.Delegate{},
		sessions: map[marshal.SessionID]kv.SessionRecord{}, floors: map[marshal.SessionID]uint64{},
		answers: map[marshal.SessionID]map[uint64]marshal.Message{}, moves: map[uint64]kv.Move{}}
}

// state returns the state that a store with the model's records loads.
func (m *model) state() *kv.State {
	if m.identity.Host == 0 {
		return nil
	}
	s := &kv.State{Identity: m.identity, Counters: m.counters, Map: m.owners, Peers: map[delegation.HostID]*kv.Peer{},
		Sessions: map[marshal.SessionID]*kv.Session{}, Moves: map[uint64]*kv.Move{}}
	for id, p := range m.peers {
		var list []*marshal.Delegate
		for _, seqno := range slices.Sorted(maps.Keys(m.unacked[id])) {
			list = append(list, m.unacked[id][seqno])
		}
		s.Peers[id] = kv.RestorePeer(p, list)
	}
	for id, rec := range m.sessions {
		session := &kv.Session{SessionRecord: rec, Floor: m.floors[id]}
		for number, a := range m.answers[id] {
			if number >= session.Floor {
				session.SetAnswer(number, a)
			}
		}
		s.Sessions[id] = session
	}
	for n, move := range m.moves {
		s.Moves[n] = &move
	}
	return s
}

// describe writes a state down, canonically.
func describe(s *kv.State) string {
	if s == nil {
		return "no state\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%+v %+v\n", s.Identity, s.Counters)
	for from, host := range s.Map.Boundaries() {
		fmt.Fprintf(&b, "from %v: %v\n", from, host)
	}
	for _, id := range slices.Sorted(maps.Keys(s.Peers)) {
		fmt.Fprintf(&b, "peer %v: %+v\n", id, s.Peers[id].Record())
		for seqno, d := range s.Peers[id].Out.Unacked() {
			fmt.Fprintf(&b, "  #%d %x\n", seqno, marshal.AppendDelegate(nil, d))
		}
	}
	ids := slices.SortedFunc(maps.Keys(s.Sessions), func(a, b marshal.SessionID) int { return bytes.Compare(a[:], b[:]) })
	for _, id := range ids {
		session := s.Sessions[id]
		fmt.Fprintf(&b, "session %x: %+v floor %d\n", id, session.SessionRecord, session.Floor)
		for n, answer := range session.Answers() {
			fmt.Fprintf(&b, "  %d: %x\n", n, marshal.Append(nil, answer))
		}
	}
	for _, n := range slices.Sorted(maps.Keys(s.Moves)) {
		fmt.Fprintf(&b, "move %+v\n", *s.Moves[n])
	}
	return b.String()
}

func (m *model) dump() string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(m.entries)) {
		writeEntry(&b, m.entries[k])
	}
	return b.String() + describe(m.state())
}

func writeEntry(b *strings.Builder, e marshal.Entry) {
	fmt.Fprintf(b, "%v = %d bytes %08x @%d\n", e.Key, len(e.Value), crc32.ChecksumIEEE(e.Value), e.Version)
}

// dump writes down all that a store has.
func dump(t testing.TB, s Store) string {
	t.Helper()
	state, err := s.Load()
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	return dumpTable(s) + describe(state)
}

func dumpTable(s Store) string {
	var b strings.Builder
	s.Ascend(delegation.All, func(e marshal.Entry) bool {
		writeEntry(&b, e)
		return true
	})
	return b.String()
}

// A driver does random things to a store and to the model. What it passes to
// the store it overwrites afterwards, for the store may not keep it.
type driver struct {
	rng     *rand.Rand
	model   *model
	step    uint64
	version marshal.Version
	number  uint64
	runs    bool // entries are also put many at a time
}

func newDriver(seed uint64) *driver {
	return &driver{rng: rand.New(rand.NewPCG(seed, 1)), model: newModel()}
}

// volatile returns a string in memory that scribble overwrites, and scribble.
func volatile(s string) (delegation.Key, func()) {
	b := []byte(s)
	return keyOver(b), func() {
		for i := range b {
			b[i] = '!'
		}
	}
}

func (d *driver) key() string {
	n := d.rng.IntN(60)
	return string(rune('a'+n%6)) + strings.Repeat("\x00", n%3) + strings.Repeat("k", n%7)
}

func (d *driver) bound() delegation.Bound {
	switch d.rng.IntN(6) {
	case 0:
		return delegation.NegInf
	case 1:
		return delegation.PosInf
	}
	return delegation.At(delegation.Key(d.key()))
}

func (d *driver) keyRange() delegation.Range {
	for {
		if r, err := delegation.NewRange(d.bound(), d.bound()); err == nil {
			return r
		}
	}
}

func (d *driver) session() marshal.SessionID { return marshal.SessionID{15: byte(d.rng.IntN(4))} }

func (d *driver) host() delegation.HostID { return delegation.HostID(2 + d.rng.IntN(2)) }

// batch does a few operations, at least one, and commits them.
func (d *driver) batch(t testing.TB, s Store) Pending {
	t.Helper()
	if d.model.identity.Host == 0 {
		d.begin(s)
	}
	d.put(s)
	for range d.rng.IntN(8) {
		ops := []func(Store){d.put, d.put, d.remove, d.removeRange, d.identity, d.assign, d.peer, d.delegate,
			d.acknowledge, d.open, d.close, d.answer, d.answer, d.answer, d.move, d.dropMove}
		if d.runs {
			ops = append(ops, d.putAll)
		}
		ops[d.rng.IntN(len(ops))](s)
		if d.rng.IntN(4) == 0 {
			d.compare(t, s)
		}
	}
	d.step++
	d.model.counters = kv.Counters{Step: d.step, Clock: d.version}
	p, err := s.Commit(d.model.counters)
	if err != nil {
		t.Fatalf("commit: %v", err)
	}
	return p
}

// begin writes what a host without a state does first.
func (d *driver) begin(s Store) {
	d.model.identity = kv.Identity{Host: 1, Root: 1, Incarnation: 7, Secret: [32]byte{31: 9}}
	d.model.owners = delegation.NewMap(1)
	s.SetIdentity(d.model.identity)
	s.Assign(delegation.All, 1)
	for id := delegation.HostID(2); id <= 3; id++ {
		d.model.peers[id] = kv.PeerRecord{}
		d.model.unacked[id] = map[uint64]*marshal.Delegate{}
		s.SetPeer(id, kv.PeerRecord{})
	}
}

func (d *driver) entry(key string) marshal.Entry {
	d.version++
	value := make([]byte, d.rng.IntN(300))
	for i := range value {
		value[i] = byte(d.rng.Uint32())
	}
	return marshal.Entry{Key: delegation.Key(key), Value: value, Version: d.version}
}

func (d *driver) put(s Store) {
	e := d.entry(d.key())
	d.model.entries[e.Key] = marshal.Entry{Key: e.Key, Value: bytes.Clone(e.Value), Version: e.Version}
	key, scribble := volatile(string(e.Key))
	s.Put(marshal.Entry{Key: key, Value: e.Value, Version: e.Version})
	scribble()
	clear(e.Value)
}

// putAll puts some entries: in the order of their keys, or else, over others or not.
func (d *driver) putAll(s Store) {
	var entries []marshal.Entry
	for range d.rng.IntN(4) {
		entries = append(entries, d.entry(d.key()))
	}
	if d.rng.IntN(3) > 0 {
		slices.SortFunc(entries, func(a, b marshal.Entry) int { return cmp.Compare(a.Key, b.Key) })
	}
	var given []marshal.Entry
	var scribbles []func()
	for _, e := range entries {
		d.model.entries[e.Key] = e
		key, scribble := volatile(string(e.Key))
		given = append(given, marshal.Entry{Key: key, Value: bytes.Clone(e.Value), Version: e.Version})
		scribbles = append(scribbles, scribble)
	}
	s.PutAll(given)
	for i := range given {
		scribbles[i]()
		clear(given[i].Value)
	}
}

func (d *driver) remove(s Store) {
	key, scribble := volatile(d.key())
	delete(d.model.entries, key)
	s.Delete(key)
	scribble()
}

func (d *driver) removeRange(s Store) {
	if d.rng.IntN(4) > 0 {
		return
	}
	r := d.keyRange()
	for k := range d.model.entries {
		if r.Contains(k) {
			delete(d.model.entries, k)
		}
	}
	s.RemoveRange(r)
}

func (d *driver) identity(s Store) {
	d.model.identity.LastSession++
	d.model.identity.LastMove += 2
	d.model.identity.Joined = true
	s.SetIdentity(d.model.identity)
}

func (d *driver) assign(s Store) {
	r, to := d.keyRange(), delegation.HostID(1+d.rng.IntN(3))
	if err := d.model.owners.Assign(r, to); err != nil {
		panic(err)
	}
	from, scribbleFrom := volatileBound(r.From)
	until, scribbleUntil := volatileBound(r.Until)
	s.Assign(delegation.Range{From: from, Until: until}, to)
	scribbleFrom()
	scribbleUntil()
}

func volatileBound(b delegation.Bound) (delegation.Bound, func()) {
	key, ok := b.Key()
	if !ok {
		return b, func() {}
	}
	k, scribble := volatile(string(key))
	return delegation.At(k), scribble
}

func (d *driver) peer(s Store) {
	id := d.host()
	p := d.model.peers[id]
	p.Incarnation, p.Confirmed, p.Received = 11, true, p.Received+1
	d.model.peers[id] = p
	s.SetPeer(id, p)
}

func (d *driver) delegate(s Store) {
	id, r := d.host(), d.keyRange()
	seqno := d.model.peers[id].Acked + uint64(len(d.model.unacked[id])) + 1
	m := &marshal.Delegate{Range: r, Clock: d.version}
	for _, k := range slices.Sorted(maps.Keys(d.model.entries)) {
		if r.Contains(k) {
			m.Entries = append(m.Entries, d.model.entries[k])
		}
	}
	d.model.unacked[id][seqno] = m
	given := &marshal.Delegate{Range: m.Range.Clone(), Clock: m.Clock}
	for _, e := range m.Entries {
		given.Entries = append(given.Entries, marshal.Entry{Key: e.Key, Value: bytes.Clone(e.Value), Version: e.Version})
	}
	s.AddUnacked(id, seqno, given)
	for i := range given.Entries {
		clear(given.Entries[i].Value)
		given.Entries[i].Version = 0
	}
}

func (d *driver) acknowledge(s Store) {
	id := d.host()
	p, n := d.model.peers[id], len(d.model.unacked[id])
	if n == 0 {
		return
	}
	first := p.Acked + 1
	p.Acked += uint64(1 + d.rng.IntN(n))
	for seqno := first; seqno <= p.Acked; seqno++ {
		delete(d.model.unacked[id], seqno)
	}
	d.model.peers[id] = p
	s.DropUnacked(id, first, p.Acked)
	s.SetPeer(id, p)
}

func (d *driver) open(s Store) {
	id := d.session()
	if _, ok := d.model.sessions[id]; ok {
		return
	}
	rec := kv.SessionRecord{ID: id, Nonce: marshal.Nonce{0: byte(d.rng.Uint32())}, Serial: d.number}
	d.model.sessions[id] = rec
	d.model.answers[id] = map[uint64]marshal.Message{}
	s.OpenSession(rec)
}

func (d *driver) close(s Store) {
	id := d.session()
	if d.rng.IntN(4) > 0 {
		return
	}
	delete(d.model.sessions, id)
	delete(d.model.answers, id)
	delete(d.model.floors, id)
	s.CloseSession(id)
}

// answer records an answer within the window above a floor that creeps up.
func (d *driver) answer(s Store) {
	id := d.session()
	if _, ok := d.model.sessions[id]; !ok {
		return
	}
	d.number++
	floor := d.model.floors[id]
	highest := floor
	for n := range d.model.answers[id] {
		highest = max(highest, n)
	}
	number := highest + 1
	floor = max(floor, number-min(number, uint64(d.rng.IntN(testWindow))))
	if number-floor >= testWindow {
		floor = number - testWindow + 1
	}
	header := marshal.RequestHeader{Session: id, Number: number}
	key, scribble := volatile(d.key())
	r := delegation.Range{From: delegation.At(key), Until: delegation.PosInf}
	var a, kept marshal.Message
	switch d.rng.IntN(3) {
	case 0:
		a, kept = &marshal.SetReply{RequestHeader: header, Version: d.version}, &marshal.SetReply{RequestHeader: header, Version: d.version}
	case 1:
		a = &marshal.Redirect{RequestHeader: header, Range: r, Owner: 2}
		kept = &marshal.Redirect{RequestHeader: header, Range: r.Clone(), Owner: 2}
	case 2:
		a = &marshal.OrderReply{RequestHeader: header, Move: marshal.MoveID{Host: 1, Number: 1}, Range: r, Owner: 3}
		kept = &marshal.OrderReply{RequestHeader: header, Move: marshal.MoveID{Host: 1, Number: 1}, Range: r.Clone(), Owner: 3}
	}
	d.model.floors[id] = floor
	d.model.answers[id][number] = kept
	s.SetAnswer(id, number, floor, a)
	scribble()
	if r, ok := a.(*marshal.SetReply); ok {
		r.Version = 0
	}
}

func (d *driver) move(s Store) {
	n := uint64(1 + d.rng.IntN(3))
	m := kv.Move{Number: n, Range: d.keyRange(), Recipient: 2, Phase: marshal.MovePhase(d.rng.IntN(8)),
		Reason: marshal.OrderReason(d.rng.IntN(5)), Consented: d.rng.IntN(2) == 0, Cursor: d.bound(), Rate: d.rng.Uint64(),
		LastSeqno: 4, Keys: 5, Bytes: 6, Chunks: 7, Active: kv.Time(d.rng.Int64())}
	d.model.moves[n] = m
	var scribble func()
	m.Cursor, scribble = volatileBound(m.Cursor)
	s.SetMove(m)
	scribble()
}

func (d *driver) dropMove(s Store) {
	n := uint64(1 + d.rng.IntN(3))
	delete(d.model.moves, n)
	s.DropMove(n)
}

// compare holds the reads of the table, in the middle of a batch, against the model.
func (d *driver) compare(t testing.TB, s Store) {
	t.Helper()
	k := delegation.Key(d.key())
	got, found := s.Get(k)
	want, there := d.model.entries[k]
	if found != there || got.Key != want.Key || !bytes.Equal(got.Value, want.Value) || got.Version != want.Version {
		t.Fatalf("get %v: %v %v, want %v %v", k, got, found, want, there)
	}
	r, limit := d.keyRange(), d.rng.IntN(20)
	var wanted, seen []delegation.Key
	for _, k := range slices.Sorted(maps.Keys(d.model.entries)) {
		if r.Contains(k) && len(wanted) < limit {
			wanted = append(wanted, k)
		}
	}
	if limit > 0 {
		s.Ascend(r, func(e marshal.Entry) bool {
			seen = append(seen, e.Key)
			return len(seen) < limit
		})
	}
	if !slices.Equal(seen, wanted) {
		t.Fatalf("ascend %v, %d: %v, want %v", r, limit, seen, wanted)
	}
}
