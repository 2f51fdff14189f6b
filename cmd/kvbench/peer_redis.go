package main

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/redis/go-redis/v9"
)

// A goRedisStore asks Redis or Valkey through go-redis: each request takes a
// connection from a pool of ten per core, the library's default. Larger pools were
// not faster here at 16, 64 and 256 goroutines.
type goRedisStore struct{ redis.UniversalClient }

func dialGoRedis(addrs []string, cluster bool) *goRedisStore {
	return &goRedisStore{redis.NewUniversalClient(&redis.UniversalOptions{Addrs: addrs, IsClusterMode: cluster})}
}

func (s *goRedisStore) get(ctx context.Context, key []byte) error {
	_, err := s.Get(ctx, string(key)).Bytes()
	return err
}

func (s *goRedisStore) set(ctx context.Context, key, value []byte) error {
	return s.Set(ctx, string(key), value, 0).Err()
}

// scan reads keys from anywhere and their values: SCAN has no order and no beginning,
// so that entries differ from call to call; it costs what a page costs.
func (s *goRedisStore) scan(ctx context.Context, _ []byte, entries int) (int, error) {
	n := 0
	var cursor uint64
	for n < entries {
		keys, next, err := s.Scan(ctx, cursor, "", int64(entries-n)).Result()
		if err != nil {
			return n, err
		}
		if len(keys) > 0 {
			values, err := s.MGet(ctx, keys...).Result()
			if err != nil {
				return n, err
			}
			n += len(values)
		}
		if cursor = next; cursor == 0 {
			break
		}
	}
	return n, nil
}

func (s *goRedisStore) batch() batch { return &goRedisBatch{pipe: s.Pipeline()} }

func (s *goRedisStore) close() error { return s.Close() }

func (s *goRedisStore) kind(err error) string { return redisKind(err) }

// redisKind names the errors that a Redis cluster gives while slots move.
func redisKind(err error) string {
	if errors.Is(err, redis.Nil) {
		return "missing"
	}
	if errors.Is(err, io.EOF) {
		return "connection lost"
	}
	for _, prefix := range []string{"MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN", "LOADING", "OOM"} {
		if strings.HasPrefix(err.Error(), prefix) {
			return prefix
		}
	}
	return commonKind(err)
}

type goRedisBatch struct {
	pipe redis.Pipeliner
	cmds []redis.Cmder
}

func (b *goRedisBatch) get(key []byte) {
	b.cmds = append(b.cmds, b.pipe.Get(context.Background(), string(key)))
}

func (b *goRedisBatch) set(key, value []byte) {
	b.cmds = append(b.cmds, b.pipe.Set(context.Background(), string(key), value, 0))
}

func (b *goRedisBatch) do(ctx context.Context, each func(error)) {
	_, _ = b.pipe.Exec(ctx) // each command has its own error
	for _, cmd := range b.cmds {
		each(cmd.Err())
	}
	b.cmds = b.cmds[:0]
}
