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

// guarantees returns the leads of the paragraphs of the README's guarantees.
func guarantees(t *testing.T) (leads []string) {
	t.Helper()
	_, section, _ := strings.Cut(read(t, "README.md"), "\n## What it guarantees\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, m := range regexp.MustCompile(`(?m)^\*\*([^*]+?)[.]?\*\*`).FindAllStringSubmatch(section, -1) {
		leads = append(leads, m[1])
	}
	return leads
}

// Each guarantee of the README has rows in the table of ARCHITECTURE that say what tests it,
// every row is about one, and every story that it names is there.
func TestEachGuaranteeHasItsTests(t *testing.T) {
	_, table, _ := strings.Cut(read(t, "ARCHITECTURE.md"), "\n| the README says | under | the test |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	leads := append(guarantees(t), "Limits")
	if len(leads) < 10 {
		t.Fatalf("only %d guarantees found: %q", len(leads), leads)
	}
	covered := map[string]bool{}
	for _, row := range strings.Split(table, "\n")[1:] {
		cells := strings.Split(strings.Trim(row, "| "), " | ")
		if len(cells) != 3 {
			t.Fatalf("a row of %d cells: %s", len(cells), row)
		}
		if !slices.Contains(leads, cells[1]) {
			t.Errorf("no guarantee of the README begins with %q", cells[1])
		}
		covered[cells[1]] = true
		for _, m := range regexp.MustCompile("(?:story|stories|`tests/story`): ([^;]+)").FindAllStringSubmatch(cells[2], -1) {
			for _, story := range strings.Split(m[1], ", ") {
				checkStory(t, story)
			}
		}
	}
	for _, lead := range leads {
		if !covered[lead] {
			t.Errorf("no test is named for %q", lead)
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
