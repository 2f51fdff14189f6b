package store

import (
	"os"
	"testing"
)

// copyDirectory returns a copy of a directory as a killed process leaves it.
func copyDirectory(t testing.TB, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}
