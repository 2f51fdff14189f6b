package ghost

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"ironkv/delegation"
	"ironkv/ghost/protocol"
	"ironkv/kv"
	"ironkv/marshal"
)

var (
	// ErrReplay says that the machine, executed again on what a journal holds, did
	// not do what the journal says it did. It is the machine of the program that
	// verifies, so that has to be built from the same tree as the one that wrote.
	ErrReplay = errors.New("this program's machine does not do what the journal says " +
		"(it has to be built from the same tree as the kvd that wrote it)")
	// ErrUnsent says that a host received what no journal says was sent to it.
	ErrUnsent = errors.New("received but never sent")
	// ErrIncomplete says that the journals do not cover the whole life of a cluster:
	// a host's is missing, or does not begin at its birth, or has a hole, or is
	// there twice, or is of another cluster.
	ErrIncomplete = errors.New("journals incomplete")
)

// A ReplayStore is what a machine is executed again on: in memory, and able to
// crash. Of kv/store's, Memory is one, made with Records.
type ReplayStore interface {
	kv.Store
	// Commit makes everything so far durable; Crash forgets everything since.
	Commit(kv.Counters) error
	Crash()
	// Load returns the durable state.
	Load() (*kv.State, error)
}

// VerifyOptions adjust Verify.
type VerifyOptions struct {
	// NewStore makes a store for a host's whole life.
	NewStore func(cfg kv.Config) ReplayStore
	// Every is the number of steps between two full checks; 0 for [DefaultEvery].
	Every uint64
	// Killed allows a host's last life to end without its end mark: it was killed,
	// and not started again. What it had not flushed, nothing of which had left, is
	// missing then. That a file was cut shows all the same.
	Killed bool
}

// DefaultEvery is the number of steps between two full checks, which take time in
// proportion to all that the hosts store.
const DefaultEvery = 1000

// A Report says what Verify has checked.
type Report struct {
	Hosts, Lives int
	Counts
	// Discarded are steps at the end of a life that never became durable: nothing
	// of them had left.
	Discarded uint64
	// Shed are requests that overloaded hosts refused without a step.
	Shed uint64
	// Unended says, of each host that was killed and not started again, where its
	// last journal breaks off ([VerifyOptions].Killed).
	Unended []string
	// Coverage is a table of the actions of P that were seen.
	Coverage string
}

// Verify executes the machines again on what the journals of a cluster's hosts
// hold, in an order in which each packet between hosts is received after it was
// sent, and checks every step, and the invariants at cuts in between and at the
// end.
//
// A nil error is a proof about this run, as far as the checks go: each step of each
// host was a step of the protocol, and the steps together one of a single table.
// Else the error is a [*judge.Violation], or wraps [ErrReplay], [ErrUnsent],
// [ErrIncomplete], [ErrTruncated] or [ErrCorrupt]; the report says how far it came.
func Verify(lives []Life, o VerifyOptions) (Report, error) {
	v := &verifier{options: o, sent: map[packetID]struct{}{}}
	if o.Every == 0 {
		v.options.Every = DefaultEvery
	}
	v.report.Lives = len(lives)
	err := v.begin(lives)
	if err == nil {
		err = v.run()
	}
	for _, r := range v.replays {
		r.stop()
		v.report.Discarded += r.discarded
		v.report.Shed += r.shed
		if r.unended != "" {
			v.report.Unended = append(v.report.Unended, r.unended)
		}
	}
	if v.checker != nil {
		v.report.Counts = v.checker.Counts()
		v.report.Coverage = v.checker.Coverage().String()
	}
	return v.report, err
}

type verifier struct {
	options VerifyOptions
	replays []*replay
	checker *Checker
	sent    map[packetID]struct{} // by hosts to hosts
	report  Report
}

// begin makes a machine, as it was born, for each host.
func (v *verifier) begin(lives []Life) error {
	byHost := map[delegation.HostID][]Life{}
	for _, l := range lives {
		id := l.Header.Config.Me
		byHost[id] = append(byHost[id], l)
	}
	v.report.Hosts = len(byHost)
	if len(lives) == 0 {
		return fmt.Errorf("%w: there is none", ErrIncomplete)
	}
	var hosts []*kv.Host
	for _, m := range lives[0].Header.Config.Members {
		own := byHost[m.ID]
		if len(own) == 0 {
			return fmt.Errorf("%w: there is none of host %d", ErrIncomplete, m.ID)
		}
		own, err := ordered(own, lives[0])
		if err != nil {
			return err
		}
		r, err := newReplay(own, v.options)
		if err != nil {
			return err
		}
		v.replays = append(v.replays, r)
		hosts = append(hosts, r.host)
	}
	if len(byHost) != len(v.replays) {
		return fmt.Errorf("%w: they are of %d hosts, the cluster has %d", ErrIncomplete, len(byHost), len(v.replays))
	}
	var err error
	v.checker, err = NewChecker(v.options.Every, hosts...)
	return err
}

// run lets hosts step in turn, each as far as what it received has been sent.
func (v *verifier) run() error {
	for {
		came, unfinished := false, false
		for _, r := range v.replays {
			for {
				ready, err := v.ready(r)
				if err != nil {
					return err
				}
				if !ready {
					break
				}
				if err := v.step(r); err != nil {
					return err
				}
				came = true
			}
			unfinished = unfinished || !r.over
		}
		if !unfinished {
			return v.checker.Check(v.hosts()...)
		}
		if !came {
			return v.stuck()
		}
	}
}

func (v *verifier) hosts() (out []*kv.Host) {
	for _, r := range v.replays {
		out = append(out, r.host)
	}
	return out
}

// ready reports whether the host has a next step that can be taken now. It goes
// on to the host's next life where one is over.
func (v *verifier) ready(r *replay) (bool, error) {
	for len(r.queue) == 0 && !r.over {
		if err := r.fill(); err != nil {
			return false, err
		}
		if len(r.queue) > 0 {
			break
		}
		if err := r.restart(); err != nil {
			return false, err
		}
		if !r.over {
			if err := v.checker.Restart(r.host); err != nil {
				return false, fmt.Errorf("%s: %w", r.name(), err)
			}
		}
	}
	if r.over {
		return false, nil
	}
	p := r.queue[0].Input.Packet
	if r.queue[0].Input.Kind != kv.InputPacket || p.Src.Host == 0 {
		return true, nil
	}
	_, sent := v.sent[packetIDOf(p.Src.Host, r.id, p.Msg)]
	return sent, nil
}

func (v *verifier) step(r *replay) error {
	var out kv.Effects
	in, kept, err := r.step(&out)
	if err != nil || !kept {
		return err
	}
	if err := v.checker.Step(r.host, in, &out); err != nil {
		return fmt.Errorf("%s: %w", r.name(), err)
	}
	for _, p := range out.Packets {
		if p.Dst.Host != 0 {
			v.sent[packetIDOf(r.id, p.Dst.Host, p.Msg)] = struct{}{}
		}
	}
	return nil
}

// stuck says what is waited for, when no host can take a step.
func (v *verifier) stuck() error {
	for _, r := range v.replays {
		if len(r.queue) > 0 {
			p := r.queue[0].Input.Packet
			p.Dst.Host = r.id
			text := fmt.Sprintf("%s from %v", typeName(p.Msg), protocol.Endpoint(p.Src))
			if q, known := AbstractPacket(p); known {
				text = q.String()
			}
			return fmt.Errorf("%s: step %d: %w: %s", r.name(), r.queue[0].Number, ErrUnsent, text)
		}
	}
	panic("ghost: no host is over and none waits")
}

// A packetID is half of the SHA-256 of a packet between hosts.
type packetID [16]byte

func packetIDOf(from, to delegation.HostID, m marshal.Message) packetID {
	b := appendEndpoint(appendEndpoint(nil, kv.Endpoint{Host: from}), kv.Endpoint{Host: to})
	sum := sha256.Sum256(marshal.Append(b, m))
	return packetID(slices.Clone(sum[:len(packetID{})]))
}
