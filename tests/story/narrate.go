package story

import (
	"fmt"
	"strings"

	"ironkv/delegation"
	"ironkv/kv"
	"ironkv/marshal"
	"ironkv/tests/world"
)

// narrate tells what a person would want to know of a step.
func (s *stage) narrate(st world.Step) {
	id, out := st.Node.ID, st.Out
	if out.Drop != kv.DropNone {
		s.say("host %d drops %s: %v", id, s.packetText(st.In.Packet), out.Drop)
		s.drops[fmt.Sprintf("host %d: %v", id, out.Drop)]++
	}
	for _, t := range out.Transfers {
		if t.Taken {
			s.say("host %d takes %s from host %d, #%d", id, rangeText(t.Range), t.Peer, t.Seqno)
		} else {
			s.say("host %d gives %s to host %d, #%d%s", id, rangeText(t.Range), t.Peer, t.Seqno, carried(out, t.Seqno))
		}
	}
	switch {
	case out.Action == kv.ActRetransmit && len(out.Packets) > 0:
		s.say("host %d repeats what host %d has not acknowledged: %d", id, out.Packets[0].Dst.Host, len(out.Packets))
	case out.Action == kv.ActExpire && len(out.Packets) == 0:
		s.say("host %d forgets a session: no request for too long", id)
	}
	for _, p := range out.Packets {
		r, refused := p.Msg.(*marshal.Refusal)
		if p.Dst.Host == 0 && (s.answers || (refused && r.Session == marshal.SessionID{})) {
			s.say("host %d → %s: %s", id, s.endText(p.Dst), answerText(p.Msg))
		}
	}
	s.narrateMoves(st.Node.Host)
}

func (s *stage) narrateMoves(h *kv.Host) {
	for n := uint64(1); n <= h.State().LastMove; n++ {
		m, id := h.State().Moves[n], marshal.MoveID{Host: h.State().Host, Number: n}
		if m == nil || !m.Phase.Ended() || s.ended[id] {
			continue
		}
		s.ended[id] = true
		why := ""
		if m.Reason != marshal.OrderAccepted {
			why = ", " + m.Reason.String()
		}
		s.say("move %v: %v%s", id, m.Phase, why)
	}
}

// carried tells the entries of the delegate that a step sent.
func carried(out *kv.Effects, seqno uint64) string {
	for _, p := range out.Packets {
		if m, ok := p.Msg.(*marshal.Single); ok && m.Seqno == seqno {
			return " with " + entriesText(m.Delegate.Entries)
		}
	}
	return ""
}

func entriesText(entries []marshal.Entry) string {
	if len(entries) == 0 {
		return "no keys"
	}
	var list []string
	for _, e := range entries {
		list = append(list, fmt.Sprintf("%s=%s@%d", string(e.Key), valueText(e.Value), e.Version))
	}
	return strings.Join(list, " ")
}

func valueText(v []byte) string {
	if len(v) > 40 {
		return fmt.Sprintf("(%d bytes)", len(v))
	}
	return string(v)
}

// rangeText writes a range as stories do: a..m.
func rangeText(r delegation.Range) string {
	from, _ := r.From.Key()
	until, _ := r.Until.Key()
	return string(from) + ".." + string(until)
}

// answerText tells what a host says to a client.
func answerText(m marshal.Message) string {
	switch m := m.(type) {
	case *marshal.GetReply:
		if !m.Found {
			return "absent"
		}
		return fmt.Sprintf("%s, version %d", valueText(m.Value), m.Version)
	case *marshal.SetReply:
		switch m.Result {
		case marshal.SetConditionFailed:
			return fmt.Sprintf("not done: the version is %d", m.Version)
		case marshal.SetAbsent:
			return "there was none"
		case marshal.SetNoRoom:
			return "not done: no room"
		case marshal.SetApplied:
		}
		return fmt.Sprintf("version %d", m.Version)
	case *marshal.ScanReply:
		return fmt.Sprintf("%s holds %s", rangeText(m.Covered), entriesText(m.Entries))
	case *marshal.OrderReply:
		return orderText(m)
	case *marshal.Redirect:
		text := fmt.Sprintf("redirected to host %d", m.Owner)
		if m.Hint != (marshal.Hint{}) {
			text += fmt.Sprintf(", once #%d of host %d has come", m.Hint.Seqno, m.Hint.Sender)
		}
		return text
	case *marshal.Refusal:
		return "refused: " + m.Reason.String()
	}
	return kindOf(m)
}

func orderText(m *marshal.OrderReply) string {
	text := "refused: " + m.Reason.String()
	switch m.Reason {
	case marshal.OrderAccepted:
		return fmt.Sprintf("move %v", m.Move)
	case marshal.OverlapsMove:
		text += fmt.Sprintf(", %v of %s", m.Move, rangeText(m.Range))
	case marshal.NotOwner:
		text += fmt.Sprintf(", host %d owns %s", m.Owner, rangeText(m.Range))
	}
	return text
}
