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
	number int    // of the present life, from 1
	store  *watched
	host   *kv.Host
	pull   func() (Step, error, bool)
	stop   func()
	now    kv.Time // of the last batch
	// queue are the steps of a batch that was flushed whole, not taken yet.
	queue []Step
	// cut says that the rest of the life never became durable; over, that no life
	// is left; discarded counts the steps that were cut off.
	cut, over bool
	discarded uint64
}

func newReplay(lives []Life, o VerifyOptions) (*replay, error) {
	h := lives[0].Header
	r := &replay{id: h.Config.Me, killed: o.Killed, lives: lives, number: 1, stop: func() {}}
	if h.From != 0 {
		return nil, fmt.Errorf("%s: %w: it begins behind step %d, not at the birth of the state", r.name(), ErrIncomplete, h.From)
	}
	r.store = &watched{ReplayStore: o.NewStore(h.Config)}
	host, err := kv.New(h.Config, kv.NewState(h.Config, kv.Birth{Incarnation: h.Incarnation, Secret: h.Secret}), r.store)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.name(), err)
	}
	r.host = host
	r.pull, r.stop = iter.Pull2(iter.Seq2[Step, error](lives[0].Steps))
	return r, r.store.Commit(host.Counters())
}

func (r *replay) name() string {
	if path := r.lives[0].Path; path != "" {
		return "journal " + path
	}
	return fmt.Sprintf("life %d of host %d", r.number, r.id)
}

// fill reads the life's next batch; the queue stays empty at the life's end.
func (r *replay) fill() error {
	var batch []Step
	for {
		s, err, ok := r.pull()
		switch {
		case !ok || (errors.Is(err, ErrTruncated) && (len(r.lives) > 1 || r.killed)):
			r.discarded += uint64(len(batch)) // a batch that was not flushed whole
			return nil
		case err != nil:
			return fmt.Errorf("%s: behind step %d: %w", r.name(), r.host.Counters().Step, err)
		}
		batch = append(batch, s)
		if !s.Ends {
			continue
		}
		if !r.cut {
			err := ReductionObligation(r.now, batch)
			r.queue, r.now = batch, s.Now
			if err != nil {
				return fmt.Errorf("%s: step %d: %w", r.name(), s.Number, err)
			}
			return nil
		}
		r.discarded += uint64(len(batch))
		batch = batch[:0]
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
	if s.Ends && r.lasts(s.Number) {
		return s.Input, true, r.store.Commit(r.host.Counters())
	}
	return s.Input, true, nil
}

func compare(s Step, out *kv.Effects) error {
	err := errors.Join(
		differ("action", ActionName(s.Action), ActionName(out.Action)),
		differ("reason for dropping", s.Drop, out.Drop),
		differ("packets sent", s.Sends, len(out.Packets)),
		differ("digest of what was sent", s.Digest, Digest(out.Packets)),
		differ("ranges that changed hands", len(s.Transfers), len(out.Transfers)),
	)
	if err != nil {
		return err
	}
	for i, t := range s.Transfers {
		err = errors.Join(err, differ("range that changed hands", t, out.Transfers[i]))
	}
	return err
}

// restart goes on to the host's next life; there is none where over is set then.
func (r *replay) restart() error {
	r.stop()
	if len(r.lives) == 1 {
		r.over = true
		return nil
	}
	before := r.name()
	r.lives, r.number, r.cut = r.lives[1:], r.number+1, false
	r.now = 0
	h := r.lives[0].Header
	if was := r.host.State(); h.Incarnation != was.Incarnation || h.Secret != was.Secret {
		return fmt.Errorf("%s: %w: it is of another incarnation of host %d, %016x instead of %016x",
			r.name(), ErrIncomplete, r.id, uint64(h.Incarnation), uint64(was.Incarnation))
	}
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
	r.pull, r.stop = iter.Pull2(iter.Seq2[Step, error](r.lives[0].Steps))
	return nil
}
