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
		Reply:   spec.GetReply{Found: version > 0, Entry: spec.Entry{Key: key, Value: value, Version: version}},
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
