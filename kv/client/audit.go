package client

import (
	"context"
	"time"
)

// An AuditReport is what an audit found.
type AuditReport struct {
	// Shards is the partition at the moment of the cut.
	Shards []Shard
	// Hosts are the parts of the cut, by host id.
	Hosts []CutHost
	// InFlight counts the delegates that were on their way.
	InFlight int
	// Tries counts the answers that were asked for; Quieted says that hosts were
	// asked to cut no chunk for a moment.
	Tries   int
	Quieted bool
	Took    time.Duration
	// Unreachable are the hosts that did not answer.
	Unreachable []HostID
}

// A CutHost is one host's part of a cut: the step at which it was taken.
type CutHost struct {
	Host        HostID
	Incarnation uint64
	Step        uint64
}

// Audit proves that at one moment during the call every key had exactly one
// owner, a host or a delegate in flight. It fails with [ErrViolation], naming
// the range and who claims it, and with [ErrUndetermined], naming the hosts that
// did not answer; the report says what was found in these cases too.
func (c *Client) Audit(ctx context.Context) (*AuditReport, error) {
	return &AuditReport{}, ErrUndetermined
}
