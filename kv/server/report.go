package server

import (
	"log/slog"
	"math"
	"sync"

	"ironkv/kv"
)

const (
	// waitingInterval is between two words about the peers that are waited for.
	waitingInterval = 5 * kv.Second
	// roomWordInterval is the shortest time between two words about the room, which may
	// be now above the reserve and now below it.
	roomWordInterval = 10 * kv.Second
)

// reporter tells the outside how the loop is doing: the log, Ready and Stats.
type reporter struct {
	log *slog.Logger
	// who names the host in the lines that others wait for: id and address.
	who   []any
	ready chan struct{}
	// nextWord is when something about waiting is said next; never once ready.
	nextWord kv.Time
	// reserve is the room in bytes below which puts are refused; short says that the log
	// was told so, and before nextRoomWord it is not told otherwise.
	reserve      uint64
	short        bool
	nextRoomWord kv.Time

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

// room is called after each look at the store's room, and tells when puts begin to be
// refused for want of it, and when they no longer are.
func (r *reporter) room(now kv.Time, bytes uint64) {
	short := bytes < r.reserve
	if short == r.short || now < r.nextRoomWord {
		return
	}
	r.short, r.nextRoomWord = short, now+roomWordInterval
	if !short {
		r.log.Info("there is room again: puts are taken", "room", bytes, "reserve", r.reserve)
		return
	}
	r.log.Warn("less room is left than the reserve: puts are refused; free room, or move ranges to another host",
		"room", bytes, "reserve", r.reserve)
}

func (r *reporter) counts() counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.latest
}
