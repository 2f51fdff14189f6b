package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"ironkv/delegation"
	"ironkv/kv/client"
)

func (a *app) restoreCommand() *cobra.Command {
	var dir string
	var force bool
	var parallel int
	cmd := &cobra.Command{
		Use:     "restore --from DIR",
		Example: "  kvctl restore --from /var/backups/ironkv/monday",
		Short:   "Write the entries of a backup into an empty cluster",
		Long: "Write the entries of a backup into an empty cluster. First every file is checked against\n" +
			"the manifest's SHA-256 and counts; if one differs, nothing is written. They are checked\n" +
			"again while they are read to be written, and at the end the store's keys are counted.\n\n" +
			"Keys and values are as they were. Versions are new ones, since a version is never used\n" +
			"twice; the old ones stand in the files. Which host owns what is not restored: the cluster's\n" +
			"present owners take the entries.\n\n" +
			"A cluster that holds a key already is refused, unless --force is given: then entries of the\n" +
			"backup replace those of the same key, and all others stay.",
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&dir, "from", "", "the `DIR` of the backup")
	cmd.Flags().BoolVar(&force, "force", false, "restore over what the cluster holds")
	cmd.Flags().IntVar(&parallel, "parallel", defaultParallel, "write `N` batches at a time")
	cmd.RunE = verb(func(cmd *cobra.Command, _ []string) error {
		if dir == "" {
			return usagef("--from is missing: the directory of the backup")
		}
		if parallel < 1 || parallel > maxParallel {
			return usagef("--parallel %d: 1 to %d", parallel, maxParallel)
		}
		m, err := readBackup(dir)
		if err != nil {
			return err
		}
		return a.withClient(func(ctx context.Context, c *client.Client, _ []string) error {
			return a.restore(ctx, c, dir, m, force, parallel)
		})(cmd, nil)
	})
	return cmd
}

func (a *app) restore(ctx context.Context, c *client.Client, dir string, m *manifest, force bool, parallel int) error {
	start := time.Now()
	if !force {
		if err := checkEmpty(ctx, c); err != nil {
			return err
		}
	}
	nothing := func(item) error { return ctx.Err() }
	if err := a.eachFile("verify", dir, m, nothing); err != nil {
		return fmt.Errorf("nothing was restored: %w", err)
	}
	w := newWriter(ctx, c, parallel)
	err := w.finish(a.eachFile("restore", dir, m, w.put))
	result := w.result(time.Since(start))
	if ctx.Err() != nil {
		a.warnf("the cluster holds a part of the backup, %s of it: the same command with --force completes it", plural(int(result.Keys), "key"))
	}
	if err != nil {
		return fmt.Errorf("the restore stopped after %s, the cluster holds a part of the backup: %w", plural(int(result.Keys), "key"), err)
	}
	if err := checkRestored(ctx, c, m, force); err != nil {
		return err
	}
	return a.printLoaded("restored", result)
}

func checkEmpty(ctx context.Context, c *client.Client) error {
	for entry, err := range c.Scan(ctx, delegation.All, client.Limit(1), client.KeysOnly()) {
		if err != nil {
			return err
		}
		return fmt.Errorf("the cluster is not empty, it holds the key %q; restore into a fresh cluster, or say --force to restore over it", entry.Key)
	}
	return nil
}

// checkRestored counts what the store holds now. With force it may hold more.
func checkRestored(ctx context.Context, c *client.Client, m *manifest, force bool) error {
	keys, bytes, err := c.Count(ctx, delegation.All)
	if err != nil {
		return fmt.Errorf("everything was written, but the keys cannot be counted: %w", err)
	}
	if keys < m.Keys || (!force && (keys != m.Keys || bytes != m.Bytes)) {
		return fmt.Errorf("the cluster holds %d keys and %d bytes, the backup %d and %d: someone else writes to it; restore into a cluster that is not in use",
			keys, bytes, m.Keys, m.Bytes)
	}
	return nil
}

// eachFile reads all files of a backup, calls emit with each entry, and checks them
// against the manifest.
func (a *app) eachFile(description, dir string, m *manifest, emit func(item) error) error {
	var total int64
	for _, f := range m.Files {
		total += f.Length
	}
	b := a.newBar(description, total)
	defer b.done()
	for _, f := range m.Files {
		if err := readBackupFile(filepath.Join(dir, f.Name), f, emit, b); err != nil {
			return err
		}
	}
	return nil
}

func readBackupFile(path string, want fileInfo, emit func(item) error, b *bar) error {
	file, err := os.Open(path)
	if err != nil {
		return errors.Join(errDamaged, err)
	}
	defer func() { _ = file.Close() }()
	if info, err := file.Stat(); err != nil || info.Size() != want.Length {
		return errors.Join(fmt.Errorf("%w: %s is not %d bytes long, as the manifest says", errDamaged, path, want.Length), err)
	}
	sum := sha256.New()
	var keys, bytes uint64
	var bad error
	err = eachLine(io.TeeReader(file, sum), func(number int, line []byte) error {
		b.add(len(line) + 1)
		if bad != nil {
			return nil // read on: the checksum tells damage from a mistake
		}
		it, ok, err := parseJSONLine(line)
		if err == nil && !ok {
			err = fmt.Errorf("%w: it is blank", errLine)
		}
		if err != nil {
			bad = fmt.Errorf("%s:%d: %w", path, number, err)
			return nil
		}
		it.name = fmt.Sprintf("%s:%d", path, number)
		keys++
		bytes += uint64(len(it.key) + len(it.value))
		return emit(it)
	})
	switch {
	case err != nil:
		return err
	case hex.EncodeToString(sum.Sum(nil)) != want.SHA256:
		return fmt.Errorf("%w: %s has another SHA-256 than the manifest says; use another copy of the backup", errDamaged, path)
	case bad != nil:
		return bad
	case keys != want.Keys || bytes != want.Bytes:
		return fmt.Errorf("%w: %s holds %d keys and %d bytes, the manifest says %d and %d", errDamaged, path, keys, bytes, want.Keys, want.Bytes)
	}
	return nil
}
