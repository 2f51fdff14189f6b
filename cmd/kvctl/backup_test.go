package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ironkv/delegation"
	"ironkv/kv/client"
)

// backedUp returns a cluster with odd entries on two hosts, and a backup of it.
func backedUp(t *testing.T) (s *shell, dir string, entries map[string]string) {
	t.Helper()
	s, _ = newShell(t, 2)
	entries = oddEntries(2)
	var lines bytes.Buffer
	for key, value := range entries {
		shape := entryJSON{}
		shape.Key, shape.Key64 = bytesJSON([]byte(key))
		shape.Value, shape.Value64 = bytesJSON([]byte(value))
		if err := newEncoder(&lines).Encode(shape); err != nil {
			t.Fatal(err)
		}
	}
	s.with(lines.Bytes()).ok("load", "-")
	s.ok("shard", "move", "--from", "m", "--to", "2")
	dir = filepath.Join(t.TempDir(), "backup")
	out := s.ok("backup", "--to", dir)
	if !strings.HasPrefix(out, fmt.Sprintf("backed up %d keys, ", len(entries))) || !strings.HasSuffix(out, ", 2 files\n") {
		t.Fatalf("backup printed %q", out)
	}
	return s, dir, entries
}

func TestBackupAndRestore(t *testing.T) {
	from, dir, entries := backedUp(t)
	to, _ := newShell(t, 3)
	to.ok("restore", "--from", dir)
	for key, value := range entries {
		expect(t, fmt.Sprintf("the value of %q", key), to.ok("get", "--key-format", "hex", "--", fmt.Sprintf("%x", key)), value)
	}
	expect(t, "the same keys", to.ok("scan", "--keys-only", "--key-format", "hex"), from.ok("scan", "--keys-only", "--key-format", "hex"))

	m, err := readBackup(dir)
	if err != nil {
		t.Fatal(err)
	}
	if m.Keys != uint64(len(entries)) || m.Files[0].From != nil || *m.Files[0].Until != "m" || *m.Files[1].From != "m" || m.Files[1].Until != nil {
		t.Errorf("the manifest's ranges are not all keys: %+v", m)
	}
	if !strings.Contains(m.Consistency, "no snapshot") {
		t.Errorf("the manifest does not say how consistent it is: %q", m.Consistency)
	}
	var first struct{ Version uint64 }
	text, _ := os.ReadFile(filepath.Join(dir, m.Files[0].Name))
	if err := json.Unmarshal(bytes.SplitN(text, []byte("\n"), 2)[0], &first); err != nil || first.Version == 0 {
		t.Errorf("the entries have no versions: %v, %v", first, err)
	}
	from.fails(exitFailure, "not empty", "backup", "--to", dir)
}

// A backup that was interrupted, in the middle of a file or between two, by an error
// or by its end, is gone on with by the same command.
func TestABackupGoesOn(t *testing.T) {
	s, _ := newShell(t, 2)
	for _, key := range []string{"a", "b", "c", "x", "y"} {
		s.ok("put", key, "old "+key)
	}
	s.ok("shard", "move", "--from", "m", "--to", "2")
	dir := filepath.Join(t.TempDir(), "backup")
	bk, err := openBackup(dir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.Dial(t.Context(), strings.Split(s.addr, ","))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := bk.of(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("the network broke")
	err = bk.add(delegation.Range{From: delegation.NegInf, Until: delegation.At("m")}, func(yield func(client.Entry, error) bool) {
		for _, key := range []string{"a", "b"} {
			if !yield(client.Entry{Key: []byte(key), Value: []byte("old " + key), Version: 1}, nil) {
				return
			}
		}
		yield(client.Entry{}, broken)
	}, func(int) {})
	if !errors.Is(err, broken) {
		t.Fatal(err)
	}
	bk.save()
	s.fails(exitFailure, "kvctl backup --to "+dir+" goes on", "restore", "--from", dir)

	write(t, filepath.Join(dir, "000002.jsonl"), []byte("what a kill left of the next file"))
	s.ok("put", "a", "new a")
	s.ok("put", "c", "new c")
	o := s.kvctl("backup", "--to", dir)
	if o.code != exitOK || !strings.Contains(o.errOut, `2 keys up to "b\x00"`) || !strings.HasPrefix(o.out, "backed up 5 keys, ") {
		t.Fatalf("it does not go on: %+v", o)
	}
	if _, err := os.Stat(filepath.Join(dir, unfinishedName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left: %v", unfinishedName, err)
	}
	to, _ := newShell(t, 1)
	to.ok("restore", "--from", dir)
	expect(t, "what was copied before and after", to.ok("scan"), "a\told a\nb\told b\nc\tnew c\nx\told x\ny\told y\n")

	// Killed between its last file and its end.
	if err := os.Rename(filepath.Join(dir, manifestName), filepath.Join(dir, unfinishedName)); err != nil {
		t.Fatal(err)
	}
	to.fails(exitFailure, "another cluster", "backup", "--to", dir)
	if out := s.ok("backup", "--to", dir); !strings.HasPrefix(out, "backed up 5 keys, ") {
		t.Errorf("got %q", out)
	}
}

// What is in a directory that is no part of a backup of this cluster is left alone.
func TestBackupIntoWhatIsThere(t *testing.T) {
	s, dir, _ := backedUp(t)
	s.fails(exitFailure, "a whole backup", "backup", "--to", dir)
	if err := os.Rename(filepath.Join(dir, manifestName), filepath.Join(dir, unfinishedName)); err != nil {
		t.Fatal(err)
	}
	edit(t, filepath.Join(dir, "000001.jsonl"), func(b []byte) []byte { return b[1:] })
	s.fails(exitFailure, "begin anew", "backup", "--to", dir)
	if err := os.Remove(filepath.Join(dir, unfinishedName)); err != nil {
		t.Fatal(err)
	}
	s.fails(exitFailure, "is not empty", "backup", "--to", dir)
	s.fails(exitFailure, "it is no backup", "restore", "--from", dir)
	s.fails(exitFailure, "no such file", "restore", "--from", filepath.Join(dir, "nothing"))
}

func TestRestoreRefusesWhatIsNotEmpty(t *testing.T) {
	from, dir, entries := backedUp(t)
	from.ok("put", "tab\tkey", "newer")
	from.ok("put", "another", "stays")
	from.fails(exitFailure, "--force", "restore", "--from", dir)
	expect(t, "nothing was written", from.ok("get", "tab\tkey"), "newer")
	from.ok("restore", "--from", dir, "--force")
	expect(t, "entries of the backup replace", from.ok("get", "tab\tkey"), entries["tab\tkey"])
	expect(t, "others stay", from.ok("get", "another"), "stays")
}

// Whatever happens to a backup is found before anything is written.
func TestRestoreFindsDamage(t *testing.T) {
	_, dir, _ := backedUp(t)
	m, err := readBackup(dir)
	if err != nil {
		t.Fatal(err)
	}
	last := filepath.Join(dir, m.Files[1].Name)
	manifestPath := filepath.Join(dir, manifestName)
	for name, damage := range map[string]func(t *testing.T){
		"a flipped bit": func(t *testing.T) { edit(t, last, func(b []byte) []byte { b[len(b)/2] ^= 4; return b }) },
		"a cut tail":    func(t *testing.T) { edit(t, last, func(b []byte) []byte { return b[:len(b)-1] }) },
		"a longer file": func(t *testing.T) { edit(t, last, func(b []byte) []byte { return append(b, '\n') }) },
		"a lost file":   func(t *testing.T) { remove(t, last) },
		"no manifest":   func(t *testing.T) { remove(t, manifestPath) },
		"a torn manifest": func(t *testing.T) {
			edit(t, manifestPath, func(b []byte) []byte { return b[:len(b)/2] })
		},
		"another count": func(t *testing.T) {
			edit(t, manifestPath, func(b []byte) []byte {
				return bytes.Replace(b, fmt.Appendf(nil, `"keys": %d`, m.Keys), fmt.Appendf(nil, `"keys": %d`, m.Keys+1), 1)
			})
		},
		"a path outside": func(t *testing.T) {
			edit(t, manifestPath, func(b []byte) []byte {
				return bytes.Replace(b, []byte(m.Files[0].Name), []byte("../"+m.Files[0].Name), 1)
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			restoreFile := keep(t, last, manifestPath)
			defer restoreFile()
			damage(t)
			to, _ := newShell(t, 1)
			to.fails(exitFailure, errDamaged.Error(), "restore", "--from", dir)
			expect(t, "nothing was written", to.ok("scan"), "")
		})
	}
	edit(t, manifestPath, func(b []byte) []byte { return bytes.Replace(b, []byte(manifestFormat), []byte("ironkv-backup-9"), 1) })
	to, _ := newShell(t, 1)
	to.fails(exitFailure, "ironkv-backup-9", "restore", "--from", dir)
}

// keep remembers files; what it returns puts them back.
func keep(t *testing.T, paths ...string) func() {
	t.Helper()
	content := map[string][]byte{}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		content[path] = b
	}
	return func() {
		for path, b := range content {
			write(t, path, b)
		}
	}
}

func edit(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, change(b))
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}
