package main

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"ironkv/ghost"
	"ironkv/kv"
	"ironkv/kv/server"
	"ironkv/kv/store"
)

// serveAll runs hosts side by side, each as if it were alone; one that may not go
// on stops all.
func serveAll(ctx context.Context, hosts []*settings) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, s := range hosts {
		group.Go(func() error {
			if err := serve(ctx, s); err != nil {
				return fmt.Errorf("host %d: %w", s.id, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// serve runs the host until ctx ends or it may not go on.
func serve(ctx context.Context, s *settings) error {
	st, err := openStore(s)
	if err != nil {
		return err
	}
	err = serveOn(ctx, s, st)
	if closing := st.Close(); closing != nil {
		err = errors.Join(err, fmt.Errorf("close the store: %w", closing))
	}
	return err
}

// serveOn runs the host on its store.
func serveOn(ctx context.Context, s *settings, st store.Store) error {
	var j journal
	cfg := s.server
	cfg.Store = st
	if s.journal != "" {
		cfg.Observer = func(state *kv.State) (server.Observer, error) { return j.create(s, state) }
	}
	host, err := server.Listen(cfg)
	if err != nil {
		return err
	}
	if s.profiles.IsValid() {
		stop, err := serveProfiles(s.profiles, s.log)
		if err != nil {
			return errors.Join(err, host.Close())
		}
		defer stop()
	}
	if err := host.Serve(ctx); err != nil {
		return err // the journal stays without its end, as after a crash
	}
	return j.close()
}

// journal is the ghost journal of this process, where one is written.
type journal struct{ file *ghost.File }

func (j *journal) create(s *settings, state *kv.State) (_ server.Observer, err error) {
	if j.file, err = ghost.Create(s.journal, s.server.Config, state); err != nil {
		return nil, err
	}
	s.log.Info("journal", "file", j.file.Path())
	if state.Step > 0 && j.file.First() {
		s.log.Warn("no journal of this host's earlier lives is in the directory: kvctl verify proves nothing without them",
			"dir", s.journal, "remedy", "give --journal the same directory in each life, or verify with the directories of all")
	}
	return j.file, nil
}

func (j *journal) close() error {
	if j.file == nil {
		return nil
	}
	return j.file.Close()
}
