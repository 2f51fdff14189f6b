package server

import "ironkv/kv"

// An Observer is told of every step, in order, from the goroutine of
// [Server.Serve]: it is how a journal listens in without the loop knowing it.
type Observer interface {
	// Observe is called right after a step, before anything of it is committed
	// or sent. now is the batch's one clock reading; step the host's number of
	// the step; in and out are valid during the call only.
	Observe(now kv.Time, step uint64, in kv.Input, out *kv.Effects)
	// Flush ends a batch of steps. The batch is committed only if it returns
	// nil; an error stops the server as a failed commit does.
	Flush() error
}

// nobody observes where the configuration names no Observer.
type nobody struct{}

func (nobody) Observe(kv.Time, uint64, kv.Input, *kv.Effects) {}
func (nobody) Flush() error                                   { return nil }
