package spec_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"ironkv/delegation"
	"ironkv/ghost/spec"
	"ironkv/marshal"
)

func op(n uint64) spec.Operation { return spec.Operation{Client: 1, Counter: n} }

func put(n uint64, key delegation.Key, value string, version marshal.Version) spec.Execution {
	return spec.Execution{
		Request: spec.Set{Operation: op(n), Key: key, Value: value},
		Reply:   spec.SetReply{Result: marshal.SetApplied, Version: version},
	}
}

func got(key delegation.Key, value string, version marshal.Version) spec.Execution {
	return spec.Execution{
		Request: spec.Get{Key: key},
		Reply:   spec.GetReply{Found: version > 0, Entry: spec.Entry{Value: value, Version: version}},
	}
}

func remove(n uint64, key delegation.Key, result marshal.SetResult, version marshal.Version) spec.Execution {
	return spec.Execution{
		Request: spec.Set{Operation: op(n), Key: key, Delete: true},
		Reply:   spec.SetReply{Result: result, Version: version},
	}
}

func guarded(e spec.Execution, expect marshal.Version, result marshal.SetResult, version marshal.Version) spec.Execution {
	q := e.Request.(spec.Set)
	q.Condition = marshal.Condition{Set: true, Version: expect}
	return spec.Execution{Request: q, Reply: spec.SetReply{Result: result, Version: version}}
}

func scanned(r delegation.Range, mode marshal.ScanMode, covered delegation.Range, keys uint64, entries ...spec.Entry) spec.Execution {
	return spec.Execution{
		Request: spec.Scan{Range: r, Mode: mode},
		Reply:   spec.ScanReply{Covered: covered, Keys: keys, Entries: entries},
	}
}

func run(t *testing.T, s spec.State, steps ...spec.Execution) spec.State {
	t.Helper()
	for i, e := range steps {
		var err error
		if s, err = s.Execute(e); err != nil {
			t.Fatalf("execution %d: %v", i, err)
		}
	}
	return s
}

// start holds a=x at version 3 and had b at version 4.
func start(t *testing.T) spec.State {
	return run(t, spec.Init(), put(1, "a", "x", 3), put(2, "b", "y", 4), remove(3, "b", marshal.SetApplied, 4))
}

func TestWhatTheSpecAllows(t *testing.T) {
	ab := spec.Entry{Key: "a", Value: "x", Version: 3}
	low := delegation.Range{Until: delegation.At("b")}
	run(t, start(t), got("a", "x", 3), got("b", "", 0), got("c", "", 0),
		scanned(delegation.All, marshal.ScanEntries, delegation.All, 1, ab),
		scanned(delegation.All, marshal.ScanEntries, low, 1, ab),
		scanned(delegation.All, marshal.ScanKeys, low, 1, spec.Entry{Key: "a", Version: 3}),
		scanned(delegation.All, marshal.ScanCount, low, 1),
		scanned(delegation.Range{}, marshal.ScanCount, delegation.Range{}, 0),
		guarded(put(4, "a", "z", 0), 2, marshal.SetConditionFailed, 3),
		guarded(put(5, "b", "z", 0), 4, marshal.SetConditionFailed, 0),
		guarded(put(6, "b", "z", 0), 0, marshal.SetApplied, 5),
		remove(7, "c", marshal.SetAbsent, 0),
		put(8, "a", "x", 9), got("a", "x", 9), got("b", "z", 5),
		spec.Execution{Request: spec.Order{Operation: op(9)}, Reply: spec.OrderReply{}})
}

func TestWhatTheSpecForbids(t *testing.T) {
	s := start(t)
	ab := spec.Entry{Key: "a", Value: "x", Version: 3}
	for name, e := range map[string]spec.Execution{
		"a stale read":                   got("a", "w", 2),
		"a read of nothing":              got("a", "", 0),
		"a key that comes back":          got("b", "y", 4),
		"a version that goes backward":   put(9, "a", "z", 3),
		"a deleted version reused":       put(9, "b", "z", 4),
		"a condition ignored":            guarded(put(9, "a", "z", 0), 2, marshal.SetApplied, 9),
		"a condition that held":          guarded(put(9, "a", "z", 0), 3, marshal.SetConditionFailed, 3),
		"a delete of nothing applied":    remove(9, "c", marshal.SetApplied, 0),
		"a delete that found nothing":    remove(9, "a", marshal.SetAbsent, 0),
		"a delete of another version":    remove(9, "a", marshal.SetApplied, 2),
		"a reply to something else":      {Request: spec.Get{Key: "a"}, Reply: spec.SetReply{}},
		"an order answered with a value": {Request: spec.Order{Operation: op(9)}, Reply: spec.GetReply{}},
		"a page beyond the range":        scanned(delegation.Single("a"), 0, delegation.All, 1, ab),
		"a page that starts elsewhere":   scanned(delegation.All, 0, delegation.Single("a"), 1, ab),
		"a page of nothing":              scanned(delegation.All, 0, delegation.Range{}, 0),
		"a page with a hole":             scanned(delegation.All, 0, delegation.All, 0),
		"a page with too much":           scanned(delegation.All, 0, delegation.All, 2, ab, spec.Entry{Key: "b", Value: "y", Version: 4}),
		"a false count":                  scanned(delegation.All, marshal.ScanCount, delegation.All, 2),
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			if _, err := s.Execute(e); !errors.Is(err, spec.ErrSpec) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAnOperationIsExecutedOnce(t *testing.T) {
	s := start(t)
	for _, e := range []spec.Execution{
		put(1, "a", "x", 9), put(2, "c", "other", 9), remove(3, "b", marshal.SetAbsent, 0),
		{Request: spec.Order{Operation: op(1)}, Reply: spec.OrderReply{}},
	} {
		if _, err := s.Execute(e); !errors.Is(err, spec.ErrTwice) {
			t.Errorf("%+v: got %v", e, err)
		}
	}
	if r, ok := s.Executed(op(2)); !ok || r != spec.Reply(spec.SetReply{Version: 4}) || s.Operations() != 3 {
		t.Errorf("operation 2 got %v", r)
	}
}

func TestStatesAreValues(t *testing.T) {
	s := start(t)
	before := s.Encode(nil)
	u := run(t, s, put(4, "a", "z", 9))
	if !bytes.Equal(before, s.Encode(nil)) {
		t.Error("executing changed the state before")
	}
	if bytes.Equal(before, u.Encode(nil)) {
		t.Error("a write does not show in the encoding")
	}
	if r := u.Row("b"); r.Present || r.Highest != 4 {
		t.Errorf("the highest version of a deleted key is lost: %+v", r)
	}
}

// TestOnlyWhatWasRepliedIsSaid: what hosts tell clients corresponds to the replies
// that S gave, each under its request's ticket.
func TestOnlyWhatWasRepliedIsSaid(t *testing.T) {
	read, wrote := spec.Ticket{Number: 8}, spec.Ticket{Number: 9}
	at := func(x spec.Ticket, e spec.Execution) spec.Execution {
		e.Ticket = x
		return e
	}
	ab := spec.Entry{Key: "a", Value: "x", Version: 3}
	page := scanned(delegation.All, 0, delegation.All, 1, ab)
	s := run(t, start(t), at(read, got("a", "x", 3)), at(read, page), at(read, got("a", "x", 3)), at(wrote, put(4, "a", "z", 5)))
	for _, c := range []struct {
		ticket spec.Ticket
		reply  spec.Reply
		ok     bool
	}{
		{read, got("a", "x", 3).Reply, true},
		{read, page.Reply, true},
		{wrote, put(4, "a", "z", 5).Reply, true},
		{read, got("a", "z", 5).Reply, false},  // it is so now, but was not when it was asked
		{wrote, got("a", "x", 3).Reply, false}, // said to another request
		{wrote, put(4, "a", "z", 6).Reply, false},
		{read, scanned(delegation.All, 0, delegation.All, 1).Reply, false},
		{spec.Ticket{Number: 7}, got("a", "x", 3).Reply, false},
	} {
		if err := s.Gave(spec.Given{Ticket: c.ticket, Reply: c.reply}); errors.Is(err, spec.ErrSpec) == c.ok {
			t.Errorf("%v under %d: %v", c.reply, c.ticket.Number, err)
		}
	}
	s = s.WithoutReads()
	if s.Gave(spec.Given{Ticket: read, Reply: page.Reply}) == nil || s.Gave(spec.Given{Ticket: wrote, Reply: put(4, "a", "z", 5).Reply}) != nil {
		t.Error("reads are to be forgotten, and they alone")
	}
	if _, err := s.Execute(at(read, put(4, "a", "y", 9))); !errors.Is(err, spec.ErrTwice) {
		t.Errorf("executed a second time: %v", err)
	}
}
