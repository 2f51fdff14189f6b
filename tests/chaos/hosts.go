package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// retryTime is when a host that ended for a reason outside of it is started
	// again.
	retryTime = 200 * time.Millisecond
	// fullDisk is what a host says that ends on a full disk, usedPort one whose
	// port somebody else has taken while it was down.
	fullDisk = "disk full"
	usedPort = "address already in use"
	// slowDisk names the variable by which a kvd that was built for this is told the
	// file that says how much longer each sync takes (cmd/kvd).
	slowDisk = "KVD_CHAOS_SLOW_DISK"
	// tailBytes is how much of a host's log stands in an error.
	tailBytes = 2 << 10
)

// A host is one kvd: its process, which comes and goes, and what stays.
type host struct {
	id   int
	args []string
	data string // the data directory
	slow string // the file that says how slow the disk is
	kvd  string
	path string // of the log
	died func(error)

	mu      sync.Mutex // guards what follows
	cmd     *exec.Cmd  // nil while it is down
	said    *speech
	over    chan struct{} // closed when cmd has ended
	killing bool          // the end is wanted
	frail   bool          // its disk was full: it may end by itself, and is started again
	done    bool          // it is not started any more
	starts  int
}

// speech is what one process says: into the log, and looked at for "ready".
type speech struct {
	file  *os.File
	line  []byte
	ready chan struct{}
	once  sync.Once
	// full and port say that it named these reasons to end.
	full, port bool
	// wanted says that the process was ended; set before host.over is closed.
	wanted bool
}

// Write appends to the log.
func (s *speech) Write(b []byte) (int, error) {
	s.line = append(s.line, b...)
	for {
		i := bytes.IndexByte(s.line, '\n')
		if i < 0 {
			break
		}
		if bytes.Contains(s.line[:i], []byte("msg=ready")) {
			s.once.Do(func() { close(s.ready) })
		}
		s.full = s.full || bytes.Contains(s.line[:i], []byte(fullDisk))
		s.port = s.port || bytes.Contains(s.line[:i], []byte(usedPort))
		s.line = s.line[i+1:]
	}
	return s.file.Write(b)
}

// up starts the process, if it is down.
func (h *host) up() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.start()
}

// start is up; the caller holds mu.
func (h *host) start() error {
	if h.cmd != nil || h.done {
		return nil
	}
	file, err := os.OpenFile(h.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	said := &speech{file: file, ready: make(chan struct{})}
	cmd := exec.Command(h.kvd, append(h.args, "--data", h.data)...)
	cmd.Stderr, cmd.Stdout = said, said
	cmd.SysProcAttr = dieWithUs()
	cmd.Env = append(os.Environ(), slowDisk+"="+h.slow)
	if err := cmd.Start(); err != nil {
		return errors.Join(fmt.Errorf("start host %d: %w", h.id, err), file.Close())
	}
	over := make(chan struct{})
	h.cmd, h.said, h.over, h.killing = cmd, said, over, false
	h.starts++
	go func() {
		err := cmd.Wait()
		h.mu.Lock()
		said.wanted = h.killing || h.frail && said.full || said.port
		h.cmd = nil
		if said.wanted && !h.killing {
			time.AfterFunc(retryTime, func() {
				if err := h.up(); err != nil {
					h.died(err)
				}
			})
		}
		h.mu.Unlock()
		_ = file.Close()
		if !said.wanted {
			h.died(crashedf("host %d ended by itself: %v\n%s", h.id, err, h.tail()))
		}
		close(over)
	}()
	return nil
}

// ready waits until the process serves, or another fault has ended it.
func (h *host) ready(ctx context.Context) error {
	h.mu.Lock()
	said, over := h.said, h.over
	h.mu.Unlock()
	select {
	case <-said.ready:
		return nil
	case <-over:
		if said.wanted {
			return nil
		}
		return crashedf("host %d ended before it served\n%s", h.id, h.tail())
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(restTime):
		return stuckf("host %d does not serve %v after its start, with every host up and the network healed\n%s", h.id, restTime, h.tail())
	}
}

// signal sends s to the process, if there is one.
func (h *host) signal(s syscall.Signal) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cmd != nil {
		_ = h.cmd.Process.Signal(s) // one that has just ended is as good
	}
}

// end ends the process by s, and waits for the end; by SIGKILL when it does not
// come in time, which is an error.
func (h *host) end(s syscall.Signal) error {
	h.mu.Lock()
	cmd, over := h.cmd, h.over
	if cmd == nil {
		h.mu.Unlock()
		return nil
	}
	h.killing = true
	h.mu.Unlock()
	h.signal(s)
	select {
	case <-over:
	case <-time.After(restTime):
		h.signal(syscall.SIGKILL)
		<-over
		return stuckf("host %d did not end within %v of %v\n%s", h.id, restTime, s, h.tail())
	}
	if code := cmd.ProcessState.ExitCode(); s == syscall.SIGTERM && code != 0 {
		return crashedf("host %d was to stop in order, and its exit code is %d\n%s", h.id, code, h.tail())
	}
	return nil
}

// pid returns the process's id, or 0.
func (h *host) pid() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cmd == nil {
		return 0
	}
	return h.cmd.Process.Pid
}

// tail is the end of the log.
func (h *host) tail() string {
	b, err := os.ReadFile(h.path)
	if err != nil {
		return err.Error()
	}
	return strings.ToValidUTF8(string(b[max(0, len(b)-tailBytes):]), "?")
}

// newHosts makes the hosts of a cluster behind a relay, each with its directory
// and its log in dir; none is started.
func newHosts(kvd, dir string, r *relay, died func(error), args ...string) []*host {
	var members []string
	for i := range r.real {
		members = append(members, fmt.Sprintf("%d=%s", i+1, r.address(i+1)))
	}
	var list []*host
	for i, real := range r.real {
		id := i + 1
		list = append(list, &host{
			id: id, kvd: kvd, path: filepath.Join(dir, fmt.Sprintf("host-%d.log", id)), died: died,
			data: filepath.Join(dir, fmt.Sprintf("data-%d", id)),
			slow: filepath.Join(dir, fmt.Sprintf("slow-%d", id)),
			args: append([]string{
				"--id", fmt.Sprint(id), "--cluster", strings.Join(members, ","), "--listen", real.String(), "--insecure",
				"--log-format", "text",
			}, args...),
		})
	}
	return list
}

// weaken says that the process may end by itself because its disk is full, and
// is to be started again; sturdy that it may not any more.
func (h *host) weaken() { h.setFrail(true) }
func (h *host) sturdy() { h.setFrail(false) }

func (h *host) setFrail(frail bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.frail = frail
}

// finish says that the process is not started any more.
func (h *host) finish() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.frail, h.done = false, true
}
