package server

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"ironkv/marshal"
)

// overwhelm puts more of one source into the inbox than it takes.
func (b *bench) overwhelm(m marshal.Message) {
	bytes := marshal.Append(nil, m)
	for range laneShare + maxBehind + 100 {
		b.deliver(clientAddr, bytes)
	}
}

// Who sends more than the host takes is told so, once in a while, under a number of
// his; not host or junk, and with no more bytes than he sent.
func TestWhatIsDroppedUnreadIsNoticed(t *testing.T) {
	b := newBench(t)
	b.must()
	b.socket.taken()
	b.events.taken()
	b.observer = &recorder{events: b.events}
	b.overwhelm(get(7))
	b.deliver(clientAddr, []byte{1, 2, 3})
	notices := func() (n int) {
		b.must()
		for _, s := range b.socket.taken() {
			r, ok := s.msg.(*marshal.Refusal)
			if !ok {
				continue
			}
			n++
			if r.Reason != marshal.Overloaded || r.Number != 7 || s.dst != clientAddr {
				t.Errorf("%+v to %v", r, s.dst)
			}
			if len(marshal.Append(nil, r)) > len(marshal.Append(nil, get(7))) {
				t.Error("a notice is longer than the request")
			}
		}
		return n
	}
	if n := notices(); n != 1 {
		t.Fatalf("%d notices of some hundred drops", n)
	}
	for b.inbox.len() > 0 { // all of it fits into no batch
		b.must()
		b.socket.taken()
	}
	b.overwhelm(get(7))
	if n := notices(); n != 0 {
		t.Errorf("%d notices more at the same moment", n)
	}
	for b.inbox.len() > 0 {
		b.must()
	}
	b.socket.taken()
	b.clock = b.clock.Add(time.Duration(MaxWait))
	b.must()
	b.overwhelm(get(7))
	if n := notices(); n != 1 {
		t.Errorf("%d notices later", n)
	}
	done := b.events.taken()
	if !slices.Contains(done, "shed") || slices.Contains(done, "outputs of nobody") || slices.Contains(done, "not its refusal") {
		t.Error("a notice is in no journal")
	}
}

// However many addresses there are, what is remembered of them is bounded.
func TestNoticesAreBounded(t *testing.T) {
	var n notices
	var out outbox
	for port := range 2 * maxNotices {
		n.note(netip.AddrPortFrom(clientAddr.Addr(), uint16(1+port)), marshal.Append(nil, &marshal.Hello{}))
	}
	n.write(0, &out, nobody{})
	if len(out.list) != maxNotices || len(n.told) != 0 {
		t.Errorf("%d notices, and %d addresses are remembered", len(out.list), len(n.told))
	}
	n.note(clientAddr, marshal.Append(nil, &marshal.StatusRequest{}))
	n.note(clientAddr, marshal.Append(nil, delegate(1)))
	n.note(clientAddr, []byte("junk"))
	if len(n.due) != 0 {
		t.Errorf("%d notices about what is not shed", len(n.due))
	}
}
