package story

import (
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var teeth = flag.Bool("teeth", false, "seed the faults that stories name, and see that each story finds its own (minutes)")

// mutantFields are those of a mutant, by name: file, before, after.
type mutantFields map[string]string

// mutants reads the seeded faults of package mutants, which is a command.
func mutants(t *testing.T) map[string]mutantFields {
	files, err := filepath.Glob("../mutants/list_*.go")
	if err != nil || len(files) == 0 {
		t.Fatal("there are no lists of mutants", err)
	}
	found := map[string]mutantFields{}
	for _, file := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			literal, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			m := mutantFields{}
			for _, e := range literal.Elts {
				if kv, ok := e.(*ast.KeyValueExpr); ok {
					name, _ := kv.Key.(*ast.Ident)
					if text, ok := kv.Value.(*ast.BasicLit); ok && name != nil && text.Kind == token.STRING {
						m[name.Name], _ = strconv.Unquote(text.Value)
					}
				}
			}
			if m["name"] != "" {
				found[m["name"]] = m
			}
			return true
		})
	}
	return found
}

var teethLine = regexp.MustCompile(`(?m)^# Teeth: (.+)\.$`)

// Every story names seeded faults that it finds out; with -teeth it is tried.
func TestTeeth(t *testing.T) {
	all := mutants(t)
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
			m, ok := all[name]
			if !ok {
				t.Errorf("%s: package mutants has no %s", file, name)
			} else if *teeth {
				t.Run(story+"/"+name, func(t *testing.T) { bites(t, story, m) })
			}
		}
	}
}

// bites plays a story on code with a seeded fault: it has to fail.
func bites(t *testing.T, story string, m mutantFields) {
	original, err := filepath.Abs(filepath.Join("../..", m["file"]))
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile(original)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(code), m["before"]) != 1 {
		t.Fatalf("%s does not hold once what %s replaces", m["file"], m["name"])
	}
	dir := t.TempDir()
	faulty, overlay := filepath.Join(dir, "faulty.go"), filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(faulty, []byte(strings.Replace(string(code), m["before"], m["after"], 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	table, err := json.Marshal(map[string]any{"Replace": map[string]string{original: faulty}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(overlay, table, 0o600); err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-overlay", overlay, "-run", "^TestStories$/^"+story+"$", ".")
	out, err := run.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "--- FAIL: TestStories/"+story) {
		t.Errorf("%s does not find out %s: %v\n%s", story, m["name"], err, out)
	}
}
