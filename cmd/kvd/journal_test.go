package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"ironkv/delegation"
	"ironkv/ghost"
	"ironkv/ghost/judge"
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

func newReplayStore(cfg kv.Config) ghost.ReplayStore {
	return replayStore{store.NewMemory(store.MemoryOptions{Records: true, Window: cfg.Limits.Window})}
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
	report, err := ghost.Verify(lives, ghost.VerifyOptions{Every: 100, NewStore: newReplayStore})
	if err != nil || report.Lives != 3+rounds || report.Delegates == 0 {
		t.Errorf("%+v: %v", report, err)
	}
	t.Logf("%+v", report)
}

// A data directory that is put back to an older copy between two lives, when nobody is
// left to notice but clients: no life finds anything wrong, their journals do.
func TestJournalsOfADiskThatWasPutBack(t *testing.T) {
	addrs, dir := ports(t, 1), t.TempDir()
	data, journals, older := filepath.Join(dir, "1"), filepath.Join(dir, "journals"), filepath.Join(dir, "copy")
	live := func(keys ...string) {
		t.Helper()
		host := start(t, nil, "--id", "1", "--cluster", clusterOf(addrs), "--data", data, "--journal", journals)
		host.expect("msg=ready")
		db := dial(t, addrs)
		for _, key := range keys {
			if _, err := db.Put(t.Context(), []byte(key), []byte("value")); err != nil {
				t.Fatal(err)
			}
		}
		host.signal(syscall.SIGTERM)
		if code := host.end(); code != exitOK {
			t.Fatalf("exit code %d:\n%s", code, host.output())
		}
	}
	verify := func() error {
		t.Helper()
		lives, err := ghost.ReadDir(journals)
		if err != nil {
			t.Fatal(err)
		}
		_, err = ghost.Verify(lives, ghost.VerifyOptions{NewStore: newReplayStore})
		return err
	}
	live("a")
	if err := os.CopyFS(older, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	live("b", "c")
	if err := verify(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.RemoveAll(data), os.Rename(older, data)); err != nil {
		t.Fatal(err)
	}
	live()
	var v *judge.Violation
	if err := verify(); !errors.As(err, &v) || v.Name != ghost.Durability || !strings.Contains(err.Error(), ghost.Durability) ||
		!strings.Contains(err.Error(), "-0002.journal") || !strings.Contains(err.Error(), "-0003.journal") {
		t.Errorf("got %v", err)
	}
}

// Who gives another directory for journals than in earlier lives is told, at once.
func TestAJournalInAnotherDirectoryIsTold(t *testing.T) {
	addrs, dir := ports(t, 1), t.TempDir()
	for i, told := range []bool{false, false, true} { // the first life, one in the same directory, one in another
		host := start(t, nil, "--id", "1", "--cluster", clusterOf(addrs), "--data", filepath.Join(dir, "data"), "--journal", filepath.Join(dir, fmt.Sprint(i/2)))
		host.expect("msg=ready")
		host.signal(syscall.SIGTERM)
		if code := host.end(); code != exitOK {
			t.Fatalf("exit code %d:\n%s", code, host.output())
		}
		if strings.Contains(host.output(), "earlier lives") != told {
			t.Errorf("life %d: told of a missing journal is not %v:\n%s", i+1, told, host.output())
		}
	}
}
