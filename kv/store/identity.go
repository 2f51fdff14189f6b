package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2/vfs"

	"ironkv/delegation"
)

// identityFile is the name of the file that says whose a data directory is. It
// is written last when a directory is made: without it nothing was kept yet.
const identityFile = "IRONKV"

// A DirIdentity says whose a data directory is.
type DirIdentity struct {
	// Cluster names the cluster; kvd takes its list of members.
	Cluster string
	Host    delegation.HostID
}

// String returns the identity as messages name it.
func (id DirIdentity) String() string {
	return fmt.Sprintf("host %v of cluster %q", id.Host, id.Cluster)
}

// identityText is what the identity file holds, as JSON, so that people can read it. Of
// whichever format, it has these fields, with this checksum: so that a damaged file is
// told from one of another format.
type identityText struct {
	Format  int               `json:"format"`
	Host    delegation.HostID `json:"host"`
	Cluster string            `json:"cluster"`
	// CRC32C is of the line that [identityText.sum] builds.
	CRC32C uint32 `json:"crc32c"`
}

func (t identityText) sum() uint32 {
	line := fmt.Sprintf("%d %d %s", t.Format, t.Host, t.Cluster)
	return crc32.Checksum([]byte(line), castagnoli)
}

// checkIdentity compares the directory's identity file with what is expected. It
// reports false where there is no such file.
func checkIdentity(fs vfs.FS, dir string, want DirIdentity) (bool, error) {
	path := fs.PathJoin(dir, identityFile)
	file, err := fs.Open(path)
	if oserror.IsNotExist(err) {
		return false, nil
	}
	if err != nil {
		return false, classify("open "+path, err)
	}
	defer func() { _ = file.Close() }()
	b, err := io.ReadAll(file)
	if err != nil {
		return false, classify("read "+path, err)
	}
	var t identityText
	if err := json.Unmarshal(b, &t); err != nil {
		return false, corrupt(path, err)
	}
	switch have := (DirIdentity{Cluster: t.Cluster, Host: t.Host}); {
	case t.sum() != t.CRC32C:
		return false, corrupt(path, fmt.Errorf("its checksum is %d instead of %d", t.sum(), t.CRC32C))
	case t.Format != formatVersion:
		return false, fmt.Errorf("%w: %s is of format %d, this program reads and writes %d: use the program that wrote it",
			ErrFormat, dir, t.Format, formatVersion)
	case have != want:
		return false, fmt.Errorf("%w: %s belongs to %v, but this is %v: to go on with what it holds, give the id, cluster and root that it was made with; "+
			"a new host needs a directory of its own",
			ErrWrongDirectory, dir, have, want)
	}
	return true, nil
}

// checkParents refuses a directory that lies within a host's: who copies, moves or
// removes that one would do it to both.
func checkParents(fs vfs.FS, dir string) error {
	for parent := fs.PathDir(dir); parent != dir; dir, parent = parent, fs.PathDir(parent) {
		path := fs.PathJoin(parent, identityFile)
		if _, err := fs.Stat(path); err == nil {
			return fmt.Errorf("%w: it lies within %s, which belongs to a host: give each host a directory of its own",
				ErrWrongDirectory, parent)
		} else if !oserror.IsNotExist(err) {
			return unusable("look at "+path, err)
		}
	}
	return nil
}

// writeIdentity makes the directory want's.
func writeIdentity(fs vfs.FS, dir string, want DirIdentity) error {
	t := identityText{Format: formatVersion, Host: want.Host, Cluster: want.Cluster}
	t.CRC32C = t.sum()
	b, err := json.MarshalIndent(t, "", "\t")
	if err != nil {
		return err
	}
	path := fs.PathJoin(dir, identityFile)
	file, err := fs.Create(path+".new", vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = file.Write(append(b, '\n'))
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := fs.Rename(path+".new", path); err != nil {
		return err
	}
	return syncDirectory(fs, dir)
}

func syncDirectory(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// clearUnclaimed makes a directory without an identity empty, if it holds nothing
// but leftovers.
func clearUnclaimed(fs vfs.FS, dir string) error {
	paths, err := leftovers(fs, dir)
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := fs.Remove(path); err != nil {
			return classify("remove "+path, err)
		}
	}
	return nil
}

// leftovers lists what an interrupted making of a directory left in it. It refuses a
// directory without an identity in which somebody else keeps files, or a host its
// entries.
func leftovers(fs vfs.FS, dir string) (paths []string, err error) {
	names, err := fs.List(dir)
	if err != nil {
		return nil, unusable("list "+dir, err)
	}
	if slices.Contains(names, identityFile) {
		return nil, nil
	}
	for _, name := range names {
		path := fs.PathJoin(dir, name)
		switch {
		case name == "LOCK" || name == "lost+found":
		case strings.HasSuffix(name, ".sst"):
			return nil, corrupt(fs.PathJoin(dir, identityFile), errMissing)
		case isLog(name):
			info, err := fs.Stat(path)
			if err != nil {
				return nil, classify("look at "+path, err)
			}
			if info.Size() > 0 {
				return nil, corrupt(fs.PathJoin(dir, identityFile), errMissing)
			}
			paths = append(paths, path)
		case isLeftover(name):
			paths = append(paths, path)
		default:
			return nil, fmt.Errorf("%w: %s has no file %s, but others, such as %s: give the host an empty directory",
				ErrWrongDirectory, dir, identityFile, name)
		}
	}
	return paths, nil
}

var errMissing = errors.New("the file is missing")

// isLeftover reports whether a file stems from the making of a directory.
func isLeftover(name string) bool {
	for _, prefix := range []string{"marker.", "MANIFEST-", "OPTIONS-", "temporary.", ballastFile, witnessFile, identityFile + ".new"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
