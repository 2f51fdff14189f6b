package main

import (
	"encoding/json"
	"os"
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
		file.Observe(0, host.Counters().Step, in, &out)
		if err := file.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Path()
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
	if err := os.WriteFile(path, whole[:len(whole)-9], 0o600); err != nil {
		t.Fatal(err)
	}
	s.fails(exitFailure, "truncated", "verify", dir)
	s.ok("verify", dir, "--killed")
	whole[len(whole)/2] ^= 1
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	s.fails(exitFailure, "corrupt", "verify", dir)
	s.fails(exitFailure, "no journal", "verify", t.TempDir())
	s.fails(exitUsage, "arg", "verify")
}
