package e2e_test

import (
	"errors"
	"flag"
	"io/fs"
	"testing"
	"time"

	"ironkv/delegation"
	"ironkv/kv/client"
)

// long says that the machine is quiet enough to hold a promise against the clock.
var long = flag.Bool("long", false, "hold the time of a recovery against the clock, too, not against the host's processor time alone")

const (
	million      = 1_000_000
	millionBytes = 128
	// recovery is in what a host serves again after SIGKILL with a million entries.
	recovery = 2 * time.Second
)

func needsAMillion(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("a million entries take their time")
	}
}

// A shard of a million entries moves, there and back, while clients read and
// write it: no error, no write lost, none doubled.
func TestAMillionEntriesMoveUnderLoad(t *testing.T) {
	needsAMillion(t)
	_, db := start(t, "--memory")
	fill(t, db, million, millionBytes)
	w := startWork(t, db)
	began := time.Now()
	move(t, db, delegation.All, 2)
	there := time.Since(began)
	audit(t, db)
	move(t, db, delegation.All, 3, client.Unlimited())
	onward := time.Since(began) - there
	increments, longest := w.finish(million)
	audit(t, db)
	t.Logf("moved there in %v and on in %v, under %d increments, of which the longest took %v", there, onward, increments, longest)
}

// A host with a million entries serves again after SIGKILL within two seconds: of its
// processor time, which others that have the machine do not lengthen, and with -long by the clock.
func TestAMillionEntriesAreServedAgainAfterSIGKILL(t *testing.T) {
	needsAMillion(t)
	hosts, db := start(t)
	fill(t, db, million, millionBytes)
	began := time.Now()
	restart(t, hosts, 0)
	last := []byte("ff/filler 0999999")
	if e, err := db.Get(t.Context(), last); err != nil || len(e.Value) != millionBytes {
		t.Fatalf("get %q: %d bytes, %v", last, len(e.Value), err)
	}
	took := time.Since(began)
	used, err := hosts.ProcessorTime(0)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	t.Logf("killed, started, and served a read %v later, after %v of a processor", took, used)
	if used > recovery || *long && took > recovery {
		t.Errorf("served again after %v by the clock and %v of a processor, want %v", took, used, recovery)
	}
	if keys, _, err := db.Count(t.Context(), delegation.All); err != nil || keys != million {
		t.Errorf("%d keys, %v; want %d", keys, err, million)
	}
}
