package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stopTime is how long a host may take to stop in order before it is killed.
const stopTime = 10 * time.Second

// Hosts are the processes of one cluster; host i has id i+1. Methods may be
// called from several goroutines, but only one at a time for each host.
type Hosts struct {
	ctx     context.Context
	kvd     string
	dir     string
	args    []string
	address []string
	process []*exec.Cmd
	log     []*log
}

// A log is what a host said in all of its lives.
type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write appends what a process says.
func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Start starts a cluster of n processes of the binary kvd, each with the
// directory dir/ID and with args after the flags that make the cluster. They end
// with ctx. Nothing waits for them to be ready: a client's Dial does.
func Start(ctx context.Context, kvd, dir string, n int, args ...string) (*Hosts, error) {
	h := &Hosts{ctx: ctx, kvd: kvd, dir: dir, args: args, process: make([]*exec.Cmd, n)}
	for range n {
		a, err := Address()
		if err != nil {
			return nil, err
		}
		h.address = append(h.address, a.String())
		h.log = append(h.log, &log{})
	}
	for i := range n {
		if err := h.Start(i); err != nil {
			return nil, errors.Join(err, h.Stop())
		}
	}
	return h, nil
}

// Build builds kvd into dir and returns the path of the binary.
func Build(ctx context.Context, dir string) (string, error) {
	kvd := filepath.Join(dir, "kvd")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", kvd, "ironkv/cmd/kvd").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build kvd: %w\n%s", err, out)
	}
	return kvd, nil
}

// Start starts the process of host i, which must not run.
func (h *Hosts) Start(i int) error {
	var members []string
	for j, a := range h.address {
		members = append(members, fmt.Sprintf("%d=%s", j+1, a))
	}
	args := []string{"--id", fmt.Sprint(i + 1), "--cluster", strings.Join(members, ",")}
	if !slices.Contains(h.args, "--memory") {
		args = append(args, "--data", h.Dir(i))
	}
	cmd := exec.CommandContext(h.ctx, h.kvd, append(args, h.args...)...)
	cmd.Stderr = h.log[i]
	cmd.Env = append(os.Environ(), "KVD_LOG_FORMAT=text")
	cmd.SysProcAttr = dieWithUs()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start host %d: %w (did you run make build?)", i+1, err)
	}
	h.process[i] = cmd
	return nil
}

// Kill ends host i as a power cut would end its process, and waits for the end.
func (h *Hosts) Kill(i int) error {
	if err := h.process[i].Process.Kill(); err != nil {
		return err
	}
	_ = h.process[i].Wait() // says "signal: killed"
	h.process[i] = nil
	return nil
}

// Stop stops every host that runs, in order, and reports those that did not stop
// cleanly.
func (h *Hosts) Stop() error {
	var errs []error
	for i, p := range h.process {
		if p == nil {
			continue
		}
		_ = p.Process.Signal(syscall.SIGTERM)
		timer := time.AfterFunc(stopTime, func() { _ = p.Process.Kill() })
		if err := p.Wait(); err != nil && h.ctx.Err() == nil {
			errs = append(errs, fmt.Errorf("host %d did not stop cleanly: %w", i+1, err))
		}
		timer.Stop()
		h.process[i] = nil
	}
	return errors.Join(errs...)
}

// Addrs returns the addresses of the hosts.
func (h *Hosts) Addrs() []string { return h.address }

// Pid returns the process id of host i, which must run.
func (h *Hosts) Pid(i int) int { return h.process[i].Process.Pid }

// userHertz is in what the kernel tells times of processes, the same on all machines.
const userHertz = 100

// ProcessorTime is what the process of host i, which must run, has used of the
// processors since it began, to a hundredth of a second. It fails where there is no /proc.
func (h *Hosts) ProcessorTime(i int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", h.Pid(i)))
	if err != nil {
		return 0, fmt.Errorf("processor time of host %d: %w", i+1, err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	f := strings.Fields(rest)
	user, err := strconv.Atoi(f[11])
	system, err2 := strconv.Atoi(f[12])
	return time.Duration(user+system) * (time.Second / userHertz), errors.Join(err, err2)
}

// Dir returns the data directory of host i.
func (h *Hosts) Dir(i int) string { return filepath.Join(h.dir, fmt.Sprint(i+1)) }

// Logs returns what every host said, one after the other.
func (h *Hosts) Logs() string {
	var b strings.Builder
	for i, l := range h.log {
		fmt.Fprintf(&b, "--- host %d\n%s", i+1, l)
	}
	return b.String()
}
