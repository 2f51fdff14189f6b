package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/kv/client"
	"ironkv/kv/cluster"
)

// fillKeys writes n entries k000, k001, … of a few bytes.
func (s *shell) fillKeys(n, valueBytes int) {
	var lines bytes.Buffer
	for i := range n {
		fmt.Fprintf(&lines, "{\"key\":\"k%03d\",\"value\":%q}\n", i, strings.Repeat("v", valueBytes))
	}
	s.with(lines.Bytes()).ok("load", "-")
}

func TestShardMove(t *testing.T) {
	s, _ := newShell(t, 3)
	s.fillKeys(100, 10)
	out := s.ok("shard", "move", "--from", "k050", "--to", "2")
	if !strings.HasPrefix(out, "moved 50 keys, 700 B in ") {
		t.Errorf("shard move printed %q", out)
	}
	expect(t, "shard ls", s.ok("shard", "ls", "-o", "json"), `{"shards":[`+
		`{"from":null,"until":"k050","owner":1,"keys":50,"bytes":700,"moves":[]},`+
		`{"from":"k050","until":null,"owner":2,"keys":50,"bytes":700,"moves":[]}]}`+"\n")

	// A range of two owners is two moves, and what the recipient has already stays.
	var moved movedJSON
	if err := json.Unmarshal([]byte(s.ok("shard", "move", "--from", "k010", "--until", "k090", "--to", "3", "-o", "json")), &moved); err != nil {
		t.Fatal(err)
	}
	if len(moved.Moves) != 2 || moved.Keys != 80 || moved.Bytes != 80*14 || moved.Moves[0].Phase != "done" || moved.Moves[0].Left != nil {
		t.Errorf("shard move over two owners: %+v", moved)
	}
	if again := s.kvctl("shard", "move", "--from", "k010", "--until", "k090", "--to", "3"); again.code != exitOK || !strings.Contains(again.errOut, "nothing to move") {
		t.Errorf("moving what is there already: %+v", again)
	}
	if keys := s.ok("scan", "--keys-only"); strings.Count(keys, "\n") != 100 {
		t.Errorf("%d keys after the moves, want 100", strings.Count(keys, "\n"))
	}
	text := s.ok("shard", "ls")
	if want := "-inf    \"k010\"  1        10   140 B"; !strings.Contains(text, want) {
		t.Errorf("shard ls has no line %q:\n%s", want, text)
	}
	if bare := s.ok("shard", "ls", "-o", "json", "--no-sizes"); strings.Contains(bare, "keys") {
		t.Errorf("shard ls --no-sizes counts: %s", bare)
	}
	s.fails(exitFailure, "no such host", "shard", "move", "--to", "9")
	audit := s.ok("audit")
	if !strings.Contains(audit, singleOwnership) || !strings.Contains(audit, `"k090"  +inf    2`) {
		t.Errorf("audit: %s", audit)
	}
}

func TestMoveVerbs(t *testing.T) {
	s, _ := newShell(t, 2)
	s.fillKeys(200, 2000)
	// At one byte per second the first chunk is the last for a day.
	expect(t, "shard move --async", s.ok("shard", "move", "--to", "2", "--rate", "1", "--async"), "1-1\n")
	if ls := s.ok("shard", "ls"); !strings.Contains(ls, "1-1 to 2 (") {
		t.Errorf("shard ls does not show the move:\n%s", ls)
	}
	s.fails(exitFailure, "1-1", "shard", "move", "--to", "2", "--async") // it overlaps
	var m moveJSON
	show := func() moveJSON {
		m = moveJSON{}
		if err := json.Unmarshal([]byte(s.ok("move", "show", "1-1", "-o", "json")), &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	if show(); m.ID != "1-1" || m.Source != 1 || m.Recipient != 2 || m.Rate != 1 || m.KeysLeft == nil || *m.KeysLeft+m.Keys != 200 {
		t.Errorf("move show: %+v", m)
	}
	s.ok("move", "pause", "1-1")
	if show(); m.Phase != "paused" {
		t.Errorf("after pause: %+v", m)
	}
	if out := s.ok("move", "throttle", "1-1", "2MB"); !strings.Contains(out, "rate 2.0 MB/s") || show().Rate != 2_000_000 {
		t.Errorf("after throttle: %q %+v", out, m)
	}
	s.ok("move", "throttle", "1-1", "1")
	s.ok("move", "resume", "1-1")
	if show(); m.Phase == "paused" {
		t.Errorf("after resume: %+v", m)
	}
	for _, line := range []string{"range   [-inf, +inf)", "hosts   1 to 2", "limit   1 B/s", "left    "} {
		if text := s.ok("move", "show", "1-1"); !strings.Contains(text, line) {
			t.Errorf("move show has no %q:\n%s", line, text)
		}
	}
	// Cancel says what has moved and what stays.
	out := s.ok("move", "cancel", "1-1")
	if !strings.HasPrefix(out, "move 1-1 is canceled: ") || !strings.Contains(out, "stays at host 1") {
		t.Errorf("move cancel: %s", out)
	}
	s.fails(exitFailure, "ended", "move", "pause", "1-1")
	s.fails(exitFailure, "no such move", "move", "show", "1-99")
	s.fails(exitFailure, "canceled", "move", "wait", "1-1")
	if ls := s.ok("move", "ls"); !strings.Contains(ls, "canceled") {
		t.Errorf("move ls: %s", ls)
	}
	s.ok("shard", "move", "--to", "2", "--rate", "unlimited")
	s.ok("audit")
}

// A cue passes on what is written, and calls seen when words have been.
type cue struct {
	bytes.Buffer
	words string
	seen  func()
}

func (c *cue) Write(p []byte) (int, error) {
	n, err := c.Buffer.Write(p)
	if strings.Contains(c.String(), c.words) {
		c.seen()
	}
	return n, err
}

// A move whose recipient is down says so, to who waits for it and to who looks.
func TestMoveThatWaitsForAHost(t *testing.T) {
	s, c := newShell(t, 3)
	s.fillKeys(10, 10)
	c.Kill(3)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	errOut := &cue{words: "move 1-1 waits: host 3 does not answer", seen: interrupt}
	// It ends by the interruption: without those words never.
	if code := run(ctx, []string{"--addr", s.addr, "--timeout", "6s", "shard", "move", "--to", "3"}, nil, io.Discard, errOut); code != exitFailure {
		t.Errorf("exit code %d: %s", code, errOut)
	}
	if show := s.ok("move", "show", "1-1", "-o", "json", "--timeout", "6s"); !strings.Contains(show, `"reason":"waits for host 3, which does not answer"`) {
		t.Errorf("move show: %s", show)
	}
}

// A move of more pieces than a host remembers moves has ended, and what it moved is there.
func TestShardMoveOfManyPieces(t *testing.T) {
	s, _ := newShell(t, 2, cluster.Limits(kv.Limits{EndedMoves: 1}))
	s.fillKeys(100, 10)
	for i := range 5 {
		s.ok("shard", "move", "--from", fmt.Sprintf("k0%d0", i), "--until", fmt.Sprintf("k0%d5", i), "--to", "2")
	}
	// All but the last of its moves are forgotten, and only some may have been seen to be done.
	s.ok("shard", "move", "--to", "2")
	s.ok("audit")
	var shards struct{ Shards []shardJSON }
	if err := json.Unmarshal([]byte(s.ok("shard", "ls", "-o", "json")), &shards); err != nil {
		t.Fatal(err)
	}
	if len(shards.Shards) != 1 || shards.Shards[0].Owner != 2 {
		t.Errorf("after the move: %+v", shards.Shards)
	}
	s.fails(exitFailure, "forgotten", "move", "show", "1-1")
	if o := s.kvctl("move", "wait", "1-1", "-o", "json"); o.code != exitOK || !strings.Contains(o.out, `"phase":"forgotten"`) || !strings.Contains(o.errOut, "of 1 move 1 ended") {
		t.Errorf("move wait of a move that was forgotten: %+v", o)
	}
	s.fails(exitFailure, "no such move", "move", "wait", "1-99")
}

// Where a move was forgotten, kvctl looks whether its range has arrived.
func TestCheckArrived(t *testing.T) {
	s, c := newShell(t, 2)
	s.ok("shard", "move", "--from", "k", "--to", "2")
	cl, err := client.Dial(t.Context(), c.Addrs())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cl.Close() })
	a := &app{keys: keyUTF8}
	if err := a.checkArrived(t.Context(), cl, delegation.Prefix([]byte("k")), 2); err != nil {
		t.Errorf("what has arrived: %v", err)
	}
	if err := a.checkArrived(t.Context(), cl, delegation.All, 2); err == nil || !strings.Contains(err.Error(), `[-inf, "k")`) {
		t.Errorf("what has not: %v", err)
	}
}

// Ctrl-C on a waiting shard move ends the wait, says how to look, and leaves the move.
func TestInterruptDetaches(t *testing.T) {
	s, c := newShell(t, 2)
	s.fillKeys(200, 2000)
	ctx, interrupt := context.WithCancel(t.Context())
	ended := make(chan outcome)
	go func() { ended <- s.kvctlUntil(ctx, "shard", "move", "--to", "2", "--rate", "1") }()
	cl, err := client.Dial(t.Context(), c.Addrs())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cl.Close() })
	// The program waits once its move has sent a chunk: before, it may still be ordering.
	for moves := []client.Move(nil); len(moves) == 0 || moves[0].Chunks == 0; {
		if moves, err = cl.Moves(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	interrupt()
	o := <-ended
	if o.code != exitFailure && o.code != exitUnknownOutcome {
		t.Errorf("exit code %d", o.code)
	}
	if o.code == exitFailure && !strings.Contains(o.errOut, "kvctl move show 1-1") {
		t.Errorf("it does not say how to look: %q", o.errOut)
	}
	if m, err := cl.Move(t.Context(), client.MoveID{Host: 1, Number: 1}); err != nil || m.Phase.Ended() {
		t.Errorf("the move does not go on: %+v, %v", m, err)
	}
}

func TestHostList(t *testing.T) {
	s, _ := newShell(t, 2, cluster.Disk(""))
	s.fillKeys(3, 1)
	var hosts struct{ Hosts []map[string]any }
	if err := json.Unmarshal([]byte(s.ok("host", "ls", "-o", "json")), &hosts); err != nil {
		t.Fatal(err)
	}
	h := hosts.Hosts[0]
	if len(hosts.Hosts) != 2 || h["id"] != 1.0 || h["reachable"] != true || h["durable"] != true || h["keys"] != 3.0 || h["bytes"] != 15.0 {
		t.Errorf("host ls: %+v", hosts)
	}
	for _, field := range []string{"address", "incarnation", "ranges", "uptime_seconds", "version", "room", "sessions", "steps", "clock"} {
		if _, there := h[field]; !there {
			t.Errorf("host ls has no field %q: %+v", field, h)
		}
	}
	if text := s.ok("host", "ls"); !strings.Contains(text, "disk") {
		t.Errorf("host ls: %s", text)
	}
}

// A violation and an undetermined audit are printed as such; a real cluster cannot be
// brought to the first.
func TestAuditVerdicts(t *testing.T) {
	for _, c := range []struct {
		err     error
		verdict string
		code    int
	}{
		{nil, "single-owner", exitOK},
		{fmt.Errorf("%w: [a, b) has no owner", client.ErrViolation), "violation", exitFailure},
		{fmt.Errorf("%w: host 2 does not answer", client.ErrUndetermined), "undetermined", exitUnavailable},
	} {
		var out, errOut bytes.Buffer
		a := &app{out: &out, errOut: &errOut, output: outputJSON, keys: keyUTF8}
		report1 := &client.AuditReport{Shards: []client.Shard{{Range: delegation.All, From: 1, To: 2}}, Unreachable: []client.HostID{2}}
		if err := a.printAudit(report1, c.err); err != nil {
			t.Fatal(err)
		}
		var got auditJSON
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if got.Verdict != c.verdict || got.Partition[0].Owner != 0 || got.Partition[0].Flight.To != 2 || got.Unreachable[0] != 2 {
			t.Errorf("%v: %s", c.err, &out)
		}
		var asRun error
		if c.err != nil {
			asRun = runError{c.err}
		}
		if code := report(&errOut, asRun); code != c.code {
			t.Errorf("%v: exit code %d, want %d", c.err, code, c.code)
		}
	}
}
