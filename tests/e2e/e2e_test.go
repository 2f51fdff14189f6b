package e2e_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"ironkv/delegation"
	"ironkv/kv/client"
	"ironkv/marshal"
	"ironkv/tests/daemon"
)

// patience bounds what never takes long unless it is broken.
const patience = 2 * time.Minute

// kvd is the binary, built once.
var kvd string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "ironkv-e2e-")
		if err == nil {
			defer func() { _ = os.RemoveAll(dir) }()
			kvd, err = daemon.Build(context.Background(), dir)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// start starts three hosts, and a client whose calls may have to wait for a host
// that was killed. The hosts' logs are shown if the test fails.
func start(t *testing.T, args ...string) (*daemon.Hosts, *client.Client) {
	t.Helper()
	return startIn(t, t.TempDir(), args...)
}

// startIn is start with the hosts' directories in dir.
func startIn(t *testing.T, dir string, args ...string) (*daemon.Hosts, *client.Client) {
	t.Helper()
	hosts, err := daemon.Start(context.WithoutCancel(t.Context()), kvd, dir, 3, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := hosts.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(hosts.Logs())
		}
	})
	db, err := client.Dial(t.Context(), hosts.Addrs(), client.WithTimeout(patience))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return hosts, db
}

func restart(t *testing.T, hosts *daemon.Hosts, i int) {
	t.Helper()
	if err := hosts.Kill(i); err != nil {
		t.Fatal(err)
	}
	if err := hosts.Start(i); err != nil {
		t.Fatal(err)
	}
}

// move orders r moved and waits until all of it is done.
func move(t *testing.T, db *client.Client, r delegation.Range, to client.HostID, opts ...client.MoveOption) {
	t.Helper()
	ids, err := db.MoveShard(t.Context(), r, to, opts...)
	if err != nil {
		t.Fatalf("move %v to host %d: %v", r, to, err)
	}
	for _, id := range ids {
		m, err := db.WaitMove(t.Context(), id, nil)
		if err != nil || m.Phase != marshal.MoveDone {
			t.Fatalf("move %v of %v to host %d: %v %v, %v", id, r, to, m.Phase, m.Reason, err)
		}
	}
}

func audit(t *testing.T, db *client.Client) {
	t.Helper()
	if _, err := db.Audit(t.Context()); err != nil {
		t.Fatal(err)
	}
}
