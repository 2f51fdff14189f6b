package ghost

import (
	"ironkv/kv"
	"ironkv/marshal"
)

// A Journal is told of every step of one host, in order.
type Journal interface {
	// Observe notes a step right after it was taken and before anything of it is
	// committed or sent: received are the bytes of the packet that it was given, if
	// any, sent those of out.Packets, one behind the other, as they will leave.
	// Everything is valid during the call only.
	Observe(now kv.Time, step uint64, in kv.Input, received []byte, out *kv.Effects, sent []byte)
	// Shed notes a request that was refused without a step; sent are the refusal's
	// bytes. The request is valid during the call only.
	Shed(request kv.Packet, sent []byte)
	// Flush ends a batch that sends so many messages: its commit and its sending may
	// follow only if it returns nil.
	Flush(outputs int) error
	// Durable notes that the store has synced everything up to a step, before
	// anything of that step is sent. Other than the rest it may be called from
	// another goroutine, in order.
	Durable(step uint64)
}

// Discard is the Journal that keeps nothing.
var Discard Journal = discard{}

type discard struct{}

func (discard) Observe(kv.Time, uint64, kv.Input, []byte, *kv.Effects, []byte) {}
func (discard) Shed(kv.Packet, []byte)                                         {}
func (discard) Flush(int) error                                                { return nil }
func (discard) Durable(uint64)                                                 {}

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
}

// A Shed is the journal's record of a request that its host refused, being
// overloaded, without a step.
type Shed struct {
	// Request is the packet; the value of a write is left out.
	Request kv.Packet
	// Digest is the [Digest] of what was sent.
	Digest uint32
}

// A Batch is what a host did between two looks at its socket. It is committed as
// one, and is, to the other hosts, one step.
type Batch struct {
	Steps []Step
	Shed  []Shed
	// Outputs is how many messages it sent.
	Outputs int
}

// A Life is one life of a host's process, from its start to its end.
type Life struct {
	Header Header
	// Path is the file that it was read from, for messages; "" in memory.
	Path string
	// Durable is the number of the step up to which the store had synced everything.
	Durable uint64
	// Batches yields the life's batches in order. The error is that of reading, does
	// not name the journal, and ends the sequence: [ErrTruncated] where the life did
	// not end cleanly.
	Batches func(yield func(Batch, error) bool)
}

// A Header says whose life it is and from where it goes on: all that the machine
// needs to be executed again, besides its inputs.
type Header struct {
	// Life numbers the lives of a host's state, from 1.
	Life   int
	Config kv.Config
	// Incarnation and Secret are the state's; the secret is why only the owner
	// may read a journal.
	Incarnation marshal.Incarnation
	Secret      [32]byte
	// From is the number of the step that the state had reached: 0 at its birth.
	From uint64
}

func newHeader(life int, cfg kv.Config, s *kv.State) Header {
	return Header{Life: life, Config: cfg, Incarnation: s.Incarnation, Secret: s.Secret, From: s.Step}
}

// Memory is a Journal in memory, of one life.
type Memory struct {
	life   Life // but for its batches
	whole  []Batch
	open   Batch // has not been flushed
	closed bool
}

// NewMemory returns the journal of the life of that number, of a host that goes on
// from s under cfg.
func NewMemory(life int, cfg kv.Config, s *kv.State) *Memory {
	return &Memory{life: Life{Header: newHeader(life, cfg, s)}}
}

// Observe notes a step.
func (m *Memory) Observe(now kv.Time, step uint64, in kv.Input, _ []byte, out *kv.Effects, _ []byte) {
	if in.Kind == kv.InputPacket {
		in.Packet.Msg = marshal.Clone(in.Packet.Msg)
	}
	s := Step{
		Number: step, Now: now, Input: in, Action: out.Action, Drop: out.Drop,
		Sends: len(out.Packets), Digest: Digest(in.Packet.Src, out.Packets),
	}
	s.Transfers = append(s.Transfers, out.Transfers...)
	m.open.Steps = append(m.open.Steps, s)
}

// Shed notes a request that was refused.
func (m *Memory) Shed(request kv.Packet, sent []byte) {
	var w entryWriter
	r := entryReader{rest: w.shed(nil, request, sent)}
	r.entry(&m.open)
}

// Flush ends a batch.
func (m *Memory) Flush(outputs int) error {
	m.open.Outputs = outputs
	m.whole = append(m.whole, m.open)
	m.open = Batch{}
	return nil
}

// Durable notes that the store has synced.
func (m *Memory) Durable(step uint64) { m.life.Durable = step }

// Close ends the life cleanly; without it the life reads as cut off.
func (m *Memory) Close() error {
	m.closed = true
	return nil
}

// Life returns what was noted so far.
func (m *Memory) Life() Life {
	life, batches, closed := m.life, m.whole, m.closed
	life.Batches = func(yield func(Batch, error) bool) {
		for _, b := range batches {
			if !yield(b, nil) {
				return
			}
		}
		if !closed {
			yield(Batch{}, ErrTruncated)
		}
	}
	return life
}
