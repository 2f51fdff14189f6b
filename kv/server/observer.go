package server

import "ironkv/kv"

// An Observer is told of every step, in order, from the goroutine of
// [Server.Serve]: it is how a journal listens in without the loop knowing it.
type Observer interface {
	// Observe is called right after a step, before anything of it is committed
	// or sent. now is the batch's one clock reading; step the host's number of
	// the step; received are the bytes of in.Packet.Msg, nil for other inputs; sent
	// those of the messages that will leave for out.Packets, one behind the other.
	// All of it is valid during the call only.
	Observe(now kv.Time, step uint64, in kv.Input, received []byte, out *kv.Effects, sent []byte)
	// Shed is called for each request that is refused without a step, under
	// overload, also for those that were dropped unread and of which one is answered;
	// sent are the refusal's bytes. Both are valid during the call only.
	Shed(request kv.Packet, sent []byte)
	// Flush ends a batch that sends so many messages. It is committed and sent
	// only if Flush returns nil; an error stops the server as a failed commit does.
	Flush(outputs int) error
	// Durable is called when the store has synced a batch, before anything of the
	// batch is sent: what the steps up to this one wrote is durable. Other than the
	// rest it may be called from another goroutine, in order.
	Durable(step uint64)
}

// nobody observes where the configuration names no Observer.
type nobody struct{}

func (nobody) Observe(kv.Time, uint64, kv.Input, []byte, *kv.Effects, []byte) {}
func (nobody) Shed(kv.Packet, []byte)                                         {}
func (nobody) Flush(int) error                                                { return nil }
func (nobody) Durable(uint64)                                                 {}
