package sim

import (
	"fmt"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
	"ironkv/tests/world"
)

// leastRepeat is the shortest time between two repetitions of what a peer has not
// acknowledged, the host's own bound, and between two greetings that nothing asked for.
const leastRepeat = 20 * kv.Millisecond

// A repeated is what a host may say to a peer by itself only now and then: its
// delegates, or a greeting.
type repeated struct {
	link
	greets bool
}

// repeatsWithPauses: a host that repeats its delegates or greetings at every step would
// drown the network, though everything would still arrive.
func (s *Sim) repeatsWithPauses(st world.Step) error {
	if st.In.Kind != kv.InputTimer || len(st.Out.Packets) == 0 {
		return nil
	}
	first := st.Out.Packets[0]
	_, greets := first.Msg.(*marshal.Greet)
	if !greets && st.Out.Action != kv.ActRetransmit {
		return nil
	}
	r := repeated{link{st.Node.ID, first.Dst.Host}, greets}
	last, known := s.repeats[r]
	s.repeats[r] = st.Now
	if known && st.Now-last < leastRepeat {
		return fmt.Errorf("host %d repeats itself to host %d after %d µs", r.from, r.to, (st.Now-last)/kv.Microsecond)
	}
	return nil
}

// holdsHonestly: what was held is answered as soon as its delegate has come and
// refused when its time is up, and nothing is refused for holds that there are not.
func holdsHonestly(st world.Step) error {
	h := st.Node.Host
	for _, r := range h.Held() {
		if due, ok := h.Deadline(); !ok || due > max(r.Until(), st.Now) {
			return fmt.Errorf("host %d holds a request until %d µs, and has nothing to do before %d µs",
				st.Node.ID, r.Until()/kv.Microsecond, due/kv.Microsecond)
		}
	}
	if _, ok := st.In.Packet.Msg.(*marshal.Single); ok && st.Out.Action == kv.ActDelegate {
		from := st.In.Packet.Src.Host
		received := h.State().Peers[from].In.Tombstone()
		for _, r := range h.Held() {
			if r.Hint.Sender == from && r.Hint.Seqno <= received && !dueNow(h, st.Now) {
				return fmt.Errorf("host %d still holds a request for #%d of host %d, which has come", st.Node.ID, r.Hint.Seqno, from)
			}
		}
	}
	for _, p := range st.Out.Packets {
		if m, ok := p.Msg.(*marshal.Refusal); ok && m.Reason == marshal.TooManyHolds && len(h.Held()) == 0 && roomFor(st.In, h) {
			return fmt.Errorf("host %d refuses to hold #%d for too many holds, and holds nothing", st.Node.ID, m.Number)
		}
	}
	return nil
}

func dueNow(h *kv.Host, now kv.Time) bool {
	due, ok := h.Deadline()
	return ok && due <= now
}

// roomFor reports whether a request alone is within the bytes of held requests:
// a scan counts for the longest of its kind.
func roomFor(in kv.Input, h *kv.Host) bool {
	_, scan := in.Packet.Msg.(*marshal.ScanRequest)
	return in.Kind == kv.InputPacket && !(scan && h.Config().Limits.HoldBytes < 4*delegation.MaxKeyBytes)
}
