package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ironkv/ghost"
	"ironkv/tests/smalldisk"
)

// A host whose journal has no room stops and says which file and what to do, before it
// does what it could not note: what it acknowledged is there, and its journal is that
// of a host that was killed. It does not start again with a journal, but without one.
func TestAFullDiskUnderAJournal(t *testing.T) {
	const diskBytes, valueBytes = 512 << 10, 16 << 10
	dir, addrs := t.TempDir(), ports(t, 1)
	small := filepath.Join(dir, "small")
	smalldisk.Mount(t, small, diskBytes)
	args := []string{"--id", "1", "--cluster", clusterOf(addrs), "--data", filepath.Join(dir, "1")}
	journaled := append(args[:len(args):len(args)], "--journal", small)
	told := func(p *process) {
		t.Helper()
		if code := p.end(); code != exitFailure {
			t.Errorf("exit code %d", code)
		}
		for _, words := range []string{small, syscall.ENOSPC.Error(), "start it without a journal"} {
			if !strings.Contains(p.output(), words) {
				t.Errorf("it does not say %q:\n%s", words, p.output())
			}
		}
	}
	host := start(t, nil, journaled...)
	host.expect("msg=ready")
	db := dial(t, addrs)
	key := func(i int) []byte { return fmt.Appendf(nil, "key %d", i) }
	written := 0
	for ; ; written++ {
		if written*valueBytes > diskBytes {
			t.Fatalf("%d values of %d bytes fit into a journal of %d", written, valueBytes, diskBytes)
		}
		if _, err := db.Put(t.Context(), key(written), make([]byte, valueBytes)); err != nil {
			break
		}
	}
	told(host)
	lives, err := ghost.ReadDir(small)
	if err != nil {
		t.Fatal(err)
	}
	report, err := ghost.Verify(lives, ghost.VerifyOptions{Killed: true, NewStore: newReplayStore})
	if err != nil || report.Requests < uint64(written) {
		t.Errorf("%d writes, %+v: %v", written, report, err)
	}
	told(start(t, nil, journaled...))
	host = start(t, nil, args...)
	host.expect("msg=ready")
	for i := range written {
		if e, err := db.Get(t.Context(), key(i)); err != nil || len(e.Value) != valueBytes {
			t.Errorf("%s: %d bytes, %v", key(i), len(e.Value), err)
		}
	}
	host.signal(syscall.SIGTERM)
	if code := host.end(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	t.Logf("%d values of %d bytes, %+v", written, valueBytes, report)
}
