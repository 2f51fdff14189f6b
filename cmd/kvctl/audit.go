package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"ironkv/kv/client"
)

// singleOwnership is the sentence that an audit proves.
const singleOwnership = "every key has exactly one owner"

func (a *app) auditCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "audit",
		Example: "  kvctl audit",
		Short:   "Prove on the running cluster that every key has exactly one owner",
		Long: "Prove on the running cluster that at one moment during the audit every key of the infinite\n" +
			"key space had exactly one owner, a host or a delegate in flight, and print that partition.\n\n" +
			"Exit code 1: a range has no owner or two; the message names it. Exit code 6: a host did not\n" +
			"answer, which leaves the answer open; but two claims among the others are a violation still.",
		Args: cobra.NoArgs,
		RunE: a.withClient(func(ctx context.Context, c *client.Client, _ []string) error {
			report, err := c.Audit(ctx)
			if report == nil {
				return err
			}
			return errors.Join(err, a.printAudit(report, err))
		}),
	}
}

type auditHostJSON struct {
	ID          client.HostID `json:"id"`
	Incarnation string        `json:"incarnation"`
	Step        uint64        `json:"step"`
}

type auditJSON struct {
	Verdict     string          `json:"verdict"`
	Detail      string          `json:"detail"`
	Partition   []shardJSON     `json:"partition"`
	Hosts       []auditHostJSON `json:"hosts"`
	Unreachable []client.HostID `json:"unreachable"`
	InFlight    int             `json:"in_flight"`
	Tries       int             `json:"tries"`
	Seconds     float64         `json:"seconds"`
}

func (a *app) printAudit(report *client.AuditReport, verdict error) error {
	shape := auditJSON{
		Verdict: "single-owner", Detail: singleOwnership, InFlight: report.InFlight, Tries: report.Tries,
		Seconds: report.Took.Seconds(), Partition: []shardJSON{}, Hosts: []auditHostJSON{}, Unreachable: []client.HostID{},
	}
	switch {
	case errors.Is(verdict, client.ErrViolation):
		shape.Verdict, shape.Detail = "violation", verdict.Error()
	case verdict != nil:
		shape.Verdict, shape.Detail = "undetermined", verdict.Error()
	}
	for _, h := range report.Hosts {
		shape.Hosts = append(shape.Hosts, auditHostJSON{ID: h.Host, Incarnation: incarnation(h.Incarnation), Step: h.Step})
	}
	shape.Unreachable = append(shape.Unreachable, report.Unreachable...)
	var rows []table.Row
	for _, s := range report.Shards {
		shape.Partition = append(shape.Partition, a.shardOf(s))
		rows = append(rows, table.Row{a.keys.bound(s.Range.From), a.keys.bound(s.Range.Until), whereabouts(s)})
	}
	return a.emit(shape, func(w io.Writer) error {
		if len(rows) > 0 {
			if err := printTable(w, table.Row{"from", "until", "owner"}, nil, rows); err != nil {
				return err
			}
		}
		if verdict != nil {
			return nil
		}
		_, err := fmt.Fprintf(w, "%s: %s at %s, %d in flight\n", singleOwnership, plural(len(report.Shards), "range"),
			plural(len(report.Hosts), "host"), report.InFlight)
		return err
	})
}
