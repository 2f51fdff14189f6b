package ghost

import (
	"errors"
	"fmt"

	"ironkv/ghost/judge"
	"ironkv/kv"
	"ironkv/marshal"
)

// Obligation is the name of the invariant about steps rather than states.
const Obligation = "ReductionObligation"

// Kinds are the events of a batch, in the order in which a host's loop has them
// happen: what was received, the one clock reading, what was sent. A journal does not
// note that order, so of a real run's batches only the readings of the clock can be
// wrong here; who sends before he has received would be found by kv/server's tests.
func Kinds(b Batch) (out []judge.Kind) {
	for _, s := range b.Steps {
		if s.Input.Kind == kv.InputPacket {
			out = append(out, judge.Receive)
		}
	}
	for range b.Shed {
		out = append(out, judge.Receive)
	}
	last := kv.Time(-1)
	for _, s := range b.Steps {
		if s.Now != last { // a time that differs was read by itself
			out = append(out, judge.Clock)
			last = s.Now
		}
	}
	for range b.Outputs {
		out = append(out, judge.Send)
	}
	return out
}

// ReductionObligation checks that a batch may be read as one atomic step:
// receives, then one clock reading, then sends; and that the clock has not gone
// back since the batch before. Source: HostNextImpl, Common/Framework/Host.s.dfy.
func ReductionObligation(before kv.Time, b Batch) error {
	err := judge.Obligation(Kinds(b))
	if err == nil && len(b.Steps) > 0 && b.Steps[0].Now < before {
		err = fmt.Errorf("%w: the clock went back from %d to %d", judge.ErrReduction, before, b.Steps[0].Now)
	}
	if err == nil {
		return nil
	}
	return &judge.Violation{Name: Obligation, Source: "Common/Framework/Host.s.dfy: HostNextImpl", Witness: err}
}

// Accounting is the name of the invariant about what a batch sends.
const Accounting = "OutputsAccountedFor"

// OutputsAccountedFor checks that a batch sends what its steps sent, and for each
// request that it shed a refusal, and nothing else: no output vanishes, none comes
// from nowhere. Only clients' reads, writes, and asking for a session may be shed.
func OutputsAccountedFor(b Batch) error {
	outputs := len(b.Shed)
	for _, s := range b.Steps {
		outputs += s.Sends
	}
	var err error
	if outputs != b.Outputs {
		err = fmt.Errorf("it sends %d messages; its steps sent %d, and it shed %d requests", b.Outputs, outputs-len(b.Shed), len(b.Shed))
	}
	for _, s := range b.Shed {
		err = errors.Join(err, s.check())
	}
	if err == nil {
		return nil
	}
	return &judge.Violation{Name: Accounting, Source: "ours", Witness: err}
}

func (s Shed) check() error {
	var header marshal.RequestHeader
	//nolint:gochecksumtype // the rest is all alike here: it may not be shed
	switch m := s.Request.Msg.(type) {
	case *marshal.GetRequest:
		header = m.RequestHeader
	case *marshal.SetRequest:
		header = m.RequestHeader
	case *marshal.ScanRequest:
		header = m.RequestHeader
	case *marshal.Hello, *marshal.Open: // refused under no number
	default:
		return fmt.Errorf("a %T was shed", m)
	}
	if s.Request.Src.Host != 0 {
		return fmt.Errorf("a %T of host %d was shed", s.Request.Msg, s.Request.Src.Host)
	}
	refusal := &marshal.Refusal{RequestHeader: header, Reason: marshal.Overloaded}
	if s.Digest != Digest(s.Request.Src, []kv.Packet{{Dst: s.Request.Src, Msg: refusal}}) {
		return fmt.Errorf("a shed %T, number %d of session %v, was not answered by its refusal", s.Request.Msg, header.Number, header.Session)
	}
	return nil
}
