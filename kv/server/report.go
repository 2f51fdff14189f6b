package server

import (
	"log/slog"
	"math"
	"sync"

	"ironkv/kv"
)

// waitingInterval is between two words about the peers that are waited for.
const waitingInterval = 5 * kv.Second

// reporter tells the outside how the loop is doing: the log, Ready and Stats.
type reporter struct {
	log *slog.Logger
	// who names the host in the lines that others wait for: id and address.
	who   []any
	ready chan struct{}
	// nextWord is when something about waiting is said next; never once ready.
	nextWord kv.Time

	mu     sync.Mutex
	latest counts
}

func newReporter(log *slog.Logger, who ...any) *reporter {
	return &reporter{log: log, who: who, ready: make(chan struct{}), nextWord: kv.Second}
}

// turn is called after each turn of the loop.
func (r *reporter) turn(now kv.Time, m machine, stats counts) {
	r.mu.Lock()
	r.latest = stats
	r.mu.Unlock()
	if r.nextWord == math.MaxInt64 {
		return
	}
	if m.Serving() {
		r.nextWord = math.MaxInt64
		r.log.Info("ready", r.who...)
		close(r.ready)
		return
	}
	if now >= r.nextWord {
		r.nextWord = now + waitingInterval
		r.log.Info("waiting for hosts that have not confirmed this one yet; the first start needs all of them",
			"hosts", m.Waiting())
	}
}

func (r *reporter) counts() counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.latest
}
