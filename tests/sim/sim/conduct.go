package sim

import (
	"bytes"
	"fmt"

	"ironkv/kv"
	"ironkv/kv/store"
	"ironkv/marshal"
	"ironkv/tests/world"
)

// twinEvery is at how many steps a host is cloned, and the clone has to take the
// same step.
const twinEvery = 97

// flyingDelegates bounds the unacknowledged delegates to one peer, as the host
// does.
const flyingDelegates = 64

// conduct checks what no invariant of P speaks of: that a host keeps its bounds,
// does not amplify, has something to do when it says so, and is the same machine
// as its clone.
func (s *Sim) conduct(st world.Step) error {
	if st.In.Kind == kv.InputTimer && st.Out.Action == kv.ActNone {
		if due, ok := st.Node.Host.Deadline(); ok && due <= st.Now {
			return fmt.Errorf("host %d has a timer due and does nothing: its loop would spin", st.Node.ID)
		}
	}
	for _, err := range []error{amplifies(st), s.repeatsWithPauses(st), holdsHonestly(st), s.fliesWithinRoom(st), s.auditsHonestly(st)} {
		if err != nil {
			return err
		}
	}
	if s.steps%twinEvery != 0 && !s.strict {
		return s.twinStep(st)
	}
	if err := keepsBounds(st.Node.Host); err != nil {
		return fmt.Errorf("host %d: %w", st.Node.ID, err)
	}
	return s.twinStep(st)
}

// amplifies: nobody who has not proven his address gets more bytes than he sent.
func amplifies(st world.Step) error {
	p := st.In.Packet
	if st.In.Kind != kv.InputPacket || p.Src.Host != 0 || len(st.Out.Packets) == 0 {
		return nil
	}
	if _, open := p.Msg.(*marshal.Open); open {
		return nil // the cookie proves the address
	}
	if hd, ok := header(p.Msg); ok {
		if v := st.Node.Host.State().Sessions[hd.Session]; v != nil && v.Client == p.Src.Client {
			return nil
		}
	}
	sent := 0
	for _, q := range st.Out.Packets {
		sent += len(marshal.Append(nil, q.Msg))
	}
	if got := len(marshal.Append(nil, p.Msg)); sent > got {
		return fmt.Errorf("host %d answers %d bytes of %s with %d bytes, to whom it does not know", st.Node.ID, got, content(p.Msg), sent)
	}
	return nil
}

// keepsBounds checks the bounds of Limits that are about memory.
func keepsBounds(h *kv.Host) error {
	l, state := h.Config().Limits, h.State()
	unfinished := 0
	for _, m := range state.Moves {
		if !m.Phase.Ended() {
			unfinished++
		}
	}
	for _, b := range []struct {
		what        string
		have, bound int
	}{
		{"sessions", len(state.Sessions), l.Sessions},
		{"held requests", len(h.Held()), l.Holds},
		{"unfinished moves", unfinished, l.Moves},
		{"ended moves", len(state.Moves) - unfinished, l.EndedMoves},
	} {
		if b.have > b.bound {
			return fmt.Errorf("%d %s, at most %d", b.have, b.what, b.bound)
		}
	}
	for _, v := range state.Sessions {
		if uint32(v.AnswerCount()) > l.Window {
			return fmt.Errorf("session %v has %d answers recorded, its window is %d", v.ID, v.AnswerCount(), l.Window)
		}
	}
	for id, p := range state.Peers {
		if p.Out.Outstanding() > flyingDelegates {
			return fmt.Errorf("%d delegates fly to host %d, at most %d", p.Out.Outstanding(), id, flyingDelegates)
		}
		size := flightBytes(p)
		if flying := h.Flying(id); flying != size {
			return fmt.Errorf("counts %d bytes in flight to host %d, there are %d", flying, id, size)
		}
		if p.Out.Outstanding() > 1 && size > l.InFlightBytes {
			return fmt.Errorf("%d bytes fly to host %d, at most %d", size, id, l.InFlightBytes)
		}
	}
	return nil
}

// A twin is a host's clone from before a step.
type twin struct {
	host  *kv.Host
	store *store.Memory
}

// prepareTwin clones a host that is about to take a step, now and then. A disk
// has no clone.
func (s *Sim) prepareTwin(st world.Step) {
	s.twin = twin{}
	if m, ok := st.Node.Store.(*store.Memory); ok && (s.strict || (s.steps+1)%twinEvery == 0) {
		s.twin.store = m.Clone()
		s.twin.host = st.Node.Host.Clone(s.twin.store)
	}
}

// twinStep lets the clone take the step that the host took: it has to do the same
// and become the same. Cuts of audits are not cloned, so no step is compared that
// may be about one.
func (s *Sim) twinStep(st world.Step) error {
	cut := st.Out.Action == kv.ActQuery || (st.Out.Action == kv.ActExpire && len(st.Out.Packets) == 0)
	if s.twin.host == nil || cut {
		return nil
	}
	idle := st.In.Kind == kv.InputTimer && len(st.Out.Packets) == 0 && dueNow(st.Node.Host, st.Now)
	if idle && bytes.Equal(s.twin.host.Encode(nil), st.Node.Host.Encode(nil)) {
		return fmt.Errorf("host %d has a timer due, and its step changes nothing: its loop would spin", st.Node.ID)
	}
	var out kv.Effects
	s.twin.host.Step(st.Now, st.In, &out)
	if out.Action != st.Out.Action || out.Drop != st.Out.Drop || len(out.Packets) != len(st.Out.Packets) {
		return fmt.Errorf("the clone of host %d does something else in the same step", st.Node.ID)
	}
	for i, p := range out.Packets {
		if q := st.Out.Packets[i]; p.Dst != q.Dst || !bytes.Equal(marshal.Append(nil, p.Msg), marshal.Append(nil, q.Msg)) {
			return fmt.Errorf("the clone of host %d sends %s where the host sends %s", st.Node.ID, nameOf(p), nameOf(q))
		}
	}
	if !bytes.Equal(s.twin.host.Encode(nil), st.Node.Host.Encode(nil)) {
		return fmt.Errorf("the clone of host %d is in another state after the same step", st.Node.ID)
	}
	return nil
}
