package main

import (
	"context"
	"errors"
	"fmt"

	"ironkv/kv/server"
	"ironkv/kv/store"
)

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

func serveOn(ctx context.Context, s *settings, st store.Store) error {
	cfg := s.server
	cfg.Store = st
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
	return host.Serve(ctx)
}
