package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"ironkv/delegation"
	"ironkv/kv/client"
	"ironkv/marshal"
	"ironkv/tests/daemon"
)

type file struct {
	key []byte
	sum [sha256.Size]byte
}

// run is one run of the demo.
type run struct {
	ctx    context.Context
	client *client.Client
	hosts  *daemon.Hosts
	dir    string
	work   time.Duration

	files   []file
	bytes   uint64
	skipped int

	moved                 int
	movedKeys, movedBytes uint64
	audits                int

	phase    atomic.Int32
	errors   atomic.Int64
	firstErr atomic.Pointer[error]
	workers  sync.WaitGroup
	stopping context.CancelFunc
	stats    [numPhases]stats
	tallies  [writers]uint64
}

// batchBytes is about how much one batch of the load carries.
const batchBytes = 1 << 20

// load writes every file of the tree, in batches.
func (d *run) load() error {
	var paths []string
	var total int64
	err := filepath.WalkDir(d.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if info.Size() > marshal.MaxValueBytes {
			d.skipped++
			say("skipped, over 4 MiB: %s (%s)", path, humanize.IBytes(uint64(info.Size())))
			return nil
		}
		paths = append(paths, path)
		total += info.Size()
		return nil
	})
	if err != nil {
		return err
	}
	bar := newBar(total, "loading "+d.dir, progressbar.OptionShowBytes(true))
	b, pending := d.client.Batch(), 0
	flush := func() error {
		for _, r := range b.Do(d.ctx) {
			if r.Err != nil {
				return fmt.Errorf("load %s: %w", r.Entry.Key, r.Err)
			}
		}
		b.Reset()
		_ = bar.Add(pending)
		pending = 0
		return nil
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		key, err := filepath.Rel(d.dir, path)
		if err != nil {
			return err
		}
		d.files = append(d.files, file{key: []byte(filepath.ToSlash(key)), sum: sha256.Sum256(content)})
		d.bytes += uint64(len(content))
		b.Put([]byte(filepath.ToSlash(key)), content)
		if pending += len(content); pending >= batchBytes {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	return bar.Close()
}

// before lets readers and writers work while nothing moves.
func (d *run) before() error {
	say("%d readers and %d writers at work, for %v without moves", readers, writers, d.work)
	d.startWork()
	return d.wait(d.work)
}

func (d *run) wait(t time.Duration) error {
	select {
	case <-d.ctx.Done():
		return d.ctx.Err()
	case <-time.After(t):
		return nil
	}
}

// plan is the moves of the demo: each of them a part of the tree to a host.
var plan = []struct {
	from, until string
	to          client.HostID
}{
	{"cmd/", "cmd0", 2},      // the largest directory
	{"go/", "os/", 3},        // a stretch in the middle
	{"cmd/m", "go/c", 1},     // back, over parts of two owners
	{"", "cmd/compile/", 3},  // everything below a key
	{"runtime/", "", 2},      // everything above a key
	{"cmd/compile/", "n", 2}, // over parts of three owners
}

func (d *run) moves() error {
	d.phase.Store(int32(duringMoves))
	for _, p := range plan {
		r := delegation.All
		if p.from != "" {
			r.From = delegation.At(delegation.Key(p.from))
		}
		if p.until != "" {
			r.Until = delegation.At(delegation.Key(p.until))
		}
		if err := d.move(r, p.to); err != nil {
			return err
		}
		if err := d.audit(); err != nil {
			return err
		}
	}
	return nil
}

// move orders r moved and waits for all moves that this takes.
func (d *run) move(r delegation.Range, to client.HostID) error {
	ids, err := d.client.MoveShard(d.ctx, r, to)
	if err != nil {
		return fmt.Errorf("move %v to host %d: %w", r, to, err)
	}
	for _, id := range ids {
		if err := d.waitFor(id); err != nil {
			return err
		}
	}
	return nil
}

func (d *run) waitFor(id client.MoveID) error {
	bar := newBar(-1, "moving", progressbar.OptionShowBytes(true), progressbar.OptionClearOnFinish())
	m, err := d.client.WaitMove(d.ctx, id, func(m client.Move) {
		bar.Describe(fmt.Sprintf("move %v of %v to host %d: %v, %d keys", m.ID, m.Range, m.To, m.Phase, m.Keys))
		_ = bar.Set64(int64(m.Bytes))
	})
	_ = bar.Finish()
	if err != nil {
		return fmt.Errorf("move %v: %w", id, err)
	}
	if m.Phase != marshal.MoveDone {
		return fmt.Errorf("move %v ended as %v: %v", id, m.Phase, m.Reason)
	}
	d.moved++
	d.movedKeys += m.Keys
	d.movedBytes += m.Bytes
	say("moved %v to host %d: %s keys, %s in %v", m.Range, m.To, humanize.Comma(int64(m.Keys)), humanize.IBytes(m.Bytes),
		m.Active.Round(time.Millisecond))
	return nil
}

// killInTheMiddleOfAMove kills the host that gives a large range away, at about
// a third of it, audits (which cannot succeed), starts the host again, and
// expects the move to go on by itself.
func (d *run) killInTheMiddleOfAMove() error {
	d.phase.Store(int32(duringCrash))
	owner, err := d.owner("cmd/go/main.go")
	if err != nil {
		return err
	}
	r := delegation.Range{From: delegation.At("cmd/"), Until: delegation.At("cmd0")}
	to := owner%3 + 1
	ids, err := d.client.MoveShard(d.ctx, r, to, client.WithRate(16<<20))
	if err != nil {
		return err
	}
	victim := int(ids[len(ids)-1].Host)
	id := ids[len(ids)-1]
	for {
		m, err := d.client.Move(d.ctx, id)
		if err != nil {
			return err
		}
		if m.Bytes > 4<<20 || m.Phase.Ended() {
			break
		}
	}
	say("SIGKILL for host %d in the middle of move %v", victim, id)
	if err := d.hosts.Kill(victim - 1); err != nil {
		return err
	}
	auditCtx, cancel := context.WithTimeout(d.ctx, 2*time.Second)
	defer cancel()
	switch _, err := d.client.Audit(auditCtx); {
	case errors.Is(err, client.ErrUndetermined):
		say("audit while host %d is down: undetermined, as it should say", victim)
	default:
		return fmt.Errorf("an audit without host %d has to be undetermined, not: %w", victim, err)
	}
	if err := d.hosts.Start(victim - 1); err != nil {
		return err
	}
	say("host %d is started again; the move goes on by itself", victim)
	for _, id := range ids {
		if err := d.waitFor(id); err != nil {
			return err
		}
	}
	return d.audit()
}

func (d *run) owner(key string) (client.HostID, error) {
	shards, err := d.client.Shards(d.ctx)
	if err != nil {
		return 0, err
	}
	for _, s := range shards {
		if s.Range.Contains(delegation.Key(key)) {
			return s.Owner, nil
		}
	}
	return 0, fmt.Errorf("no shard holds %q", key)
}

func (d *run) audit() error {
	report, err := d.client.Audit(d.ctx)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	d.audits++
	say("audit: every key has exactly one owner (%d ranges, %d in flight)", len(report.Shards), report.InFlight)
	return nil
}

// barInterval is the shortest time between two drawings of a bar.
const barInterval = 65 * time.Millisecond

// newBar shows progress on stderr, where that is a terminal.
func newBar(total int64, description string, opts ...progressbar.Option) *progressbar.ProgressBar {
	terminal := term.IsTerminal(int(os.Stderr.Fd()))
	if terminal && total > 0 {
		opts = append(opts, progressbar.OptionFullWidth(), progressbar.OptionOnCompletion(func() { fmt.Fprint(os.Stderr, "\n") }))
	}
	return progressbar.NewOptions64(total, append(opts, progressbar.OptionSetVisibility(terminal), progressbar.OptionSetWriter(os.Stderr),
		progressbar.OptionSetDescription(description), progressbar.OptionThrottle(barInterval))...)
}

// compare reads every file back.
func (d *run) compare() error {
	bar := newBar(int64(len(d.files)), "reading every file back", progressbar.OptionShowCount())
	const batch = 64
	b := d.client.Batch()
	for i := 0; i < len(d.files); i += batch {
		part := d.files[i:min(i+batch, len(d.files))]
		b.Reset()
		for _, f := range part {
			b.Get(f.key)
		}
		for j, r := range b.Do(d.ctx) {
			if r.Err != nil {
				return fmt.Errorf("read %s back: %w", part[j].key, r.Err)
			}
			if sha256.Sum256(r.Entry.Value) != part[j].sum {
				return fmt.Errorf("%s is not what was loaded", part[j].key)
			}
		}
		_ = bar.Add(len(part))
	}
	return bar.Close()
}
