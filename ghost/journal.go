package ghost

import (
	"ironkv/kv"
	"ironkv/marshal"
)

// A Journal is told of every step of one host, in order.
type Journal interface {
	// Observe notes a step right after it was taken and before anything of it is
	// committed or sent. in and out are valid during the call only.
	Observe(now kv.Time, step uint64, in kv.Input, out *kv.Effects)
	// Flush ends a batch of steps: its commit and its sending may follow only if
	// it returns nil.
	Flush() error
}

// Discard is the Journal that keeps nothing.
var Discard Journal = discard{}

type discard struct{}

func (discard) Observe(kv.Time, uint64, kv.Input, *kv.Effects) {}
func (discard) Flush() error                                   { return nil }

// A Step is the journal's record of one step.
type Step struct {
	// Number counts the steps of the host over all its lives.
	Number uint64
	// Now is the one clock reading of the step's batch.
	Now kv.Time
	// Input is what the step was given; it shares no memory with a datagram.
	Input  kv.Input
	Action kv.Action
	Drop   kv.DropReason
	// Sends is the number of packets sent, Digest the [Digest] of them.
	Sends  int
	Digest uint32
	// Transfers are the ranges that changed hands.
	Transfers []kv.Transfer
	// Ends says that a batch ended with this step: it was committed before the next.
	Ends bool
}

// A Life is one life of a host's process, from its start to its end.
type Life struct {
	Header Header
	// Path is the file that it was read from, for messages; "" in memory.
	Path string
	// Steps yields the life's steps in order. The error is that of reading, and ends
	// the sequence: [ErrTruncated] where the life did not end cleanly.
	Steps func(yield func(Step, error) bool)
}

// A Header says whose life it is and from where it goes on: all that the machine
// needs to be executed again, besides its inputs.
type Header struct {
	Config kv.Config
	// Incarnation and Secret are the state's; the secret is why only the owner
	// may read a journal.
	Incarnation marshal.Incarnation
	Secret      [32]byte
	// From is the number of the step that the state had reached: 0 at its birth.
	From uint64
}

func newHeader(cfg kv.Config, s *kv.State) Header {
	return Header{Config: cfg, Incarnation: s.Incarnation, Secret: s.Secret, From: s.Step}
}

// Memory is a Journal in memory, of one life.
type Memory struct {
	header Header
	steps  []Step
	open   []Step // of the batch that has not been flushed
	closed bool
}

// NewMemory returns the journal of a host that goes on from s under cfg.
func NewMemory(cfg kv.Config, s *kv.State) *Memory { return &Memory{header: newHeader(cfg, s)} }

// Observe notes a step.
func (m *Memory) Observe(now kv.Time, step uint64, in kv.Input, out *kv.Effects) {
	if in.Kind == kv.InputPacket {
		in.Packet.Msg = marshal.Clone(in.Packet.Msg)
	}
	s := Step{
		Number: step, Now: now, Input: in, Action: out.Action, Drop: out.Drop,
		Sends: len(out.Packets), Digest: Digest(out.Packets),
	}
	s.Transfers = append(s.Transfers, out.Transfers...)
	m.open = append(m.open, s)
}

// Flush ends a batch.
func (m *Memory) Flush() error {
	if n := len(m.open); n > 0 {
		m.open[n-1].Ends = true
	}
	m.steps = append(m.steps, m.open...)
	m.open = m.open[:0]
	return nil
}

// Close ends the life cleanly; without it the life reads as cut off.
func (m *Memory) Close() error {
	m.closed = true
	return nil
}

// Life returns what was noted so far.
func (m *Memory) Life() Life {
	steps, closed := m.steps, m.closed
	return Life{Header: m.header, Steps: func(yield func(Step, error) bool) {
		for _, s := range steps {
			if !yield(s, nil) {
				return
			}
		}
		if !closed {
			yield(Step{}, ErrTruncated)
		}
	}}
}
