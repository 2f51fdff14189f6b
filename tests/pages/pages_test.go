package pages_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

const root = "../.."

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// found returns all that pattern's first group matches in the files of the tree whose names
// end with suffix.
func found(t *testing.T, suffix, pattern string) (list []string) {
	t.Helper()
	re := regexp.MustCompile(pattern)
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, suffix) {
			return err
		}
		for _, m := range re.FindAllStringSubmatch(read(t, path), -1) {
			list = append(list, m[1])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// named calls is for each match of pattern's first group in the pages, and fails where it
// reports false, or is never called.
func named(t *testing.T, pattern string, is func(name string) bool) {
	t.Helper()
	n := 0
	for _, page := range []string{"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"} {
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(read(t, page), -1) {
			if n++; !is(m[1]) {
				t.Errorf("%s names %s, which is not there", page, m[1])
			}
		}
	}
	if n == 0 {
		t.Error("the pages name none: the test is vacuous")
	}
}

// Each test that a page names is there; a name that ends with … begins those of some.
func TestNamedTestsAreThere(t *testing.T) {
	tests := found(t, "_test.go", `(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
	named(t, "`(?:[\\w/]+\\.)?((?:Test|Fuzz|Benchmark)[A-Z]\\w*…?)", func(name string) bool {
		if prefix, short := strings.CutSuffix(name, "…"); short {
			return slices.ContainsFunc(tests, func(s string) bool { return strings.HasPrefix(s, prefix) })
		}
		return slices.Contains(tests, name)
	})
}

// Each target of make that a page names is there.
func TestNamedTargetsAreThere(t *testing.T) {
	targets := found(t, "Makefile", `(?m)^([a-z-]+):`)
	named(t, "`make ([a-z-]+)", func(name string) bool { return slices.Contains(targets, name) })
}

// section returns what stands in a page between two lines, neither included.
func section(t *testing.T, page, from, until string) string {
	t.Helper()
	_, rest, begins := strings.Cut(read(t, page), "\n"+from+"\n")
	text, _, ends := strings.Cut(rest, "\n"+until)
	if !begins || !ends {
		t.Fatalf("%s has no section from %q until %q", page, from, until)
	}
	return text
}

// sentences returns those of a text's paragraphs, and the first cells of its tables' rows.
func sentences(text string) (list []string) {
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if table, is := strings.CutPrefix(paragraph, "|"); is {
			for _, row := range strings.Split(table, "\n")[2:] {
				list = append(list, strings.Split(row, "|")[1])
			}
			continue
		}
		words := strings.Fields(strings.ReplaceAll(paragraph, "**", ""))
		begin := 0
		for i, w := range words {
			if strings.HasSuffix(w, ".") && (i+1 == len(words) || !unicode.IsLower([]rune(words[i+1])[0])) {
				list = append(list, strings.Join(words[begin:i+1], " "))
				begin = i + 1
			}
		}
	}
	return list
}

// Each sentence of the README's guarantees, and each of its limits, has a row in the tables of
// ARCHITECTURE that quotes its first words, in the same order, and names a test or a story.
func TestEachGuaranteeHasItsTests(t *testing.T) {
	guarantees := sentences(section(t, "README.md", "## What it guarantees", "## Limits"))
	limits := sentences(section(t, "README.md", "## Limits", "## Figures"))
	if len(guarantees) < 40 || len(limits) < 15 {
		t.Fatalf("only %d sentences and %d limits found: %q", len(guarantees), len(limits), append(guarantees, limits...))
	}
	tables := section(t, "ARCHITECTURE.md", "## Which test holds which sentence of the README", "## ")
	var rows [][]string
	for _, m := range regexp.MustCompile(`(?m)^\| ([^|]+) \| ([^|]+) \|$`).FindAllStringSubmatch(tables, -1) {
		if m[2] != "the test" {
			rows = append(rows, m[1:])
		}
	}
	for i, s := range append(guarantees, limits...) {
		if i >= len(rows) || !strings.HasPrefix(strings.TrimSpace(s), rows[i][0]) {
			t.Fatalf("row %d of %d is not of the sentence %q", i+1, len(rows), s)
		}
		if !regexp.MustCompile("`Test|`Fuzz|stor(y|ies): ").MatchString(rows[i][1]) {
			t.Errorf("no test is named for %q", s)
		}
		for _, m := range regexp.MustCompile(`(?:story|stories): ([^;(]+)`).FindAllStringSubmatch(rows[i][1], -1) {
			for story := range strings.SplitSeq(strings.TrimSpace(m[1]), ", ") {
				checkStory(t, story)
			}
		}
		rows[i] = nil
	}
	for _, row := range rows {
		if row != nil {
			t.Errorf("no sentence of the README begins with %q", row[0])
		}
	}
}

func checkStory(t *testing.T, name string) {
	t.Helper()
	file := strings.ReplaceAll(name, " ", "-") + ".txt"
	for _, article := range []string{"", "a-", "an-", "the-"} {
		if _, err := os.Stat(filepath.Join(root, "tests/story/testdata", article+file)); err == nil {
			return
		}
	}
	t.Errorf("there is no story %q", name)
}

// The lock, without its tests, has as few lines as CONTRIBUTING says.
func TestTheLockIsSmall(t *testing.T) {
	m := regexp.MustCompile(`in under (\d+) lines`).FindStringSubmatch(read(t, "CONTRIBUTING.md"))
	if m == nil {
		t.Fatal("CONTRIBUTING does not say how small the lock is")
	}
	files, err := filepath.Glob(filepath.Join(root, "ghost/lock/*.go"))
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, f := range files {
		if !strings.HasSuffix(f, "_test.go") {
			lines += strings.Count(read(t, "ghost/lock/"+filepath.Base(f)), "\n")
		}
	}
	if under, err := strconv.Atoi(m[1]); err != nil || lines == 0 || lines >= under {
		t.Errorf("%d lines, CONTRIBUTING says under %s", lines, m[1])
	}
}
