package ghost_test

import (
	"errors"
	"os"
	"testing"

	"ironkv/ghost"
)

// FuzzJournal: whatever a file holds, reading it ends, and yields steps, or
// says that it is corrupt or has no end. With mend the lengths and checksums are made
// right, so that what they guard is reached.
func FuzzJournal(f *testing.F) {
	for _, closed := range []bool{true, false} {
		c, files, _ := journaled(f, 2)
		traffic(c)
		if closed {
			if err := files[0].Close(); err != nil {
				f.Fatal(err)
			}
		}
		whole, err := os.ReadFile(files[0].Path())
		if err != nil {
			f.Fatal(err)
		}
		head, stream := ghost.Apart(whole)
		for _, mend := range []bool{true, false} {
			f.Add(head, stream, mend)
			f.Add(head, stream[:len(stream)/2], mend)
		}
	}
	f.Fuzz(func(t *testing.T, head, stream []byte, mend bool) {
		life, err := ghost.ReadBytes(ghost.Together(head, stream, mend))
		if err == nil {
			_, err = steps(t, life)
		}
		if err != nil && !errors.Is(err, ghost.ErrCorrupt) && !errors.Is(err, ghost.ErrTruncated) {
			t.Fatal(err)
		}
	})
}
