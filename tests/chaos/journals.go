package main

import (
	"context"
	"fmt"
	"path/filepath"
	"syscall"

	"ironkv/ghost"
	"ironkv/kv"
	"ironkv/kv/store"
)

// journals is the directory of a cluster's journals.
const journals = "journals"

// replayStore is the memory on which a journal's host is executed again.
type replayStore struct{ *store.Memory }

func (s replayStore) Commit(c kv.Counters) error {
	_, err := s.Memory.Commit(c) // there is nothing to wait for in memory
	return err
}

// verifyNow verifies the journals of all lives so far. The hosts are stopped for it, in
// order, and started again: of one that is being written the others, read a little
// later, tell more than it does.
func (c *cluster) verifyNow(ctx context.Context) error {
	for _, h := range c.nemesis.hosts {
		if err := h.end(syscall.SIGTERM); err != nil {
			return err
		}
	}
	if _, err := verify(filepath.Join(c.dir, journals)); err != nil {
		return err
	}
	return c.nemesis.heal(ctx)
}

// verify checks every step that any host of a cluster took, as kvctl verify does.
func verify(dir string) (ghost.Report, error) {
	lives, err := ghost.ReadDir(dir)
	if err != nil {
		return ghost.Report{}, fmt.Errorf("read the journals: %w", err)
	}
	report, err := ghost.Verify(lives, ghost.VerifyOptions{Every: ghost.DefaultEvery, NewStore: func(cfg kv.Config) ghost.ReplayStore {
		return replayStore{store.NewMemory(store.MemoryOptions{Records: true, Window: cfg.Limits.Window})}
	}})
	if err != nil {
		err = violationf("journals: %v", err)
	}
	return report, err
}
