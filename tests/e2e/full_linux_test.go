package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/kv/client"
	"ironkv/tests/smalldisk"
)

const (
	// smallDiskBytes holds the reserve of a host, 64 MiB, and a few tens besides.
	smallDiskBytes = 256 << 20
	fillValueBytes = 256 << 10
)

// fillUp makes a file longer until a quarter of a host's reserve is left on its disk.
func fillUp(t *testing.T, file *os.File) {
	t.Helper()
	var disk syscall.Statfs_t
	if err := syscall.Fstatfs(int(file.Fd()), &disk); err != nil {
		t.Fatal(err)
	}
	more := int64(disk.Bavail)*disk.Bsize - kv.DefaultReserveBytes/4
	if _, err := file.Write(make([]byte, max(0, more))); err != nil {
		t.Fatal(err)
	}
}

// A host whose disk is full says so at once, and nothing was written; it still
// reads, deletes, restarts and gives shards away; and with room again it writes. Where
// others leave it too little to record an answer, it says so soon, and the client
// cannot know.
func TestAFullDisk(t *testing.T) {
	dir := t.TempDir()
	smalldisk.Mount(t, filepath.Join(dir, "1"), smallDiskBytes)
	hosts, db := startIn(t, dir)
	random := rand.NewChaCha8([32]byte{1})
	value, written := make([]byte, fillValueBytes), 0
	key := func(i int) []byte { return fmt.Appendf(nil, "key %05d", i) }
	var full error
	for ; full == nil; written++ {
		if written*fillValueBytes > smallDiskBytes {
			t.Fatalf("%d values of %d bytes fit on a disk of %d", written, fillValueBytes, smallDiskBytes)
		}
		_, _ = random.Read(value) // so that compression does not make room
		_, full = db.Put(t.Context(), key(written), value)
	}
	if written--; !errors.Is(full, client.ErrFull) {
		t.Fatalf("write %d: %v, want ErrFull", written, full)
	}
	if _, err := db.Get(t.Context(), key(written)); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("what was refused reads as %v, want ErrNotFound", err)
	}
	const emptied = 5
	gone := 0
	readAll := func(when string) {
		t.Helper()
		for i := gone; i < written; i++ {
			if e, err := db.Get(t.Context(), key(i)); err != nil || len(e.Value) != fillValueBytes {
				t.Fatalf("%s: %s has %d bytes, %v", when, key(i), len(e.Value), err)
			}
		}
	}
	readAll("full")
	restart(t, hosts, 0)
	readAll("full, after SIGKILL")
	move(t, db, delegation.Range{From: delegation.At("key 00010"), Until: delegation.PosInf}, 2, client.Unlimited())
	readAll("moved away")
	if _, err := db.Put(t.Context(), key(written), value); err != nil {
		t.Errorf("at the new owner: %v", err)
	}
	for i := range emptied {
		if err := db.Delete(t.Context(), key(i)); err != nil {
			t.Errorf("delete %s: %v", key(i), err)
		}
	}
	gone = emptied
	audit(t, db)
	stuff, err := os.Create(filepath.Join(dir, "1", "stuff"))
	if err != nil {
		t.Fatal(err)
	}
	for full = nil; !errors.Is(full, client.ErrUnknownOutcome); { // until the host has looked
		fillUp(t, stuff) // again, since what was moved away is not gone at once
		if _, full = db.Put(t.Context(), key(0), []byte("no room")); full != nil && !errors.Is(full, client.ErrFull) {
			t.Fatalf("a put where others have filled the disk: %v", full)
		}
	}
	if errors.Is(full, context.DeadlineExceeded) {
		t.Errorf("it was waited for: %v", full)
	}
	readAll("filled by others")
	if err := db.Delete(t.Context(), key(6)); err != nil {
		t.Errorf("delete: %v", err)
	}
	if err := errors.Join(stuff.Close(), os.Remove(stuff.Name())); err != nil {
		t.Fatal(err)
	}
	for err = full; err != nil; {
		if _, err = db.Put(t.Context(), key(0), []byte("room again")); err != nil && !errors.Is(err, client.ErrFull) {
			t.Fatal(err)
		}
	}
	t.Logf("%d values of %d bytes filled the disk", written, fillValueBytes)
}
