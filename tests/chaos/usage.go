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

// quantities are what a host's usage is made of: its name, the unit in which it is
// shown, and how many of them, divided by the root of their number, the mean of a soak's last
// cycles may lie above that of as many first ones. That is four standard deviations of
// the difference of two such means, where one cycle had, of the host in which it varied
// most, 0.9, 0.8, 26 and 13: who owns everything at the end of a cycle has more.
var quantities = [...]struct {
	name         string
	unit, spread float64
}{
	{"goroutines", 1, 6},
	{"open files", 1, 6},
	{"MiB of memory", 1 << 20, 145},
	{"MiB of disk", 1 << 20, 80},
}

// usage is what a host uses while its cluster is at rest, of each quantity; bytes where
// that is shown in MiB.
type usage [len(quantities)]uint64

func (u usage) String() string {
	var s []string
	for i, q := range quantities {
		s = append(s, fmt.Sprintf("%.0f %s", float64(u[i])/q.unit, q.name))
	}
	return strings.Join(s, ", ")
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
		routines, err := goroutines(c.pprof[i]) // first, for it collects garbage
		if err != nil {
			return nil, err
		}
		resident, err := memory(pid)
		if err != nil {
			return nil, err
		}
		disk, err := diskUsed(h.data)
		if err != nil {
			return nil, err
		}
		list = append(list, usage{uint64(routines), uint64(len(files)), resident, disk})
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
