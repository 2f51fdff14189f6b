package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"

	"ironkv/kv/client"
	"ironkv/tests/daemon"
)

func main() {
	bin := flag.String("bin", "bin", "where kvd is")
	dir := flag.String("dir", "", "what to load (default: the source tree of the Go distribution)")
	work := flag.Duration("work", 6*time.Second, "how long readers and writers run before the moves")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := demo(ctx, *bin, *dir, *work); err != nil {
		fmt.Fprintln(os.Stderr, "demo failed:", err)
		stop()
		os.Exit(1)
	}
}

func demo(ctx context.Context, bin, dir string, work time.Duration) (err error) {
	if dir == "" {
		out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
		if err != nil {
			return fmt.Errorf("go env GOROOT: %w", err)
		}
		dir = filepath.Join(strings.TrimSpace(string(out)), "src")
	}
	tmp, err := os.MkdirTemp("", "ironkv-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()

	say("three hosts, with their disks under %s", tmp)
	hosts, err := daemon.Start(ctx, filepath.Join(bin, "kvd"), tmp, 3)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, hosts.Stop()) }()
	// Calls may have to wait for a host that is being killed and started again.
	c, err := client.Dial(ctx, hosts.Addrs(), client.WithTimeout(time.Minute))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()

	d := &run{ctx: ctx, client: c, hosts: hosts, dir: dir, work: work}
	if err := d.all(); err != nil {
		return fmt.Errorf("%w\n%s", err, hosts.Logs())
	}
	d.report()
	return nil
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, "▸ "+format+"\n", args...) }

// all is the demo, step by step.
func (d *run) all() error {
	for _, step := range []func() error{
		d.load, d.audit, d.before, d.moves, d.killInTheMiddleOfAMove, d.stopWork, d.audit, d.compare, d.counters,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (d *run) report() {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendRow(table.Row{"files, read back and equal", fmt.Sprintf("%d (%s)", len(d.files), humanize.IBytes(d.bytes))})
	if d.skipped > 0 {
		t.AppendRow(table.Row{"files over 4 MiB, skipped", d.skipped})
	}
	t.AppendRow(table.Row{"moves", fmt.Sprintf("%d (%s keys, %s)", d.moved, humanize.Comma(int64(d.movedKeys)), humanize.IBytes(d.movedBytes))})
	t.AppendRow(table.Row{"hosts killed and restarted", 1})
	t.AppendRow(table.Row{"audits passed", d.audits})
	t.AppendRow(table.Row{"operations of readers and writers", humanize.Comma(d.operations())})
	t.AppendRow(table.Row{"errors", d.errors.Load()})
	for p := range numPhases {
		t.AppendRow(table.Row{"latency p50 / p99 / max, " + p.String(), d.latency(p)})
	}
	t.AppendRow(table.Row{"every key has exactly one owner", "yes"})
	fmt.Println(t.Render())
}
