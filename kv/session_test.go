package kv_test

import (
	"net/netip"
	"testing"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
)

func TestRepeatedNumberGetsItsRecordedAnswer(t *testing.T) {
	r := newRig(t, 1, kv.Limits{})
	s := r.session(1, 1)
	first := one[*marshal.SetReply](r, r.ask(1, put(s, 1, 1, "k", "v")))
	one[*marshal.SetReply](r, r.ask(1, put(s, 2, 1, "k", "w")))
	r.Crash(1)
	r.Restart(1)
	again := one[*marshal.SetReply](r, r.ask(1, put(s, 1, 1, "k", "v")))
	if *again != *first {
		t.Fatalf("the repeated write was answered %+v, at first %+v", again, first)
	}
	if e, _ := r.Node(1).Store.Get("k"); string(e.Value) != "w" || e.Version != 2 {
		t.Fatalf("the repeated write was executed again: %+v", e)
	}
}

func TestNumberBelowFloorIsDropped(t *testing.T) {
	r := newRig(t, 1, kv.Limits{})
	s := r.session(1, 1)
	r.ask(1, put(s, 2, 2, "k", "successor"))
	r.dropped(kv.Endpoint{Client: r.addr}, 1, put(s, 1, 1, "k", "given up"), kv.DropBelowFloor)
	if e, _ := r.Node(1).Store.Get("k"); string(e.Value) != "successor" {
		t.Fatalf("a write that was given up came after its successor: %q", e.Value)
	}
	r.dropped(kv.Endpoint{Client: r.addr}, 1, put(s, 3, 4, "k", "below its own floor"), kv.DropBelowFloor)
}

// The floor is durable with the answers: a restart does not open it again.
func TestFloorSurvivesARestart(t *testing.T) {
	r := newRig(t, 1, kv.Limits{})
	s := r.session(1, 1)
	r.ask(1, put(s, 5, 5, "k", "v"))
	r.Crash(1)
	r.Restart(1)
	r.dropped(kv.Endpoint{Client: r.addr}, 1, put(s, 4, 1, "k", "late"), kv.DropBelowFloor)
}

func TestNumberBeyondWindowIsRefusedAndStaysOpen(t *testing.T) {
	r := newRig(t, 1, kv.Limits{Window: 4})
	s := r.session(1, 1)
	if m := one[*marshal.Refusal](r, r.ask(1, put(s, 5, 1, "k", "v"))); m.Reason != marshal.BeyondWindow {
		t.Fatalf("refused for %v", m.Reason)
	}
	if _, found := r.Node(1).Store.Get("k"); found {
		t.Fatal("a refused write was executed")
	}
	one[*marshal.SetReply](r, r.ask(1, put(s, 5, 2, "k", "v"))) // a refusal closes nothing
}

func TestUnknownSessionExecutesNothing(t *testing.T) {
	r := newRig(t, 1, kv.Limits{})
	s := marshal.SessionID{1, 2, 3}
	for _, m := range []marshal.Message{put(s, 1, 1, "k", "v"), get(s, 1, "k"), shard(s, 1, delegation.All, 2)} {
		if got := one[*marshal.Refusal](r, r.ask(1, m)); got.Reason != marshal.UnknownSession {
			t.Fatalf("%T: refused for %v", m, got.Reason)
		}
	}
	if _, found := r.Node(1).Store.Get("k"); found || len(r.Node(1).Host.State().Sessions) > 0 {
		t.Fatal("an unknown session executed something, or was made in passing")
	}
}

// A session is its client's alone, also where others come to know its id or its nonce.
func TestASessionIsOfTheAddressThatOpenedIt(t *testing.T) {
	r := newRig(t, 2, kv.Limits{})
	s := r.session(1, 1)
	one[*marshal.SetReply](r, r.ask(1, put(s, 1, 1, "k", "client's")))
	before := r.Node(1).Host.State().Sessions[s].Floor

	r.addr = netip.MustParseAddrPort("10.0.7.8:70")
	for _, m := range []marshal.Message{
		put(s, 1, 1, "k", "stranger's"), put(s, 2, 2, "k", "stranger's"), get(s, 2, "k"), shard(s, 2, delegation.All, 2),
	} {
		if got := one[*marshal.Refusal](r, r.ask(1, m)); got.Reason != marshal.UnknownSession {
			t.Errorf("%T: refused for %v", m, got.Reason)
		}
	}
	if n := len(r.ask(1, &marshal.CloseRequest{RequestHeader: head(s, 3)})); n > 0 {
		t.Errorf("%d answers to a stranger's close", n)
	}
	if r.session(1, 1) == s {
		t.Error("a stranger who has the nonce got the session")
	}

	r.addr = clientAddr
	if kept := r.Node(1).Host.State().Sessions[s]; kept == nil || kept.Floor != before {
		t.Fatalf("the session is %+v", kept)
	}
	if got := one[*marshal.GetReply](r, r.ask(1, get(s, 1, "k"))); string(got.Value) != "client's" {
		t.Errorf("the value is %q", got.Value)
	}
}

func TestCookieIsForItsAddressAndNonce(t *testing.T) {
	r := newRig(t, 1, kv.Limits{})
	n := marshal.Nonce{1}
	c := one[*marshal.CookieReply](r, r.ask(1, &marshal.Hello{Nonce: n})).Cookie
	if len(r.Node(1).Host.State().Sessions) > 0 {
		t.Fatal("a hello made a session")
	}
	other := kv.Endpoint{Client: netip.MustParseAddrPort("10.0.7.8:70")}
	r.dropped(other, 1, &marshal.Open{Nonce: n, Cookie: c}, kv.DropCookie)
	r.dropped(kv.Endpoint{Client: r.addr}, 1, &marshal.Open{Nonce: marshal.Nonce{2}, Cookie: c}, kv.DropCookie)
	first := one[*marshal.Opened](r, r.ask(1, &marshal.Open{Nonce: n, Cookie: c}))
	again := one[*marshal.Opened](r, r.ask(1, &marshal.Open{Nonce: n, Cookie: c}))
	if first.Session != again.Session {
		t.Fatal("one nonce opened two sessions")
	}
	if r.session(1, 9) == first.Session {
		t.Fatal("two nonces share a session")
	}
}

func TestSessionExpiresAsAStepAndIsNeverReused(t *testing.T) {
	r := newRig(t, 1, kv.Limits{SessionIdle: kv.Second})
	s := r.session(1, 1)
	r.ask(1, put(s, 1, 1, "k", "v"))
	r.Now += 2 * kv.Second
	r.Tick(1)
	r.Crash(1)
	r.Restart(1)
	if m := one[*marshal.Refusal](r, r.ask(1, put(s, 1, 1, "k", "late copy"))); m.Reason != marshal.UnknownSession {
		t.Fatalf("a late copy in an expired session: %v", m.Reason)
	}
	if r.session(1, 1) == s {
		t.Fatal("an expired session's id was given out again")
	}
}

// Idleness counts from the process's start: a host that was down for long has
// not seen its clients idle.
func TestExpiryCountsFromTheProcessStart(t *testing.T) {
	r := newRig(t, 1, kv.Limits{SessionIdle: kv.Second})
	s := r.session(1, 1)
	r.Crash(1)
	r.Now += 100 * kv.Second
	r.Restart(1)
	r.Tick(1)
	one[*marshal.SetReply](r, r.ask(1, put(s, 1, 1, "k", "v")))
}

func TestSessionsAreBounded(t *testing.T) {
	r := newRig(t, 1, kv.Limits{Sessions: 3, SessionsPerClient: 2})
	r.session(1, 1)
	r.session(1, 2)
	n := marshal.Nonce{3}
	c := one[*marshal.CookieReply](r, r.ask(1, &marshal.Hello{Nonce: n})).Cookie
	if m := one[*marshal.Refusal](r, r.ask(1, &marshal.Open{Nonce: n, Cookie: c})); m.Reason != marshal.TooManySessions {
		t.Fatalf("a third session of one address: %v", m.Reason)
	}
	for i := range 10 { // other addresses: unused sessions make room
		r.addr = netip.AddrPortFrom(netip.MustParseAddr("10.0.7.9"), uint16(100+i))
		r.session(1, byte(10+i))
	}
	if n := len(r.Node(1).Host.State().Sessions); n > 3 {
		t.Fatalf("%d sessions, the limit is 3", n)
	}
}

func TestConditionsCompareVersions(t *testing.T) {
	r := newRig(t, 1, kv.Limits{})
	s := r.session(1, 1)
	cond := func(n uint64, value string, v marshal.Version) *marshal.SetReply {
		m := put(s, n, n, "k", value)
		m.Condition = marshal.Condition{Set: true, Version: v}
		return one[*marshal.SetReply](r, r.ask(1, m))
	}
	if a := cond(1, "a", 0); a.Result != marshal.SetApplied || a.Version != 1 {
		t.Fatalf("if absent: %+v", a)
	}
	if a := cond(2, "b", 0); a.Result != marshal.SetConditionFailed || a.Version != 1 {
		t.Fatalf("if absent, but it is there: %+v", a)
	}
	if a := cond(3, "c", 1); a.Result != marshal.SetApplied || a.Version != 2 {
		t.Fatalf("if version: %+v", a)
	}
	del := put(s, 4, 4, "k", "")
	del.Delete = true
	one[*marshal.SetReply](r, r.ask(1, del))
	if a := cond(5, "d", 0); a.Version <= 3 {
		t.Fatalf("a key that came back has version %d, not above the deletion's", a.Version)
	}
}

func TestAFullDiskDeclinesWritesAndThenRefusesThem(t *testing.T) {
	r := newRig(t, 2, kv.Limits{ReserveBytes: 1000})
	s := r.session(1, 1)
	r.ask(1, put(s, 1, 1, "k", "v"))
	r.Step(1, kv.Input{Kind: kv.InputRoom, Room: 999})
	for range 2 { // the answer is recorded: with room again the number stays closed
		if m := one[*marshal.SetReply](r, r.ask(1, put(s, 4, 1, "k", "w"))); m.Result != marshal.SetNoRoom {
			t.Fatalf("a write without room: %v", m.Result)
		}
		r.Step(1, kv.Input{Kind: kv.InputRoom, Room: 1000})
	}
	r.Step(1, kv.Input{Kind: kv.InputRoom, Room: 499})
	if m := one[*marshal.Refusal](r, r.ask(1, put(s, 5, 1, "k", "w"))); m.Reason != marshal.DiskFull {
		t.Fatalf("refused for %v", m.Reason)
	}
	if m := one[*marshal.GetReply](r, r.ask(1, get(s, 1, "k"))); string(m.Value) != "v" {
		t.Fatalf("a full disk reads %q", m.Value)
	}
	r.move(1, s, 3, span("x", ""), 2) // and it still gives shards away
	r.Step(1, kv.Input{Kind: kv.InputRoom, Room: 1000})
	if m := one[*marshal.SetReply](r, r.ask(1, put(s, 5, 1, "k", "w"))); m.Result != marshal.SetApplied {
		t.Fatalf("with room again: %v", m.Result)
	}
}
