package sim

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"ironkv/ghost"
	"ironkv/ghost/judge"
	"ironkv/ghost/protocol"
	"ironkv/kv"
	"ironkv/marshal"
	"ironkv/tests/world"
)

// unreachable is what no run can see, with the reason.
var unreachable = map[string]string{
	"order: " + marshal.RecipientRefuses.String(): "a recipient that does not know the sender does not answer it",
	"order: " + marshal.MessageTooLarge.String():  "all hosts of a simulation have the same wire limit",
	"drop: invalid": "what no client sends, the decoder refuses before the machine",
	"drop: none":    "it stands for a packet that is not dropped",
}

// newCoverage lists all that a run could see: events, ways of cuts, actions of H and of
// P, reasons of drops, refusals and orders, phases of moves.
func newCoverage() *judge.Coverage {
	names := slices.Concat(sawEvent, sawFate)
	for w := range numWays {
		names = append(names, w.saw())
	}
	for a := kv.ActNone; !strings.HasPrefix(ghost.ActionName(a), "Action("); a++ {
		names = append(names, "action: "+ghost.ActionName(a))
	}
	for d := kv.DropNone; d < kv.NumDropReasons; d++ {
		names = append(names, "drop: "+d.String())
	}
	for r := marshal.UnknownSession; !strings.HasPrefix(r.String(), "unknown ("); r++ {
		names = append(names, "refusal: "+r.String())
	}
	for r := marshal.OrderAccepted; !strings.HasPrefix(r.String(), "unknown ("); r++ {
		names = append(names, "order: "+r.String())
	}
	for p := marshal.MoveProposed; !strings.HasPrefix(p.String(), "unknown ("); p++ {
		names = append(names, "move: "+p.String())
	}
	kept := names[:0]
	for _, n := range names {
		if unreachable[n] == "" {
			kept = append(kept, n)
		}
	}
	return judge.NewCoverage(append(kept, protocol.ActionNames...)...)
}

var fateNames = [...]string{"sent", "lost before the commit", "lost before sending"}

// Impossible returns what was seen although it is said that no run can see it.
func Impossible(seen *judge.Coverage) (names []string) {
	for _, n := range seen.Names() {
		if unreachable[n] != "" {
			names = append(names, n)
		}
	}
	return names
}

func (s *Sim) saw(name string) { s.seen.Saw(name) }

// A tally counts what is seen often, by its number: the name is looked up once.
type tally struct {
	names  []string
	counts []*atomic.Int64
}

func newTally(names []string) tally { return tally{names, make([]*atomic.Int64, len(names))} }

func (t *tally) saw(seen *judge.Coverage, number int) {
	if t.counts[number] == nil {
		t.counts[number] = seen.Counter(t.names[number])
	}
	t.counts[number].Add(1)
}

// tallies are those of one run.
type tallies struct{ event, fate, action, drop, move tally }

func newTallies() tallies {
	return tallies{newTally(sawEvent), newTally(sawFate), newTally(sawAction), newTally(sawDrop), newTally(sawMove)}
}

// sawEvent and sawFate are names of what happens, made once.
var sawEvent, sawFate = func() (e, f []string) {
	for _, n := range opNames {
		e = append(e, "event: "+n)
	}
	for _, n := range fateNames {
		f = append(f, "fate: "+n)
	}
	return e, f
}()

// sawAction, sawDrop and sawMove are names of what steps show, made once.
var sawAction, sawDrop, sawMove = func() (a, d, m []string) {
	for i := kv.ActNone; !strings.HasPrefix(ghost.ActionName(i), "Action("); i++ {
		a = append(a, "action: "+ghost.ActionName(i))
	}
	for i := kv.DropNone; i < kv.NumDropReasons; i++ {
		d = append(d, "drop: "+i.String())
	}
	for i := marshal.MoveProposed; !strings.HasPrefix(i.String(), "unknown ("); i++ {
		m = append(m, "move: "+i.String())
	}
	return a, d, m
}()

// cover notes what a step shows.
func (s *Sim) cover(st world.Step) {
	s.tallies.action.saw(s.seen, int(st.Out.Action))
	if st.Out.Action == kv.ActDrop {
		s.tallies.drop.saw(s.seen, int(st.Out.Drop))
	}
	for _, p := range st.Out.Packets {
		//nolint:gochecksumtype // only these carry a reason
		switch m := p.Msg.(type) {
		case *marshal.Refusal:
			s.saw("refusal: " + m.Reason.String())
		case *marshal.OrderReply:
			s.saw("order: " + m.Reason.String())
		case *marshal.Consent:
			s.saw("order: " + m.Reason.String())
		}
	}
	switch st.Out.Action {
	case kv.ActMoveOrder, kv.ActMove, kv.ActChunk, kv.ActShard:
		for _, m := range st.Node.Host.State().Moves {
			s.tallies.move.saw(s.seen, int(m.Phase))
		}
	default: // phases change in these, or end in an acknowledgement
	}
}

// tell notes in words what a step did.
func (s *Sim) tell(st world.Step) {
	var b strings.Builder
	fmt.Fprintf(&b, "\n    host %d: %s", st.Node.ID, ghost.ActionName(st.Out.Action))
	if st.Out.Action == kv.ActDrop {
		fmt.Fprintf(&b, " (%v)", st.Out.Drop)
	}
	for _, t := range st.Out.Transfers {
		if t.Taken {
			fmt.Fprintf(&b, ", takes %v from host %d as #%d", t.Range, t.Peer, t.Seqno)
		} else {
			fmt.Fprintf(&b, ", gives %v to host %d as #%d", t.Range, t.Peer, t.Seqno)
		}
	}
	for _, p := range st.Out.Packets {
		fmt.Fprintf(&b, ", sends %s", shown(nameOf(p)))
	}
	s.note += b.String()
}
