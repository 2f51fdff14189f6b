package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/kv/client"
	"ironkv/kv/cluster"
)

// aheadKeys is how many keys the tests below read, in pages of aheadPage and shards of aheadShard.
const aheadKeys, aheadPage, aheadShard = 300, 7, 25

func aheadKey(i int) delegation.Key { return delegation.Key(fmt.Sprintf("k%03d", i)) }

// manyShards is a cluster of three hosts whose shards are small, and a client of it.
func manyShards(t *testing.T) (*cluster.Cluster, *client.Client) {
	t.Helper()
	hosts := cluster.Start(t, 3, cluster.Limits(kv.Limits{PageEntries: aheadPage}))
	c, err := client.Dial(t.Context(), hosts.Addrs())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	b := c.Batch()
	for i := range aheadKeys {
		b.Put([]byte(aheadKey(i)), []byte("v"))
	}
	for _, r := range b.Do(t.Context()) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	for i := 0; i < aheadKeys; i += aheadShard {
		moveKeys(t, c, i, client.HostID(1+i/aheadShard%3))
	}
	return hosts, c
}

// moveKeys moves a shard that begins with key i.
func moveKeys(t *testing.T, c *client.Client, i int, to client.HostID) {
	t.Helper()
	ids, err := c.MoveShard(t.Context(), delegation.Range{From: delegation.At(aheadKey(i)), Until: delegation.At(aheadKey(i + aheadShard))}, to)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if _, err := c.WaitMove(t.Context(), id, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// known is what readAhead is told of the shards.
func known(t *testing.T, c *client.Client) <-chan []client.Shard {
	t.Helper()
	shards, err := c.Shards(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := make(chan []client.Shard, 1)
	found <- shards
	return found
}

// Wherever shards begin and end meanwhile, every entry is yielded once, in order, whether
// the shards are known, told late, or never.
func TestReadAheadWhileShardsMove(t *testing.T) {
	_, c := manyShards(t)
	for name, tellAt := range map[string]int{"known": -1, "late": 100, "never": aheadKeys} {
		t.Run(name, func(t *testing.T) {
			shards := make(chan []client.Shard, 1)
			next := 0
			if tellAt < 0 {
				shards <- <-known(t, c)
			}
			for e, err := range readAhead(t.Context(), c, delegation.All, shards) {
				if err != nil || string(e.Key) != string(aheadKey(next)) {
					t.Fatalf("%q, %v after %d keys", e.Key, err, next)
				}
				if next == tellAt {
					shards <- <-known(t, c)
				}
				if next%20 == 0 {
					moveKeys(t, c, min(next+next%60, aheadKeys-1), client.HostID(1+next/20%3))
				}
				next++
			}
			if next != aheadKeys {
				t.Errorf("%d keys, want %d", next, aheadKeys)
			}
		})
	}
}

// Who is interrupted gets that as the error, and not all entries.
func TestReadAheadInterrupted(t *testing.T) {
	_, c := manyShards(t)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	n := 0
	var err error
	for _, err = range readAhead(ctx, c, delegation.All, known(t, c)) {
		if n++; n == 10 {
			interrupt()
		}
	}
	if !errors.Is(err, context.Canceled) || n > 2*pagesAhead*aheadPage {
		t.Errorf("%d entries, then %v", n, err)
	}
}

// What a host that was down had is there when it is reached and the host is back; the error of one
// that is not names it, after all that comes before.
func TestReadAheadOfAHostThatIsDown(t *testing.T) {
	hosts, _ := manyShards(t)
	c, err := client.Dial(t.Context(), hosts.Addrs())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	shards := known(t, c)
	hosts.Kill(2)
	n, back := 0, false
	for e, err := range readAhead(t.Context(), c, delegation.All, shards) {
		if err != nil {
			t.Fatalf("after %d keys: %v", n, err)
		}
		if n++; !back && string(e.Key) == string(aheadKey(0)) {
			if back = true; hosts.Restart(2) != nil {
				t.Fatal("host 2 does not start again")
			}
		}
	}
	if n != aheadKeys {
		t.Errorf("%d keys, want %d", n, aheadKeys)
	}

	hosts.Kill(2)
	hosts.Kill(3)
	s := &shell{t: t, addr: strings.Join(hosts.Addrs(), ",")}
	o := s.fails(exitUnavailable, "no answer from host 2", "dump", "--timeout", "3s")
	if got := strings.Count(o.out, "\n"); got != aheadShard || !strings.Contains(o.errOut, "it ends after 25 keys") {
		t.Errorf("%d lines, %s", got, o.errOut)
	}
}
