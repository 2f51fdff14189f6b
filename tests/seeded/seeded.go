// Package seeded lets tests of other packages seed the faults of package mutants, which
// is a command, into what they build.
package seeded

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A Fault is a mutant: a text of one file, and what replaces it.
type Fault struct {
	Name string
	// File is within the tree whose root Faults was given.
	File, Before, After string
	root                string
}

// Faults reads the mutants' lists of the tree at root, by name.
func Faults(root string) (map[string]Fault, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(root, "tests/mutants/list_*.go"))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("there are no lists of mutants in %s", root)
	}
	found := map[string]Fault{}
	for _, file := range files {
		tree, parsing := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if parsing != nil {
			return nil, parsing
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			literal, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			if f := texts(literal); f["name"] != "" {
				found[f["name"]] = Fault{f["name"], f["file"], f["before"], f["after"], root}
			}
			return true
		})
	}
	return found, err
}

// texts are the fields of a literal that are strings.
func texts(literal *ast.CompositeLit) map[string]string {
	fields := map[string]string{}
	for _, e := range literal.Elts {
		field, ok := e.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		name, _ := field.Key.(*ast.Ident)
		if text, ok := field.Value.(*ast.BasicLit); ok && name != nil && text.Kind == token.STRING {
			fields[name.Name], _ = strconv.Unquote(text.Value)
		}
	}
	return fields
}

// Overlay writes into dir what the go command takes as -overlay to build the tree with
// the fault. It fails where the file does not hold the fault's text exactly once.
func (f Fault) Overlay(dir string) (path string, err error) {
	original := filepath.Join(f.root, f.File)
	code, err := os.ReadFile(original)
	if err != nil {
		return "", err
	}
	if strings.Count(string(code), f.Before) != 1 {
		return "", fmt.Errorf("%s does not hold once what %s replaces", f.File, f.Name)
	}
	faulty, path := filepath.Join(dir, "faulty.go"), filepath.Join(dir, "overlay.json")
	table, err := json.Marshal(map[string]any{"Replace": map[string]string{original: faulty}})
	return path, errors.Join(err,
		os.WriteFile(faulty, []byte(strings.Replace(string(code), f.Before, f.After, 1)), 0o600),
		os.WriteFile(path, table, 0o600))
}
