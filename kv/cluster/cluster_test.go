package cluster_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/kv/client"
	"ironkv/kv/cluster"
	"ironkv/kv/server"
	"ironkv/udp"
)

// patience bounds what never takes long unless it is broken.
const patience = 60 * time.Second

func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func dial(t *testing.T, c *cluster.Cluster) *client.Client {
	t.Helper()
	db, err := client.Dial(patient(t), c.Addrs())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// A client goes on with a host that was killed and has come back: also with
// values longer than its requests, which a host sends to nobody of whose address
// it knows nothing.
func TestClientsGoOnAfterARestart(t *testing.T) {
	for name, opts := range map[string][]cluster.Option{
		"memory": nil,
		"disk":   {cluster.Disk("")},
	} {
		t.Run(name, func(t *testing.T) {
			c := cluster.Start(t, 1, opts...)
			db, ctx := dial(t, c), patient(t)
			value := bytes.Repeat([]byte("v"), 100_000)
			version, err := db.Put(ctx, []byte("key"), value)
			if err != nil {
				t.Fatal(err)
			}
			c.Kill(1)
			if err := c.Restart(1); err != nil {
				t.Fatal(err)
			}
			e, err := db.Get(ctx, []byte("key"))
			if err != nil || e.Version != version || !bytes.Equal(e.Value, value) {
				t.Fatalf("get after the restart: version %d, %d bytes, %v; want version %d", e.Version, len(e.Value), err, version)
			}
		})
	}
}

// Ranges move while clients write and hosts are killed and come back, over a bad
// network: nothing that was acknowledged is lost or written twice.
func TestMovesAndKillsOverABadNetwork(t *testing.T) {
	c := cluster.Start(t, 3,
		cluster.Faults(7, udp.FaultRates{Drop: 0.05, Duplicate: 0.05, Reorder: 0.1, ReorderBy: 2 * time.Millisecond, Flip: 0.01, Truncate: 0.01}),
		cluster.Limits(kv.Limits{ChunkBytes: 2 << 10}))
	db, ctx := dial(t, c), patient(t)
	key := func(i int) []byte { return fmt.Appendf(nil, "key-%03d", i) }
	const keys = 60
	for i := range keys {
		if _, err := db.Put(ctx, key(i), bytes.Repeat([]byte{0}, 500)); err != nil {
			t.Fatal(err)
		}
	}
	var stop atomic.Bool
	var written [keys]byte // how often each key was written; of one writer each
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := w; !stop.Load(); i = (i + 4) % keys {
				value := bytes.Repeat([]byte{written[i] + 1}, 500)
				_, err := db.Put(ctx, key(i), value)
				if err != nil {
					t.Errorf("put %s: %v", key(i), err)
					return
				}
				written[i]++
			}
		})
	}
	for round := range 6 {
		to := client.HostID(round%3 + 1)
		ids, err := db.MoveShard(ctx, delegation.All, to, client.Unlimited())
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		victim := client.HostID((round+1)%3 + 1)
		c.Kill(victim)
		if err := c.Restart(victim); err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			if m, err := db.WaitMove(ctx, id, nil); err != nil {
				t.Fatalf("round %d, move %v: %+v, %v", round, id, m, err)
			}
		}
	}
	stop.Store(true)
	writers.Wait()
	for i := range keys {
		e, err := db.Get(ctx, key(i))
		if err != nil || !bytes.Equal(e.Value, bytes.Repeat([]byte{written[i]}, 500)) {
			t.Errorf("%s: %v, value of write %d; want write %d", key(i), err, first(e.Value), written[i])
		}
	}
	if _, err := db.Audit(ctx); err != nil {
		t.Errorf("audit: %v", err)
	}
}

func first(b []byte) int {
	if len(b) == 0 {
		return -1
	}
	return int(b[0])
}

// A host that kept nothing may not come back as if it had lost nothing: its part is gone.
func TestVolatileHostsDoNotComeBack(t *testing.T) {
	c, err := cluster.New(patient(t), 2, cluster.Volatile())
	if err != nil {
		t.Fatal(err)
	}
	db := dial(t, c)
	if _, err := db.Put(patient(t), []byte("k"), nil); err != nil {
		t.Fatal(err)
	}
	ids, err := db.MoveShard(patient(t), delegation.All, 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if _, err := db.WaitMove(patient(t), id, nil); err != nil {
			t.Fatal(err)
		}
	}
	c.Kill(2)
	if err := c.Restart(2); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(patient(t)); !errors.Is(err, kv.ErrLostState) {
		t.Errorf("Wait: %v, want kv.ErrLostState", err)
	}
	if err := c.Err(2); !errors.Is(err, server.ErrHalted) {
		t.Errorf("Err: %v, want server.ErrHalted", err)
	}
	if err := c.Err(1); err != nil {
		t.Errorf("Err of the other host: %v, want nil", err)
	}
	soon, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := db.Get(soon, []byte("k")); !errors.Is(err, client.ErrUnavailable) {
		t.Errorf("get of what it had: %v, want client.ErrUnavailable", err)
	}
	if err := c.Stop(); !errors.Is(err, server.ErrHalted) {
		t.Errorf("Stop: %v, want what stopped the host", err)
	}
}

func TestRunningAndNotRunning(t *testing.T) {
	c := cluster.Start(t, 2, cluster.Root(2))
	if err := c.Restart(1); !errors.Is(err, cluster.ErrRunning) {
		t.Errorf("Restart of a running host: %v, want ErrRunning", err)
	}
	if s, err := c.Stats(1); err != nil || s.Steps == 0 {
		t.Errorf("Stats: %d steps, %v", s.Steps, err)
	}
	c.Kill(1)
	c.Kill(1)
	if _, err := c.Stats(1); !errors.Is(err, cluster.ErrNotRunning) {
		t.Errorf("Stats of a killed host: %v, want ErrNotRunning", err)
	}
	if _, err := dial(t, c).Put(patient(t), []byte("key"), nil); err != nil {
		t.Errorf("put at the root, host 2: %v", err)
	}
}

// Stop removes the temporary directory and may be called again; a directory that
// was given stays, with what is in it.
func TestDirectories(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	c, err := cluster.New(patient(t), 1, cluster.Disk(""))
	if err != nil {
		t.Fatal(err)
	}
	if found, _ := filepath.Glob(filepath.Join(dir, "ironkv-cluster-*", "1", "*")); len(found) == 0 {
		t.Error("nothing is kept in the temporary directory")
	}
	for range 2 {
		if err := c.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left in the temporary directory: %v, %v", left, err)
	}

	given := filepath.Join(t.TempDir(), "given")
	for life := range 2 {
		c, err := cluster.New(patient(t), 1, cluster.Disk(given))
		if err != nil {
			t.Fatalf("life %d: %v", life, err)
		}
		db := dial(t, c)
		if life == 0 {
			if _, err := db.Put(patient(t), []byte("key"), []byte("value")); err != nil {
				t.Fatal(err)
			}
		} else if e, err := db.Get(patient(t), []byte("key")); err != nil || string(e.Value) != "value" {
			t.Errorf("in the next life: %q, %v", e.Value, err)
		}
		if err := c.Stop(); err != nil {
			t.Fatal(err)
		}
	}
}

// tb is a test that Start fails.
type tb struct {
	*testing.T
	said string
}

func (t *tb) Fatalf(format string, args ...any) { t.said = fmt.Sprintf(format, args...) }

func TestStartFailsTheTest(t *testing.T) {
	fake := &tb{T: t}
	cluster.Start(fake, 2, cluster.Limits(kv.Limits{ChunkBytes: -1}))
	if !strings.Contains(fake.said, "chunk") {
		t.Errorf("Start with a bad limit said %q", fake.said)
	}
}
