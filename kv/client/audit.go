package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	// quietAfter is after how many rounds in vain hosts are asked to cut no chunk
	// for a moment, of quietMillis.
	quietAfter  = 3
	quietMillis = 200
	// auditRounds bounds an audit besides its deadline.
	auditRounds = 200
	// patienceShare is which part of the time that is left a host may take to
	// answer: 1/patienceShare. The rest is for judging without it.
	patienceShare = 2
)

// An AuditReport is what an audit found.
type AuditReport struct {
	// Shards is the partition of the keys at the moment of the cut.
	Shards []Shard
	// Hosts are the parts of the cut, by host id.
	Hosts []CutHost
	// InFlight counts the delegates that were on their way.
	InFlight int
	// Tries counts the cuts that hosts were asked for; Quieted says that they
	// were asked to cut no chunk for a moment.
	Tries   int
	Quieted bool
	Took    time.Duration
	// Unreachable are the hosts that did not answer, by id.
	Unreachable []HostID
}

// A CutHost is one host's part of a cut: the step at which it was taken.
type CutHost struct {
	Host        HostID
	Incarnation uint64
	Step        uint64
}

// Audit proves that at one moment during the call every key of the infinite key
// space had exactly one owner, a host or a delegate in flight.
//
// Each host answers, in one step, what it owns, what it has in flight, and its
// numbers per peer. The answers are accepted if, for every two hosts,
// acked ≤ received ≤ sent, both being of the life that the other has met; if
// not, only the host whose answer is behind is asked again, and after some tries
// hosts are asked to cut no chunk of a move for a moment.
//
// Audit fails with [ErrViolation], naming the range and who claims it, and with
// [ErrUndetermined], naming the hosts that did not answer, or what stayed
// unsettled. Where a host does not answer, two claims that others hold to one
// key throughout the audit are a violation still. The report says what was
// found, and is never nil.
func (c *Client) Audit(ctx context.Context) (*AuditReport, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	began := c.clock.now()
	a := newAudit(c)
	err := a.run(ctx)
	report := a.report()
	report.Took = c.clock.now() - began
	if err != nil {
		err = fmt.Errorf("audit: %w", err)
	}
	return report, err
}

// An audit is one audit under way.
type audit struct {
	c       *Client
	members []HostID

	mu      sync.Mutex // guards the rest while cuts are being taken
	cuts    map[HostID]*cut
	failed  map[HostID]error
	tries   int
	quieted bool
}

func newAudit(c *Client) *audit {
	return &audit{c: c, members: c.ids(), cuts: map[HostID]*cut{}, failed: map[HostID]error{}}
}

// take takes a new cut of each of these hosts, all at once.
func (a *audit) take(ctx context.Context, ids []HostID, quiet uint32) {
	ctx, cancel := patience(ctx)
	defer cancel()
	var wait sync.WaitGroup
	for _, id := range ids {
		wait.Go(func() {
			got, asked, err := a.c.takeCut(ctx, id, quiet)
			a.mu.Lock()
			defer a.mu.Unlock()
			a.tries += asked
			delete(a.failed, id)
			delete(a.cuts, id)
			if err != nil {
				a.failed[id] = err
				return
			}
			a.cuts[id] = got
		})
	}
	wait.Wait()
	a.quieted = a.quieted || quiet > 0
}

func (a *audit) behind() []HostID { return behindIn(a.cuts) }
func (a *audit) claims() []claim  { return claimsOf(a.cuts) }

// run takes cuts until they fit together, and judges them.
func (a *audit) run(ctx context.Context) error {
	a.take(ctx, a.members, 0)
	for round := 1; ; round++ {
		if len(a.failed) > 0 {
			return a.judgePart(ctx)
		}
		again := a.behind()
		if len(again) == 0 {
			return a.judge()
		}
		if round >= auditRounds || ctx.Err() != nil {
			return fmt.Errorf("%w: the answers of hosts %v stayed behind the others' for %d rounds; %w",
				ErrUndetermined, again, round, errors.Join(ErrUnavailable, ctx.Err()))
		}
		if round >= quietAfter {
			a.take(ctx, a.members, quietMillis)
			continue
		}
		a.take(ctx, again, 0)
	}
}

// judge judges cuts of all hosts that fit together.
func (a *audit) judge() error {
	if err := strangersIn(a.cuts); err != nil {
		return fmt.Errorf("%w: %w", ErrUndetermined, err)
	}
	claims := a.claims()
	if x, y, found := twice(claims); found {
		return fmt.Errorf("%w: two owners of %v: %v, and %v", ErrViolation, x.Range.Intersect(y.Range), x, y)
	}
	if r, found := unclaimed(claims); found {
		return fmt.Errorf("%w: nobody owns %v: no host claims it, and no delegate in flight", ErrViolation, r)
	}
	return nil
}

// judgePart judges what some hosts say where others are silent. A silent host
// may own whatever nobody claims, and may have passed on what another gave it
// between two answers: so only claims that were held without interruption while
// every answer came are held against each other.
func (a *audit) judgePart(ctx context.Context) error {
	silent := a.unreachable()
	before := a.cuts
	a.cuts = map[HostID]*cut{}
	failed := a.failed
	a.take(ctx, sortedIDs(before), 0)
	for id, err := range failed {
		a.failed[id] = err
	}
	if x, y, found := twice(steadily(before, a.cuts)); found {
		return fmt.Errorf("%w: two owners of %v: %v, and %v (%w)", ErrViolation, x.Range.Intersect(y.Range), x, y, silent)
	}
	what := "whatever the others do not claim"
	if r, found := unclaimed(a.claims()); found {
		what = fmt.Sprintf("%v, and whatever else the others do not claim", r)
	}
	return fmt.Errorf("%w: %w; they may own %s", ErrUndetermined, silent, what)
}

// unreachable returns nil, or an error that names the hosts that do not answer.
func (a *audit) unreachable() error {
	if len(a.failed) == 0 {
		return nil
	}
	ids := a.silent()
	var causes []error
	for _, id := range ids {
		causes = append(causes, a.failed[id])
	}
	return fmt.Errorf("hosts %v do not answer: %w", ids, errors.Join(causes...))
}

func (a *audit) silent() []HostID {
	var ids []HostID
	for id := range a.failed {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (a *audit) report() *AuditReport {
	claims := a.claims()
	r := &AuditReport{Shards: partition(claims), Tries: a.tries, Quieted: a.quieted, Unreachable: a.silent()}
	for _, id := range sortedIDs(a.cuts) {
		c := a.cuts[id]
		r.Hosts = append(r.Hosts, CutHost{Host: id, Incarnation: uint64(c.incarnation), Step: c.step})
	}
	for _, c := range claims {
		if c.owner == 0 {
			r.InFlight++
		}
	}
	return r
}

// patience gives a host a part of the time that is left, so that one who does
// not answer leaves some to judge the others by.
func patience(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-untilDeadline(deadline)/patienceShare))
}
