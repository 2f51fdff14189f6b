package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ironkv/ghost"
	"ironkv/kv"
	"ironkv/kv/store"
	"ironkv/marshal"
)

// writeJournal leaves the journal of a host that is alone, and took some steps.
func writeJournal(t *testing.T, dir string, steps int) string {
	t.Helper()
	file := takeSteps(t, dir, steps)
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Path()
}

// takeSteps leaves it open, as it is while the host runs.
func takeSteps(t *testing.T, dir string, steps int) *ghost.File {
	t.Helper()
	cfg := kv.Config{Me: 1, Root: 1, Members: []marshal.Member{{ID: 1, Address: "127.0.0.1:1"}}}
	state := kv.NewState(cfg, kv.Birth{Incarnation: 7})
	file, err := ghost.Create(dir, cfg, state)
	if err != nil {
		t.Fatal(err)
	}
	host, err := kv.New(cfg, state, store.NewMemory(store.MemoryOptions{Records: true}))
	if err != nil {
		t.Fatal(err)
	}
	for range steps {
		var out kv.Effects
		in := kv.Input{Kind: kv.InputRoom, Room: 1 << 30}
		host.Step(0, in, &out)
		file.Observe(0, host.Counters().Step, in, nil, &out, nil)
		if err := file.Flush(0); err != nil {
			t.Fatal(err)
		}
	}
	return file
}

func TestVerify(t *testing.T) {
	s := &shell{t: t, addr: "127.0.0.1:1"} // no cluster is asked
	dir := t.TempDir()
	path := writeJournal(t, dir, 9)
	if out := s.ok("verify", dir); !strings.Contains(out, "1 hosts in 1 lives: 9 steps") {
		t.Errorf("got %q", out)
	}
	var shape map[string]int
	if err := json.Unmarshal([]byte(s.ok("verify", dir, "-o", "json", "--every", "2")), &shape); err != nil {
		t.Fatal(err)
	}
	if shape["steps"] != 9 || shape["hosts"] != 1 || shape["cuts"] < 4 {
		t.Errorf("got %v", shape)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"--killed=false", "--killed"} {
		if err := os.WriteFile(path, whole[:len(whole)-9], 0o600); err != nil {
			t.Fatal(err)
		}
		s.fails(exitFailure, "corrupt: cut off", "verify", dir, flag)
		whole[8] ^= 1
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		s.fails(exitFailure, "corrupt", "verify", dir, flag)
		whole[8] ^= 1
	}
	s.fails(exitUsage, "no journal", "verify", t.TempDir())
	s.fails(exitUsage, "is no directory", "verify", path)
	s.fails(exitUsage, "no such", "verify", filepath.Join(dir, "not"))
	s.fails(exitUsage, "one directory", "verify", dir, dir+"/.")
	s.fails(exitUsage, "arg", "verify")
}

// A host that was killed leaves a journal without its end, which is told, and
// accepted only where that is said.
func TestVerifyKilled(t *testing.T) {
	s := &shell{t: t, addr: "127.0.0.1:1"} // no cluster is asked
	dir := t.TempDir()
	file := takeSteps(t, dir, 9)
	s.fails(exitFailure, "truncated: stop the host if it runs", "verify", dir)
	if out := s.ok("verify", dir, "--killed"); !strings.Contains(out, "killed: journal "+file.Path()+": no end behind step 9\n") {
		t.Errorf("got %q", out)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if out := s.ok("verify", dir, "--killed"); strings.Contains(out, "killed:") {
		t.Errorf("got %q", out)
	}
}
