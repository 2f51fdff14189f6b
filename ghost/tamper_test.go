package ghost_test

import (
	"errors"
	"slices"
	"testing"

	"ironkv/delegation"
	"ironkv/ghost"
	"ironkv/ghost/judge"
	"ironkv/kv"
	"ironkv/marshal"
	"ironkv/udp/delivery"
)

// A tampering makes one step of a host wrong: of the first step with the action,
// it changes what was sent or what the host has become.
type tampering struct {
	action kv.Action
	// wrong returns false where this step is not yet the one to change.
	wrong func(h *kv.Host, in kv.Input, out *kv.Effects) bool
}

// last returns the last packet sent, with a message of its own.
func last[M marshal.Message](out *kv.Effects) (m M, ok bool) {
	if len(out.Packets) == 0 {
		return m, false
	}
	p := &out.Packets[len(out.Packets)-1]
	p.Msg = marshal.Clone(p.Msg)
	m, ok = p.Msg.(M)
	return m, ok
}

// of makes a tampering of the last message sent.
func of[M marshal.Message](change func(M)) func(*kv.Host, kv.Input, *kv.Effects) bool {
	return func(_ *kv.Host, _ kv.Input, out *kv.Effects) bool {
		m, ok := last[M](out)
		if ok {
			change(m)
		}
		return ok
	}
}

// to makes a tampering of the host's state.
func to(change func(h *kv.Host)) func(*kv.Host, kv.Input, *kv.Effects) bool {
	return func(h *kv.Host, _ kv.Input, _ *kv.Effects) bool {
		change(h)
		return true
	}
}

func peer(h *kv.Host, id delegation.HostID) *kv.Peer { return h.State().Peers[id] }

// forgetAnswers takes back all that was recorded.
func forgetAnswers(h *kv.Host) {
	s := onlySession(h)
	for n := range s.Answers() {
		s.DropAnswer(n)
	}
}

// forgetRedirect takes back that a redirect was recorded.
func forgetRedirect(h *kv.Host, _ kv.Input, out *kv.Effects) bool {
	m, ok := last[*marshal.Redirect](out)
	if ok {
		h.State().Sessions[m.Session].DropAnswer(m.Number)
	}
	return ok
}

var tamperings = map[string]tampering{
	"a stale value is read":        {kv.ActGet, of(func(m *marshal.GetReply) { m.Value = []byte("old") })},
	"a reply for another request":  {kv.ActGet, of(func(m *marshal.GetReply) { m.Number++ })},
	"another owner is named":       {kv.ActGet, of(func(m *marshal.Redirect) { m.Owner = 3 })},
	"a page leaves out an entry":   {kv.ActScan, of(func(m *marshal.ScanReply) { m.Entries = m.Entries[1:] })},
	"a page covers too much":       {kv.ActScan, of(func(m *marshal.ScanReply) { m.Covered.Until = delegation.PosInf })},
	"a version that was not taken": {kv.ActSet, of(func(m *marshal.SetReply) { m.Version++ })},
	"a reply is sent twice": {kv.ActSet, func(_ *kv.Host, _ kv.Input, out *kv.Effects) bool {
		out.Packets = append(out.Packets, out.Packets...)
		return true
	}},
	"a write is answered, not done":   {kv.ActSet, to(func(h *kv.Host) { h.Store().Delete("a") })},
	"a write is done, not recorded":   {kv.ActSet, to(forgetAnswers)},
	"a write is done, not answered":   {kv.ActSet, func(_ *kv.Host, _ kv.Input, out *kv.Effects) bool { out.Packets = nil; return true }},
	"a floor moves by itself":         {kv.ActSet, to(func(h *kv.Host) { onlySession(h).Floor++ })},
	"a clock stands still":            {kv.ActSet, to(func(h *kv.Host) { h.State().Clock-- })},
	"a redirect is not recorded":      {kv.ActSet, forgetRedirect},
	"another key is written too":      {kv.ActSet, to(func(h *kv.Host) { h.Store().Put(marshal.Entry{Key: "zzz"}) })},
	"entries are kept":                {kv.ActChunk, to(func(h *kv.Host) { h.Store().Put(marshal.Entry{Key: "b", Version: 2}) })},
	"a delegate has a hole":           {kv.ActChunk, of(func(m *marshal.Single) { m.Delegate.Entries = nil })},
	"a delegate has another number":   {kv.ActChunk, of(func(m *marshal.Single) { m.Seqno++ })},
	"a delegate has an old clock":     {kv.ActChunk, of(func(m *marshal.Single) { m.Delegate.Clock = 0 })},
	"a delegate goes elsewhere":       {kv.ActChunk, func(_ *kv.Host, _ kv.Input, out *kv.Effects) bool { out.Packets[0].Dst.Host = 3; return true }},
	"the map is not changed":          {kv.ActChunk, to(func(h *kv.Host) { _ = h.State().Map.Assign(keyRange("b", "d"), 1) })},
	"the cursor is not moved":         {kv.ActChunk, to(func(h *kv.Host) { h.State().Moves[1].Cursor = delegation.At("b") })},
	"a tombstone is not advanced":     {kv.ActDelegate, to(func(h *kv.Host) { peer(h, 1).In = delivery.RestoreReceiver(0) })},
	"a range is not taken":            {kv.ActDelegate, to(func(h *kv.Host) { _ = h.State().Map.Assign(keyRange("b", "d"), 1) })},
	"a clock is not raised":           {kv.ActDelegate, to(func(h *kv.Host) { h.State().Clock = 0 })},
	"an entry is not taken":           {kv.ActDelegate, to(func(h *kv.Host) { h.Store().RemoveRange(delegation.All) })},
	"more is acknowledged than came":  {kv.ActDelegate, of(func(m *marshal.Ack) { m.Seqno++ })},
	"too much counts as acknowledged": {kv.ActAck, to(func(h *kv.Host) { peer(h, 2).Out = delivery.RestoreSender[*marshal.Delegate](9, nil) })},
	"an acknowledgement is ignored": {kv.ActAck, to(func(h *kv.Host) {
		peer(h, 2).Out = delivery.RestoreSender(0, []*marshal.Delegate{{Range: delegation.All}})
	})},
	"a move ends too early":        {kv.ActChunk, to(func(h *kv.Host) { h.State().Moves[1].Phase = marshal.MoveDone })},
	"a move is made, not answered": {kv.ActShard, of(func(m *marshal.OrderReply) { m.Reason = marshal.NotOwner })},
	"a host joins by itself":       {kv.ActPeer, to(func(h *kv.Host) { h.State().Joined = true })},
	"an incarnation changes":       {kv.ActPeer, to(func(h *kv.Host) { peer(h, 2).Incarnation = 99 })},
	"a session is opened unsaid":   {kv.ActSession, to(func(h *kv.Host) { h.State().LastSession++ })},
	"a session gets another's id":  {kv.ActSession, of(func(m *marshal.Opened) { m.Session[0]++ })},
}

// names are the invariants that a tampered host's own state breaks; all else that
// is done to hosts is a violation of Refinement.
var names = map[string]string{
	"entries are kept":                "HostsStoreOnlyOwnedKeys",
	"the map is not changed":          "EachKeyClaimedInExactlyOnePlace",
	"a tombstone is not advanced":     "EachKeyClaimedInExactlyOnePlace",
	"a range is not taken":            "EachKeyClaimedInExactlyOnePlace",
	"a clock is not raised":           "ClockCoversVersions",
	"too much counts as acknowledged": "UnAckedListProperties",
	"an acknowledgement is ignored":   "ReceiverHasCanceledNoUnsentSeqnos",
}

// onlySession is the one session of the test's one client.
func onlySession(h *kv.Host) *kv.Session {
	for _, s := range h.State().Sessions {
		return s
	}
	return nil
}

// TestTamperingIsFound: whatever one step does wrong, that very step is found.
func TestTamperingIsFound(t *testing.T) {
	for name, w := range tamperings {
		c := newCluster(t, 3, testLimits)
		checker, err := ghost.NewChecker(1, c.hosts...)
		if err != nil {
			t.Fatal(err)
		}
		found, tampered := error(nil), false
		c.observe = func(i int, _ kv.Time, in kv.Input, out *kv.Effects) {
			if found != nil || tampered {
				return
			}
			seen := *out
			seen.Packets = slices.Clone(out.Packets)
			if out.Action == w.action {
				tampered = w.wrong(c.hosts[i], in, &seen)
			}
			found = checker.Step(c.hosts[i], in, &seen)
		}
		func() {
			// What a tampered host does later is of no interest here.
			defer func() { _ = recover() }()
			traffic(c)
		}()
		want := names[name]
		if want == "" {
			want = "Refinement"
		}
		var v *judge.Violation
		if !tampered || !errors.As(found, &v) || v.Name != want {
			t.Errorf("%s: tampered %v, got %v, want a violation of %s", name, tampered, found, want)
		}
	}
}

// TestAnAnswerThatIsNotRepeated: what is executed a second time under its number
// is called by its name.
func TestAnAnswerThatIsNotRepeated(t *testing.T) {
	c, checker := judged(t, 1, 1)
	c.settle()
	cl := newClient(c, 1)
	m := cl.setRequest(0, "a", "x")
	cl.ask(0, m)
	forgetAnswers(c.hosts[0])
	var out kv.Effects
	in := kv.Input{Kind: kv.InputPacket, Packet: kv.Packet{Src: cl.at, Msg: m}}
	c.hosts[0].Step(c.now, in, &out)
	var v *judge.Violation
	if err := checker.Step(c.hosts[0], in, &out); !errors.As(err, &v) || v.Name != "OperationsExecuteAtMostOnce" {
		t.Errorf("got %v", err)
	}
}

// TestAnOperationUnderTwoNumbers: the host cannot know that it executed the
// operation before; the judge does.
func TestAnOperationUnderTwoNumbers(t *testing.T) {
	c, checker := judged(t, 1, 1)
	c.settle()
	cl := newClient(c, 1)
	m := cl.setRequest(0, "a", "x")
	cl.ask(0, m)
	again := *m
	again.Number++
	var out kv.Effects
	in := kv.Input{Kind: kv.InputPacket, Packet: kv.Packet{Src: cl.at, Msg: &again}}
	c.hosts[0].Step(c.now, in, &out)
	var v *judge.Violation
	if err := checker.Step(c.hosts[0], in, &out); !errors.As(err, &v) || v.Name != "OperationsExecuteAtMostOnce" {
		t.Errorf("got %v", err)
	}
}

// TestARestartThatForgets: what was durable and is not there any more.
func TestARestartThatForgets(t *testing.T) {
	c, checker := judged(t, 2, 1)
	traffic(c)
	c.crash(0)
	if err := checker.Restart(c.hosts[0]); err != nil {
		t.Error(err)
	}
	c.stores[0].Delete("a")
	if err := checker.Restart(c.hosts[0]); !errors.Is(err, judge.ErrViolation) {
		t.Errorf("got %v", err)
	}
}

// TestDifferentDelegatesUnderOneNumber: a repeated delegate that is not the same.
func TestDifferentDelegatesUnderOneNumber(t *testing.T) {
	c, checker := judged(t, 2, 0)
	traffic(c)
	out := kv.Effects{Packets: []kv.Packet{{Dst: kv.Endpoint{Host: 2}, Msg: &marshal.Single{
		PeerHeader: marshal.PeerHeader{FromIncarnation: 0xc0ffee00}, Seqno: 1,
	}}}}
	var v *judge.Violation
	if err := checker.Step(c.hosts[0], kv.Input{Kind: kv.InputRoom}, &out); !errors.As(err, &v) || v.Name != "PacketsHaveSenderUniqueSeqnos" {
		t.Errorf("got %v", err)
	}
}
