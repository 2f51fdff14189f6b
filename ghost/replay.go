package ghost

import (
	"errors"
	"fmt"
	"iter"

	"ironkv/delegation"
	"ironkv/kv"
)

// A replay is a host whose machine is executed again, life after life.
type replay struct {
	id     delegation.HostID
	killed bool   // the last life may end without its end mark
	lives  []Life // the present one first
	store  *watched
	host   *kv.Host
	pull   func() (Batch, error, bool)
	stop   func()
	now    kv.Time // of the last batch
	// queue are the steps of a batch that was flushed whole, not taken yet.
	queue []Step
	// cut says that the rest of the life never became durable; over, that no life
	// is left; discarded counts the steps that were cut off.
	cut, over bool
	discarded uint64
	shed      uint64 // requests that were refused without a step
	unended   string // where the last life ends without its mark, "" where it does not
}

func newReplay(lives []Life, o VerifyOptions) (*replay, error) {
	h := lives[0].Header
	r := &replay{id: h.Config.Me, killed: o.Killed, lives: lives, stop: func() {}}
	r.store = &watched{ReplayStore: o.NewStore(h.Config)}
	host, err := kv.New(h.Config, kv.NewState(h.Config, kv.Birth{Incarnation: h.Incarnation, Secret: h.Secret}), r.store)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.name(), err)
	}
	r.host = host
	r.pull, r.stop = iter.Pull2(iter.Seq2[Batch, error](lives[0].Batches))
	return r, r.store.Commit(host.Counters())
}

func (r *replay) name() string { return r.lives[0].name() }

// fill reads the life's next batch; the queue stays empty at the life's end.
func (r *replay) fill() error {
	for {
		b, err, ok := r.pull()
		switch {
		case errors.Is(err, ErrTruncated) && len(r.lives) > 1:
			return nil
		case errors.Is(err, ErrTruncated) && r.killed:
			r.unended = fmt.Sprintf("%s: no end behind step %d", r.name(), r.host.Counters().Step)
			return nil
		case err != nil:
			return fmt.Errorf("%s: behind step %d: %w", r.name(), r.host.Counters().Step, err)
		case !ok:
			return nil
		}
		if r.cut {
			r.discarded += uint64(len(b.Steps))
			continue
		}
		err = errors.Join(ReductionObligation(r.now, b), OutputsAccountedFor(b))
		if n := len(b.Steps); n > 0 {
			r.queue, r.now = b.Steps, b.Steps[n-1].Now
		}
		if err != nil {
			return fmt.Errorf("%s: behind step %d: %w", r.name(), r.host.Counters().Step, err)
		}
		r.shed += uint64(len(b.Shed))
		if len(r.queue) > 0 {
			return nil
		}
	}
}

// lasts reports whether the step's effects were still there in the next life.
func (r *replay) lasts(number uint64) bool {
	return len(r.lives) == 1 || number <= r.lives[1].Header.From
}

// step takes the next step in the queue, and compares what it does with what it
// did. It reports false where the step wrote what never became durable: that step
// and all behind it are cut off, since nothing of them ever left; the crash that
// follows undoes what the step did here.
func (r *replay) step(out *kv.Effects) (kv.Input, bool, error) {
	s := r.queue[0]
	r.queue = r.queue[1:]
	if want := r.host.Counters().Step + 1; s.Number != want {
		return s.Input, false, fmt.Errorf("%s: %w: step %d where step %d should be", r.name(), ErrIncomplete, s.Number, want)
	}
	r.store.wrote = false
	r.host.Step(s.Now, s.Input, out)
	if r.store.wrote && !r.lasts(s.Number) {
		r.cut = true
		r.discarded += 1 + uint64(len(r.queue))
		r.queue = nil
		return s.Input, false, nil
	}
	if err := compare(s, out); err != nil {
		return s.Input, false, fmt.Errorf("%s: step %d, %s: %w: %w", r.name(), s.Number, describe(s.Input, out), ErrReplay, err)
	}
	if len(r.queue) == 0 && r.lasts(s.Number) {
		return s.Input, true, r.store.Commit(r.host.Counters())
	}
	return s.Input, true, nil
}

func compare(s Step, out *kv.Effects) error {
	err := errors.Join(
		differHere("action", ActionName(s.Action), ActionName(out.Action)),
		differHere("reason for dropping", s.Drop, out.Drop),
		differHere("packets sent", s.Sends, len(out.Packets)),
		differHere("digest of what was sent", hex32(s.Digest), hex32(Digest(s.Input.Packet.Src, out.Packets))),
		differHere("ranges that changed hands", len(s.Transfers), len(out.Transfers)),
	)
	if err != nil {
		return err
	}
	for i, t := range s.Transfers {
		err = errors.Join(err, differHere("range that changed hands", t, out.Transfers[i]))
	}
	return err
}

// differHere compares what a journal says with what is done here.
func differHere[T comparable](what string, journal, here T) error {
	if journal != here {
		return fmt.Errorf("%s: %v in the journal, %v here", what, journal, here)
	}
	return nil
}

// hex32 prints as eight hex digits.
type hex32 uint32

func (h hex32) String() string { return fmt.Sprintf("%08x", uint32(h)) }

// restart goes on to the host's next life; there is none where over is set then.
func (r *replay) restart() error {
	r.stop()
	if len(r.lives) == 1 {
		r.over = true
		if reached, durable := r.host.Counters().Step, r.lives[0].Durable; reached < durable {
			return fmt.Errorf("%s: %w: it ends at step %d, though the disk had step %d", r.name(), ErrIncomplete, reached, durable)
		}
		return nil
	}
	before := r.name()
	r.lives, r.cut = r.lives[1:], false
	r.now = 0
	h := r.lives[0].Header
	if reached := r.host.Counters().Step; reached < h.From {
		return fmt.Errorf("%s: %w: it ends at step %d, the next life begins behind step %d", before, ErrIncomplete, reached, h.From)
	}
	r.store.Crash()
	state, err := r.store.Load()
	if err != nil {
		return fmt.Errorf("%s: %w", r.name(), err)
	}
	if state.Step != h.From {
		return fmt.Errorf("%s: %w: it begins behind step %d, but what the life before made durable ends with step %d",
			r.name(), ErrReplay, h.From, state.Step)
	}
	if r.host, err = kv.New(h.Config, state, r.store); err != nil {
		return fmt.Errorf("%s: %w", r.name(), err)
	}
	r.pull, r.stop = iter.Pull2(iter.Seq2[Batch, error](r.lives[0].Batches))
	return nil
}
