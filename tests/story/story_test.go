package story

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what is seen into the stories")

// Every story is played, judged after each command, and has to be seen as it is
// written.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no stories", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			seen, err := tell(file, string(text))
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				if err := os.WriteFile(file, []byte(format(seen)), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			written, err := parse(file, string(text))
			if err != nil {
				t.Fatal(err)
			}
			for i, b := range written {
				if !slices.Equal(b.seen, seen[i].seen) {
					t.Errorf("%s:%d: the story says\n\t%s\nand this is seen:\n\t%s", file, b.line+len(b.above),
						strings.Join(b.seen, "\n\t"), strings.Join(seen[i].seen, "\n\t"))
				}
			}
		})
	}
}
