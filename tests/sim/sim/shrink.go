package sim

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"ironkv/delegation"
	"ironkv/tests/world"
)

const (
	// shrinkEvents bounds how many events may happen in all the runs in which events
	// are left out: of checking everything at every step, a minute.
	shrinkEvents = 8_000_000
	// idleFair is how long nothing may come nearer to its end in the fair ends of these
	// runs, in events: longer than anybody waits for a session or a hold to expire.
	idleFair = 4000
	// fairEvery is at how many steps all invariants are checked where it is sought why
	// something does not end.
	fairEvery = 1000
)

// Shrink runs o again, and leaves out whatever the failure does not need: first how
// packets travelled, then, of a run that does not come to its end, what is behind the
// moment from which on it cannot, and what a fair network does as well (settle); then all
// faults of a kind, all of a client, all of a host; then ever shorter pieces of what is
// left (delta debugging: Zeller and Hildebrandt, IEEE TSE 28(2), 2002), until no event can
// be spared or the bound on replayed events is reached. What it returns fails in the same
// kind of way; its Trace is the story. A run that does not fail is returned as it is. tell
// is told of progress.
func Shrink(o Options, tell func(string)) *Result { return setting{Options: o}.shrink(tell) }

func (t setting) shrink(tell func(string)) *Result {
	whole := t.record()
	if whole.Failure == nil {
		return whole
	}
	tell(fmt.Sprintf("the run to shrink has %d events", len(whole.Trace)))
	// What does not end is mostly stuck: that is found soon, and is not mistaken for a
	// lot to do.
	for _, idle := range []int{idleFair, 0} {
		s := shrinker{setting: t.judging(whole.Failure.Kind), kind: whole.Failure.Kind, best: whole, patience: patience{fairSteps, idle}, tell: tell}
		if !s.shrink() {
			continue
		}
		if r := s.replay(s.best.Trace, whole.Fair, patience{whole: fairSteps}); r.Failure != nil && r.Failure.Kind == s.kind {
			r.Options = t.Options
			return r
		}
	}
	return whole
}

// record runs t and keeps its events.
func (t setting) record() *Result {
	s := t.start()
	s.recording = true
	return s.run()
}

// judging is the setting under which parts of a run that fails so are run again: a
// violation that is found at once needs the fewest events.
func (t setting) judging(k Kind) setting {
	t.Every, t.strict = 1, true
	if k == Liveness {
		t.Every, t.strict = fairEvery, false
	}
	return t
}

// A shrinker seeks the shortest part of a run that fails in the same kind of way.
type shrinker struct {
	setting
	kind     Kind
	best     *Result // the shortest so far
	patience         // of fair ends
	spent    uint64  // events of all runs so far
	tell     func(string)
}

// shrink reports false where not even the whole run fails alike.
func (s *shrinker) shrink() bool {
	if !s.leaveTravelOut() {
		return false
	}
	if s.kind == Liveness {
		s.endSooner()
		s.letSettle()
	}
	s.leaveKindsOut()
	s.leavePiecesOut()
	s.leavePairsOut()
	s.leavePiecesOut()
	if s.exhausted() {
		s.tell(fmt.Sprintf("ended after %d events of replays: more of the %d that are left might be spared", s.spent, len(s.best.Trace)))
	}
	return true
}

func (s *shrinker) exhausted() bool { return s.spent >= shrinkEvents }

// try runs only the events of trace, and keeps the result where it fails alike.
func (s *shrinker) try(trace []Event) bool {
	r := s.replay(trace, s.best.Fair, s.patience)
	s.spent += r.Events + uint64(len(trace))
	if r.Failure == nil || r.Failure.Kind != s.kind || s.kind == Liveness && s.idle > 0 && !r.stuck {
		return false
	}
	r.Options = s.best.Options
	s.best = r
	return true
}

// leaveTravelOut lets the packets that arrived arrive by themselves, without the
// datagrams that brought them and the faults between, at hosts in memory. Where the failure
// is in these or in the disks it takes the run as it was. It reports false where that does
// not fail again either.
func (s *shrinker) leaveTravelOut() bool {
	before, whole := s.setting, s.best
	s.setting = s.ofPackets()
	if s.try(asPackets(whole.Trace)) {
		s.tell(fmt.Sprintf("%d events of packets that arrived", len(s.best.Trace)))
		return true
	}
	s.setting = before
	return s.try(slices.Clone(whole.Trace))
}

// ofPackets is the setting in which packets arrive by themselves, at hosts in memory.
func (t setting) ofPackets() setting {
	t.Wire, t.Disk, t.bare = Values, false, true
	return t
}

// asPackets returns the events of a run with the packets that arrived in the places of
// what brought them, and nothing of what happened to these on the way.
func asPackets(trace []Event) (out []Event) {
	for _, e := range trace {
		switch e.Op {
		case opLose, opCopy, opLate, opDamage:
			continue
		case opDeliver, opTimer:
			e.Names = e.Brought
			if len(e.Names) == 0 {
				e.Op = opTimer
			}
			if len(e.Names) == 0 && e.Timers == 0 {
				continue
			}
		case opInvoke, opRetransmit, opWait, opForge, opGiveUp, opClose, opCrash, opRestart, opJump, opCut, opMend, opRoom, numOps, opSettle:
		}
		out = append(out, e)
	}
	return out
}

// endSooner seeks the shortest beginning of the run behind which a fair network does not
// come to its end either.
func (s *shrinker) endSooner() {
	for at := 0; at < len(s.best.Trace) && !s.exhausted(); {
		if half := (at + len(s.best.Trace)) / 2; !s.try(slices.Clone(s.best.Trace[:half])) {
			at = half + 1
		}
	}
	s.tell(fmt.Sprintf("%d events, and then a fair network", len(s.best.Trace)))
}

// letSettle lets a fair network do what is of no matter in itself: of all that is on its
// way in the whole run, and then in ever shorter pieces of it, of which the run would be
// told as one word.
func (s *shrinker) letSettle() {
	for size := len(s.best.Trace); size > 1 && !s.exhausted(); size /= 2 {
		for at := 0; at < len(s.best.Trace) && !s.exhausted(); {
			until := min(at+size, len(s.best.Trace))
			piece, before := settled(s.best.Trace[at:until]), len(s.best.Trace)
			if len(piece) < until-at && s.try(slices.Concat(s.best.Trace[:at], piece, s.best.Trace[until:])) {
				at += max(0, until-at+len(s.best.Trace)-before)
				continue
			}
			at = until
		}
	}
	s.tell(fmt.Sprintf("%d events: a fair network does the rest between them", len(s.best.Trace)))
}

// settled returns the events with a fair network in the place of all that is on its way
// between any two of the others.
func settled(trace []Event) (out []Event) {
	for _, e := range trace {
		switch e.Op {
		case opDeliver, opTimer, opRetransmit, opWait, opLose, opCopy, opLate, opForge, opDamage, opSettle:
			if len(out) == 0 || out[len(out)-1].Op != opSettle {
				out = append(out, Event{Op: opSettle, Index: Settle})
			}
		case opInvoke, opGiveUp, opClose, opCrash, opRestart, opJump, opCut, opMend, opRoom, numOps:
			out = append(out, e)
		}
	}
	return out
}

// leaveKindsOut leaves out all events of a kind, of a client, of a host.
func (s *shrinker) leaveKindsOut() {
	for op := range opSettle + 1 {
		s.leaveAllOut(func(e *Event) bool { return e.Op == op })
	}
	for kind := world.OpGet; kind <= world.OpAudit; kind++ {
		s.leaveAllOut(func(e *Event) bool { return e.Op == opInvoke && e.Request.Kind == kind })
	}
	for client := range s.best.mix.clients {
		s.leaveAllOut(func(e *Event) bool { return e.Client == client+1 })
	}
	for host := range s.best.mix.hosts {
		s.leaveAllOut(func(e *Event) bool { return e.Host == delegation.HostID(host+1) })
	}
	s.tell(fmt.Sprintf("%d events without what is of no matter as a whole", len(s.best.Trace)))
}

func (s *shrinker) leaveAllOut(of func(*Event) bool) {
	trace := slices.DeleteFunc(slices.Clone(s.best.Trace), func(e Event) bool { return of(&e) })
	if len(trace) < len(s.best.Trace) && !s.exhausted() {
		s.try(trace)
	}
}

// leavePiecesOut leaves out ever shorter pieces of the trace, until no single event
// can be spared.
func (s *shrinker) leavePiecesOut() {
	for size := max(1, len(s.best.Trace)/2); !s.exhausted(); {
		progress := false
		for at := 0; at < len(s.best.Trace) && !s.exhausted(); {
			trace := slices.Clone(s.best.Trace)
			if s.try(slices.Delete(trace, at, min(at+size, len(trace)))) {
				progress = true
				continue
			}
			at += size
		}
		if progress {
			s.tell(fmt.Sprintf("%d events: pieces of %d left out", len(s.best.Trace), size))
		}
		if size == 1 && !progress {
			return
		}
		size = max(1, size/2)
	}
}

// leavePairsOut leaves out two events at a time, of which neither can be spared
// alone: a packet's loss and its repetition.
func (s *shrinker) leavePairsOut() {
	for i := 0; i < len(s.best.Trace); i++ {
		for j := i + 1; j < len(s.best.Trace) && !s.exhausted(); j++ {
			trace := slices.Delete(slices.Clone(s.best.Trace), j, j+1)
			if s.try(slices.Delete(trace, i, i+1)) {
				j = i
			}
		}
	}
}

// replay lets the events of a trace happen, as far as they still can, and a fair end
// of some patience if the failure was found there.
func (t setting) replay(trace []Event, fairly bool, p patience) *Result {
	s := t.start()
	s.recording, s.replaying, s.bare, s.strict, s.patience = true, true, t.bare, t.strict, p
	s.guard(func() {
		s.build()
		for i := range trace {
			if s.failure != nil {
				return
			}
			e := trace[i]
			s.apply(&e)
		}
		if fairly {
			s.finish()
		}
	})
	r := s.result()
	r.Packets = t.bare
	return r
}

// Replay runs o, and then only the events named by indices of it, as [Shrink] does, and a
// fair network between them where an index is [Settle];
// with packets as it does where it lets packets arrive by themselves.
func Replay(o Options, indices []int, packets bool) (*Result, error) {
	return setting{Options: o}.only(indices, packets)
}

func (t setting) only(indices []int, packets bool) (*Result, error) {
	whole := t.record()
	if whole.Failure == nil {
		return nil, errors.New("the run does not fail, as it did when the events of its story were counted: it is of other code")
	}
	trace, part := whole.Trace, []Event(nil)
	again := t.judging(whole.Failure.Kind)
	if packets {
		again, trace = again.ofPackets(), asPackets(trace)
	}
	for _, index := range indices {
		if index == Settle {
			part = append(part, Event{Op: opSettle, Index: Settle})
		} else if i := slices.IndexFunc(trace, func(e Event) bool { return e.Index == index }); i >= 0 {
			part = append(part, trace[i])
		}
	}
	r := again.replay(part, whole.Fair, patience{whole: fairSteps})
	r.Options = t.Options
	return r, nil
}

// Indices are the events of r's trace, by their places in the run of r's options.
func (r *Result) Indices() (out []int) {
	for i := range r.Trace {
		out = append(out, r.Trace[i].Index)
	}
	return out
}

// Story tells the trace, event by event, with what each led to.
func (r *Result) Story() string {
	var b strings.Builder
	m := r.mix
	fmt.Fprintf(&b, "# %d hosts, %d clients; met: %v; chunks of %d bytes, window %d\n", m.hosts, m.clients, m.met, m.limits.ChunkBytes, m.limits.Window)
	if slices.ContainsFunc(r.Trace, func(e Event) bool { return e.Op == opSettle }) {
		b.WriteString("# settle: for a while nothing is lost, and everything delivered in order and at once, until it comes to rest\n")
	}
	if r.Packets {
		b.WriteString("# only packets that arrived fly, each as often as it is delivered\n")
	}
	for i := range r.Trace {
		fmt.Fprintf(&b, "%s%s\n", r.Trace[i].String(), r.told[i])
	}
	if r.Fair {
		b.WriteString("# from here on the network is fair\n")
	}
	if r.Failure != nil {
		fmt.Fprintf(&b, "---- %v\n", r.Failure)
	}
	return b.String()
}
