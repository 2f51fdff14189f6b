package e2e_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"ironkv/delegation"
	"ironkv/kv/client"
	"ironkv/tests/daemon"
)

// A backup of a cluster that is written, and whose ranges move, is what kvctl says of
// it (backupConsistency): every entry existed with this value and version between start
// and end, what was answered before the start is in it, unless it was replaced, and what
// was there throughout is in it once. Restored, a fresh cluster holds just that.
func TestABackupOfARunningCluster(t *testing.T) {
	hosts, db := start(t)
	fill(t, db, filler, fillerBytes)
	w := startWork(t, db)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if _, err := movers(w, db, rand.New(rand.NewPCG(4, 4))); err != nil {
			t.Error(err)
		}
	}()
	kvctl := buildKvctl(t)
	var dir string
	var before, after [writers][]int
	for busy := false; !busy; { // until clients and moves were at work meanwhile
		dir = filepath.Join(t.TempDir(), "backup")
		first := owners(t, db)
		before = w.counts()
		run(t, kvctl, hosts, "backup", "--to", dir)
		after = w.counts()
		busy = !reflect.DeepEqual(before, after) && owners(t, db) != first
		if w.Err() != nil {
			t.Fatal("writers or moves ended by themselves")
		}
	}
	w.stop()
	<-ended
	w.finish(filler)
	copied := readCopy(t, dir)
	keys := filler
	for i := range w.tallies {
		for j := range w.tallies[i] {
			a := &w.tallies[i][j]
			e, found := copied[string(a.key)]
			count := a.countOf(e)
			if found {
				keys++
			}
			// One increment more may be executed than its writer knew of at the end.
			if count < before[i][j] || count > after[i][j]+1 || found && (count == 0 || e.Version != a.versions[count-1]) {
				t.Errorf("the backup has %q with count %d, version %d; acknowledged were %d at its start and %d at its end, of versions %v",
					a.key, count, e.Version, before[i][j], after[i][j], a.versions)
			}
		}
	}
	for i := range filler {
		if e, found := copied[string(fillerKey(i, filler))]; !found || e.Value != strings.Repeat("f", fillerBytes) {
			t.Errorf("the backup has %.20q under %q (found: %v)", e.Value, fillerKey(i, filler), found)
		}
	}
	if len(copied) != keys {
		t.Errorf("the backup has %d keys, want %d", len(copied), keys)
	}

	fresh, to := start(t)
	run(t, kvctl, fresh, "restore", "--from", dir)
	for e, err := range to.Scan(t.Context(), delegation.All) {
		if err != nil {
			t.Fatal(err)
		}
		if was, found := copied[string(e.Key)]; !found || was.Value != string(e.Value) {
			t.Errorf("restored is %q with %.20q; the backup has %.20q (found: %v)", e.Key, e.Value, was.Value, found)
		}
		delete(copied, string(e.Key))
	}
	if len(copied) > 0 {
		t.Errorf("%d entries of the backup are not restored", len(copied))
	}
}

// A line is an entry as a backup writes it; keys and values of this test are UTF-8.
type line struct {
	Key, Value string
	Version    uint64
}

// readCopy returns all entries of a backup; a key that is there twice fails the test.
func readCopy(t *testing.T, dir string) map[string]line {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%d files in the backup, %v", len(names), err)
	}
	all := map[string]line{}
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		for lines := json.NewDecoder(bufio.NewReader(f)); lines.More(); {
			var e line
			if err := lines.Decode(&e); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if _, twice := all[e.Key]; twice {
				t.Errorf("%q is in the backup twice", e.Key)
			}
			all[e.Key] = e
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// countOf is the count in a copy of the key; 0 where there is none.
func (a *tally) countOf(e line) int {
	n, err := strconv.Atoi(strings.TrimRight(e.Value, "."))
	if err != nil || e.Value != string(a.value(n)) {
		return 0
	}
	return n
}

// owners tells who owns what.
func owners(t *testing.T, db *client.Client) string {
	t.Helper()
	shards, err := db.Shards(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(shards)
}

func buildKvctl(t *testing.T) string {
	t.Helper()
	kvctl := filepath.Join(t.TempDir(), "kvctl")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", kvctl, "ironkv/cmd/kvctl").CombinedOutput(); err != nil {
		t.Fatalf("build kvctl: %v\n%s", err, out)
	}
	return kvctl
}

func run(t *testing.T, kvctl string, hosts *daemon.Hosts, args ...string) {
	t.Helper()
	args = append([]string{"--addr", strings.Join(hosts.Addrs(), ",")}, args...)
	if out, err := exec.CommandContext(t.Context(), kvctl, args...).CombinedOutput(); err != nil {
		t.Fatalf("kvctl %q: %v\n%s", args, err, out)
	}
}
