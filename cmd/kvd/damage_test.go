package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestDamagedDirectories: whichever file of a data directory is damaged or missing, kvd
// does not start from it, and says which it is and what to do; with the files as they
// were it goes on.
func TestDamagedDirectories(t *testing.T) {
	dir, addrs := t.TempDir(), ports(t, 1)
	args := []string{"--id", "1", "--cluster", clusterOf(addrs), "--data", dir}
	p := start(t, nil, args...)
	p.expect("msg=ready")
	db := dial(t, addrs)
	for i := range byte(100) {
		if _, err := db.Put(t.Context(), []byte{'a' + i%26, i}, []byte("value")); err != nil {
			t.Fatal(err)
		}
	}
	p.signal(syscall.SIGKILL)
	p.end()
	restore := "fill a fresh cluster from a backup with kvctl restore"
	for _, d := range []struct {
		kind, what, remedy string
	}{
		{"*.log", "cut", restore},
		{"*.log", "flip", restore},
		{"*.log", "remove", restore},
		{"*.sst", "remove", restore},
		{"MANIFEST-*", "cut", restore},
		{"MANIFEST-*", "flip", restore},
		{"MANIFEST-*", "remove", restore},
		{"marker.manifest.*", "remove", restore},
		{"marker.format-version.*", "remove", restore},
		{"WITNESS", "remove", restore},
		{"IRONKV", "cut", restore},
		{"IRONKV", "flip", restore},
		{"IRONKV", "remove", restore},
		{"OPTIONS-*", "flip first", "remove this file"},
	} {
		t.Run(d.kind+" "+d.what, func(t *testing.T) {
			path, mend := damageOne(t, filepath.Join(dir, d.kind), d.what)
			if strings.HasPrefix(d.kind, "marker.") { // its name, which is gone, was all that it held
				path = strings.TrimSuffix(filepath.Join(dir, d.kind), "*")
			}
			refused := start(t, nil, args...)
			if code := refused.end(); code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			for _, w := range []string{path, d.remedy} {
				if !strings.Contains(refused.output(), w) {
					t.Errorf("does not say %q:\n%s", w, refused.output())
				}
			}
			mend()
		})
	}
	p = start(t, nil, args...)
	p.expect("msg=ready")
	if e, err := dial(t, addrs).Get(t.Context(), []byte{'a', 0}); err != nil || string(e.Value) != "value" {
		t.Errorf("after all was as before: %q, %v", e.Value, err)
	}
	p.signal(syscall.SIGTERM)
	if code := p.end(); code != 0 {
		t.Errorf("exit code %d, want 0\n%s", code, p.output())
	}
}

// damageOne does what to the newest file that pattern names, and returns its path and how
// to make it as it was.
func damageOne(t *testing.T, pattern, what string) (path string, mend func()) {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no file %s, %v", pattern, err)
	}
	path = paths[len(paths)-1]
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	mend = func() {
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	damaged := append([]byte(nil), whole...)
	switch what {
	case "cut":
		damaged = damaged[:len(damaged)/3]
	case "flip":
		damaged[len(damaged)/3] ^= 0x10
	case "flip first":
		damaged[0] ^= 0x10
	case "remove":
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		return path, mend
	}
	if err := os.WriteFile(path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, mend
}
