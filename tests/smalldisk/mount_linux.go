package smalldisk

import (
	"fmt"
	"os"
	"syscall"
	"testing"
)

// Mount makes dir, and mounts a file system of so many bytes there until the test ends. Who
// has no right to mount skips the test; with CI in the environment it fails.
func Mount(t *testing.T, dir string, bytes int) {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes))
	switch {
	case err != nil && os.Getenv("CI") != "":
		t.Fatalf("CI goes without no test, and no small disk can be mounted: %v", err)
	case err != nil:
		t.Skipf("no small disk without the right to mount one: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
}
