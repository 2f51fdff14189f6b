package protocol

import (
	"ironkv/ghost/spec"
	"ironkv/marshal"
)

// Choice names an action that was taken, with what it chose or came to: the rows of
// a table of what P allows.
func Choice(a Action, o Outcome) string {
	return a.Name() + variant(a, o)
}

func variant(a Action, o Outcome) string {
	switch a := a.(type) {
	case NextGetRequest, NextScanRequest:
		if len(o.Executed) == 0 {
			return ", redirects"
		}
	case NextSetRequest:
		switch {
		case len(o.Executed) == 0 && a.Brief:
			return ", redirects and records no range"
		case len(o.Executed) == 0:
			return ", redirects"
		}
		reply, _ := o.Executed[0].Reply.(spec.SetReply)
		return [...]string{marshal.SetApplied: "", marshal.SetConditionFailed: ", condition fails", marshal.SetAbsent: ", nothing to remove"}[reply.Result]
	case NextOrder:
		if _, ok := a.Packet.Msg.(MoveOrder); ok {
			return " for a move, " + a.Reason.String()
		}
		return " to move, " + a.Reason.String()
	case ReceiveOld:
		if q, _ := a.Packet.Msg.(Single); q.Seqno > ackedBy(o) {
			return ", its predecessor is missing"
		}
	case ChangeMove:
		if a.Phase == marshal.MoveStopping {
			return ", stopping: " + a.Reason.String()
		}
		return ", " + a.Phase.String()
	}
	return ""
}

// ackedBy is the number that the acknowledgement sent says.
func ackedBy(o Outcome) uint64 {
	m, _ := o.Sent[0].Msg.(Ack)
	return m.Seqno
}

// Choices are all names that [Choice] gives, in the order of ActionNames.
func Choices() (all []string) {
	variants := map[string][]string{
		"NextGetRequest":  {"", ", redirects"},
		"NextScanRequest": {"", ", redirects"},
		"NextSetRequest":  {"", ", condition fails", ", nothing to remove", ", redirects", ", redirects and records no range"},
		"ReceiveOld":      {"", ", its predecessor is missing"},
		"NextOrder":       nil,
		"ChangeMove":      nil,
	}
	for r := marshal.OrderAccepted; r <= marshal.TooManyMoves; r++ {
		variants["NextOrder"] = append(variants["NextOrder"], " to move, "+r.String())
	}
	for _, r := range []marshal.OrderReason{marshal.OrderAccepted, marshal.NoSuchMove, marshal.MoveEnded} {
		variants["NextOrder"] = append(variants["NextOrder"], " for a move, "+r.String())
	}
	for _, p := range []marshal.MovePhase{marshal.MoveRunning, marshal.MoveDone, marshal.MoveCanceled, marshal.MoveFailed} {
		variants["ChangeMove"] = append(variants["ChangeMove"], ", "+p.String())
	}
	for _, r := range []marshal.OrderReason{marshal.EmptyRange, marshal.RecipientIsSelf, marshal.UnknownHost, marshal.NotOwner,
		marshal.RecipientRefuses, marshal.NoRoom, marshal.MessageTooLarge} {
		variants["ChangeMove"] = append(variants["ChangeMove"], ", stopping: "+r.String())
	}
	for _, name := range ActionNames {
		of, ok := variants[name]
		if !ok {
			of = []string{""}
		}
		for _, v := range of {
			all = append(all, name+v)
		}
	}
	return all
}
