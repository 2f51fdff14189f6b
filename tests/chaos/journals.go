package main

import (
	"fmt"

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

// verify checks every step that any host of a cluster took, as kvctl verify does.
func verify(dir string, s *score) error {
	lives, err := ghost.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("read the journals: %w", err)
	}
	report, err := ghost.Verify(lives, ghost.VerifyOptions{Every: ghost.DefaultEvery, NewStore: func(cfg kv.Config) ghost.ReplayStore {
		return replayStore{store.NewMemory(store.MemoryOptions{Records: true, Window: cfg.Limits.Window})}
	}})
	if err != nil {
		return violationf("journals: %v", err)
	}
	s.journals += uint64(report.Lives)
	s.journalSteps += report.Steps
	return nil
}
