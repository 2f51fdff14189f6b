package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"ironkv/kv/client"
)

func (a *app) hostCommand() *cobra.Command {
	return group("host", "List the hosts", a.hostListCommand())
}

type hostJSON struct {
	ID          client.HostID `json:"id"`
	Address     string        `json:"address"`
	Reachable   bool          `json:"reachable"`
	Error       string        `json:"error,omitempty"`
	Incarnation string        `json:"incarnation,omitempty"`
	Ranges      uint64        `json:"ranges"`
	Keys        *uint64       `json:"keys,omitempty"`
	Bytes       *uint64       `json:"bytes,omitempty"`
	Uptime      float64       `json:"uptime_seconds"`
	Version     string        `json:"version,omitempty"`
	Durable     bool          `json:"durable"`
	Room        uint64        `json:"room"`
	Sessions    uint64        `json:"sessions"`
	Holds       uint64        `json:"holds"`
	Steps       uint64        `json:"steps"`
	Clock       uint64        `json:"clock"`
}

func (a *app) hostListCommand() *cobra.Command {
	var noSizes bool
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List the hosts, whether they answer, and what they hold",
		Long:  "List the hosts, whether they answer, and what they hold. A host that does not answer is\nlisted as such; that alone is no failure.",
		Args:  cobra.NoArgs,
	}
	cmd.Flags().BoolVar(&noSizes, "no-sizes", false, "do not count keys and bytes, which reads through all keys")
	cmd.RunE = a.withClient(func(ctx context.Context, c *client.Client, _ []string) error {
		hosts, err := c.Hosts(ctx, sizes(noSizes)...)
		if len(hosts) == 0 {
			return err
		}
		if err != nil {
			a.warnf("keys and bytes are incomplete: %v", err)
		}
		shape := struct {
			Hosts []hostJSON `json:"hosts"`
		}{Hosts: []hostJSON{}}
		var rows []table.Row
		for _, h := range hosts {
			shape.Hosts = append(shape.Hosts, hostOf(h, noSizes))
			rows = append(rows, hostRow(h, noSizes))
		}
		return a.emit(shape, func(w io.Writer) error {
			header := table.Row{"id", "address", "reachable", "incarnation", "ranges", "keys", "bytes", "room", "uptime", "storage", "version"}
			if err := printTable(w, header, []int{1, 5, 6, 7, 8, 9}, rows); err != nil {
				return err
			}
			for _, h := range hosts {
				if h.Err != nil {
					a.warnf("host %d: %v", h.ID, h.Err)
				}
			}
			return nil
		})
	})
	return cmd
}

func hostOf(h client.HostStatus, noSizes bool) hostJSON {
	out := hostJSON{ID: h.ID, Address: h.Address}
	if h.Err != nil {
		out.Error = h.Err.Error()
		return out
	}
	out.Reachable = true
	out.Incarnation = incarnation(h.Incarnation)
	out.Ranges, out.Uptime, out.Version, out.Durable = h.Ranges, h.Uptime.Seconds(), h.Software, h.Durable
	out.Room, out.Sessions, out.Holds, out.Steps, out.Clock = h.Room, h.Sessions, h.Holds, h.Steps, h.Clock
	if !noSizes {
		out.Keys, out.Bytes = &h.Keys, &h.Bytes
	}
	return out
}

func hostRow(h client.HostStatus, noSizes bool) table.Row {
	if h.Err != nil {
		return table.Row{h.ID, h.Address, "no", "-", "-", "-", "-", "-", "-", "-", "-"}
	}
	keys, bytes, storage := "-", "-", "memory"
	if !noSizes {
		keys, bytes = humanize.Comma(int64(h.Keys)), humanize.Bytes(h.Bytes)
	}
	if h.Durable {
		storage = "disk"
	}
	return table.Row{
		h.ID, h.Address, "yes", incarnation(h.Incarnation), strconv.FormatUint(h.Ranges, 10), keys, bytes, room(h),
		h.Uptime.Truncate(time.Second), storage, h.Software,
	}
}

// room is what a host can still take in, its reserve included.
func room(h client.HostStatus) string {
	if h.Room == math.MaxUint64 {
		return "no limit"
	}
	return humanize.Bytes(h.Room)
}

func incarnation(i uint64) string { return fmt.Sprintf("%016x", i) }
