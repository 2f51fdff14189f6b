package kv

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"unsafe"

	"ironkv/delegation"
	"ironkv/marshal"
)

// nowhere is a store that keeps a table in a map and forgets records: enough to
// look at the machine from inside.
type nowhere struct {
	entries map[delegation.Key]marshal.Entry
}

func (n nowhere) Get(k delegation.Key) (marshal.Entry, bool) { e, ok := n.entries[k]; return e, ok }
func (n nowhere) Put(e marshal.Entry)                        { n.entries[e.Key] = e.Clone() }
func (n nowhere) PutAll(entries []marshal.Entry) {
	for _, e := range entries {
		n.Put(e)
	}
}
func (n nowhere) Delete(k delegation.Key) { delete(n.entries, k) }
func (n nowhere) Ascend(r delegation.Range, yield func(marshal.Entry) bool) {
	for k, e := range sorted(n.entries) {
		if r.Contains(k) && !yield(e) {
			return
		}
	}
}

func (n nowhere) RemoveRange(r delegation.Range) {
	for k := range n.entries {
		if r.Contains(k) {
			delete(n.entries, k)
		}
	}
}
func (nowhere) SetIdentity(Identity)                                         {}
func (nowhere) Assign(delegation.Range, delegation.HostID)                   {}
func (nowhere) SetPeer(delegation.HostID, PeerRecord)                        {}
func (nowhere) AddUnacked(delegation.HostID, uint64, *marshal.Delegate)      {}
func (nowhere) DropUnacked(delegation.HostID, uint64, uint64)                {}
func (nowhere) OpenSession(SessionRecord)                                    {}
func (nowhere) CloseSession(marshal.SessionID)                               {}
func (nowhere) SetAnswer(marshal.SessionID, uint64, uint64, marshal.Message) {}
func (nowhere) SetMove(Move)                                                 {}
func (nowhere) DropMove(uint64)                                              {}

// moving returns host 1 of three, in the middle of a move of all keys to host 2.
func moving(t testing.TB, keys int) *Host {
	t.Helper()
	cfg := Config{Me: 1, Root: 1, Members: []marshal.Member{{ID: 1}, {ID: 2}, {ID: 3}}, Limits: Limits{ChunkBytes: 1}}
	h, err := New(cfg, NewState(cfg, Birth{Incarnation: 1}), nowhere{map[delegation.Key]marshal.Entry{}})
	if err != nil {
		t.Fatal(err)
	}
	h.state.Joined = true
	for id := range delegation.HostID(2) {
		p, l := h.state.Peers[id+2], h.links[id+2]
		p.Incarnation, p.Confirmed = marshal.Incarnation(id+2), true
		l.met, l.room = true, 1<<40
	}
	for i := range keys {
		h.store.Put(marshal.Entry{Key: delegation.Key(fmt.Sprintf("k%06d", i)), Value: make([]byte, 128), Version: 1})
	}
	h.newMove(&marshal.Shard{Range: delegation.All, Recipient: 2, Rate: marshal.RateUnlimited})
	h.active[0].Phase, h.active[0].Consented = marshal.MoveRunning, true
	return h
}

// NextShard's conditions are asked again for each chunk: a range that is no
// longer this host's, whoever took it, is not given away.
func TestConditionsAreCheckedAgainForEachChunk(t *testing.T) {
	h := moving(t, 4)
	var out Effects
	h.Step(0, Input{Kind: InputTimer}, &out)
	if out.Action != ActChunk {
		t.Fatalf("the first chunk was not cut: action %d", out.Action)
	}
	if err := h.state.Map.Assign(delegation.Range{From: h.active[0].Cursor, Until: delegation.PosInf}, 3); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	h.Step(0, Input{Kind: InputTimer}, &out)
	m := h.state.Moves[1]
	if len(out.Transfers) != 0 || m.Reason != marshal.NotOwner || m.Phase != marshal.MoveStopping {
		t.Fatalf("gave %v away; the move is %v: %v", out.Transfers, m.Phase, m.Reason)
	}
}

// No chunk is cut beyond the bytes in flight, nor beyond what the recipient has
// room for, nor on the word of a recipient that has fallen silent.
func TestChunksStayWithinFlightAndRoom(t *testing.T) {
	cut := func(h *Host, now Time) int {
		var out Effects
		for range 100 {
			if at, ok := h.Deadline(); !ok || at > now {
				break
			}
			h.Step(now, Input{Kind: InputTimer}, &out)
		}
		return len(out.Transfers)
	}
	h := moving(t, 50)
	h.cfg.Limits.InFlightBytes = 3 * (delegateOverheadBytes + 7 + 128 + marshal.EntryOverheadBytes)
	if n := cut(h, 0); n != 3 {
		t.Errorf("%d chunks in flight, want the 3 that fit", n)
	}
	h = moving(t, 50)
	h.links[2].room = 100
	if n := cut(h, 0); n != 0 {
		t.Errorf("%d chunks cut without room at the recipient", n)
	}
	h = moving(t, 50)
	if n := cut(h, heardWithin); n != 0 {
		t.Errorf("%d chunks cut for a recipient that was not heard", n)
	}
	h = moving(t, 50)
	h.quietUntil = Second
	if n := cut(h, 0); n != 0 {
		t.Errorf("%d chunks cut while an audit asked for quiet", n)
	}
}

func TestMoveYieldsWhileClientsAreServed(t *testing.T) {
	h := moving(t, 50)
	h.active[0].Rate = 0
	var out Effects
	h.Step(0, Input{Kind: InputTimer}, &out)
	h.served = 1
	if at := h.moveDeadline(h.active[0]); at != never {
		t.Fatalf("the next chunk is due at %d, though one is in flight", at)
	}
	h.acknowledged(2, h.state.Peers[2], 1)
	if at := h.moveDeadline(h.active[0]); at != yieldPause {
		t.Fatalf("the next chunk is due at %d, want %d", at, yieldPause)
	}
	for _, c := range []struct{ took, pause Time }{{5 * Millisecond, 5 * yieldShare * Millisecond}, {yieldPause / 10, yieldPause}, {Second, yieldShare * maxYield}} {
		h.chunkAt, h.timing = h.now, true
		now := h.now + c.took
		h.Step(now, Input{Kind: InputRoom, Room: 1 << 40}, &out)
		if at := h.moveDeadline(h.active[0]); at != now+c.pause {
			t.Errorf("after a chunk that took %d the next is due %d later, want %d", c.took, at-now, c.pause)
		}
	}
}

// Clients who ask while a chunk is cut are served before the next one, though none of
// them has been when the clock is read, and that is at once: what was cut is timed.
// A move that nobody asked beside for a whole pause yields no more.
func TestMoveYieldsToClientsWhoCameMeanwhile(t *testing.T) {
	h := moving(t, 50)
	h.active[0].Rate = 0
	h.served = 1
	var out Effects
	timer := func(now Time) (chunks int) {
		out.Reset()
		h.Step(now, Input{Kind: InputTimer}, &out)
		return len(out.Transfers)
	}
	if n := timer(0); n != 1 {
		t.Fatalf("%d chunks, want the first", n)
	}
	if at, ok := h.Deadline(); !ok || at != 1 {
		t.Errorf("the clock is to be read at %d, want at once", at)
	}
	const took = yieldPause
	if n := timer(0) + timer(took); n != 0 {
		t.Fatalf("%d chunks, before those who came were served", n)
	}
	next := took + yieldShare*took
	h.acknowledged(2, h.state.Peers[2], 1)
	if at, ok := h.Deadline(); !ok || at != next {
		t.Fatalf("the next chunk is due at %d, want %d", at, next)
	}
	if at, ok := h.Pressing(); ok && at <= next {
		t.Errorf("a move that yields is pressing at %d", at)
	}
	if n := timer(next) + timer(next); n != 2 {
		t.Errorf("%d chunks after a pause in which nobody asked, want 2 at once", n)
	}
	if at, ok := h.Pressing(); !ok || at > next {
		t.Error("a move that does not yield is not pressing")
	}
}

// client opens a session at a host and returns its id.
func client(t testing.TB, h *Host) marshal.SessionID {
	t.Helper()
	s := h.openSession(clientForTest, marshal.Nonce{1})
	return s.ID
}

func TestGetDoesNotAllocate(t *testing.T) {
	h := moving(t, 10)
	m := &marshal.GetRequest{RequestHeader: marshal.RequestHeader{Session: client(t, h), Number: 1}, Key: "k000003"}
	in := Input{Kind: InputPacket, Packet: Packet{Src: Endpoint{Client: clientForTest}, Msg: m}}
	var out Effects
	h.Step(0, in, &out)
	if n := testing.AllocsPerRun(100, func() {
		out.Reset()
		h.Step(0, in, &out)
	}); n != 0 {
		t.Fatalf("%v allocations for a get", n)
	}
	if r := out.Packets[0].Msg.(*marshal.GetReply); !r.Found || len(r.Value) != 128 {
		t.Fatalf("%+v", r)
	}
}

// A write's reply and its recorded answer need no memory of their own, however many
// answers come before the floor follows.
func TestWriteDoesNotAllocate(t *testing.T) {
	h := moving(t, 10)
	// What is not there is deleted, so that the table does nothing.
	m := &marshal.SetRequest{RequestHeader: marshal.RequestHeader{Session: client(t, h)}, Key: "absent", Delete: true}
	in := Input{Kind: InputPacket, Packet: Packet{Src: Endpoint{Client: clientForTest}, Msg: m}}
	var out Effects
	batch := func() {
		m.Floor = m.Number + 1
		for range 256 {
			m.Number++
			out.Reset()
			h.Step(0, in, &out)
		}
	}
	batch()
	if n := testing.AllocsPerRun(100, batch); n != 0 {
		t.Fatalf("%v allocations for 256 writes", n)
	}
	if r := out.Packets[0].Msg.(*marshal.SetReply); r.Result != marshal.SetAbsent || r.Number != m.Number {
		t.Fatalf("%+v", r)
	}
}

// Recorded answers are forgotten with the floor, and bounded in all.
func TestAnswersAreForgottenBelowTheFloor(t *testing.T) {
	h := moving(t, 0)
	id := client(t, h)
	var out Effects
	for n := uint64(1); n <= 1000; n++ {
		m := &marshal.SetRequest{RequestHeader: marshal.RequestHeader{Session: id, Number: n}, WriteHeader: marshal.WriteHeader{Floor: n}, Key: "k"}
		h.Step(0, Input{Kind: InputPacket, Packet: Packet{Src: Endpoint{Client: clientForTest}, Msg: m}}, &out)
	}
	if got := h.state.Sessions[id].AnswerCount(); got > 2 || h.live.answers != got {
		t.Fatalf("%d answers kept, %d counted", got, h.live.answers)
	}
}

// Sessions' memory is that of the answers that they have, not of those that they had,
// but for as much as all answers may take that there may be.
func TestForgottenAnswersTakeNoMemory(t *testing.T) {
	h := moving(t, 0)
	before := liveBytes()
	var out Effects
	const sessions, answers = 100, 2000
	for i := range sessions {
		s := h.openSession(netip.AddrPortFrom(clientForTest.Addr(), uint16(1+i)), marshal.Nonce{byte(i), byte(i >> 8), 9})
		floor := uint64(1)
		for n := uint64(1); n <= 2*answers; n++ {
			if n > answers {
				floor = 2*n - 2*answers // it passes them bit by bit
			}
			m := &marshal.SetRequest{
				RequestHeader: marshal.RequestHeader{Session: s.ID, Number: n}, WriteHeader: marshal.WriteHeader{Floor: min(floor, n)}, Key: "k",
			}
			out.Reset()
			h.Step(0, Input{Kind: InputPacket, Packet: Packet{Src: Endpoint{Client: s.Client}, Msg: m}}, &out)
		}
		if n := s.AnswerCount(); n < 1 || n > 2 {
			t.Fatalf("%d answers are left", n)
		}
	}
	if grown := liveBytes() - before; grown > sessions*8<<10+DefaultAnswers*int(unsafe.Sizeof(written{})) {
		t.Errorf("%d bytes for each of %d sessions that have an answer or two", grown/sessions, sessions)
	}
	runtime.KeepAlive(h)
}

func liveBytes() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func BenchmarkStep(b *testing.B) {
	h := moving(b, 1000)
	id := client(b, h)
	var out Effects
	b.Run("get", func(b *testing.B) {
		m := &marshal.GetRequest{RequestHeader: marshal.RequestHeader{Session: id, Number: 1}, Key: "k000500"}
		for b.Loop() {
			out.Reset()
			h.Step(0, Input{Kind: InputPacket, Packet: Packet{Src: Endpoint{Client: clientForTest}, Msg: m}}, &out)
		}
	})
	n := uint64(0)
	b.Run("set", func(b *testing.B) {
		m := &marshal.SetRequest{Key: "k000500", Value: make([]byte, 128)}
		for b.Loop() {
			n++
			m.RequestHeader, m.Floor = marshal.RequestHeader{Session: id, Number: n}, n
			out.Reset()
			h.Step(0, Input{Kind: InputPacket, Packet: Packet{Src: Endpoint{Client: clientForTest}, Msg: m}}, &out)
		}
	})
}

var clientForTest = netip.MustParseAddrPort("10.0.7.7:70")

// A thousand origins that come one after the other, each for all that it can get, leave a
// session to a newcomer.
func TestAThousandOriginsLeaveASession(t *testing.T) {
	total, origins := 0, 0
	for ; total < DefaultSessions; origins++ {
		for own := 0; !crowdedSessions(own, total, DefaultSessions); own++ {
			total++
		}
	}
	if origins <= 1000 {
		t.Errorf("%d origins have all %d sessions", origins, DefaultSessions)
	}
	t.Logf("%d origins have all %d sessions", origins, DefaultSessions)
}
