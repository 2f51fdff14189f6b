package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"ironkv/kv/client"
	"ironkv/kv/cluster"
)

// A shell runs kvctl as a person would, against a cluster of the test's own.
type shell struct {
	t     *testing.T
	addr  string
	stdin []byte
}

// An outcome is what a person sees of a command.
type outcome struct {
	code        int
	out, errOut string
}

func newShell(t *testing.T, hosts int, opts ...cluster.Option) (*shell, *cluster.Cluster) {
	t.Helper()
	c := cluster.Start(t, hosts, opts...)
	return &shell{t: t, addr: strings.Join(c.Addrs(), ",")}, c
}

// kvctl runs a command to its end.
func (s *shell) kvctl(args ...string) outcome {
	s.t.Helper()
	return s.kvctlUntil(s.t.Context(), args...)
}

func (s *shell) kvctlUntil(ctx context.Context, args ...string) outcome {
	var out, errOut bytes.Buffer
	code := run(ctx, append([]string{"--addr", s.addr}, args...), bytes.NewReader(s.stdin), &out, &errOut)
	return outcome{code, out.String(), errOut.String()}
}

// ok runs a command that has to succeed, and returns what it printed.
func (s *shell) ok(args ...string) string {
	s.t.Helper()
	o := s.kvctl(args...)
	if o.code != exitOK {
		s.t.Fatalf("kvctl %q: exit code %d\nstdout: %.500s\nstderr: %.500s", args, o.code, o.out, o.errOut)
	}
	return o.out
}

// fails runs a command that has to end with a code, and to say something.
func (s *shell) fails(code int, says string, args ...string) outcome {
	s.t.Helper()
	o := s.kvctl(args...)
	if o.code != code || !strings.Contains(o.errOut, says) {
		s.t.Fatalf("kvctl %.200q: exit code %d, want %d; stderr has to contain %q:\n%.500s", args, o.code, code, says, o.errOut)
	}
	return o
}

// with gives the following commands an input.
func (s *shell) with(stdin []byte) *shell {
	return &shell{t: s.t, addr: s.addr, stdin: stdin}
}

func write(t *testing.T, path string, content []byte) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func expect(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Fatalf("%s:\ngot  %.1000q\nwant %.1000q", what, got, want)
	}
}

func TestEntriesAsText(t *testing.T) {
	s, _ := newShell(t, 1)
	expect(t, "put", s.ok("put", "a", "apple"), "1\n")
	expect(t, "put again", s.ok("put", "a", "avocado"), "2\n")
	expect(t, "get prints the bytes and nothing else", s.ok("get", "a"), "avocado")
	expect(t, "put an empty value", s.ok("put", "e", ""), "3\n")
	expect(t, "get an empty value", s.ok("get", "e"), "")
	expect(t, "put -", s.with([]byte("from\x00stdin\n")).ok("put", "s", "-"), "4\n")
	expect(t, "get it", s.ok("get", "s"), "from\x00stdin\n")
	file := write(t, filepath.Join(t.TempDir(), "f"), []byte("from a file"))
	expect(t, "put --file", s.ok("put", "f", "--file", file), "5\n")
	expect(t, "scan", s.ok("scan", "--from", "a", "--until", "f"), "a\tavocado\ne\t\n")
	expect(t, "scan --prefix", s.ok("scan", "--prefix", "f"), "f\tfrom a file\n")
	expect(t, "scan --keys-only --limit", s.ok("scan", "--keys-only", "--limit", "3"), "a\ne\nf\n")
	expect(t, "del", s.ok("del", "e"), "")
	s.fails(exitNotFound, "not found", "get", "e")
	s.fails(exitNotFound, "not found", "del", "e")
	expect(t, "a key that begins with a dash", s.ok("put", "--", "-k", "-v"), "7\n")
	expect(t, "get it", s.ok("get", "--", "-k"), "-v")
}

func TestConditions(t *testing.T) {
	s, _ := newShell(t, 1)
	expect(t, "put --if-absent", s.ok("put", "k", "1", "--if-absent"), "1\n")
	s.fails(exitCondition, "condition", "put", "k", "2", "--if-absent")
	s.fails(exitCondition, "condition", "put", "k", "2", "--if-version", "7")
	s.fails(exitCondition, "condition", "put", "k", "2", "--if-version", "0")
	s.fails(exitCondition, "condition", "del", "k", "--if-version", "7")
	expect(t, "nothing was changed", s.ok("get", "k"), "1")
	expect(t, "put --if-version", s.ok("put", "k", "2", "--if-version", "1"), "2\n")
	s.ok("del", "k", "--if-version", "2")
	s.fails(exitNotFound, "", "get", "k")
	s.fails(exitUsage, "if-absent", "put", "k", "1", "--if-absent", "--if-version", "1")
}

func TestEntriesAsJSON(t *testing.T) {
	s, _ := newShell(t, 1)
	expect(t, "put", s.ok("put", "-o", "json", "a", "<ä>"), `{"key":"a","version":1}`+"\n")
	expect(t, "get", s.ok("get", "-o", "json", "a"), `{"key":"a","value":"<ä>","version":1}`+"\n")
	s.ok("put", "--key-format", "hex", "ff00", "x\xff")
	expect(t, "bytes that are not UTF-8", s.ok("scan", "-o", "json"),
		`{"key":"a","value":"<ä>","version":1}`+"\n"+`{"key64":"/wA=","value64":"eP8=","version":2}`+"\n")
	expect(t, "keys only", s.ok("scan", "-o", "json", "--keys-only", "--limit", "1"), `{"key":"a","version":1}`+"\n")
	expect(t, "keys in hex", s.ok("get", "-o", "json", "--key-format", "hex", "ff00"), `{"key":"ff00","value64":"eP8=","version":2}`+"\n")
	expect(t, "keys in base64", s.ok("scan", "--key-format", "base64", "--from", "/wA="), "/wA=\tx\xff\n")
	expect(t, "del", s.ok("del", "-o", "json", "a"), `{"key":"a","deleted":true}`+"\n")
	expect(t, "an empty value is there", s.ok("put", "b", "")+s.ok("get", "b", "-o", "json"), "4\n"+`{"key":"b","value":"","version":4}`+"\n")
}

// Everything up to the limits passes through every verb unchanged; beyond them it is
// a usage error, and the store serves on.
func TestLimits(t *testing.T) {
	s, _ := newShell(t, 2)
	dir := t.TempDir()
	greatest := bytes.Repeat([]byte{0, 0xff, '\n', '\t'}, 1<<20)
	longKey := strings.Repeat("k", 4<<10)
	s.ok("put", longKey, "--file", write(t, filepath.Join(dir, "greatest"), greatest))
	expect(t, "4 MiB through a file", s.ok("get", longKey), string(greatest))
	s.with(greatest).ok("put", "stdin", "-")
	expect(t, "4 MiB through stdin", s.ok("get", "stdin"), string(greatest))
	s.ok("shard", "move", "--to", "2")
	expect(t, "4 MiB after a move", s.ok("get", "stdin"), string(greatest))

	tooLong := write(t, filepath.Join(dir, "too-long"), append(greatest, 1))
	s.fails(exitUsage, "too large", "put", "k", "--file", tooLong)
	s.with(append(greatest, 1)).fails(exitUsage, "too large", "put", "k", "-")
	s.fails(exitUsage, "4096", "put", longKey+"k", "v")
	s.fails(exitUsage, "4096", "get", longKey+"k")
	s.fails(exitUsage, "", "get", "")
	expect(t, "the store serves on", s.ok("put", "k", "v")+s.ok("get", "k"), s.ok("scan", "--prefix", "k", "--limit", "1", "-o", "json")[len(`{"key":"k","value":"v","version":`):][:1]+"\nv")
}

func TestUsage(t *testing.T) {
	s := &shell{t: t, addr: "127.0.0.1:1"} // nothing of this gets as far as a host
	for _, args := range [][]string{
		{"get"},
		{"get", "a", "b"},
		{"put", "a"},
		{"put", "a", "b", "c"},
		{"put", "a", "b", "--file", "f"},
		{"nonsense"},
		{"shard"},
		{"shard", "nonsense"},
		{"move"},
		{"move", "show", "nonsense"},
		{"move", "show"},
		{"get", "--nonsense", "a"},
		{"get", "a", "--output", "xml"},
		{"get", "a", "--key-format", "latin1"},
		{"get", "a", "--timeout", "soon"},
		{"get", "a", "--timeout", "-1s"},
		{"get", "zz", "--key-format", "hex"},
		{"scan", "--prefix", "a", "--from", "b"},
		{"scan", "--from", "b", "--until", "b"},
		{"scan", "--from", ""},
		{"scan", "--limit", "-1"},
		{"scan", "extra"},
		{"shard", "move", "--from", "a"},
		{"shard", "move", "--to", "1", "--rate", "fast"},
		{"move", "throttle", "1-1", "0"},
		{"load", os.Args[0]},
		{"load", "-", "--format", "xml"},
		{"load", "-", "--parallel", "0"},
		{"backup"},
		{"restore"},
		{"host"},
		{"dump", "extra"},
		{"help", "nonsense"},
	} {
		if o := s.kvctl(args...); o.code != exitUsage || o.out != "" || !strings.Contains(o.errOut, "--help") {
			t.Errorf("kvctl %q: exit code %d, want %d, nothing on stdout and a hint at --help on stderr\nstdout: %s\nstderr: %s",
				args, o.code, exitUsage, o.out, o.errOut)
		}
	}
}

func TestEnvironment(t *testing.T) {
	c := cluster.Start(t, 1)
	s := &shell{t: t}
	kvctl := func(args ...string) outcome {
		var out, errOut bytes.Buffer
		code := run(t.Context(), args, bytes.NewReader(s.stdin), &out, &errOut)
		return outcome{code, out.String(), errOut.String()}
	}
	t.Setenv("KVCTL_ADDR", strings.Join(c.Addrs(), ","))
	t.Setenv("KVCTL_TIMEOUT", "10s")
	t.Setenv("KVCTL_OUTPUT", "json")
	t.Setenv("KVCTL_KEY_FORMAT", "hex")
	t.Setenv("KVCTL_FROM", "zz") // only shared flags have a twin
	expect(t, "all from the environment", kvctl("put", "61", "v").out, `{"key":"61","version":1}`+"\n")
	expect(t, "a flag outweighs it", kvctl("scan", "--key-format", "utf8").out, `{"key":"a","value":"v","version":1}`+"\n")
	t.Setenv("KVCTL_OUTPUT", "xml")
	if o := kvctl("version"); o.code != exitUsage || !strings.Contains(o.errOut, "KVCTL_OUTPUT") {
		t.Errorf("a wrong value in the environment: exit code %d, stderr %q", o.code, o.errOut)
	}
}

// Every kind of error has its exit code, also where it wraps another kind.
func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, exitOK},
		{runError{fmt.Errorf("anything else")}, exitFailure},
		{fmt.Errorf("from cobra"), exitUsage},
		{runError{usagef("noticed late")}, exitUsage},
		{runError{client.ErrNotFound}, exitNotFound},
		{runError{client.ErrConditionFailed}, exitCondition},
		{runError{fmt.Errorf("get: %w: %w", client.ErrUnavailable, context.DeadlineExceeded)}, exitUnavailable},
		{runError{context.DeadlineExceeded}, exitUnavailable},
		{runError{client.ErrUndetermined}, exitUnavailable},
		{runError{fmt.Errorf("%w: %w", client.ErrViolation, client.ErrUndetermined)}, exitFailure},
		{runError{fmt.Errorf("%w: %w", client.ErrUnknownOutcome, context.DeadlineExceeded)}, exitUnknownOutcome},
		{runError{fmt.Errorf("%w: %w", client.ErrUnknownOutcome, context.Canceled)}, exitUnknownOutcome},
		{runError{fmt.Errorf("%w: %w", context.Canceled, client.ErrUnavailable)}, exitFailure},
		{runError{errDetached}, exitFailure},
		{runError{client.ErrMoveRefused}, exitFailure},
		{runError{client.ErrTooLarge}, exitUsage},
	} {
		var w bytes.Buffer
		if got := report(&w, c.err); got != c.want || (c.err != nil) != (w.Len() > 0) {
			t.Errorf("%v: exit code %d, want %d; printed %q", c.err, got, c.want, &w)
		}
	}
}

func TestUnavailableAndUnknown(t *testing.T) {
	s, c := newShell(t, 3)
	s.ok("put", "k", "v")
	s.ok("shard", "move", "--from", "m", "--to", "2")
	c.Kill(2)
	s.fails(exitUnavailable, "", "get", "z", "--timeout", "200ms")
	s.fails(exitUnavailable, "undetermined", "audit", "--timeout", "200ms")
	if hosts := s.ok("host", "ls", "--timeout", "200ms"); !strings.Contains(hosts, "no ") {
		t.Errorf("host ls does not say that host 2 is unreachable:\n%s", hosts)
	}
	if ls := s.fails(exitUnavailable, "host 2", "shard", "ls", "--timeout", "200ms"); !strings.Contains(ls.out, "unknown") {
		t.Errorf("shard ls does not show what is known:\n%s", ls.out)
	}
	for _, addr := range []string{"nonsense", ""} {
		(&shell{t: t, addr: addr}).fails(exitUsage, "HOST:PORT", "get", "k")
	}
	c.Kill(1)
	c.Kill(3)
	s.fails(exitUnavailable, "--addr", "get", "k", "--timeout", "100ms")

	full, _ := newShell(t, 1, cluster.MemoryLimit(1))
	for _, timeout := range []string{"200ms", "1h"} { // it does not wait for that
		o := full.fails(exitUnknownOutcome, "may still be executed", "put", "k", "v", "--timeout", timeout)
		for _, words := range []string{"disk full, or memory limit reached", "--memory-limit"} {
			if !strings.Contains(o.errOut, words) {
				t.Errorf("a full host's silence does not say %q: %s", words, o.errOut)
			}
		}
	}
	full.fails(exitNotFound, "", "get", "k") // a full host reads
}

func TestCompletionAndHelp(t *testing.T) {
	s := &shell{t: t, addr: "127.0.0.1:1"}
	for _, sh := range []string{"bash", "zsh", "fish"} {
		if !strings.Contains(s.ok("completion", sh), "kvctl") {
			t.Errorf("completion %s prints no script", sh)
		}
	}
	if help := s.ok("help", "exit-codes"); !strings.Contains(help, "outcome of a write is unknown") {
		t.Errorf("help exit-codes: %s", help)
	}
	var version struct {
		Version string `json:"version"`
		JSON    int    `json:"json"`
	}
	if err := json.Unmarshal([]byte(s.ok("version", "-o", "json")), &version); err != nil || version.JSON != jsonVersion || version.Version == "" {
		t.Errorf("version: %+v, %v", version, err)
	}
}

// What the help gives as examples are commands with flags and arguments that they take.
func TestExamples(t *testing.T) {
	root := (&app{}).rootCommand()
	count := 0
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		for line := range strings.Lines(cmd.Example) {
			words := strings.Fields(line)
			at := slices.Index(words, "kvctl")
			if at < 0 {
				t.Errorf("%s: %q is no kvctl", cmd.CommandPath(), line)
				continue
			}
			count++
			if end := slices.Index(words, ">"); end >= 0 {
				words = words[:end]
			}
			found, args, err := root.Find(words[at+1:])
			if err == nil {
				err = found.ParseFlags(args)
			}
			if err == nil {
				err = found.ValidateArgs(found.Flags().Args())
			}
			if err != nil || cmd != root && found != cmd {
				t.Errorf("%s: %q is of %s: %v", cmd.CommandPath(), line, found.CommandPath(), err)
			}
		}
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	if visit(root); count < 20 {
		t.Errorf("%d examples", count)
	}
}
