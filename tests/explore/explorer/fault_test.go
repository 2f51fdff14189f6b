package explorer

import (
	"errors"
	"strings"
	"testing"

	"ironkv/delegation"
	"ironkv/ghost/judge"
	"ironkv/kv"
	"ironkv/marshal"
	"ironkv/tests/explore/search"
	"ironkv/tests/world"
)

// faulty is a store that ignores some of what its host tells it.
type faulty struct {
	Store
	ignores fault
}

type fault uint

const (
	entriesRemoved fault = iota
	answers
	unacked
	tombstones
	moves
	owners
	identities
)

func (s faulty) Copy() Store { return faulty{s.Store.Copy(), s.ignores} }

func (s faulty) RemoveRange(r delegation.Range) {
	if s.ignores != entriesRemoved {
		s.Store.RemoveRange(r)
	}
}

func (s faulty) SetAnswer(id marshal.SessionID, number, floor uint64, m marshal.Message) {
	if s.ignores != answers {
		s.Store.SetAnswer(id, number, floor, m)
	}
}

func (s faulty) AddUnacked(to delegation.HostID, seqno uint64, d *marshal.Delegate) {
	if s.ignores != unacked {
		s.Store.AddUnacked(to, seqno, d)
	}
}

func (s faulty) SetPeer(id delegation.HostID, p kv.PeerRecord) {
	if s.ignores != tombstones || p.Received == 0 {
		s.Store.SetPeer(id, p)
	}
}

func (s faulty) SetMove(m kv.Move) {
	if s.ignores != moves {
		s.Store.SetMove(m)
	}
}

func (s faulty) Assign(r delegation.Range, to delegation.HostID) {
	if s.ignores != owners || r == delegation.All {
		s.Store.Assign(r, to)
	}
}

func (s faulty) SetIdentity(i kv.Identity) {
	if s.ignores != identities || i.LastMove == 0 {
		s.Store.SetIdentity(i)
	}
}

// small is the scope in which faults are looked for.
func small() Scope {
	return Scope{Name: "small", Hosts: 2, Stored: []delegation.Key{keyA, keyB}, Crashes: 1,
		Clients: [][]world.Op{{put(keyA, "x")}, {shard(both, 1, 2)}}}
}

// expect explores the scope, with and without what is left out elsewhere, and wants a
// story that breaks the invariant.
func expect(t *testing.T, s Scope, invariant string) {
	t.Helper()
	for _, s.Whole = range []bool{false, true} {
		expectStory(t, s, invariant)
	}
}

func expectStory(t *testing.T, s Scope, invariant string) {
	t.Helper()
	_, err := Explore(s)
	var story *search.Counterexample
	var v *judge.Violation
	if !errors.As(err, &story) || !errors.As(err, &v) {
		t.Fatalf("the fault was not found: %v", err)
	}
	if v.Name != invariant {
		t.Errorf("found by %s, want %s", v.Name, invariant)
	}
	t.Log(err)
}

// Whatever a store does not keep, a crash brings to light; and what it keeps
// too long, the next step.
func TestFaultyStoresAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		ignores   fault
		invariant string
	}{
		"entries are kept after they were given away": {entriesRemoved, "HostsStoreOnlyOwnedKeys"},
		"answers are not kept":                        {answers, "Refinement"},
		"delegates are not kept":                      {unacked, "EachKeyClaimedInExactlyOnePlace"},
		"tombstones are not kept":                     {tombstones, "EachKeyClaimedInExactlyOnePlace"},
		"moves are not kept":                          {moves, "Refinement"},
		"owners are not kept":                         {owners, "EachKeyClaimedInExactlyOnePlace"},
		"the last move's number is not kept":          {identities, "Refinement"},
	} {
		t.Run(name, func(t *testing.T) {
			s := small()
			s.Wrap = func(m Store) Store { return faulty{m, c.ignores} }
			expect(t, s, c.invariant)
		})
	}
}

// fragile is a store that cannot remove entries.
type fragile struct{ Store }

func (s fragile) Copy() Store { return fragile{s.Store.Copy()} }

func (s fragile) RemoveRange(delegation.Range) { panic("out of order") }

// A host that panics is a story, too.
func TestAPanicIsAStory(t *testing.T) {
	s := small()
	s.Wrap = func(m Store) Store { return fragile{m} }
	_, err := Explore(s)
	var story *search.Counterexample
	if !errors.As(err, &story) || errors.Is(err, judge.ErrViolation) || !strings.Contains(err.Error(), "host 1 panics: out of order") {
		t.Errorf("got %v", err)
	}
}

// What hosts make of messages that no host sends is no behaviour of the spec.
func TestTamperedMessagesAreFound(t *testing.T) {
	single := func(change func(*marshal.Single)) func(marshal.Message) {
		return func(m marshal.Message) {
			if s, ok := m.(*marshal.Single); ok {
				change(s)
			}
		}
	}
	for name, c := range map[string]struct {
		tamper    func(marshal.Message)
		invariant string
	}{
		"a delegate without its clock": {
			single(func(s *marshal.Single) { s.Delegate.Clock = 0 }), "ClockCoversVersions"},
		"a delegate without its entries": {
			single(func(s *marshal.Single) { s.Delegate.Entries = nil }), "Refinement"},
		"a delegate of too much": {
			single(func(s *marshal.Single) { s.Delegate.Range = delegation.All }), "EachKeyClaimedInExactlyOnePlace"},
		"a second delegate under the number of the first": {
			single(func(s *marshal.Single) { s.Seqno = 1 }), "PacketsHaveSenderUniqueSeqnos"},
		"an acknowledgement of what was not received": {
			func(m marshal.Message) {
				if a, ok := m.(*marshal.Ack); ok {
					a.Seqno++
				}
			}, "EachKeyClaimedInExactlyOnePlace"},
		"a delegate that is lost for ever": {
			single(func(s *marshal.Single) { s.FromIncarnation++ }), "Liveness"},
	} {
		t.Run(name, func(t *testing.T) {
			s := small()
			s.Crashes = 0
			s.Tamper = c.tamper
			expect(t, s, c.invariant)
		})
	}
}
