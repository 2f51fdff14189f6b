package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// FuzzManifest: a manifest of any bytes is refused, or names files of the backup's own directory
// only, whose counts add up.
func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"format":"ironkv-backup-1","keys":1,"bytes":2,"files":[{"name":"0000.jsonl","from":null,"until":{"key":"b"},"keys":1,"bytes":2,"length":20,"sha256":"00"}]}`))
	f.Add([]byte(`{"format":"ironkv-backup-1","files":[{"name":"../x"}]}`))
	f.Add([]byte(`{"format":"ironkv-backup-1","keys":1,"files":[{"name":"a","keys":18446744073709551615},{"name":"b","keys":2}]}`))
	f.Add([]byte(`{"format":"ironkv-backup-1","keys":2,"files":[{"name":"a","until":null,"until64":"/w=="},{"name":"b","until64":"?"},{"name":"c","until":""}]}`))
	f.Add([]byte(`{"format":"ironkv-backup-2"}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, manifestName), text, 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := readManifest(dir, manifestName)
		if err != nil {
			return
		}
		for _, file := range m.Files {
			if filepath.Dir(filepath.Join(dir, file.Name)) != dir {
				t.Fatalf("%q is not in the backup", file.Name)
			}
			if file.Keys > m.Keys || file.Bytes > m.Bytes {
				t.Fatalf("%q has more than all: %+v", file.Name, m)
			}
			until, err := file.until() // where a backup that was interrupted goes on
			if err != nil {
				continue
			}
			var printed rangeJSON
			printed.Until, printed.Until64 = keyUTF8.boundJSON(until)
			if again, err := printed.until(); err != nil || again != until {
				t.Fatalf("%v is printed as %+v, and read as %v, %v", until, printed, again, err)
			}
		}
	})
}

// FuzzBackupFile: a file of any bytes is restored only where each of its lines is an entry, and
// where it is what the manifest says, byte for byte.
func FuzzBackupFile(f *testing.F) {
	f.Add([]byte("{\"key\":\"a\",\"value\":\"1\",\"version\":3}\n{\"key64\":\"/w==\",\"value64\":\"AA==\",\"version\":4}\n"), 1)
	f.Add([]byte("{\"key\":\"a\",\"value\":\"1\"}\n\n"), 0)
	f.Add([]byte("{\"key\":\"a\"}"), 3)
	f.Add([]byte("\xff\n"), 0)
	f.Fuzz(func(t *testing.T, text []byte, flip int) {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		read := func(want fileInfo) (entries fileInfo, err error) {
			err = readBackupFile(path, want, func(it item) error {
				entries.Keys++
				entries.Bytes += uint64(len(it.key) + len(it.value))
				return nil
			}, &bar{})
			return entries, err
		}
		sum := sha256.Sum256(text)
		want := fileInfo{Length: int64(len(text)), SHA256: hex.EncodeToString(sum[:])}
		entries, err := read(want)
		if entries.Keys == 0 {
			return // nothing in it that anybody could take for an entry
		}
		if !errors.Is(err, errDamaged) && !errors.Is(err, errLine) {
			t.Fatalf("%d entries where the manifest has none: %v", entries.Keys, err)
		}
		want.Keys, want.Bytes = entries.Keys, entries.Bytes
		if _, err := read(want); err != nil {
			if !errors.Is(err, errLine) {
				t.Fatal(err)
			}
			return
		}
		damaged := bytes.Clone(text)
		damaged[uint(flip)%uint(len(text))] ^= 1
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := read(want); !errors.Is(err, errDamaged) {
			t.Fatalf("with a byte changed: %v", err)
		}
	})
}
