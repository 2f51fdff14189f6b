package ghost

import (
	"fmt"

	"ironkv/ghost/judge"
	"ironkv/kv"
)

// Obligation is the name of the invariant about steps rather than states.
const Obligation = "ReductionObligation"

// Kinds are the events of a batch of steps, in the order in which a host's loop
// has them happen: what was received, the one clock reading, what was sent.
func Kinds(batch []Step) (out []judge.Kind) {
	for _, s := range batch {
		if s.Input.Kind == kv.InputPacket {
			out = append(out, judge.Receive)
		}
	}
	last := kv.Time(-1)
	for _, s := range batch {
		if s.Now != last { // a time that differs was read by itself
			out = append(out, judge.Clock)
			last = s.Now
		}
	}
	for _, s := range batch {
		for range s.Sends {
			out = append(out, judge.Send)
		}
	}
	return out
}

// ReductionObligation checks that a batch may be read as one atomic step:
// receives, then one clock reading, then sends; and that the clock has not gone
// back since the batch before. Source: HostNextImpl, Common/Framework/Host.s.dfy.
func ReductionObligation(before kv.Time, batch []Step) error {
	err := judge.Obligation(Kinds(batch))
	if err == nil && len(batch) > 0 && batch[0].Now < before {
		err = fmt.Errorf("%w: the clock went back from %d to %d", judge.ErrReduction, before, batch[0].Now)
	}
	if err == nil {
		return nil
	}
	return &judge.Violation{Name: Obligation, Source: "Common/Framework/Host.s.dfy: HostNextImpl", Witness: err}
}
