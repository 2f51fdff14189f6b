package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// hosts are the kvd processes of the demo.
type hosts struct {
	ctx     context.Context
	kvd     string
	dir     string
	address []string
	process []*exec.Cmd
	log     []*bytes.Buffer
}

func startHosts(ctx context.Context, kvd, dir string, n int) (*hosts, error) {
	h := &hosts{ctx: ctx, kvd: kvd, dir: dir, process: make([]*exec.Cmd, n)}
	for range n {
		a, err := freeAddress()
		if err != nil {
			return nil, err
		}
		h.address = append(h.address, a)
		h.log = append(h.log, &bytes.Buffer{})
	}
	for i := range n {
		if err := h.start(i); err != nil {
			return nil, errors.Join(err, h.stop())
		}
	}
	return h, nil
}

// freeAddress returns a loopback address that was free a moment ago.
func freeAddress() (string, error) {
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer conn.Close()
	return conn.LocalAddr().String(), nil
}

func (h *hosts) start(i int) error {
	var members []string
	for j, a := range h.address {
		members = append(members, fmt.Sprintf("%d=%s", j+1, a))
	}
	cmd := exec.CommandContext(h.ctx, h.kvd, "--id", fmt.Sprint(i+1), "--cluster", strings.Join(members, ","),
		"--data", filepath.Join(h.dir, fmt.Sprint(i+1)))
	cmd.Stderr = h.log[i]
	cmd.Env = append(os.Environ(), "KVD_LOG_FORMAT=text")
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start host %d: %w (did you run make build?)", i+1, err)
	}
	h.process[i] = cmd
	return nil
}

// kill ends host i as a power cut would end its process.
func (h *hosts) kill(i int) error {
	if err := h.process[i].Process.Kill(); err != nil {
		return err
	}
	_ = h.process[i].Wait() // says "signal: killed"
	h.process[i] = nil
	return nil
}

func (h *hosts) stop() error {
	var errs []error
	for i, p := range h.process {
		if p == nil {
			continue
		}
		_ = p.Process.Signal(syscall.SIGTERM)
		timer := time.AfterFunc(10*time.Second, func() { _ = p.Process.Kill() })
		if err := p.Wait(); err != nil && h.ctx.Err() == nil {
			errs = append(errs, fmt.Errorf("host %d did not stop cleanly: %w", i+1, err))
		}
		timer.Stop()
	}
	return errors.Join(errs...)
}

func (h *hosts) addrs() []string { return h.address }

func (h *hosts) logs() string {
	var b strings.Builder
	for i, l := range h.log {
		fmt.Fprintf(&b, "--- host %d\n%s", i+1, l.String())
	}
	return b.String()
}
