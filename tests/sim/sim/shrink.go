package sim

import (
	"fmt"
	"slices"
	"strings"
)

// shrinkEvents bounds how many events may happen in all the runs in which events
// are left out: a minute or less.
const shrinkEvents = 2_000_000

// Shrink runs o again, and leaves out whatever event the failure does not need:
// delta debugging (Zeller and Hildebrandt, IEEE TSE 28(2), 2002). What it returns
// fails in the same kind of way; its Trace is the story. A run that does not fail
// is returned as it is.
func Shrink(o Options) *Result { return setting{Options: o}.shrink() }

func (t setting) shrink() *Result {
	s := t.start()
	s.recording = true
	best := s.run()
	if best.Failure == nil {
		return best
	}
	t.Every = 1 // found at once, it needs fewer events
	var spent uint64
	try := func(trace []Event) bool {
		r := t.replay(trace, best)
		spent += r.Events + uint64(len(trace))
		if r.Failure == nil || r.Failure.Kind != best.Failure.Kind {
			return false
		}
		r.Options = best.Options
		best = r
		return true
	}
	try(slices.Clone(best.Trace))
	leaveOut(&best, try, &spent)
	leavePairsOut(&best, try, &spent)
	leaveOut(&best, try, &spent)
	return best
}

// leaveOut leaves out ever shorter pieces of the trace, until no single event can
// be spared.
func leaveOut(best **Result, try func([]Event) bool, spent *uint64) {
	for size := max(1, len((*best).Trace)/2); *spent < shrinkEvents; {
		progress := false
		for at := 0; at < len((*best).Trace) && *spent < shrinkEvents; {
			trace := slices.Clone((*best).Trace)
			if try(slices.Delete(trace, at, min(at+size, len(trace)))) {
				progress = true
				continue
			}
			at += size
		}
		if size == 1 && !progress {
			return
		}
		size = max(1, size/2)
	}
}

// leavePairsOut leaves out two events at a time, of which neither can be spared
// alone: a packet's loss and its repetition.
func leavePairsOut(best **Result, try func([]Event) bool, spent *uint64) {
	for i := 0; i < len((*best).Trace); i++ {
		for j := i + 1; j < len((*best).Trace) && *spent < shrinkEvents; j++ {
			trace := slices.Delete(slices.Clone((*best).Trace), j, j+1)
			if try(slices.Delete(trace, i, i+1)) {
				j = i
			}
		}
	}
}

// replay lets the events of a trace happen, as far as they still can, and the
// fair end if the failure was found there.
func (t setting) replay(trace []Event, like *Result) *Result {
	s := t.start()
	s.recording, s.replaying = true, true
	s.guard(func() {
		s.build()
		for i := range trace {
			if s.failure != nil {
				return
			}
			e := trace[i]
			s.apply(&e)
		}
		if like.Fair {
			s.finish()
		}
	})
	return s.result()
}

// Story tells the trace, event by event, with what each led to.
func (r *Result) Story() string {
	var b strings.Builder
	m := r.mix
	fmt.Fprintf(&b, "# %d hosts, %d clients; met: %v; chunks of %d bytes, window %d\n", m.hosts, m.clients, m.met, m.limits.ChunkBytes, m.limits.Window)
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
