package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// startTimeout is how long a server may take until it answers.
	startTimeout = 20 * time.Second
	// stopTimeout is how long a server may take to stop before it is killed.
	stopTimeout = 5 * time.Second
	// startPoll is between two attempts to reach a server that is starting.
	startPoll = 20 * time.Millisecond
	// logBytes is how much of a server's last output is kept for error messages.
	logBytes = 4 << 10
	// clockTick is the unit of processor time in /proc: USER_HZ is 100 on Linux.
	clockTick = 10 * time.Millisecond
)

// A process is a server that this program has started.
type process struct {
	cmd  *exec.Cmd
	log  *tail
	done chan struct{} // closed when it has ended
}

// startProcess starts a server in dir. Its output is kept for error messages.
func startProcess(dir, binary string, args ...string) (*process, error) {
	cmd := exec.Command(binary, args...)
	p := &process{cmd: cmd, log: &tail{}, done: make(chan struct{})}
	cmd.Dir, cmd.SysProcAttr = dir, noOrphans()
	cmd.Stdout, cmd.Stderr = p.log, p.log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", binary, err)
	}
	go func() {
		_ = cmd.Wait() // how it ended is told by ProcessState and its output
		close(p.done)
	}()
	return p, nil
}

// await calls ready until it succeeds, the process ends, or startTimeout is over.
func (p *process) await(ctx context.Context, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended while it started: %v\n%s", p.cmd.Path, p.cmd.ProcessState, p.log)
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w\n%s", p.cmd.Path, err, p.log)
		case <-time.After(startPoll):
		}
	}
}

// stop ends the process, cleanly if it can.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.done:
	case <-time.After(stopTimeout):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// cpu is the processor time that the process has spent, 0 where /proc does not tell.
func (p *process) cpu() time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	// The name, in brackets, may hold spaces; utime and stime are fields 14 and 15 (proc(5)).
	_, rest, _ := strings.Cut(string(stat[bytes.LastIndexByte(stat, ')')+1:]), " ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * clockTick
}

// resident is the memory that the process holds, in bytes, 0 where /proc does not tell.
func (p *process) resident() uint64 {
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(statm))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseUint(fields[1], 10, 64)
	return pages * uint64(os.Getpagesize())
}

// A tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// Write keeps p, and forgets what is old.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if extra := len(t.text) - logBytes; extra > 0 {
		t.text = t.text[extra:]
	}
	return len(p), nil
}

// String returns what is kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}

// The ports of servers: below those that systems give to sockets that ask for none,
// also with the 10,000 more that Redis adds for its cluster's bus.
const (
	firstPort = 11_000
	ports     = 10_000
	// portsApart is how far apart processes begin that run at the same time.
	portsApart = 97
)

// lastPort is how many ports were tried.
var lastPort atomic.Uint32

// freePorts finds ports of the loopback address that are free for network ("udp" or
// "tcp"), each time others. Nobody who asks for no port in particular is ever given
// them, before the servers are started or between two of their lives.
func freePorts(network string, n int) ([]int, error) {
	var found []int
	for range ports {
		if len(found) == n {
			return found, nil
		}
		port := firstPort + int((uint32(os.Getpid())*portsApart+lastPort.Add(1))%ports)
		if free(network, fmt.Sprintf("127.0.0.1:%d", port)) {
			found = append(found, port)
		}
	}
	return nil, fmt.Errorf("no %d free ports of %s from %d to %d", n, network, firstPort, firstPort+ports)
}

// free reports whether nobody listens at addr.
func free(network, addr string) bool {
	var held io.Closer
	var err error
	if network == "udp" {
		held, err = net.ListenPacket(network, addr)
	} else {
		held, err = net.Listen(network, addr)
	}
	return err == nil && held.Close() == nil
}

// findBinary looks for a program: where it was said to be, beside this program, on
// PATH. It returns "" where it is nowhere, and fails where what was said is wrong.
func findBinary(said string, names ...string) (string, error) {
	if said != "" {
		path, err := exec.LookPath(said)
		if err == nil {
			path, err = filepath.Abs(path)
		}
		return path, err
	}
	self, selfErr := os.Executable()
	for _, name := range names {
		if beside := filepath.Join(filepath.Dir(self), name); selfErr == nil {
			if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
				return beside, nil
			}
		}
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		} else if !errors.Is(err, exec.ErrNotFound) {
			return "", err
		}
	}
	return "", nil
}
