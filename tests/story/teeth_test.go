package story

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"ironkv/tests/seeded"
)

var teeth = flag.Bool("teeth", false, "seed the faults that stories name, and see that each story finds its own (minutes)")

// storyPlace is the line of a story at which it is seen to be another, or judged.
var storyPlace = regexp.MustCompile(`testdata/\S+\.txt:\d+: .*`)

var teethLine = regexp.MustCompile(`(?m)^# Teeth: (.+)\.$`)

// Every story names seeded faults that it finds out; with -teeth it is tried.
func TestTeeth(t *testing.T) {
	all, err := seeded.Faults("../..")
	if err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob("testdata/*.txt")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		story := strings.TrimSuffix(filepath.Base(file), ".txt")
		line := teethLine.FindStringSubmatch(string(text))
		if line == nil {
			t.Errorf("%s: its first comment names no teeth: add a line \"# Teeth: NAME.\" with a seeded fault of tests/mutants that it finds out", file)
			continue
		}
		for _, name := range strings.Split(line[1], ", ") {
			fault, ok := all[name]
			if !ok {
				t.Errorf("%s: package mutants has no %s", file, name)
			} else if *teeth {
				t.Run(story+"/"+name, func(t *testing.T) { bites(t, story, fault) })
			}
		}
	}
}

// bites plays a story on code with a seeded fault: it has to fail.
func bites(t *testing.T, story string, fault seeded.Fault) {
	overlay, err := fault.Overlay(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-overlay", overlay, "-run", "^TestStories$/^"+story+"$", ".")
	out, err := run.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "--- FAIL: TestStories/"+story) {
		t.Errorf("%s does not find out %s: %v\n%s", story, fault.Name, err, out)
		return
	}
	t.Logf("%s finds out %s at: %s", story, fault.Name, storyPlace.FindString(string(out)))
}
