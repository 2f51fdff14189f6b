package sim

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"ironkv/delegation"
	"ironkv/ghost/judge"
	"ironkv/kv"
	"ironkv/marshal"
	"ironkv/tests/world"
)

// campaign is a list of runs of all kinds.
func campaign(first uint64, runs, steps int) []Options {
	var list []Options
	for i := range runs {
		list = append(list, Rotate(first+uint64(i), steps))
	}
	return list
}

// TestCampaign is a part of what `go run ./tests/sim -rotate` does: clusters under
// an adversary, with refinement checked at every step. It also has to see all
// that can be seen: what was never seen was never checked.
func TestCampaign(t *testing.T) {
	runs, steps := 150, 3000
	if testing.Short() {
		runs, steps = 20, 1500
	}
	total := RunAll(campaign(1, runs, steps), nil)
	if r := total.Failed; r != nil {
		t.Fatalf("%v\nrepeat it: go run ./tests/sim %s", r.Failure, r.Options.Flags())
	}
	t.Logf("%d steps, %d delegates; histories of %d keys, %d undecided\n%v",
		total.Steps, total.Counts.Delegates, total.Histories, total.Undecided, total.Seen)
	if never := total.Seen.Never(); len(never) > 0 && !testing.Short() {
		t.Errorf("never seen: %q", never)
	}
	if names := Impossible(total.Seen); len(names) > 0 {
		t.Errorf("seen, though no run can: %q", names)
	}
	if total.Undecided > 0 || total.Histories == 0 {
		t.Errorf("of %d histories %d are left undecided", total.Histories, total.Undecided)
	}
}

// TestSeedsThatFoundBugs: each of these once failed.
func TestSeedsThatFoundBugs(t *testing.T) {
	for _, o := range []Options{
		{Seed: 43, Steps: 2000, Every: 1, Wire: Bytes},                  // a refusal of a read was taken for one of a write
		{Seed: 4008, Steps: 40000, Every: 1000, Size: Big, Wire: Bytes}, // the number at the floor was refused for overload
	} {
		if r := Run(o); r.Failure != nil {
			t.Errorf("%v\nrepeat it: go run ./tests/sim %s", r.Failure, o.Flags())
		}
	}
}

// What is forged arrives, whatever packets travel as: hosts drop it for each of its reasons.
func TestTheForgedArrive(t *testing.T) {
	for _, wire := range []Wire{Values, Bytes, Datagrams} {
		var list []Options
		for seed := range uint64(20) {
			list = append(list, Options{Seed: 300 + seed, Steps: 1500, Every: 500, Wire: wire})
		}
		total := RunAll(list, nil)
		if r := total.Failed; r != nil {
			t.Errorf("%v\nrepeat it: go run ./tests/sim %s", r.Failure, r.Options.Flags())
		}
		for _, drop := range []kv.DropReason{kv.DropNotPeer, kv.DropNotForHost, kv.DropAckBeyondSent} {
			if name := "drop: " + drop.String(); slices.Contains(total.Seen.Never(), name) {
				t.Errorf("as %v: never seen: %s", wire, name)
			}
		}
	}
}

// The same seed is the same run, bit for bit, on both stores, on every wire, in both sizes.
func TestSameSeedSameRun(t *testing.T) {
	seen := map[string]Options{}
	for _, o := range []Options{
		{Seed: 7, Steps: 600}, {Seed: 8, Steps: 600}, {Seed: 9, Steps: 600}, {Seed: 10, Steps: 600},
		{Seed: 7, Steps: 1500, Size: Big}, {Seed: 8, Steps: 1500, Size: Big},
	} {
		for _, o.Wire = range []Wire{Values, Bytes, Datagrams} {
			o.Every = 100
			onDisk := o
			onDisk.Disk = true
			first, again, disk := Run(o), Run(o), Run(onDisk)
			if first.Failure != nil || first.Hash != again.Hash || first.Hash != disk.Hash {
				t.Errorf("%s: %s, %s, on disk %s, %v", o.Flags(), first.Hash, again.Hash, disk.Hash, first.Failure)
			}
			if o.Wire != Bytes { // which is the same run as Values
				if other, ok := seen[first.Hash]; ok {
					t.Errorf("%s and %s have the same hash: it does not cover the run", o.Flags(), other.Flags())
				}
				seen[first.Hash] = o
			} else if v, ok := seen[first.Hash]; !ok || v.Seed != o.Seed || v.Size != o.Size {
				t.Errorf("%s is another run than on the wire of values: encoding changes what happens", o.Flags())
			}
		}
	}
}

// A faulty store, each kind of which breaks another promise to its host.
type faulty struct {
	world.Store
	fault string
}

func (f faulty) RemoveRange(r delegation.Range) {
	if f.fault != "entries kept after they were given away" {
		f.Store.RemoveRange(r)
	}
}

func (f faulty) AddUnacked(to delegation.HostID, seqno uint64, d *marshal.Delegate) {
	if f.fault == "outbox not persisted" {
		d = &marshal.Delegate{Range: d.Range, Clock: d.Clock}
	}
	f.Store.AddUnacked(to, seqno, d)
}

func (f faulty) SetPeer(id delegation.HostID, p kv.PeerRecord) {
	if f.fault == "tombstone not persisted" {
		p.Received = 0
	}
	f.Store.SetPeer(id, p)
}

func (f faulty) Assign(r delegation.Range, to delegation.HostID) {
	if f.fault != "map not persisted" || r == delegation.All {
		f.Store.Assign(r, to)
	}
}

func (f faulty) SetAnswer(id marshal.SessionID, number, floor uint64, a marshal.Message) {
	if f.fault != "answers not persisted" {
		f.Store.SetAnswer(id, number, floor, a)
	}
}

func (f faulty) SetMove(m kv.Move) {
	if f.fault == "cursor not persisted" {
		m.Cursor = m.Range.From
	}
	f.Store.SetMove(m)
}

func (f faulty) Put(e marshal.Entry) {
	if f.fault == "one version too low" && e.Version > 3 {
		e.Version--
	}
	f.Store.Put(e)
}

func quiet(string) {}

// TestFaultsAreFound: the simulator finds each fault of a store, and shrinks the
// run to a story of a few events which fails in the same way again.
func TestFaultsAreFound(t *testing.T) {
	for i, fault := range []string{
		"entries kept after they were given away", "outbox not persisted", "tombstone not persisted", "map not persisted",
		"answers not persisted", "cursor not persisted", "one version too low",
	} {
		found := false
		for seed := uint64(1); seed < 40 && !found; seed++ {
			wire := []Wire{Values, Bytes, Datagrams}[i%3]
			s := setting{Options: Options{Seed: seed, Steps: 1500, Every: 1, Wire: wire}, tamper: func(st world.Store) world.Store { return faulty{st, fault} }}
			r := s.start().run()
			if r.Failure == nil {
				continue
			}
			found = true
			if r.Failure.Kind != Safety && r.Failure.Kind != Crash {
				t.Errorf("%s: seed %d found %v", fault, seed, r.Failure)
			}
			short := s.shrink(quiet)
			if short.Failure == nil || len(short.Trace) > 30 {
				t.Errorf("%s: shrunk to %d of %d events: %v", fault, len(short.Trace), r.Events, short.Failure)
			}
			if again, err := s.only(short.Indices(), short.Packets); err != nil || again.Story() != short.Story() {
				t.Errorf("%s: the events of the story by themselves are another one: %v", fault, err)
			}
			t.Logf("%s: seed %d, %d events shrunk to %d\n%s", fault, seed, r.Events, len(short.Trace), short.Story())
		}
		if !found {
			t.Errorf("%s: not found", fault)
		}
	}
}

// What does not end is shrunk to a story of a few events, too: most of what was on its way
// before, a fair network can do.
func TestWhatNeverEndsIsAShortStory(t *testing.T) {
	deaf := func(m marshal.Message) {
		if a, ok := m.(*marshal.Ack); ok && a.From == 1 {
			a.Seqno = 0
		}
		if g, ok := m.(*marshal.Greet); ok && g.From == 1 {
			g.Received = 0
		}
	}
	s := setting{Options: Options{Seed: 1, Steps: 1500, Every: 1, Disk: true}, alter: deaf}
	for r := s.start().run(); r.Failure == nil || r.Failure.Kind != Liveness; r = s.start().run() {
		if s.Seed++; s.Seed == 40 {
			t.Fatal("nobody notices that host 1 acknowledges nothing")
		}
	}
	short := s.shrink(quiet)
	if short.Failure == nil || short.Failure.Kind != Liveness || len(short.Trace) > 30 || !strings.Contains(short.Story(), "\nsettle\n") {
		t.Errorf("shrunk to %d events: %v", len(short.Trace), short.Failure)
	}
	if again, err := s.only(short.Indices(), short.Packets); err != nil || again.Story() != short.Story() {
		t.Errorf("the events of the story by themselves are another one: %v", err)
	}
	t.Logf("seed %d: %d events\n%s", s.Seed, len(short.Trace), short.Story())
}

// An entry that is kept is found as what it is, with its key.
func TestViolationsAreNamed(t *testing.T) {
	s := setting{Options: Options{Seed: 3, Steps: 3000, Every: 1}, tamper: func(st world.Store) world.Store {
		return faulty{st, "entries kept after they were given away"}
	}}
	r := s.start().run()
	var v *judge.Violation
	if r.Failure == nil || !errors.As(r.Failure.Err, &v) {
		t.Fatalf("got %v, want a violation", r.Failure)
	}
	if !strings.Contains(s.shrink(quiet).Story(), "shard") {
		t.Error("the story has no order to move a shard, without which nothing is kept")
	}
}

// A host that comes back without its disk, or with an older copy of it, stops by
// itself and serves nobody until then; its peers go on.
func TestHostsThatLostTheirStateStop(t *testing.T) {
	for _, loss := range []Loss{Wiped, Older} {
		had := 0
		for seed := range uint64(60) {
			o := Options{Seed: 100 + seed, Steps: 400, Every: 1}
			r, must := RunLost(o, loss)
			if r.Failure != nil {
				t.Errorf("loss %d, %s: %v", loss, o.Flags(), r.Failure)
			}
			if must {
				had++
			}
		}
		if had < 20 {
			t.Errorf("loss %d: only %d of 60 hosts had to stop: the test tests little", loss, had)
		}
	}
}

// A disk that does not open again after a crash ends a run as a failure of it: the
// run can still be closed, and told of.
func TestADiskThatDoesNotOpenAgain(t *testing.T) {
	c := newCrashable(1, 4)
	c.id.Host = 2 // not whose directory it is
	func() {
		defer func() {
			if recover() == nil {
				t.Error("another host's disk was opened")
			}
		}()
		c.Crash()
	}()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
