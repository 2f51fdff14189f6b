package server

import (
	"net/netip"

	"ironkv/kv"
	"ironkv/marshal"
)

const (
	// longAnswer is from how many bytes on what is sent to a client for one message is charged to it:
	// an answer of some MiB takes the time of a thousand short ones, and more than the request tells.
	longAnswer = 64 << 10
	// creditBytes is how much a client may owe before its messages are those of a long reader, and
	// debtRate how many bytes a millisecond are forgotten of what all together owe, in equal parts:
	// a part of what a host can send, so that only those are in debt for long who ask for much.
	creditBytes = 256 << 10
	debtRate    = 128 << 10
	// maxDebt is how much of what a client owes is remembered: who has read alone for an hour is not
	// to wait for others for the next.
	maxDebt = 2 * marshal.MaxMessageBytes
	// debtSweep is how often those are forgotten who owe nothing.
	debtSweep = 100 * kv.Millisecond
	// longRest is how many times as long as long readers were served the others have then, while
	// there are any: what is measured is without most of the sending, which is when they acknowledge.
	longRest = 4
	// lullLeast is how long nothing of others has to have come for there to be none: a few round
	// trips of who asks again when he is answered, or as long as the last long answer took.
	lullLeast = kv.Millisecond / 4
	// longBatch is how many bytes of a batch's outputs end it where a long reader's message was taken.
	longBatch = 256 << 10
)

// debts are what clients owe for long answers, and whose turn it is, theirs or the others'. Who
// acknowledges what he was sent has nothing queued, and who asks one thing at a time has nothing
// waiting: that he takes the host's time is seen by what he was answered.
type debts struct {
	// owed is up to which level of paid an address owes; paid is how many bytes each has been
	// forgiven since the start.
	owed   map[netip.AddrPort]uint64
	paid   uint64
	sweeps kv.Time // when owed is looked through again
	now    kv.Time
	other  kv.Time // when a client's message was last taken that is no long reader's
	lull   kv.Time // for how long none has to have come
	rests  kv.Time // until when long readers wait for the others
	served bool    // long readers were, in this turn
}

// charge notes that a client was sent so many bytes for one message.
func (d *debts) charge(src netip.AddrPort, bytes int) {
	if bytes < longAnswer {
		return
	}
	if d.owed == nil {
		d.owed = map[netip.AddrPort]uint64{}
	}
	d.owed[src] = min(max(d.owed[src], d.paid)+uint64(bytes), d.paid+maxDebt)
}

// long reports whether src is a long reader.
func (d *debts) long(src netip.AddrPort) bool {
	return len(d.owed) > 0 && d.owed[src] > d.paid+creditBytes
}

// pass notes that ms milliseconds more are over.
func (d *debts) pass(ms int) {
	if len(d.owed) == 0 {
		return
	}
	d.paid += uint64(ms) * debtRate / uint64(len(d.owed))
	if d.now < d.sweeps {
		return
	}
	d.sweeps = d.now + debtSweep
	for src, owed := range d.owed {
		if owed <= d.paid {
			delete(d.owed, src)
		}
	}
}

// due is when it is long readers' turn, if no more comes of others.
func (d *debts) due() kv.Time { return min(d.rests, d.other+d.lull) }

// end ends a turn that began at d.now.
func (d *debts) end(now kv.Time) {
	took := now - d.now
	d.rests, d.lull, d.served = now+longRest*took, max(took, lullLeast), false
}
