package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"ironkv/delegation"
	"ironkv/marshal"
)

func span(from, until string) delegation.Range {
	r := delegation.All
	if from != "" {
		r.From = delegation.At(delegation.Key(from))
	}
	if until != "" {
		r.Until = delegation.At(delegation.Key(until))
	}
	return r
}

// numbers are what a host has sent to a peer, of that acked, and received from it.
type numbers struct{ sent, acked, received uint64 }

// cutOf makes the cut of a host in a cluster of which every host has incarnation
// 100 + id.
func cutOf(id HostID, peers map[HostID]numbers, owned ...delegation.Range) *cut {
	c := &cut{host: id, incarnation: marshal.Incarnation(100 + id), owned: owned, peers: map[HostID]marshal.PeerNumbers{}}
	for p, n := range peers {
		c.peers[p] = marshal.PeerNumbers{
			Peer: p, PeerIncarnation: marshal.Incarnation(100 + p), Sent: n.sent, Acked: n.acked, Received: n.received,
		}
	}
	return c
}

func (c *cut) fly(to HostID, seqno uint64, r delegation.Range) *cut {
	c.inFlight = append(c.inFlight, marshal.InFlight{To: to, Seqno: seqno, Range: r})
	return c
}

func cutsOf(list ...*cut) map[HostID]*cut {
	m := map[HostID]*cut{}
	for _, c := range list {
		m[c.host] = c
	}
	return m
}

// TestJudge holds cuts of two hosts against the rules.
func TestJudge(t *testing.T) {
	still := map[HostID]numbers{2: {}}
	back := map[HostID]numbers{1: {}}
	for name, tc := range map[string]struct {
		one, two *cut
		behind   []HostID
		err      error
		says     string
		inFlight int
	}{
		"at rest": {one: cutOf(1, still, span("", "m")), two: cutOf(2, back, span("m", ""))},
		"in flight": {
			one:      cutOf(1, map[HostID]numbers{2: {sent: 1}}, span("", "m")).fly(2, 1, span("m", "")),
			two:      cutOf(2, map[HostID]numbers{1: {}}),
			inFlight: 1,
		},
		"received, not yet acknowledged": {
			one: cutOf(1, map[HostID]numbers{2: {sent: 1}}, span("", "m")).fly(2, 1, span("m", "")),
			two: cutOf(2, map[HostID]numbers{1: {received: 1}}, span("m", "")),
		},
		"one of two received": {
			one:      cutOf(1, map[HostID]numbers{2: {sent: 2}}, span("", "m")).fly(2, 1, span("m", "t")).fly(2, 2, span("t", "")),
			two:      cutOf(2, map[HostID]numbers{1: {received: 1}}, span("m", "t")),
			inFlight: 1,
		},
		"the recipient's answer is behind": { // acked ≤ received fails
			one:    cutOf(1, map[HostID]numbers{2: {sent: 1, acked: 1}}, span("", "m")),
			two:    cutOf(2, map[HostID]numbers{1: {}}),
			behind: []HostID{2},
		},
		"the sender's answer is behind": { // received ≤ sent fails
			one:    cutOf(1, map[HostID]numbers{2: {}}, delegation.All),
			two:    cutOf(2, map[HostID]numbers{1: {received: 1}}, span("m", "")),
			behind: []HostID{1},
		},
		"lost in the middle": {
			one: cutOf(1, still, span("", "d")), two: cutOf(2, back, span("m", "")),
			err: ErrViolation, says: `["d", "m")`,
		},
		"lost at the end": {
			one: cutOf(1, still, span("", "d")), two: cutOf(2, back, span("d", "x")),
			err: ErrViolation, says: `["x", +inf)`,
		},
		"lost at the beginning": {
			one: cutOf(1, still, span("a", "d")), two: cutOf(2, back, span("d", "")),
			err: ErrViolation, says: `[-inf, "a")`,
		},
		"nobody claims anything": {one: cutOf(1, still), two: cutOf(2, back), err: ErrViolation, says: "[-inf, +inf)"},
		"two owners": {
			one: cutOf(1, still, span("", "n")), two: cutOf(2, back, span("m", "")),
			err: ErrViolation, says: `two owners of ["m", "n")`,
		},
		"two owners of all": {
			one: cutOf(1, still, delegation.All), two: cutOf(2, back, span("c", "d"), span("m", "n")),
			err: ErrViolation, says: `two owners of ["c", "d")`,
		},
		"owned and in flight": {
			one: cutOf(1, map[HostID]numbers{2: {sent: 1}}, delegation.All).fly(2, 1, span("m", "p")), two: cutOf(2, back),
			err: ErrViolation, says: "delegate 1 from host 1 to host 2",
		},
		"another life": {
			one: cutOf(1, still, span("", "m")),
			two: func() *cut { c := cutOf(2, back, span("m", "")); c.incarnation++; return c }(),
			err: ErrUndetermined, says: "incarnation",
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := &audit{members: []HostID{1, 2}, cuts: cutsOf(tc.one, tc.two)}
			if got := a.behind(); !slices.Equal(got, tc.behind) {
				t.Fatalf("behind: %v, want %v", got, tc.behind)
			}
			if tc.behind != nil {
				return
			}
			err := a.judge()
			if !errors.Is(err, tc.err) || err != nil && !strings.Contains(err.Error(), tc.says) {
				t.Fatalf("judged %v, want %v with %q", err, tc.err, tc.says)
			}
			if r := a.report(); tc.err == nil && (r.InFlight != tc.inFlight || len(r.Hosts) != 2) {
				t.Fatalf("report %+v", r)
			}
		})
	}
}

// TestPartition: neighbours in one place are one shard, gaps are marked, and what
// is claimed twice is laid side by side.
func TestPartition(t *testing.T) {
	got := partition(claimsOf(cutsOf(
		cutOf(1, map[HostID]numbers{2: {sent: 2}}, span("", "c"), span("c", "f")).fly(2, 1, span("f", "h")).fly(2, 2, span("h", "k")),
		cutOf(2, map[HostID]numbers{1: {}}, span("p", "z")),
	)))
	want := []Shard{
		{Range: span("", "f"), Owner: 1},
		{Range: span("f", "k"), From: 1, To: 2},
		{Range: span("k", "p"), Unknown: true},
		{Range: span("p", "z"), Owner: 2},
		{Range: span("z", ""), Unknown: true},
	}
	if !slices.Equal(got, want) {
		t.Fatalf("got  %v\nwant %v", got, want)
	}
}

// TestSteadyClaims: where a host is silent, only what was claimed throughout is
// held against each other; what a host may have passed on through the silent one
// is not.
func TestSteadyClaims(t *testing.T) {
	none := map[HostID]numbers{2: {}, 3: {}}
	gave := map[HostID]numbers{2: {}, 3: {sent: 1}}
	two := map[HostID]numbers{1: {}, 3: {}}
	for name, tc := range map[string]struct {
		before, now map[HostID]*cut
		violation   bool
	}{
		"both claim it all the time": {
			before:    cutsOf(cutOf(1, none, span("", "n")), cutOf(2, two, span("m", ""))),
			now:       cutsOf(cutOf(1, none, span("", "n")), cutOf(2, two, span("m", ""))),
			violation: true,
		},
		"given to the silent one between the answers": {
			before: cutsOf(cutOf(1, none, span("", "n")), cutOf(2, two, span("m", ""))),
			now:    cutsOf(cutOf(1, gave, span("", "m")), cutOf(2, two, span("m", ""))),
		},
		"given away and taken back": {
			before: cutsOf(cutOf(1, none, span("", "n")), cutOf(2, two, span("m", ""))),
			now:    cutsOf(cutOf(1, gave, span("", "n")), cutOf(2, two, span("m", ""))),
		},
		"claimed by the second later only": {
			before: cutsOf(cutOf(1, none, span("", "n")), cutOf(2, two)),
			now:    cutsOf(cutOf(1, none, span("", "n")), cutOf(2, two, span("m", ""))),
		},
		"in flight to one that answers, and owned": {
			before: cutsOf(cutOf(1, map[HostID]numbers{2: {sent: 1}, 3: {}}, span("", "n")).fly(2, 1, span("m", "p")),
				cutOf(2, two)),
			now: cutsOf(cutOf(1, map[HostID]numbers{2: {sent: 1}, 3: {}}, span("", "n")).fly(2, 1, span("m", "p")),
				cutOf(2, two)),
			violation: true,
		},
		"in flight to the silent one": {
			before: cutsOf(cutOf(1, gave, span("", "m")).fly(3, 1, span("m", "p")), cutOf(2, two, span("m", ""))),
			now:    cutsOf(cutOf(1, gave, span("", "m")).fly(3, 1, span("m", "p")), cutOf(2, two, span("m", ""))),
		},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, found := twice(steadily(tc.before, tc.now)); found != tc.violation {
				t.Fatalf("violation %v, want %v", found, tc.violation)
			}
		})
	}
}

// TestCutPages: a cut is read page by page, and begun anew when the host has
// forgotten it; pages of another cut are not taken.
func TestCutPages(t *testing.T) {
	w := newWorld(t, 1)
	o := w.begin(&op{kind: opAudit, target: 1})
	w.open(1)
	m := next[*marshal.AuditRequest](w, 1)
	if m.Cut != 0 || m.Page != 0 {
		t.Fatalf("asked for %+v", m)
	}
	w.hear(1, &marshal.Refusal{RequestHeader: m.RequestHeader, Reason: marshal.UnknownCut})
	w.done(o)
	if !errors.Is(o.err, errUnknownCut) {
		t.Fatalf("an expired cut: %v", o.err)
	}
}

// TestFromUnreachable: errors name the hosts that do not answer.
func TestFromUnreachable(t *testing.T) {
	a := &audit{failed: map[HostID]error{3: context.DeadlineExceeded, 2: fmt.Errorf("host 2: %w", ErrUnavailable)}}
	err := a.unreachable()
	if !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "[2 3]") {
		t.Fatal(err)
	}
}
