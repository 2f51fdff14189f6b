package main

import (
	"context"

	"github.com/redis/rueidis"
)

// A rueidisStore asks Redis or Valkey through rueidis, which puts the requests of
// many goroutines into pipelines by itself. Its client-side cache is off: it would
// measure a map in this process.
type rueidisStore struct{ rueidis.Client }

func dialRueidis(addrs []string) (*rueidisStore, error) {
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: addrs, DisableCache: true})
	if err != nil {
		return nil, err
	}
	return &rueidisStore{c}, nil
}

func (s *rueidisStore) getCommand(key []byte) rueidis.Completed {
	return s.B().Get().Key(string(key)).Build()
}

func (s *rueidisStore) setCommand(key, value []byte) rueidis.Completed {
	return s.B().Set().Key(string(key)).Value(rueidis.BinaryString(value)).Build()
}

func (s *rueidisStore) get(ctx context.Context, key []byte) error {
	_, err := s.Do(ctx, s.getCommand(key)).AsBytes()
	return err
}

func (s *rueidisStore) set(ctx context.Context, key, value []byte) error {
	return s.Do(ctx, s.setCommand(key, value)).Error()
}

// scan is what goRedisStore.scan is.
func (s *rueidisStore) scan(ctx context.Context, _ []byte, entries int) (int, error) {
	n := 0
	var cursor uint64
	for n < entries {
		page, err := s.Do(ctx, s.B().Scan().Cursor(cursor).Count(int64(entries-n)).Build()).AsScanEntry()
		if err != nil {
			return n, err
		}
		if len(page.Elements) > 0 {
			values, err := s.Do(ctx, s.B().Mget().Key(page.Elements...).Build()).ToArray()
			if err != nil {
				return n, err
			}
			n += len(values)
		}
		if cursor = page.Cursor; cursor == 0 {
			break
		}
	}
	return n, nil
}

func (s *rueidisStore) batch() batch { return &rueidisBatch{store: s} }

func (s *rueidisStore) close() error {
	s.Close()
	return nil
}

func (s *rueidisStore) kind(err error) string {
	if rueidis.IsRedisNil(err) {
		return "missing"
	}
	return redisKind(err)
}

type rueidisBatch struct {
	store *rueidisStore
	cmds  []rueidis.Completed
}

func (b *rueidisBatch) get(key []byte) { b.cmds = append(b.cmds, b.store.getCommand(key)) }

func (b *rueidisBatch) set(key, value []byte) {
	b.cmds = append(b.cmds, b.store.setCommand(key, value))
}

func (b *rueidisBatch) do(ctx context.Context, each func(error)) {
	for _, r := range b.store.DoMulti(ctx, b.cmds...) {
		each(r.Error())
	}
	b.cmds = b.cmds[:0]
}
