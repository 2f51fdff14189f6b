package ghost_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ironkv/delegation"
	"ironkv/ghost"
	"ironkv/ghost/judge"
	"ironkv/kv"
	"ironkv/kv/store"
	"ironkv/marshal"
)

// replayStore is a ReplayStore of kv/store.
type replayStore struct{ *store.Memory }

func (s replayStore) Commit(c kv.Counters) error {
	_, err := s.Memory.Commit(c)
	return err
}

var replaying = ghost.VerifyOptions{
	Every: 50,
	NewStore: func(cfg kv.Config) ghost.ReplayStore {
		return replayStore{store.NewMemory(store.MemoryOptions{Records: true, Window: cfg.Limits.Window})}
	},
}

// recorded is a cluster whose hosts' lives are kept in memory.
type recorded struct {
	*cluster
	lives [][]*ghost.Memory
}

func newRecorded(t testing.TB, n int) *recorded {
	r := &recorded{cluster: newCluster(t, n, testLimits), lives: make([][]*ghost.Memory, n)}
	r.born = func(i int, s *kv.State) ghost.Journal {
		m := ghost.NewMemory(len(r.lives[i])+1, r.configs[i], s)
		r.lives[i] = append(r.lives[i], m)
		return m
	}
	for i := range n {
		r.journals = append(r.journals, r.born(i, kv.NewState(r.configs[i], birth(i))))
	}
	return r
}

// ended closes the hosts' last lives and returns all.
func (r *recorded) ended() (out []ghost.Life) {
	for _, lives := range r.lives {
		if err := lives[len(lives)-1].Close(); err != nil {
			r.t.Fatal(err)
		}
		for _, m := range lives {
			out = append(out, m.Life())
		}
	}
	return out
}

func TestVerifyRunsWithCrashes(t *testing.T) {
	var total ghost.Report
	for seed := range uint64(10) {
		r := newRecorded(t, 3)
		adversary(r.cluster, seed, 300, func(int) {})
		// A write that never becomes durable, and one in the life after it.
		cl := newClient(r.cluster, 3)
		r.lose(0, kv.Input{Kind: kv.InputPacket, Packet: kv.Packet{Src: cl.at, Msg: cl.setRequest(0, "a", "lost")}})
		cl.put(0, "a", "kept")
		r.heal()
		report, err := ghost.Verify(r.ended(), replaying)
		if err != nil {
			t.Fatalf("seed %d: %+v: %v", seed, report, err)
		}
		total.Steps += report.Steps
		total.Lives += report.Lives
		total.Discarded += report.Discarded
		total.Delegates += report.Delegates
		if report.Hosts != 3 || report.Cuts < report.Steps/50 || report.Requests == 0 || report.Packets == 0 {
			t.Errorf("seed %d: %+v", seed, report)
		}
	}
	if total.Discarded != 10 || total.Lives < 60 || total.Delegates == 0 {
		t.Errorf("in all %+v", total)
	}
}

// edited returns the lives with the steps of one changed, each in a batch of its own.
func edited(lives []ghost.Life, i int, edit func([]ghost.Step) []ghost.Step) []ghost.Life {
	out := slices.Clone(lives)
	var steps []ghost.Step
	for b, err := range lives[i].Batches {
		if err == nil {
			steps = append(steps, b.Steps...)
		}
	}
	steps = edit(steps)
	out[i].Batches = func(yield func(ghost.Batch, error) bool) {
		for _, s := range steps {
			if !yield(ghost.Batch{Steps: []ghost.Step{s}, Outputs: s.Sends}, nil) {
				return
			}
		}
	}
	return out
}

// TestVerifyIsNotEasilyPleased: each way in which journals can fail to prove
// something is told by name.
func TestVerifyIsNotEasilyPleased(t *testing.T) {
	r := newRecorded(t, 2)
	traffic(r.cluster)
	r.crash(0)
	r.heal()
	whole := r.ended()
	if _, err := ghost.Verify(whole, replaying); err != nil {
		t.Fatal(err)
	}
	// firstOf finds the first step that did something.
	firstOf := func(steps []ghost.Step, a kv.Action) int {
		return slices.IndexFunc(steps, func(s ghost.Step) bool { return s.Action == a })
	}
	for name, c := range map[string]struct {
		lives []ghost.Life
		want  error
	}{
		"none at all":               {nil, ghost.ErrIncomplete},
		"a host's is missing":       {whole[:2], ghost.ErrIncomplete},
		"a life is missing":         {whole[1:], ghost.ErrIncomplete},
		"a life is there twice":     {append(whole[:1:1], whole...), ghost.ErrIncomplete},
		"a life is another's":       {headed(whole, 1, func(h *ghost.Header) { h.Incarnation++ }), ghost.ErrIncomplete},
		"a life has another secret": {headed(whole, 1, func(h *ghost.Header) { h.Secret[0]++ }), ghost.ErrIncomplete},
		"a hole between lives":      {headed(whole, 1, func(h *ghost.Header) { h.Life = 3 }), ghost.ErrIncomplete},
		"another root":              {headed(whole, 2, func(h *ghost.Header) { h.Config.Root = 2 }), ghost.ErrIncomplete},
		"other hosts":               {headed(whole, 2, func(h *ghost.Header) { h.Config.Members = h.Config.Members[1:] }), ghost.ErrIncomplete},
		"less than was durable":     {[]ghost.Life{whole[0], whole[1], durable(whole[2], 1<<20)}, ghost.ErrIncomplete},
		"another output":            {edited(whole, 0, func(s []ghost.Step) []ghost.Step { s[5].Digest++; return s }), ghost.ErrReplay},
		"one output more":           {edited(whole, 0, func(s []ghost.Step) []ghost.Step { s[5].Sends++; return s }), ghost.ErrReplay},
		"another action":            {edited(whole, 0, func(s []ghost.Step) []ghost.Step { s[5].Action++; return s }), ghost.ErrReplay},
		"another transfer": {edited(whole, 0, func(s []ghost.Step) []ghost.Step {
			chunk := &s[firstOf(s, kv.ActChunk)]
			chunk.Transfers = slices.Clone(chunk.Transfers)
			chunk.Transfers[0].Seqno++
			return s
		}), ghost.ErrReplay},
		"a step is missing":   {edited(whole, 0, func(s []ghost.Step) []ghost.Step { return slices.Delete(s, 5, 6) }), ghost.ErrIncomplete},
		"the end is missing":  {edited(whole, 0, func(s []ghost.Step) []ghost.Step { return s[:len(s)-10] }), ghost.ErrIncomplete},
		"the last end is cut": {[]ghost.Life{whole[0], whole[1], unended(whole[2])}, ghost.ErrTruncated},
		"a packet is never sent": {edited(whole, 2, func(s []ghost.Step) []ghost.Step {
			p := &s[firstOf(s, kv.ActDelegate)].Input.Packet
			m := marshal.Clone(p.Msg).(*marshal.Single)
			m.Delegate.Clock++
			p.Msg = m
			return s
		}), ghost.ErrUnsent},
	} {
		_, err := ghost.Verify(c.lives, replaying)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v", name, err)
		}
		if errors.Is(err, ghost.ErrReplay) && (!strings.Contains(err.Error(), "the same tree") || !strings.Contains(err.Error(), " in the journal, ")) {
			t.Errorf("%s: it does not say which is whose: %v", name, err)
		}
	}
	killed := replaying
	killed.Killed = true
	r2 := newRecorded(t, 2)
	traffic(r2.cluster)
	report, err := ghost.Verify([]ghost.Life{r2.lives[0][0].Life(), r2.lives[1][0].Life()}, killed)
	if err != nil || len(report.Unended) != 2 || !strings.Contains(report.Unended[1], "life 1 of host 2: no end behind step") {
		t.Errorf("killed hosts: %+v: %v", report, err)
	}
}

// headed returns the lives with the header of one changed.
func headed(lives []ghost.Life, i int, change func(*ghost.Header)) []ghost.Life {
	lives = slices.Clone(lives)
	change(&lives[i].Header)
	return lives
}

// durable is a life in which so much was synced.
func durable(l ghost.Life, step uint64) ghost.Life {
	l.Durable = step
	return l
}

// TestVerifyTakesLivesInAnyOrder: they say themselves which they are.
func TestVerifyTakesLivesInAnyOrder(t *testing.T) {
	r := newRecorded(t, 2)
	traffic(r.cluster)
	r.crash(0)
	r.heal()
	r.crash(0)
	r.heal()
	lives := r.ended()
	slices.Reverse(lives)
	if report, err := ghost.Verify(lives, replaying); err != nil || report.Lives != 4 {
		t.Errorf("%+v: %v", report, err)
	}
}

// TestDurableStays: a host whose disk is put back to an older copy between two of
// its lives, which no other host need notice, is found out by its journals.
func TestDurableStays(t *testing.T) {
	r := newRecorded(t, 1)
	r.settle()
	cl := newClient(r.cluster, 1)
	cl.put(0, "a", "kept")
	older := r.stores[0].Clone()
	cl.put(0, "a", "acknowledged")
	r.stores[0] = older
	r.crash(0)
	cl.get(0, "a")
	_, err := ghost.Verify(r.ended(), replaying)
	var v *judge.Violation
	if !errors.As(err, &v) || v.Name != "DurableStays" {
		t.Errorf("got %v", err)
	}
}

// unended is a life that ends without its mark.
func unended(l ghost.Life) ghost.Life {
	batches := l.Batches
	l.Batches = func(yield func(ghost.Batch, error) bool) {
		for b, err := range batches {
			if !yield(b, err) {
				return
			}
		}
		yield(ghost.Batch{}, ghost.ErrTruncated)
	}
	return l
}

// TestVerifyFromDisk: what Create writes and ReadDir reads.
func TestVerifyFromDisk(t *testing.T) {
	dir := t.TempDir()
	c := newCluster(t, 3, testLimits)
	c.born = func(i int, s *kv.State) ghost.Journal {
		f, err := ghost.Create(filepath.Join(dir, delegation.HostID(i+1).String()), c.configs[i], s)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	for i := range 3 {
		c.journals = append(c.journals, c.born(i, kv.NewState(c.configs[i], birth(i))))
	}
	traffic(c)
	c.crash(1)
	c.heal()
	for _, j := range c.journals {
		if err := j.(*ghost.File).Close(); err != nil {
			t.Fatal(err)
		}
	}
	lives, err := ghost.ReadDir(filepath.Join(dir, "3"), filepath.Join(dir, "1"), filepath.Join(dir, "2"))
	if err != nil {
		t.Fatal(err)
	}
	report, err := ghost.Verify(lives, replaying)
	if err != nil || report.Lives != 4 {
		t.Errorf("%+v: %v", report, err)
	}
}
