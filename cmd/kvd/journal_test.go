package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"ironkv/delegation"
	"ironkv/ghost"
	"ironkv/kv"
	"ironkv/kv/client"
	"ironkv/kv/store"
)

// replayStore is the memory on which a journal's host is executed again.
type replayStore struct{ *store.Memory }

func (s replayStore) Commit(c kv.Counters) error {
	_, err := s.Memory.Commit(c)
	return err
}

// TestJournalsVerify runs three processes that write journals, with writers, moves
// to and fro, and a SIGKILL in each round; then every step that any of them took has
// to be one of the protocol, and all together those of one table.
func TestJournalsVerify(t *testing.T) {
	const rounds, writers, writes = 4, 4, 60
	addrs, dir := ports(t, 3), t.TempDir()
	journals := filepath.Join(dir, "journals")
	run := func(i int) *process {
		return start(t, nil, "--id", fmt.Sprint(i+1), "--cluster", clusterOf(addrs),
			"--data", filepath.Join(dir, fmt.Sprint(i+1)), "--journal", journals, "--chunk", "1000")
	}
	var hosts []*process
	for i := range addrs {
		hosts = append(hosts, run(i))
	}
	for _, h := range hosts {
		h.expect("msg=ready")
	}
	db := dial(t, addrs)
	for round := range rounds {
		var group sync.WaitGroup
		for w := range writers {
			group.Go(func() {
				for n := range writes {
					key := fmt.Appendf(nil, "key %d %d", n, w)
					if _, err := db.Put(t.Context(), key, key); err != nil && !errors.Is(err, client.ErrUnknownOutcome) && !errors.Is(err, client.ErrUnavailable) {
						t.Errorf("put: %v", err)
					}
				}
			})
		}
		ids, err := db.MoveShard(t.Context(), delegation.All, client.HostID(round%3+1))
		if err != nil && !errors.Is(err, client.ErrUnavailable) && !errors.Is(err, client.ErrUnknownOutcome) {
			t.Logf("round %d: %v", round, err) // an order may meet a move that is still under way
		}
		killed := (round + 1) % 3
		hosts[killed].signal(syscall.SIGKILL)
		hosts[killed].end()
		hosts[killed] = run(killed)
		hosts[killed].expect("msg=ready")
		group.Wait()
		for _, id := range ids {
			if _, err := db.WaitMove(t.Context(), id, nil); err != nil {
				t.Errorf("move %v: %v", id, err)
			}
		}
	}
	for _, h := range hosts {
		h.signal(syscall.SIGTERM)
		if code := h.end(); code != 0 {
			t.Errorf("exit code %d", code)
		}
	}
	lives, err := ghost.ReadDir(journals)
	if err != nil {
		t.Fatal(err)
	}
	report, err := ghost.Verify(lives, ghost.VerifyOptions{Every: 100, NewStore: func(cfg kv.Config) ghost.ReplayStore {
		return replayStore{store.NewMemory(store.MemoryOptions{Records: true, Window: cfg.Limits.Window})}
	}})
	if err != nil || report.Lives != 3+rounds || report.Delegates == 0 {
		t.Errorf("%+v: %v", report, err)
	}
	t.Logf("%+v", report)
}
