//go:build unix

package ghost_test

import (
	"os"
	"strings"
	"testing"

	"ironkv/ghost"
	"ironkv/kv"
)

// A journal whose file was cut, or has no room behind the memory that is mapped to it,
// is an error that says what to do, also for who tells it what is durable, and never
// the end of the process.
func TestAJournalThatIsGoneFromUnderIt(t *testing.T) {
	c := newCluster(t, 1, testLimits)
	f, err := ghost.Create(t.TempDir(), c.configs[0], c.hosts[0].State())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(f.Path(), 0); err != nil {
		t.Fatal(err)
	}
	f.Durable(1)
	observe(f, 0, 1, kv.Input{Kind: kv.InputTimer}, &kv.Effects{})
	for range 2 {
		if err := f.Flush(0); err == nil || !strings.Contains(err.Error(), f.Path()) || !strings.Contains(err.Error(), "without a journal") {
			t.Errorf("got %v", err)
		}
	}
	if err := f.Close(); err == nil {
		t.Error("it was closed as if it were whole")
	}
}
