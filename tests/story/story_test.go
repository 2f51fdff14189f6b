package story

import (
	"flag"
	"fmt"
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
				if at, text := difference(b.seen, seen[i].seen); text != "" {
					t.Errorf("%s:%d: %s", file, b.line+len(b.above)+1+at, text)
				}
			}
		})
	}
}

// difference says where, from 0, what a story says is not what is seen, with the lines
// before and behind; "" where it is the same.
func difference(says, seen []string) (at int, text string) {
	if slices.Equal(says, seen) {
		return 0, ""
	}
	for at < min(len(says), len(seen)) && says[at] == seen[at] {
		at++
	}
	const context = 2
	around := func(lines []string) string {
		if at >= len(lines) {
			lines = append(slices.Clone(lines), "(nothing more)")
		}
		return strings.Join(lines[max(0, at-context):min(len(lines), at+1+context)], "\n\t")
	}
	return at, fmt.Sprintf("the story says\n\t%s\nand this is seen:\n\t%s", around(says), around(seen))
}

// A difference is told by its line, not by the whole block.
func TestDifference(t *testing.T) {
	says := strings.Split("abcdefg", "")
	for _, c := range []struct {
		seen string
		at   int
		want string
	}{
		{"abcdefg", 0, ""},
		{"abcdXfg", 4, "the story says\n\tc\n\td\n\te\n\tf\n\tg\nand this is seen:\n\tc\n\td\n\tX\n\tf\n\tg"},
		{"abc", 3, "the story says\n\tb\n\tc\n\td\n\te\n\tf\nand this is seen:\n\tb\n\tc\n\t(nothing more)"},
	} {
		if at, text := difference(says, strings.Split(c.seen, "")); at != c.at || text != c.want {
			t.Errorf("%s: at %d, %q", c.seen, at, text)
		}
	}
}
