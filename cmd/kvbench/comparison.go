package main

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// A comparison is one row: a workload, asked by so many goroutines, of some systems.
type comparison struct {
	Section  string              `json:"section"`
	Workload workload            `json:"workload"`
	Clients  int                 `json:"clients"`
	Runs     map[string][]result `json:"runs"`
	systems  []string
}

// cases lists what is compared, such that neighbours use the same data.
func (f *compareFlags) cases(report *compareReport) []*comparison {
	var out []*comparison
	add := func(section string, w workload, clients int, systems ...string) {
		systems = slices.DeleteFunc(systems, func(s string) bool { return !slices.Contains(f.systems, s) })
		out = append(out, &comparison{Section: section, Workload: w, Clients: clients, Runs: map[string][]result{}, systems: systems})
	}
	for _, section := range f.sections {
		switch section {
		case "memory":
			f.memoryCases(report, add)
		case "batch":
			systems := []string{sysIronkv, sysGoRedis, sysRueidis, sysEcho}
			if findBench(f.peer) != "" {
				systems = append(systems, sysBench)
			}
			for _, op := range []operation{opGet, opSet} {
				for _, clients := range f.batchClients {
					add(section, workload{Op: op, ValueBytes: defaultValueBytes, Keys: millionKeys, Distribution: uniform, Batch: compareBatch}, clients, slices.Clone(systems)...)
				}
			}
		case "scan":
			for _, clients := range []int{1, defaultClients} {
				add(section, workload{Op: opScan, ValueBytes: defaultValueBytes, Keys: defaultKeys, Distribution: uniform, ScanEntries: defaultScan},
					clients, sysIronkv, sysGoRedis, sysRueidis)
			}
		case "durable":
			systems := []string{sysIronkv, sysGoRedis, sysRueidis}
			if _, err := exec.LookPath("etcd"); err == nil {
				systems = append(systems, sysEtcd)
			} else {
				report.Skipped = append(report.Skipped, "etcd: it is not on PATH")
			}
			for _, clients := range f.clients {
				add(section, workload{Op: opSet, ValueBytes: defaultValueBytes, Keys: defaultKeys, Distribution: uniform}, clients, slices.Clone(systems)...)
			}
		}
	}
	return out
}

func (f *compareFlags) memoryCases(report *compareReport, add func(string, workload, int, ...string)) {
	for _, keys := range f.keys {
		for _, value := range f.values {
			if keys*int64(keyBytes+value) > compareBytes {
				report.Skipped = append(report.Skipped, fmt.Sprintf("%d keys of %d bytes: more than %d MiB", keys, value, compareBytes>>20))
				continue
			}
			for _, d := range f.distributions {
				for _, op := range []operation{opGet, opSet} {
					for _, clients := range f.clients {
						w := workload{Op: op, ValueBytes: value, Keys: uint64(keys), Distribution: distribution(d)}
						add("memory", w, clients, sysIronkv, sysGoRedis, sysRueidis, sysEcho)
					}
				}
			}
		}
	}
}

// measure runs all systems by turns; each run begins with another system.
func (c *comparison) measure(ctx context.Context, f *compareFlags, s *systems, done func(int)) error {
	stores := map[string]store{}
	defer func() {
		for _, st := range stores {
			_ = st.close() // it has been measured
		}
	}()
	for _, name := range c.systems {
		if name == sysBench {
			continue
		}
		st, err := s.dial(ctx, name, c.Workload)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		stores[name] = st
	}
	for run := range f.runs {
		for i := range c.systems {
			name := c.systems[(run+i)%len(c.systems)]
			r, err := c.run(ctx, f, s, name, stores[name])
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			c.Runs[name] = append(c.Runs[name], r)
			done(1)
		}
	}
	return nil
}

func (c *comparison) run(ctx context.Context, f *compareFlags, s *systems, name string, st store) (result, error) {
	if name == sysBench {
		return s.runBench(ctx, c)
	}
	l := loop{store: st, load: c.Workload, clients: c.Clients}
	return l.measure(ctx, f.warmup, f.duration, s.servers[serverOf(name)].cpu)
}

// throughput is a system's, over the runs.
func (c *comparison) throughput(system string) spread {
	return spreadOf(c.Runs[system], func(r result) float64 { return r.Throughput })
}

func (c *comparison) median(system string, value func(result) float64) float64 {
	return spreadOf(c.Runs[system], value).Median
}

// ratio is ironkv's throughput in units of another system's: the median over the runs,
// each of which follows the other's closely, so that what else the machine does, and
// how fast it is just now, concerns both.
func (c *comparison) ratio(system string) float64 {
	own, other := c.Runs[sysIronkv], c.Runs[system]
	var ratios []float64
	for i := range min(len(own), len(other)) {
		if other[i].Throughput > 0 {
			ratios = append(ratios, own[i].Throughput/other[i].Throughput)
		}
	}
	return spreadOf(ratios, func(r float64) float64 { return r }).Median
}

func (c *comparison) errors() string {
	var parts []string
	for _, system := range c.systems {
		for _, r := range c.Runs[system] {
			if r.failures() > 0 {
				parts = append(parts, system+": "+errorCounts(r.Errors))
			}
		}
	}
	return strings.Join(parts, "; ")
}

// summary is a line for people who wait.
func (c *comparison) summary() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%-7s %-4s %5d B %5d goroutines", c.Section, c.Workload.Op, c.Workload.ValueBytes, c.Clients)
	for _, system := range c.systems {
		fmt.Fprintf(&s, "  %s %s", system, thousands(c.throughput(system).Median))
	}
	if e := c.errors(); e != "" {
		s.WriteString("  errors " + e)
	}
	return s.String()
}
