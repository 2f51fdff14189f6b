package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
)

// A spaceResult is how much memory a server takes for its entries.
type spaceResult struct {
	Server     string  `json:"server"`
	Keys       uint64  `json:"keys"`
	ValueBytes int     `json:"value_bytes"`
	Resident   uint64  `json:"resident_bytes"` // more than before the keys were loaded
	PerEntry   float64 `json:"overhead_bytes_per_entry"`
}

// compareSpace loads a million entries into fresh servers and looks at their
// resident memory.
func (a *app) compareSpace(ctx context.Context, f *compareFlags, report *compareReport) error {
	load := workload{Op: opSet, ValueBytes: defaultValueBytes, Keys: millionKeys, Distribution: uniform}
	s, err := startSystems(ctx, f, "space", []string{sysIronkv, sysGoRedis}, nil)
	if err != nil {
		return err
	}
	before := map[string]uint64{}
	for name, server := range s.servers {
		before[name] = server.resident()
	}
	if err := s.fill(ctx, load); err != nil {
		return errors.Join(err, s.stop())
	}
	for _, name := range []string{sysIronkv, "redis"} {
		server := s.servers[name]
		r := spaceResult{Server: name, Keys: load.Keys, ValueBytes: load.ValueBytes}
		if len(server.processes) == 0 {
			report.Skipped = append(report.Skipped, "memory per entry of "+name+": it has no process of its own")
			continue
		}
		r.Resident = max(server.resident(), before[name]) - before[name]
		r.PerEntry = float64(r.Resident)/float64(load.Keys) - float64(load.ValueBytes+keyBytes)
		a.progressf("space   %s: %.0f bytes per entry beyond key and value", name, r.PerEntry)
		report.Space = append(report.Space, r)
	}
	return s.stop()
}

func (r *compareReport) printSpace(w *strings.Builder, markdown bool) {
	var rows []table.Row
	for _, s := range r.Space {
		rows = append(rows, table.Row{s.Server, s.Keys, s.ValueBytes, fmt.Sprintf("%d", s.Resident>>20), fmt.Sprintf("%.0f", s.PerEntry)})
	}
	printTable(w, markdown, 1, table.Row{"server", "keys", "value", "resident MiB", "bytes per entry"}, rows)
}
