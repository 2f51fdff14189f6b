package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
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

	m, err := readManifest(dir)
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

// A directory that a backup left when it was interrupted is told from any other.
func TestBackupIntoWhatIsThere(t *testing.T) {
	s, dir, _ := backedUp(t)
	s.fails(exitFailure, "is not empty", "backup", "--to", dir)
	if err := os.Remove(filepath.Join(dir, manifestName)); err != nil {
		t.Fatal(err)
	}
	s.fails(exitFailure, "was interrupted", "backup", "--to", dir)
	s.fails(exitFailure, "a backup that was interrupted", "restore", "--from", dir)
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
	m, err := readManifest(dir)
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
