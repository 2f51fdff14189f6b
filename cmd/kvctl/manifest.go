package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"ironkv/kv/client"
)

const (
	// manifestName is the file whose presence says that a backup is complete.
	manifestName = "manifest.json"
	// unfinishedName is the manifest of what there is of one that is not.
	unfinishedName = "unfinished.json"
	// manifestFormat names the layout that this program writes and reads.
	manifestFormat = "ironkv-backup-1"
)

// errDamaged says that a backup is not, or no longer, what its manifest says.
var errDamaged = errors.New("the backup is damaged or incomplete")

// A manifest tells what a backup holds. It is written last.
type manifest struct {
	Format  string    `json:"format"`
	Program string    `json:"program"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"`
	// Consistency is the promise, in words, for whoever finds the files.
	Consistency string     `json:"consistency"`
	Keys        uint64     `json:"keys"`
	Bytes       uint64     `json:"bytes"` // of keys and values
	Files       []fileInfo `json:"files"`
	// Hosts are those of the cluster that answered at the start, and their incarnations.
	Hosts map[client.HostID]string `json:"hosts,omitempty"`
}

// A fileInfo tells what a file of a backup holds: the entries of one range.
type fileInfo struct {
	Name string `json:"name"`
	rangeJSON
	Keys   uint64 `json:"keys"`
	Bytes  uint64 `json:"bytes"`  // of keys and values
	Length int64  `json:"length"` // of the file, in bytes
	SHA256 string `json:"sha256"` // of the file, in hex
}

const backupConsistency = "The hosts go on serving meanwhile. Every entry in the backup existed, with this value and\n" +
	"version, at a moment between start and end. A write that was answered before the start is in\n" +
	"it, unless a later one replaced it; a write during it may be in it or not. A key that existed\n" +
	"throughout is in it once. Each page (some hundred neighbouring keys) is one moment; the whole\n" +
	"is no snapshot: of two writes during the backup the later may be in it and the earlier not.\n" +
	"For a snapshot, let no one write meanwhile."

// write puts the manifest into dir at once: it is there in full or not at all.
func (m *manifest) write(dir, name string) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	temporary := filepath.Join(dir, name+".tmp")
	f, err := os.OpenFile(temporary, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(temporary, filepath.Join(dir, name)); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// readBackup returns the manifest of a whole backup.
func readBackup(dir string) (*manifest, error) {
	m, err := readManifest(dir, manifestName)
	if !errors.Is(err, fs.ErrNotExist) {
		return m, err
	}
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	if m, err := readManifest(dir, unfinishedName); err == nil {
		return nil, fmt.Errorf("%w: %s holds a part of one, begun at %s: kvctl backup --to %s goes on with it",
			errDamaged, dir, m.Started.Format(time.RFC3339), dir)
	}
	return nil, fmt.Errorf("%w: %s has no %s: it is no backup", errDamaged, dir, manifestName)
}

func readManifest(dir, name string) (*manifest, error) {
	path := filepath.Join(dir, name)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m := new(manifest)
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("%w: %s cannot be read: %w", errDamaged, path, err)
	}
	if m.Format != manifestFormat {
		return nil, fmt.Errorf("%s has the format %q, this kvctl reads %q", path, m.Format, manifestFormat)
	}
	var keys, bytes uint64
	for _, f := range m.Files {
		if !filepath.IsLocal(f.Name) || filepath.Base(f.Name) != f.Name {
			return nil, fmt.Errorf("%w: %s names the file %q outside of it", errDamaged, path, f.Name)
		}
		if f.Keys > m.Keys-keys || f.Bytes > m.Bytes-bytes {
			return nil, fmt.Errorf("%w: %s says %d keys and %d bytes, its files say more", errDamaged, path, m.Keys, m.Bytes)
		}
		keys, bytes = keys+f.Keys, bytes+f.Bytes
	}
	if keys != m.Keys || bytes != m.Bytes {
		return nil, fmt.Errorf("%w: %s says %d keys and %d bytes, its files say %d and %d", errDamaged, path, m.Keys, m.Bytes, keys, bytes)
	}
	return m, nil
}
