package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// usage is what a host uses while its cluster is at rest.
type usage struct {
	goroutines, files int
	memory, disk      uint64 // bytes
}

func (u usage) String() string {
	return fmt.Sprintf("%d goroutines, %d files, %d MiB memory, %d MiB disk", u.goroutines, u.files, u.memory>>20, u.disk>>20)
}

// profiles gives every host an address for its profiles.
func (c *cluster) profiles() {
	for _, h := range c.nemesis.hosts {
		// TCP has ports of its own; this one is the host's as its UDP port is.
		addr := c.nemesis.relay.real[h.id-1].String()
		c.pprof = append(c.pprof, addr)
		h.args = append(h.args, "--pprof", addr)
	}
}

// use measures every host.
func (c *cluster) use() ([]usage, error) {
	var list []usage
	for i, h := range c.nemesis.hosts {
		pid := h.pid()
		files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err != nil {
			return nil, err
		}
		u := usage{files: len(files)}
		if u.memory, err = memory(pid); err != nil {
			return nil, err
		}
		if u.goroutines, err = goroutines(c.pprof[i]); err != nil {
			return nil, err
		}
		if u.disk, err = diskUsed(h.data); err != nil {
			return nil, err
		}
		list = append(list, u)
	}
	return list, nil
}

// memory is what a process has in memory, in bytes.
func memory(pid int) (uint64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmRSS:" {
			kib, err := strconv.ParseUint(f[1], 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("process %d does not say how much memory it uses", pid)
}

// goroutines counts those of the process that serves profiles at addr. The
// profile is taken after a garbage collection.
func goroutines(addr string) (int, error) {
	for _, path := range []string{"heap?gc=1", "goroutine?debug=1"} {
		resp, err := http.Get("http://" + addr + "/debug/pprof/" + path)
		if err != nil {
			return 0, err
		}
		line, err := bufio.NewReader(resp.Body).ReadString('\n')
		_ = resp.Body.Close()
		if n, ok := strings.CutPrefix(strings.TrimSpace(line), "goroutine profile: total "); ok {
			return strconv.Atoi(n)
		}
		if err != nil && path != "heap?gc=1" {
			return 0, err
		}
	}
	return 0, fmt.Errorf("%s serves no count of goroutines", addr)
}

// diskUsed adds the sizes of all files up, in bytes. Files may vanish meanwhile.
func diskUsed(dir string) (uint64, error) {
	var sum uint64
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			var info fs.FileInfo
			if info, err = e.Info(); err == nil {
				sum += uint64(info.Size())
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	return sum, err
}
