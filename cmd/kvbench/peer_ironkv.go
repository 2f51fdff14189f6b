package main

import (
	"context"
	"errors"

	"ironkv/delegation"
	"ironkv/kv/client"
)

// An ironkvStore asks ironkv through its Go client.
type ironkvStore struct{ *client.Client }

func dialIronkv(ctx context.Context, addrs []string) (*ironkvStore, error) {
	c, err := client.Dial(ctx, addrs)
	if err != nil {
		return nil, err
	}
	return &ironkvStore{c}, nil
}

func (s *ironkvStore) get(ctx context.Context, key []byte) error {
	_, err := s.Get(ctx, key)
	return err
}

func (s *ironkvStore) set(ctx context.Context, key, value []byte) error {
	_, err := s.Put(ctx, key, value)
	return err
}

func (s *ironkvStore) scan(ctx context.Context, from []byte, entries int) (int, error) {
	r := delegation.Range{From: delegation.At(delegation.Key(from)), Until: delegation.PosInf}
	n := 0
	for _, err := range s.Scan(ctx, r, client.Limit(entries)) {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func (s *ironkvStore) batch() batch { return &ironkvBatch{s.Batch()} }

func (s *ironkvStore) close() error { return s.Close() }

func (s *ironkvStore) kind(err error) string {
	switch {
	case errors.Is(err, client.ErrUnknownOutcome):
		return "outcome unknown"
	case errors.Is(err, client.ErrNotFound):
		return "missing"
	case errors.Is(err, client.ErrUnavailable):
		return "unavailable"
	case errors.Is(err, client.ErrTooLarge):
		return "too large"
	}
	return commonKind(err)
}

type ironkvBatch struct{ *client.Batch }

func (b *ironkvBatch) get(key []byte)        { b.Get(key) }
func (b *ironkvBatch) set(key, value []byte) { b.Put(key, value) }

func (b *ironkvBatch) do(ctx context.Context, each func(error)) {
	for _, r := range b.Do(ctx) {
		each(r.Err)
	}
	b.Reset()
}
